//! From settings to the indicators in force: at the start, and again whenever lists change.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::feed::{self, FeedError, Report, Rules};
use super::{IndicatorSet, SetBuilder, builtin};
use crate::alert::sanitize;
use crate::units::Timestamp;

/// What is to be looked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadSettings {
    /// Files, and folders, which stand for the files in them and below, by name.
    pub paths: Vec<PathBuf>,
    /// The built-in indicators too. No rule below touches them.
    pub with_builtin: bool,
    /// Keep only these malware families, by key, printable name or alias; all where there is none.
    pub families: Vec<String>,
    /// How old a list may be before that is worth a warning.
    pub max_age: Option<Duration>,
    /// How long after its source saw it (last, or else first) an indicator counts.
    pub indicator_max_age: Option<Duration>,
    /// Take what [`super::guard`] would refuse.
    pub allow_broad: bool,
}

/// What a list held, and whether it is worth a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedReport {
    /// What it held.
    pub held: Report,
    /// How old it is, where it says.
    pub age: Option<Duration>,
    /// Where it is older than it may be: how old it may be.
    pub stale: Option<Duration>,
    /// Set if the file now has far fewer indicators: how many. The contents that it had before stay
    /// in force: see [`super::reload()`].
    pub shrunk_to: Option<u64>,
}

impl FeedReport {
    fn new(held: Report, now: Timestamp, settings: &LoadSettings) -> Self {
        Self { held, age: None, stale: None, shrunk_to: None }.at(now, settings)
    }

    /// The report with the age of the list at another time.
    pub(super) fn at(self, now: Timestamp, settings: &LoadSettings) -> Self {
        let age = self.held.age(now);
        let stale = settings.max_age.filter(|most| age.is_some_and(|age| age > *most));
        Self { age, stale, ..self }
    }

    /// True where nothing in the list is looked for.
    pub fn is_empty(&self) -> bool {
        self.held.used() == 0
    }
}

/// The indicators in force, and what the lists held.
#[derive(Debug)]
pub struct Loaded {
    /// The indicators.
    pub set: IndicatorSet,
    /// One for each file, in the order in which they were read.
    pub feeds: Vec<FeedReport>,
}

/// Lists that cannot be used: all of them, so that they can be mended at once.
#[derive(Debug)]
pub struct LoadError(pub Vec<FeedError>);

impl fmt::Display for LoadError {
    /// One a line. Control characters are escaped: in a message they could pass for further lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, error) in self.0.iter().enumerate() {
            let error = error.to_string();
            write!(f, "{}{}", if place == 0 { "" } else { "\n" }, sanitize(error.as_bytes()))?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

/// Reads all lists. Nothing is kept between calls: whoever calls again has the old set until this one is whole.
///
/// `now` is the time of the caller's clock, by which entries expire and lists are stale. One list that cannot be used is an error for
/// all: a sensor that looks for half of what it should, and says so once, is soon taken for one that looks for all.
pub fn load(settings: &LoadSettings, now: Timestamp) -> Result<Loaded, LoadError> {
    let (builder, feeds, errors) = read(settings, now, &[]);
    if errors.is_empty() { Ok(Loaded { set: builder.build(), feeds }) } else { Err(LoadError(errors)) }
}

/// Reads all lists and says what they hold, also where some cannot be used.
pub fn check(settings: &LoadSettings, now: Timestamp) -> (Vec<FeedReport>, Vec<FeedError>) {
    let (_, feeds, errors) = read(settings, now, &[]);
    (feeds, errors)
}

/// Reads all lists but those in `skipped`.
pub(super) fn read(
    settings: &LoadSettings,
    now: Timestamp,
    skipped: &[PathBuf],
) -> (SetBuilder, Vec<FeedReport>, Vec<FeedError>) {
    let rules = Rules {
        families: settings.families.clone(),
        allow_broad: settings.allow_broad,
        indicator_max_age: settings.indicator_max_age,
        now: Some(now),
    };
    let mut builder = SetBuilder::default();
    if settings.with_builtin {
        builtin().iter().for_each(|indicator| builder.add_indicator(indicator));
    }
    let (mut feeds, mut errors) = (Vec::new(), Vec::new());
    for path in files(&settings.paths, &mut errors).into_iter().filter(|path| !skipped.contains(path)) {
        match feed::read(&path, &rules, &mut |listing| builder.add(listing)) {
            Ok(held) => feeds.push(FeedReport::new(held, now, settings)),
            Err(error) => errors.push(error),
        }
    }
    (builder, feeds, errors)
}

/// The files that paths mean. Names that begin with a dot are passed over in folders: what editors and downloads leave while they
/// work. Links to files are followed, as mounted settings are made of them; links to folders are not, so that no walk goes in a circle.
fn files(paths: &[PathBuf], errors: &mut Vec<FeedError>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = (files.len(), errors.len());
        // What is still to be visited, the next on top.
        let mut waiting = vec![path.clone()];
        while let Some(path) = waiting.pop() {
            if path.is_file() {
                files.push(path);
            } else if path.is_dir() {
                match entries(&path) {
                    Ok(entries) => waiting.extend(entries.into_iter().rev()),
                    Err(error) => errors.push(FeedError::Unreadable { path, error }),
                }
            }
        }
        if (files.len(), errors.len()) == before {
            errors.push(FeedError::Absent { path: path.clone(), reason: "no file in this folder" });
        }
    }
    files
}

/// What is in a folder, by name.
fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_folder_link = entry.file_type()?.is_symlink() && entry.path().is_dir();
        if !entry.file_name().as_encoded_bytes().starts_with(b".") && !is_folder_link {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}
