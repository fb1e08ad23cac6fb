//! The reports of a replay, and their JSON Schema.

use std::fs::File;
use std::io::{BufWriter, Write};

use anyhow::Context;
use rattap::alert::exclusion::Exclusions;
use rattap::capture::Input;
use rattap::output::Output;
use rattap::report::{self, Basis, Gathered, Hashing, Settings};

use crate::command::ending::Ending;
use crate::command::plan::{ReportFile, Reports};

/// The JSON Schema of the JSON report.
pub fn schema() -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(&report::schema())? + "\n")
}

/// Reports whose files are created, while their content is collected.
pub struct OpenReports {
    files: Vec<(ReportFile, File)>,
    inputs: Vec<Input>,
    gathered: Gathered,
    hashing: Option<Hashing>,
    settings: Settings,
}

impl OpenReports {
    /// Creates the files before the replay starts, so that hours of work do not end with a file
    /// that cannot be created. Returns `None` if no report is to be written.
    pub fn create(reports: Reports, inputs: &[Input]) -> anyhow::Result<Option<Self>> {
        let Reports { files, with_hashes, settings } = reports;
        if files.is_empty() {
            return Ok(None);
        }
        let create = |report: ReportFile| {
            let path = report.path.display();
            let file = File::create(&report.path).with_context(|| format!("--report {path}: cannot create it"))?;
            Ok((report, file))
        };
        let files = files.into_iter().map(create).collect::<anyhow::Result<_>>()?;
        let hashing = with_hashes.then(|| Hashing::start(inputs));
        Ok(Some(Self { files, inputs: inputs.to_vec(), gathered: Gathered::default(), hashing, settings }))
    }

    /// Collects alerts on their way to an output.
    pub fn collect(&self, output: Box<dyn Output>) -> Box<dyn Output> {
        self.gathered.over(output)
    }

    /// Writes all reports. Logs errors; returns true if there were none.
    pub fn write(self, ending: &Ending, exclusions: &Exclusions) -> bool {
        let basis = Basis {
            inputs: &self.inputs,
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
            let mut file = BufWriter::new(file);
            let written = format.write(&report, &mut file).and_then(|()| file.flush());
            if let Err(error) = written {
                log::error!("--report {}: {error}", path.display());
                is_complete = false;
            }
        }
        is_complete
    }
}
