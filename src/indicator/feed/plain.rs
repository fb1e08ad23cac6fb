//! Plain lists: one indicator per line, defanged or not, with comments.
//!
//! ```text
//! # Seen on 2026-06-01
//! 203.0.113.7:443
//! hxxp-free[.]example   # defanged
//! 198.51.100.0/24
//! ```

use super::collector::{EntryCollector, FeedEntry, FormatError};
use super::format::Format;

/// Recognizes every text.
pub(super) const FORMAT: Format = Format { name: "plain list", names_families: false, recognizes: |_| true, read };

fn read(text: &str, collector: &mut EntryCollector<'_>) -> Result<(), FormatError> {
    for (number, line) in text.lines().enumerate() {
        let value = collector.without_comment(line);
        if !value.is_empty() {
            collector.add(&FeedEntry { line: number + 1, value, ..FeedEntry::default() })?;
        }
    }
    Ok(())
}
