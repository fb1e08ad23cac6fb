//! The reports of a replay, and their JSON Schema.

use std::io::{self, BufWriter};
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
    files: Vec<(ReportFile, AtomicFile)>,
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
            let path = report.path.display();
            let file = AtomicFile::open(&report.path).with_context(|| format!("--report {path}: cannot create it"))?;
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
        for (ReportFile { path, format }, file) in self.files {
            if let Err(error) = write(format, &report, file) {
                log::error!("--report {}: {error}", path.display());
                is_complete = false;
            }
        }
        is_complete
    }
}

/// Writes one report. After an error the old file is as it was.
fn write(format: Format, report: &Report, file: AtomicFile) -> io::Result<()> {
    let mut out = BufWriter::new(file.start()?);
    format.write(report, &mut out)?;
    out.into_inner().map_err(|error| error.into_error())?.commit()
}
