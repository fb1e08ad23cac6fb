//! Responses (RFC 9112 section 4).

use super::fields::{self, BodyLength, Extent, Fields, Framing, VERSION_START, is_blank, is_text, minor_version};
use crate::protocol::parse_result::ParseResult;

/// Judges by its first bytes whether a segment may start with a response: `HTTP/1.`, or the start of that where fewer bytes
/// are there. False for no bytes.
#[inline]
pub fn may_be_response(segment: &[u8]) -> bool {
    let start = segment.get(..VERSION_START.len()).unwrap_or(segment);
    !start.is_empty() && VERSION_START.starts_with(start)
}

/// The head of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response<'a> {
    /// The version's second number: 1 for `HTTP/1.1`.
    pub minor_version: u8,
    /// The status code, 0 to 999.
    pub status: u16,
    /// The first `Server` field.
    pub server: Option<&'a [u8]>,
    /// The first `Content-Type` field.
    pub content_type: Option<&'a [u8]>,
    framing: Framing,
    fields: Fields<'a>,
}

/// Reads the response that `bytes` start with.
#[inline]
pub fn response(bytes: &[u8]) -> ParseResult<Response<'_>> {
    match read(bytes) {
        Extent::Whole(line, fields, length) => ParseResult::Whole(Response::new(line, fields), length),
        Extent::InFields(..) | Extent::InFirstLine => ParseResult::Partial,
        Extent::TooLong(..) | Extent::Other => ParseResult::Other,
    }
}

/// Reads as much of a response as is there, as [`request_so_far`](super::request_so_far) does.
pub fn response_so_far(bytes: &[u8]) -> Option<Response<'_>> {
    match read(bytes) {
        Extent::Whole(line, fields, _) | Extent::InFields(line, fields) | Extent::TooLong(line, fields) => {
            Some(Response::new(line, fields))
        }
        Extent::InFirstLine | Extent::Other => None,
    }
}

#[inline]
fn read(bytes: &[u8]) -> Extent<'_, Line> {
    fields::read(bytes, Line::parse, Line::may_start)
}

impl<'a> Response<'a> {
    fn new(line: Line, fields: Fields<'a>) -> Self {
        let mut response = Self {
            minor_version: line.minor_version,
            status: line.status,
            server: None,
            content_type: None,
            framing: Framing::default(),
            fields,
        };
        for field in fields {
            if field.is("Server") {
                response.server = response.server.or(Some(field.value));
            } else if field.is("Content-Type") {
                response.content_type = response.content_type.or(Some(field.value));
            } else {
                response.framing.note(&field);
            }
        }
        response
    }

    /// All fields.
    pub fn fields(&self) -> Fields<'a> {
        self.fields
    }

    /// The `Content-Length`.
    pub fn content_length(&self) -> Option<u64> {
        self.framing.content_length
    }

    /// Does the body come in chunks?
    pub fn is_chunked(&self) -> bool {
        self.framing.chunked
    }

    /// The length of the body, unless it answers HEAD or CONNECT: that the response does not tell.
    pub fn body_length(&self) -> BodyLength {
        match self.status {
            // The connection changes to another protocol.
            101 => BodyLength::Unknown,
            100..=199 | 204 | 304 => BodyLength::Known(0),
            _ => self.framing.body_length().unwrap_or(BodyLength::Unknown),
        }
    }
}

/// A status line, less its words.
struct Line {
    minor_version: u8,
    status: u16,
}

impl Line {
    #[inline]
    fn parse(line: &[u8]) -> Option<Self> {
        let (version, rest) = line.split_at_checked(line.iter().position(|&byte| is_blank(byte))?)?;
        let minor_version = minor_version(version)?;
        let (&[a, b, c], words) = rest.trim_ascii_start().split_first_chunk()?;
        let digits = [a, b, c].iter().all(u8::is_ascii_digit);
        if !digits || !words.first().is_none_or(|&byte| is_blank(byte)) || !is_text(line) {
            return None;
        }
        let status = [a, b, c].iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
        Some(Self { minor_version, status })
    }

    /// May a status line start like this?
    #[inline]
    fn may_start(start: &[u8]) -> bool {
        let version = start.get(..VERSION_START.len()).unwrap_or(start);
        VERSION_START.get(..version.len()).is_some_and(|expected| version.eq_ignore_ascii_case(expected))
            && is_text(start)
    }
}
