//! Sanitizing bytes from the wire into text that is safe to display.
//!
//! A name in a packet may contain anything: a line feed that starts a second line, an escape
//! sequence that controls the terminal, or a mark that changes the reading direction so that a name
//! looks like another one. Each byte of these becomes `\xNN`. All other text is unchanged,
//! including letters beyond ASCII.
//!
//! A backslash is unchanged, too. A [`crate::domain_name::DomainName`] doubles every backslash from
//! the wire, so `\x0a` is always a line feed and `\\x0a` is always those four characters.

use std::fmt;

/// Returns the bytes as printable text on one line.
pub fn sanitize(bytes: &[u8]) -> Sanitized<'_> {
    Sanitized(bytes)
}

/// Bytes that are displayed as sanitized text. See [`sanitize`].
#[derive(Debug, Clone, Copy)]
pub struct Sanitized<'a>(&'a [u8]);

impl fmt::Display for Sanitized<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            let mut rest = chunk.valid();
            while let Some(at) = rest.find(is_unprintable) {
                let (printable, from) = rest.split_at(at);
                f.write_str(printable)?;
                let width = from.chars().next().map_or(0, char::len_utf8);
                let (character, after) = from.split_at(width);
                write_bytes(character.as_bytes(), f)?;
                rest = after;
            }
            f.write_str(rest)?;
            write_bytes(chunk.invalid(), f)?;
        }
        Ok(())
    }
}

/// Writes each byte as `\xNN` with one call of `write_str` each, so that a writer that truncates
/// never splits an escape.
pub(crate) fn write_bytes(bytes: &[u8], out: &mut (impl fmt::Write + ?Sized)) -> fmt::Result {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
    for byte in bytes {
        let mut text = arrayvec::ArrayString::<4>::new();
        text.push_str(r"\x");
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
        out.write_str(&text)?;
    }
    Ok(())
}

/// Returns true for characters that control the display: C0 and C1 controls and DEL, the line and
/// paragraph separators, and all characters with the Unicode property `Bidi_Control`
/// (PropList.txt).
pub fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}' | '\u{2029}' // separators
                | '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn printable_text_is_unchanged_and_other_bytes_are_escaped() {
        let cases: [(&[u8], &str); 7] = [
            (b"gw.feersona.net", "gw.feersona.net"),
            ("bücher.example".as_bytes(), "bücher.example"),
            (b"a\r\nCEF:0|", r"a\x0d\x0aCEF:0|"),
            (b"\x1b[31m\x7f", r"\x1b[31m\x7f"),
            ("\u{9b}\u{202e}moc".as_bytes(), r"\xc2\x9b\xe2\x80\xaemoc"),
            (b"\xff\xc3", r"\xff\xc3"),
            (br"a\\x0a\.b", r"a\\x0a\.b"),
        ];
        for (bytes, text) in cases {
            assert_eq!(sanitize(bytes).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_become_printable_and_stay_so(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let text = sanitize(&bytes).to_string();
            prop_assert!(!text.contains(is_unprintable));
            prop_assert_eq!(sanitize(text.as_bytes()).to_string(), text);
        }
    }
}
