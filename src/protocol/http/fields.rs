//! Header fields (RFC 9112 section 5).

use super::line::split_line;

/// A header field, such as `Host: feersona.net`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field<'a> {
    /// The name, in the case that the sender wrote.
    pub(super) name: &'a [u8],
    /// The value without white space around it. The line breaks of a folded value are kept.
    pub(super) value: &'a [u8],
}

impl Field<'_> {
    /// Returns true if the field has this name, in any case.
    #[inline]
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// Iterates over the fields of a head in their order. Lines that are no field (without a colon, or
/// without a name) are skipped.
///
/// If the head is incomplete, the last field is left out unless the next line has begun: it may be
/// folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fields<'a> {
    /// The bytes from the start of a line on. In a complete head they end with its empty line.
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// `bytes` start after the start line.
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        loop {
            // The rest stays empty if the iteration ends early.
            let all = std::mem::take(&mut self.rest);
            let (line, mut rest) = split_line(all)?;
            if line.is_empty() {
                return None;
            }
            while matches!(rest.first()?, b' ' | b'\t') {
                (_, rest) = split_line(rest)?;
            }
            self.rest = rest;
            let field = all.get(..all.len() - rest.len())?;
            let Some(colon) = memchr::memchr(b':', line) else {
                continue;
            };
            // A folded line directly after the start line continues no field.
            if matches!(line.first(), Some(b' ' | b'\t')) {
                continue;
            }
            let (name, value) = (field.get(..colon)?.trim_ascii_end(), field.get(colon + 1..)?.trim_ascii());
            if !name.is_empty() {
                return Some(Field { name, value });
            }
        }
    }
}
