//! All requests of a segment: several may follow one another on a connection that is kept (RFC 9112 section 9.3).

use super::fields::BodyLength;
use super::request::{Request, request};
use crate::protocol::parse_result::ParseResult;

/// What a segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// A request whose head is whole.
    Whole {
        /// The head.
        request: Request<'a>,
        /// What the segment holds of its body: all that is left where the length of the body is unknown.
        body: &'a [u8],
    },
    /// The start of a head that goes on in a later segment. Nothing comes after it.
    Partial(&'a [u8]),
}

/// The requests in a segment that starts at the start of one, each behind the body of the one before it.
///
/// It ends where a body is not whole in the segment or has no known length, and where something else comes. Text in bodies
/// is never taken for a head.
pub fn requests(segment: &[u8]) -> Requests<'_> {
    Requests { rest: segment, missing: 0 }
}

/// Goes over a segment: see [`requests`].
#[derive(Debug, Clone)]
pub struct Requests<'a> {
    rest: &'a [u8],
    missing: u64,
}

impl<'a> Requests<'a> {
    /// What comes after the requests so far; empty at the end.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes of the last body so far are not in the segment: the next request begins behind them. Zero where all of it is
    /// there, and where its length is unknown.
    pub fn missing(&self) -> u64 {
        self.missing
    }
}

impl<'a> Iterator for Requests<'a> {
    type Item = Part<'a>;

    #[inline]
    fn next(&mut self) -> Option<Part<'a>> {
        // Nothing is left where this ends early.
        let all = std::mem::take(&mut self.rest);
        if all.is_empty() {
            return None;
        }
        match request(all) {
            ParseResult::Whole(request, length) => {
                let after = all.get(length..)?;
                let body_length = match request.body_length() {
                    BodyLength::Known(length) => length,
                    BodyLength::Unknown => after.len() as u64,
                };
                self.missing = body_length.saturating_sub(after.len() as u64);
                let body_length = usize::try_from(body_length).unwrap_or(usize::MAX);
                let (body, rest) = after.split_at_checked(body_length).unwrap_or((after, &[]));
                self.rest = rest;
                Some(Part::Whole { request, body })
            }
            ParseResult::Partial => Some(Part::Partial(all)),
            ParseResult::Other => None,
        }
    }
}
