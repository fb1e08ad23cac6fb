//! Checks the format of a CEF line.

use rattap::output::LONGEST_LINE;

#[path = "../../../src/output/cef/parser.rs"]
mod reader;

/// Checks one line and returns its values.
pub fn check(line: &str) -> std::collections::HashMap<String, String> {
    assert!(line.len() <= LONGEST_LINE, "{} bytes", line.len());
    let (content, end) = line.split_at(line.len() - 1);
    assert_eq!(end, "\n");
    assert!(!content.chars().any(char::is_control), "{line:?}");
    assert_eq!(content.matches('|').count(), 7, "{line:?}");
    reader::parse(line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}
