//! The escaping of values.

use std::fmt::{self, Write};

use crate::sanitize::{is_unprintable, write_bytes};

/// Formats into a writer that cannot fail.
pub fn print(out: &mut impl Write, text: fmt::Arguments<'_>) {
    // A `String` grows, and a `ValueWriter` discards what does not fit. Neither returns an error.
    let _ = out.write_fmt(text);
}

/// Escapes a value while it is written, and bounds its length.
pub struct ValueWriter<'a> {
    out: &'a mut String,
    percent_encode: &'static [char],
    /// The number of bytes at the start that are still to be skipped, rounded up to a whole unit.
    skip: usize,
    /// The greatest length of `out`.
    end: usize,
    /// True after the first unit that did not fit.
    is_full: bool,
}

impl<'a> ValueWriter<'a> {
    /// A writer that appends to `out`, skips `skip` bytes of the value, and stops when `out` has
    /// `end` bytes. The characters in `percent_encode` are percent-encoded.
    pub fn new(out: &'a mut String, percent_encode: &'static [char], skip: usize, end: usize) -> Self {
        Self { out, percent_encode, skip, end, is_full: false }
    }

    /// Writes a character or an escape, which must not be cut.
    fn write_unit(&mut self, unit: &str) {
        let before = self.out.len();
        for character in unit.chars() {
            self.escape(character);
        }
        if self.skip > 0 {
            self.skip = self.skip.saturating_sub(self.out.len() - before);
            self.out.truncate(before);
        } else if self.out.len() > self.end {
            self.out.truncate(before);
            self.is_full = true;
        }
    }

    fn escape(&mut self, character: char) {
        match character {
            '\\' => self.out.push_str(r"\\"),
            '=' => self.out.push_str(r"\="),
            '\r' => self.out.push_str(r"\r"),
            '\n' => self.out.push_str(r"\n"),
            _ if self.percent_encode.contains(&character) => {
                print(self.out, format_args!("%{:02X}", u32::from(character)));
            }
            _ if is_unprintable(character) => {
                let mut bytes = [0; 4];
                let text = character.encode_utf8(&mut bytes);
                for byte in text.bytes() {
                    print(self.out, format_args!(r"\\x{byte:02x}"));
                }
            }
            _ => self.out.push(character),
        }
    }
}

impl Write for ValueWriter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while !rest.is_empty() && !self.is_full {
            let (unit, after) = rest.split_at(unit_length(rest));
            self.write_unit(unit);
            rest = after;
        }
        Ok(())
    }
}

/// Returns the length of the unit at the start of the text: an escape as [`crate::alert::sanitize`]
/// or [`crate::domain_name::DomainName`] writes it, or a character.
fn unit_length(text: &str) -> usize {
    match text.as_bytes() {
        [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => 4,
        [b'\\', b'\\' | b'.', ..] => 2,
        _ => text.chars().next().map_or(0, char::len_utf8),
    }
}

/// Bytes from the wire. Invalid UTF-8 becomes `\xNN`; a [`ValueWriter`] escapes everything else.
pub struct WireText<'a>(pub &'a [u8]);

impl fmt::Display for WireText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            write_bytes(chunk.invalid(), f)?;
        }
        Ok(())
    }
}
