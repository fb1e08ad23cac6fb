//! Plain lists: one indicator a line, defanged or not, with comments.
//!
//! ```text
//! # Seen on 2026-06-01
//! 203.0.113.7:443
//! hxxp-free[.]example   # defanged
//! 198.51.100.0/24
//! ```

use super::reader::{Broken, Entry, Reader};
use super::{Format, without_comment};

/// Takes every text.
pub(super) const FORMAT: Format = Format { name: "plain list", names_families: false, recognises: |_| true, read };

fn read(text: &str, reader: &mut Reader<'_>) -> Result<(), Broken> {
    for (number, line) in text.lines().enumerate() {
        let value = without_comment(line, reader);
        if !value.is_empty() {
            reader.entry(&Entry { line: number + 1, value, ..Entry::default() })?;
        }
    }
    Ok(())
}
