//! The interface of a format.

use super::collector::{EntryCollector, FormatError};
use crate::indicator::listing::truncated;

/// A format of lists.
pub(super) struct Format {
    /// The name that reports show.
    pub(super) name: &'static str,
    /// True if the entries name their malware family. A list in another format was chosen as a
    /// whole, so a selection of families does not apply to it.
    pub(super) names_families: bool,
    /// Returns true if a text with this beginning has this format.
    pub(super) recognizes: fn(&FeedStart<'_>) -> bool,
    /// Passes all entries of a text to the collector.
    pub(super) read: fn(text: &str, collector: &mut EntryCollector<'_>) -> Result<(), FormatError>,
}

/// The number of bytes of a text that are examined to detect its format. The longest known banner
/// has 2 kB.
const EXAMINED: usize = 16 << 10;

/// The beginning of a text.
pub(super) struct FeedStart<'a>(&'a str);

impl<'a> FeedStart<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let start = truncated(text, EXAMINED);
        match start.rsplit_once('\n') {
            // The last line may be truncated.
            Some((whole_lines, _)) if start.len() < text.len() => Self(whole_lines),
            _ => Self(start),
        }
    }

    pub(super) fn contains(&self, text: &str) -> bool {
        self.0.contains(text)
    }

    pub(super) fn is_json(&self) -> bool {
        self.0.trim_start().starts_with(['{', '['])
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &'a str> {
        self.0.lines().map(str::trim_start)
    }

    /// The lines that are neither blank nor comments.
    pub(super) fn data_lines(&self) -> impl Iterator<Item = &'a str> {
        self.lines().filter(|line| !line.trim().is_empty() && !line.starts_with(['#', ';']))
    }
}
