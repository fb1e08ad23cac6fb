//! Responses (RFC 9112 section 4).

use super::fields::Fields;
use super::framing::{BodyLength, Framing};
use super::head::{HeadExtent, find_extent};
use super::line::{VERSION_START, is_blank, is_supported_version, is_text};
use crate::protocol::parse_result::ParseResult;

/// Returns true if a segment may start with a response, judged by its first bytes: `HTTP/1.`, or
/// the start of that if there are fewer bytes. False for an empty segment.
#[inline]
pub fn may_be_response(segment: &[u8]) -> bool {
    let start = segment.get(..VERSION_START.len()).unwrap_or(segment);
    !start.is_empty() && VERSION_START.starts_with(start)
}

/// The head of a response: the status line and the header fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response<'a> {
    /// The status code, 0 to 999.
    pub status: u16,
    /// The first `Server` field.
    pub server: Option<&'a [u8]>,
    framing: Framing,
}

/// Parses the head of the response at the start of `bytes`.
#[inline]
pub fn parse_response(bytes: &[u8]) -> ParseResult<Response<'_>> {
    match extent(bytes) {
        HeadExtent::Complete(line, fields, length) => ParseResult::Complete(Response::new(line, fields), length),
        HeadExtent::InFields(..) | HeadExtent::InStartLine => ParseResult::Incomplete,
        HeadExtent::TooLong(..) | HeadExtent::Other => ParseResult::Mismatch,
    }
}

/// Parses the available part of a head that will stay incomplete, as
/// [`parse_request_so_far`](super::parse_request_so_far) does.
pub fn parse_response_so_far(bytes: &[u8]) -> Option<Response<'_>> {
    match extent(bytes) {
        HeadExtent::Complete(line, fields, _)
        | HeadExtent::InFields(line, fields)
        | HeadExtent::TooLong(line, fields) => Some(Response::new(line, fields)),
        HeadExtent::InStartLine | HeadExtent::Other => None,
    }
}

#[inline]
fn extent(bytes: &[u8]) -> HeadExtent<'_, StatusLine> {
    find_extent(bytes, StatusLine::parse, StatusLine::may_start)
}

impl<'a> Response<'a> {
    fn new(line: StatusLine, fields: Fields<'a>) -> Self {
        let mut response = Self { status: line.status, server: None, framing: Framing::default() };
        for field in fields {
            if field.is("Server") {
                response.server = response.server.or(Some(field.value));
            } else {
                response.framing.add(&field);
            }
        }
        response
    }

    /// The length of the body, unless the response answers HEAD or CONNECT, which its head does not
    /// show.
    pub fn body_length(&self) -> BodyLength {
        match self.status {
            // The connection changes to another protocol.
            101 => BodyLength::Unknown,
            100..=199 | 204 | 304 => BodyLength::Known(0),
            _ => self.framing.body_length().unwrap_or(BodyLength::Unknown),
        }
    }
}

/// A parsed status line without its reason phrase.
struct StatusLine {
    status: u16,
}

impl StatusLine {
    #[inline]
    fn parse(line: &[u8]) -> Option<Self> {
        let (version, rest) = line.split_at_checked(line.iter().position(|&byte| is_blank(byte))?)?;
        let (&[a, b, c], reason) = rest.trim_ascii_start().split_first_chunk()?;
        let digits = [a, b, c].iter().all(u8::is_ascii_digit);
        if !is_supported_version(version)
            || !digits
            || !reason.first().is_none_or(|&byte| is_blank(byte))
            || !is_text(line)
        {
            return None;
        }
        let status = [a, b, c].iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
        Some(Self { status })
    }

    /// Returns true if a status line may start like this.
    #[inline]
    fn may_start(start: &[u8]) -> bool {
        let version = start.get(..VERSION_START.len()).unwrap_or(start);
        VERSION_START.get(..version.len()).is_some_and(|expected| version.eq_ignore_ascii_case(expected))
            && is_text(start)
    }
}
