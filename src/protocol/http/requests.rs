//! The requests of a segment: several may follow one another on a persistent connection (RFC 9112
//! section 9.3).

use super::framing::BodyLength;
use super::request::{Request, parse_request};
use crate::protocol::parse_result::ParseResult;

/// A request in a segment, complete or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PipelinedRequest<'a> {
    /// A request with a complete head.
    Complete {
        /// The head.
        request: Request<'a>,
        /// The part of the body in the segment. If the length of the body is unknown, it is the
        /// rest of the segment.
        body: &'a [u8],
    },
    /// The start of a head that continues in a later segment. It is the last item.
    Incomplete(&'a [u8]),
}

/// Iterates over the requests in a segment that starts at the start of one. It skips the body of
/// each request.
///
/// It ends after a body that extends beyond the segment or has an unknown length, and at bytes that
/// are no request. Text in a body is never taken for a head.
pub fn requests(segment: &[u8]) -> Requests<'_> {
    Requests { rest: segment, missing_body: 0 }
}

/// The iterator that [`requests`] returns.
#[derive(Debug, Clone)]
pub struct Requests<'a> {
    rest: &'a [u8],
    missing_body: u64,
}

impl<'a> Requests<'a> {
    /// The bytes after the requests so far. Empty at the end.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The number of bytes of the last body that are not in the segment. The next request starts
    /// after them. Zero if the body is complete or its length is unknown.
    pub fn missing_body(&self) -> u64 {
        self.missing_body
    }
}

impl<'a> Iterator for Requests<'a> {
    type Item = PipelinedRequest<'a>;

    #[inline]
    fn next(&mut self) -> Option<PipelinedRequest<'a>> {
        // The rest stays empty if the iteration ends early.
        let all = std::mem::take(&mut self.rest);
        if all.is_empty() {
            return None;
        }
        match parse_request(all) {
            ParseResult::Complete(request, length) => {
                let after = all.get(length..)?;
                let body_length = match request.body_length() {
                    BodyLength::Known(length) => length,
                    BodyLength::Unknown => after.len() as u64,
                };
                self.missing_body = body_length.saturating_sub(after.len() as u64);
                let body_length = usize::try_from(body_length).unwrap_or(usize::MAX);
                let (body, rest) = after.split_at_checked(body_length).unwrap_or((after, &[]));
                self.rest = rest;
                Some(PipelinedRequest::Complete { request, body })
            }
            ParseResult::Incomplete => Some(PipelinedRequest::Incomplete(all)),
            ParseResult::Mismatch => None,
        }
    }
}
