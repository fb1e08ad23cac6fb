//! Trails of Maltrail (<https://github.com/stamparm/maltrail>): one a line, with references as comments above.
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

use super::reader::{Broken, Entry, Reader};
use super::{Format, Head, LeftOut, without_comment};

pub(super) const FORMAT: Format = Format { name: "Maltrail trails", names_families: false, recognises, read };

const REFERENCE: &str = "# Reference:";

fn recognises(head: &Head<'_>) -> bool {
    head.lines().any(|line| line.starts_with(REFERENCE) || (line.starts_with('#') && line.contains("Maltrail")))
}

fn read(text: &str, reader: &mut Reader<'_>) -> Result<(), Broken> {
    let mut reference = "";
    for (number, line) in text.lines().enumerate() {
        if let Some(source) = line.trim_start().strip_prefix(REFERENCE) {
            reference = source.trim();
            continue;
        }
        let value = without_comment(line, reader);
        if value.starts_with('/') {
            reader.leave_out(LeftOut::OtherKind);
        } else if !value.is_empty() {
            reader.entry(&Entry { line: number + 1, value, reference, ..Entry::default() })?;
        }
    }
    Ok(())
}
