//! Suricata datasets of type `string` (<https://docs.suricata.io/en/latest/rules/datasets.html>):
//! one base64 value per line. In datarep files `,score` follows it. Datasets of addresses are plain
//! lists.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::collector::{EntryCollector, FeedEntry, FormatError};
use super::format::{FeedStart, Format};
use super::value::{self, quoted};

pub(super) const FORMAT: Format = Format { name: "Suricata dataset", names_families: false, recognizes, read };

/// The number of lines that must be valid base64 indicators for a list to be recognized.
const EXAMINED_LINES: usize = 16;

fn recognizes(start: &FeedStart<'_>) -> bool {
    let mut lines = start.data_lines().take(EXAMINED_LINES).peekable();
    lines.peek().is_some() && lines.all(|line| decode(line).is_some_and(|text| value::read(&text).is_ok()))
}

/// Decodes a line. Some published values decode to a text with a line end.
fn decode(line: &str) -> Option<String> {
    let text = line.split(',').next()?.trim();
    let bytes = STANDARD.decode(text).ok()?;
    Some(String::from_utf8(bytes).ok()?.trim().to_owned())
}

fn read(text: &str, collector: &mut EntryCollector<'_>) -> Result<(), FormatError> {
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            collector.comment(line);
            continue;
        }
        match decode(line) {
            Some(value) => collector.add(&FeedEntry { line: number + 1, value: &value, ..FeedEntry::default() })?,
            None => collector.refuse(number + 1, format!("{}: not a text in base64", quoted(line))),
        }
    }
    Ok(())
}
