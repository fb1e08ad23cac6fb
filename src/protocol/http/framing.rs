//! The length of a message body (RFC 9112 section 6).

use super::fields::Field;
use super::line::parse_number;

/// The length of a message body in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    /// The length is known.
    Known(u64),
    /// The head does not tell the length: the body is chunked, the fields contradict each other,
    /// the body ends with the connection, or the connection changes to another protocol.
    Unknown,
}

/// The fields that determine the length of the body (RFC 9112 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Framing {
    content_length: Option<u64>,
    is_chunked: bool,
    /// True for another transfer coding, and for lengths that differ or are no numbers.
    is_ambiguous: bool,
}

impl Framing {
    /// Adds a field. Fields of other names are ignored.
    #[inline]
    pub(super) fn add(&mut self, field: &Field<'_>) {
        if field.is("Content-Length") {
            // Repeated equal lengths are one length (RFC 9110 section 8.6).
            for value in field.value.split(|&byte| byte == b',') {
                let length = parse_number(value.trim_ascii());
                if length.is_none() || self.content_length.is_some_and(|other| Some(other) != length) {
                    self.is_ambiguous = true;
                }
                self.content_length = self.content_length.or(length);
            }
        } else if field.is("Transfer-Encoding") {
            for coding in field.value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
                if coding.eq_ignore_ascii_case(b"chunked") {
                    self.is_chunked = true;
                } else if !coding.eq_ignore_ascii_case(b"identity") {
                    self.is_ambiguous = true;
                }
            }
        }
    }

    /// The length of the body. `None` if there are no such fields.
    pub(super) fn body_length(&self) -> Option<BodyLength> {
        if self.is_chunked || self.is_ambiguous {
            return Some(BodyLength::Unknown);
        }
        self.content_length.map(BodyLength::Known)
    }
}
