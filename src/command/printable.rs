//! Text that cannot drive a terminal. Lists, rules, captures and file names may contain any bytes,
//! and an escape sequence among them must not reach the user's terminal.

use rattap::sanitize::{is_unprintable, sanitize};

/// Text in one line: control characters become `\x1b`.
pub fn printable(text: &str) -> String {
    sanitize(text.as_bytes()).to_string()
}

/// As [`printable`], for text whose line feeds come from this program.
pub fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// JSON: the control characters that JSON allows in strings become `\u009b`, which a parser reads
/// as the same character.
pub fn printable_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character != '\n' && is_unprintable(character) {
            text += &format!("\\u{:04x}", u32::from(character));
        } else {
            text.push(character);
        }
    }
    text
}
