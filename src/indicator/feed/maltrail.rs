//! Trails of Maltrail (<https://github.com/stamparm/maltrail>): one per line, below comments with
//! their references.
//!
//! ```text
//! # Reference: https://example.org/report
//!
//! 203.0.113.7:5678
//! http://203.0.113.8
//! evil.example
//! evil.example/gate.php
//! /only/a/path.php
//! ```

use super::SkipReason;
use super::collector::{EntryCollector, FeedEntry, FormatError};
use super::format::{FeedStart, Format};

pub(super) const FORMAT: Format = Format { name: "Maltrail trails", names_families: false, recognizes, read };

const REFERENCE: &str = "# Reference:";

fn recognizes(start: &FeedStart<'_>) -> bool {
    start.lines().any(|line| line.starts_with(REFERENCE) || (line.starts_with('#') && line.contains("Maltrail")))
}

fn read(text: &str, collector: &mut EntryCollector<'_>) -> Result<(), FormatError> {
    let mut reference = "";
    for (number, line) in text.lines().enumerate() {
        if let Some(source) = line.trim_start().strip_prefix(REFERENCE) {
            reference = source.trim();
            continue;
        }
        let value = collector.without_comment(line);
        if value.starts_with('/') {
            collector.skip(SkipReason::OtherKind);
        } else if !value.is_empty() {
            collector.add(&FeedEntry { line: number + 1, value, reference, ..FeedEntry::default() })?;
        }
    }
    Ok(())
}
