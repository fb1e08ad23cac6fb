//! The reports of a replay, and their JSON Schema.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use rattap::alert::exclusion::Exclusions;
use rattap::atomic_file::AtomicFile;
use rattap::capture::Input;
use rattap::output::Output;
use rattap::report::{self, Basis, EvidenceFile, Format, Gathered, Hashing, Report, Settings};

use crate::command::ending::Ending;
use crate::command::plan::{ReportFile, Reports};

/// The JSON Schema of the JSON report.
pub fn schema() -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(&report::schema())? + "\n")
}

/// Reports whose files can be written, while their content is collected.
pub struct OpenReports {
    /// No file for standard output.
    files: Vec<(ReportFile, Option<AtomicFile>)>,
    inputs: Vec<Input>,
    case: Option<String>,
    gathered: Gathered,
    hashing: Option<Hashing>,
    settings: Settings,
}

impl OpenReports {
    /// Checks before the replay starts that the files can be written, so that hours of work do not
    /// end with a file that cannot be created. Returns `None` if no report is to be written.
    pub fn open(reports: Reports, inputs: &[Input]) -> anyhow::Result<Option<Self>> {
        let Reports { files, case, with_hashes, settings } = reports;
        if files.is_empty() {
            return Ok(None);
        }
        let open = |report: ReportFile| {
            let file = report.path.as_deref().map(AtomicFile::open).transpose();
            let file = file.with_context(|| format!("--report {}: cannot create it", report.name))?;
            Ok((report, file))
        };
        let files = files.into_iter().map(open).collect::<anyhow::Result<_>>()?;
        let hashing = with_hashes.then(|| Hashing::start(inputs));
        Ok(Some(Self { files, inputs: inputs.to_vec(), case, gathered: Gathered::default(), hashing, settings }))
    }

    /// Collects alerts on their way to an output.
    pub fn collect(&self, output: Box<dyn Output>) -> Box<dyn Output> {
        self.gathered.over(output)
    }

    /// Writes all reports. `evidence` is the file of the packets, if it was written. Logs errors;
    /// returns true if there were none.
    pub fn write(self, ending: &Ending, exclusions: &Exclusions, evidence: Option<&Path>) -> bool {
        let basis = Basis {
            case: self.case.as_deref(),
            inputs: &self.inputs,
            evidence: evidence.map(|path| EvidenceFile::new(path, self.hashing.is_some())),
            hashes: self.hashing.map(Hashing::finish).unwrap_or_default(),
            totals: &ending.totals,
            is_whole: ending.is_complete,
            problems: ending.problems.clone(),
            exclusions,
            settings: self.settings,
        };
        let report = report::report(&self.gathered, basis);
        let mut is_complete = true;
        for (ReportFile { name, format, .. }, file) in self.files {
            if let Err(error) = write(format, &report, file) {
                log::error!("--report {name}: {error}");
                is_complete = false;
            }
        }
        is_complete
    }
}

/// Writes one report. After an error the old file is as it was.
fn write(format: Format, report: &Report, file: Option<AtomicFile>) -> io::Result<()> {
    let Some(file) = file else {
        let mut out = BufWriter::new(io::stdout().lock());
        return match format.write(report, &mut out).and_then(|()| out.flush()) {
            // The reader, such as `head`, wants no more.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        };
    };
    let mut out = BufWriter::new(file.start()?);
    format.write(report, &mut out)?;
    out.into_inner().map_err(|error| error.into_error())?.commit()
}
