//! Heads of HTTP/1 messages (RFC 9112): whom requests are for, and what the two sides call themselves.
//!
//! They are read as far as a tolerant server would: lines may end in CRLF or in a bare LF, mixed (NetSupport's all end in
//! LF); any method; field names in any case; blanks and tabs around everything; folded fields; lines that are no fields.
//! A first line that names another version than `HTTP/1.` is no head.
//!
//! A segment is first judged by its first bytes ([`may_be_request`], [`may_be_response`]). The readers then tell a whole
//! head from the start of one and from something else ([`ParseResult`](super::parse_result::ParseResult)): a head that is cut at any byte is a
//! start. A head that was a start can become whole only with a line break. [`requests`] goes over all requests of a segment
//! and steps over their bodies, so that nothing in a body counts. [`request_so_far`] makes the best of a head that will never
//! be whole.
//!
//! ```
//! use rattap::protocol::authority::Host;
//! use rattap::protocol::http::{Part, may_be_request, requests};
//!
//! let segment = b"POST /a HTTP/1.1\nhost:\tFeerSona.net:81\nContent-Length:     2\n\nhiGET http://bryonsad.net/ HTTP/1.0\r\n\r\n";
//! assert!(may_be_request(segment));
//! let mut hosts = Vec::new();
//! for part in requests(segment) {
//!     if let Part::Whole { request, .. } = part {
//!         hosts.extend(request.authority().map(|authority| authority.host));
//!     }
//! }
//! assert_eq!(hosts, [Host::Name(b"FeerSona.net"), Host::Name(b"bryonsad.net")]);
//! ```

mod fields;
mod request;
mod requests;
mod response;
#[cfg(test)]
mod tests;

pub use fields::{BodyLength, Field, Fields, LONGEST_HEAD};
pub use request::{Request, Target, may_be_request, request, request_so_far};
pub use requests::{Part, Requests, requests};
pub use response::{Response, may_be_response, response, response_so_far};
