//! Sanitized text for the report.

use crate::sanitize::sanitize;

/// Sanitizes text into one line without control characters.
pub(super) fn printable(text: &str) -> String {
    sanitize(text.as_bytes()).to_string()
}

/// Sanitizes text and truncates it to `limit` bytes.
pub(super) fn shortened(text: &str, limit: usize) -> String {
    let text = printable(text);
    if text.len() <= limit {
        return text;
    }
    let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &text[..end])
}
