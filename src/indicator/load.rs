//! Loading the indicators in force from lists: at the start, and again when lists change.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::feed::{self, FeedContents, FeedError, FeedRules};
use super::{IndicatorSet, SetBuilder, builtin};
use crate::sanitize::sanitize;
use crate::units::Timestamp;

/// The lists to load, and the rules for their entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadSettings {
    /// Files and folders. A folder stands for all files in it and below it, in the order of their
    /// names.
    pub paths: Vec<PathBuf>,
    /// Adds the built-in indicators. The rules below do not apply to them.
    pub with_builtin: bool,
    /// Selects these malware families by key, printable name or alias. Empty: all families.
    pub families: Vec<String>,
    /// The age from which on a list is stale, which causes a warning.
    pub max_age: Option<Duration>,
    /// The lifetime of an indicator, counted from the time at which its source last saw it, or else
    /// first saw it.
    pub indicator_max_age: Option<Duration>,
    /// Accepts the patterns that [`super::too_broad()`] would reject.
    pub allow_broad: bool,
}

/// The contents of a list, and its age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedReport {
    /// The contents of the list.
    pub contents: FeedContents,
    /// The age of the list, if it has a date.
    pub age: Option<Duration>,
    /// The maximum age, if the list is older than that.
    pub stale: Option<Duration>,
    /// Set if the file now has far fewer indicators: how many. The contents that it had before stay
    /// in force: see [`super::reload()`].
    pub shrunk_to: Option<u64>,
}

impl FeedReport {
    fn new(contents: FeedContents, now: Timestamp, settings: &LoadSettings) -> Self {
        Self { contents, age: None, stale: None, shrunk_to: None }.at(now, settings)
    }

    /// The report with the age of the list at another time.
    pub(super) fn at(self, now: Timestamp, settings: &LoadSettings) -> Self {
        let age = self.contents.age(now);
        let stale = settings.max_age.filter(|most| age.is_some_and(|age| age > *most));
        Self { age, stale, ..self }
    }

    /// Returns true if no entry of the list is used.
    pub fn is_empty(&self) -> bool {
        self.contents.used() == 0
    }
}

/// The indicators in force, and the contents of the lists.
#[derive(Debug)]
pub struct Loaded {
    /// The indicators.
    pub set: IndicatorSet,
    /// One report for each file, in the order in which the files were read.
    pub feeds: Vec<FeedReport>,
}

/// All lists that cannot be used, so that they can be fixed at once.
#[derive(Debug)]
pub struct LoadError(pub Vec<FeedError>);

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            // A name or value with a line feed must not look like a second error.
            let error = error.to_string();
            write!(f, "{}{}", if index == 0 { "" } else { "\n" }, sanitize(error.as_bytes()))?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

/// Loads all lists into a new set. A sensor that reloads keeps its old set until this function has
/// succeeded.
///
/// `now` is the current time, which decides which entries have expired and which lists are stale. A
/// single list that cannot be used fails the whole load: a sensor with half of its indicators, and
/// one warning in its log, would soon be trusted as a complete one.
pub fn load(settings: &LoadSettings, now: Timestamp) -> Result<Loaded, LoadError> {
    let (builder, feeds, errors) = read(settings, now, &[]);
    if errors.is_empty() { Ok(Loaded { set: builder.build(), feeds }) } else { Err(LoadError(errors)) }
}

/// Reads all lists and returns their contents, and the errors of those that cannot be used.
pub fn check(settings: &LoadSettings, now: Timestamp) -> (Vec<FeedReport>, Vec<FeedError>) {
    let (_, feeds, errors) = read(settings, now, &[]);
    (feeds, errors)
}

/// Reads all lists except those in `skipped`.
pub(super) fn read(
    settings: &LoadSettings,
    now: Timestamp,
    skipped: &[PathBuf],
) -> (SetBuilder, Vec<FeedReport>, Vec<FeedError>) {
    let rules = FeedRules {
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
            Ok(contents) => feeds.push(FeedReport::new(contents, now, settings)),
            Err(error) => errors.push(error),
        }
    }
    (builder, feeds, errors)
}

/// Expands folders to the files in them. Files whose names begin with a dot are skipped: editors
/// and downloads create such temporary files. Links to files are followed, because mounted settings
/// consist of them; links to folders are not, so that the walk always ends.
fn files(paths: &[PathBuf], errors: &mut Vec<FeedError>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = (files.len(), errors.len());
        // A stack of the paths still to visit.
        let mut pending = vec![path.clone()];
        while let Some(path) = pending.pop() {
            if path.is_file() {
                files.push(path);
            } else if path.is_dir() {
                match entries(&path) {
                    Ok(entries) => pending.extend(entries.into_iter().rev()),
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

/// The entries of a folder, sorted by name.
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
