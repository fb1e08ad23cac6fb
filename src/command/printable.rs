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

/// Removes the numbers that the standard library adds to the system's errors, such as
/// `(os error 2)`: the words before them say the same.
pub fn without_error_number(text: &str) -> String {
    const BEFORE: &str = " (os error ";
    let mut rest = text;
    let mut kept = String::with_capacity(text.len());
    while let Some((before, after)) = rest.split_once(BEFORE) {
        kept += before;
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        rest = match after.get(digits..).and_then(|after| after.strip_prefix(')')) {
            Some(after) if digits > 0 => after,
            _ => {
                kept += BEFORE;
                after
            }
        };
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_numbers_are_removed_and_nothing_else() {
        let error = std::io::Error::from_raw_os_error(2);
        assert_eq!(
            without_error_number(&format!("a: {error}; b: {error}")),
            "a: No such file or directory; b: No such file or directory"
        );
        for text in ["", "(os error 2)", "a (os error )", "a (os error x) b", "a (os error 2"] {
            assert_eq!(without_error_number(text), text);
        }
    }
}
