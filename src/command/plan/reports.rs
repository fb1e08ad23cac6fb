//! The plan of the reports of a replay.

use std::path::PathBuf;

use anyhow::bail;
use rattap::indicator::FeedReport;
use rattap::report::model::{List, Moment};
use rattap::report::{Format, Settings};

use super::command_line::command_line;
use super::paths::NamedPath;
use crate::command::args::ReplayArgs;

/// A report to write.
pub struct ReportFile {
    /// `None` for standard output.
    pub path: Option<PathBuf>,
    /// As the user named it.
    pub name: String,
    pub format: Format,
}

/// The reports that a replay writes.
pub struct Reports {
    pub files: Vec<ReportFile>,
    /// The title of the case.
    pub case: Option<String>,
    /// Computes the captures' SHA-256.
    pub with_hashes: bool,
    /// The settings that the reports state.
    pub settings: Settings,
}

impl Reports {
    /// Checks the names of the files.
    pub(super) fn new(args: &ReplayArgs) -> anyhow::Result<Self> {
        if let (Some(path), Some(_)) = (args.report.first(), &args.follow) {
            bail!(
                "--report {}: needs a replay that ends by itself; give the captures instead of --follow",
                path.display()
            );
        }
        let mut files: Vec<ReportFile> = Vec::new();
        for path in &args.report {
            let shown = path.display();
            let (path, format) = match path.to_str() {
                Some("-" | "html:-") => (None, Format::Html),
                Some("json:-") => (None, Format::Json),
                _ => match Format::of(path) {
                    Some(format) => (Some(path.clone()), format),
                    None => bail!("--report {shown}: the name must end in .html or .json, which selects the format"),
                },
            };
            files.push(ReportFile { path, name: shown.to_string(), format });
        }
        let settings = Settings {
            command: command_line(args),
            repeat_window_seconds: args.run.repeat_window.as_secs(),
            filter: args.run.filter.clone(),
            home: args.run.home.iter().map(ToString::to_string).collect(),
            ..Settings::default()
        };
        Ok(Self { files, case: args.case.clone(), with_hashes: !args.no_report_hashes, settings })
    }

    /// Sets the indicators that the reports state.
    pub(super) fn set_indicators(&mut self, count: usize, with_builtin: bool, feeds: &[FeedReport]) {
        let list = |feed: &FeedReport| List {
            path: feed.contents.path.display().to_string(),
            format: feed.contents.format.to_owned(),
            date: feed.contents.date.map(Moment),
            used: feed.contents.used(),
        };
        self.settings.indicators = count as u64;
        self.settings.with_builtin = with_builtin;
        self.settings.lists = feeds.iter().map(list).collect();
    }

    /// The files of the reports.
    pub(super) fn files(&self) -> impl Iterator<Item = NamedPath> {
        self.files.iter().filter_map(|file| Some(NamedPath::new("--report", file.path.as_ref()?)))
    }

    /// The names of the reports on standard output.
    pub(super) fn on_standard_output(&self) -> impl Iterator<Item = &str> {
        self.files.iter().filter(|file| file.path.is_none()).map(|file| &*file.name)
    }
}
