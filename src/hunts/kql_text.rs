//! Text as KQL string literals. No text of an indicator can end its literal.

use std::fmt::Write;

use crate::sanitize::is_unprintable;

/// The text as a string literal in double quotes ("The string data type", Kusto Query Language).
///
/// Control characters are written as `\uNNNN`, so that the literal stays on one line, in a terminal
/// and in a YAML document.
pub(super) fn quoted(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => literal.extend(['\\', character]),
            _ if is_unprintable(character) || is_forbidden_in_yaml(character) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a `String` cannot fail.
                    let _ = write!(literal, r"\u{unit:04X}");
                }
            }
            _ => literal.push(character),
        }
    }
    literal.push('"');
    literal
}

/// Returns true for characters that are not allowed in a YAML document, or only at its start (YAML
/// 1.2.2, section 5.1).
fn is_forbidden_in_yaml(character: char) -> bool {
    matches!(character, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Formats texts as a list for the operator `in`.
pub(super) fn list(texts: impl IntoIterator<Item = String>) -> String {
    let literals: Vec<_> = texts.into_iter().map(|text| quoted(&text)).collect();
    format!("dynamic([{}])", literals.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Parses a literal like KQL. `None` if it ends early or is invalid.
    fn read(literal: &str) -> Option<String> {
        let mut units = Vec::new();
        let mut rest = literal.strip_prefix('"')?.strip_suffix('"')?.chars();
        while let Some(character) = rest.next() {
            match character {
                '"' | '\n' | '\r' => return None,
                '\\' => match rest.next()? {
                    'u' => {
                        let digits: String = rest.by_ref().take(4).collect();
                        units.push(u16::from_str_radix(&digits, 16).ok()?);
                    }
                    escaped @ ('"' | '\\') => units.push(escaped as u16),
                    _ => return None,
                },
                _ => units.extend(character.encode_utf16(&mut [0; 2]).iter()),
            }
        }
        String::from_utf16(&units).ok()
    }

    #[test]
    fn quotes_backslashes_and_control_characters_are_escaped() {
        assert_eq!(quoted("feersona.net"), r#""feersona.net""#);
        assert_eq!(quoted(r#"a"); print "b\"#), r#""a\"); print \"b\\""#);
        assert_eq!(quoted("a\r\nb\u{2028}\u{feff}\u{0}"), r#""a\u000D\u000Ab\u2028\uFEFF\u0000""#);
        assert_eq!(quoted("bücher\u{1f600}"), "\"bücher\u{1f600}\"");
        assert_eq!(list(["a".to_owned(), "b".to_owned()]), r#"dynamic(["a", "b"])"#);
        assert_eq!(list([]), "dynamic([])");
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_from_one_printable_line(text in any::<String>()) {
            let literal = quoted(&text);
            prop_assert!(!literal.chars().any(|character| is_unprintable(character) || is_forbidden_in_yaml(character)));
            prop_assert_eq!(read(&literal), Some(text));
        }

        #[test]
        fn likewise_text_of_nothing_but_odd_characters(text in "[\"\\\\'\r\n\t\0\u{85}\u{2028}\u{feff}\u{ffff}\u{202e}u0]{0,40}") {
            prop_assert_eq!(read(&quoted(&text)), Some(text));
        }
    }
}
