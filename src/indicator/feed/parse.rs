//! Reading a list from a file or a text.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::collector::{EntryCollector, FormatError};
use super::{FeedContents, FeedError, FeedRules, Refusal, file, formats, value};
use crate::indicator::{Indicator, Listing, Pattern, TooMany};

/// Reads a list from a file and passes each usable entry to `add`. Entries that were passed on
/// before an error stay passed on.
pub fn read(
    path: &Path,
    rules: &FeedRules,
    add: &mut dyn FnMut(&Listing<'_>) -> Result<(), TooMany>,
) -> Result<FeedContents, FeedError> {
    let text = file::text(path)?;
    let source = source_name(path);
    let not_a_list = |reason: String| FeedError::NotAList { path: path.to_owned(), reason };
    let (contents, result) = parse_into(&text, &source, rules, add);
    if let Err(error) = result {
        return Err(not_a_list(format!("not a complete {}: {error}", contents.format)));
    }
    let contents = FeedContents { path: path.to_owned(), ..contents };
    match contents.refusals.first() {
        // Most likely not the intended file: a page that says "not found", or another format.
        Some(first) if contents.used() == 0 && contents.skipped.is_empty() => {
            Err(not_a_list(format!("none of its {} lines can be used; {first}", contents.refused())))
        }
        _ => Ok(contents),
    }
}

/// The name that the indicators of a list have as their source.
pub(in crate::indicator) fn source_name(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy()
}

pub(super) fn parse_into(
    text: &str,
    source: &str,
    rules: &FeedRules,
    add: &mut dyn FnMut(&Listing<'_>) -> Result<(), TooMany>,
) -> (FeedContents, Result<(), FormatError>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let format = formats::detect(text);
    let mut collector = EntryCollector::new(rules, source, format.names_families, add);
    let result = (format.read)(text, &mut collector);
    (collector.into_contents(PathBuf::new(), format.name), result)
}

/// The contents of a text, with its indicators.
#[derive(Debug, Default)]
pub struct Feed {
    /// The indicators.
    pub indicators: Vec<Indicator>,
    /// The lines that are refused.
    pub refusals: Vec<Refusal>,
    /// The name of the format.
    pub format: &'static str,
}

/// Reads all indicators from a text, however broad. `source` becomes the source of the indicators.
pub fn parse(text: &str, source: &str) -> Feed {
    let rules = FeedRules { allow_broad: true, ..FeedRules::default() };
    let mut indicators = Vec::new();
    let (contents, result) = parse_into(text, source, &rules, &mut |listing| {
        indicators.push(Indicator::from(listing));
        Ok(())
    });
    let mut refusals = contents.refusals;
    if let Err(error) = result {
        refusals.push(Refusal { line: 0, reason: error.to_string() });
    }
    Feed { indicators, refusals, format: contents.format }
}

/// Reads one indicator in any of its spellings, or returns the reason why it is invalid.
pub fn pattern(value: &str) -> Result<Pattern, String> {
    value::read(value).map(|value| value.pattern)
}
