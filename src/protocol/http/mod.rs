//! HTTP/1 requests and responses (RFC 9112): their start line and header fields, here called the
//! head.
//!
//! Heads are parsed as a tolerant server does. Lines may end in CRLF or a bare LF, also mixed
//! (those of NetSupport all end in LF). Any method is accepted, field names in any case, blanks and
//! tabs around everything, folded fields, and lines that are no fields. A start line with another
//! version than `HTTP/1.` is rejected.
//!
//! [`may_be_request`] and [`may_be_response`] check the first bytes of a segment. The parsers then
//! distinguish a complete head, the start of one, and something else
//! ([`ParseResult`](super::parse_result::ParseResult)). A head truncated at any byte is a start.
//! Only a further line break can complete it. [`requests`] iterates over all requests of a segment
//! and skips their bodies, so that text in a body is never taken for a head.
//! [`parse_request_so_far`] returns the available part of a head that will stay incomplete.
//!
//! ```
//! use rattap::protocol::authority::Host;
//! use rattap::protocol::http::{PipelinedRequest, may_be_request, requests};
//!
//! let segment = b"POST /a HTTP/1.1\nhost:\tFeerSona.net:81\nContent-Length:     2\n\nhiGET http://bryonsad.net/ HTTP/1.0\r\n\r\n";
//! assert!(may_be_request(segment));
//! let mut hosts = Vec::new();
//! for part in requests(segment) {
//!     if let PipelinedRequest::Complete { request, .. } = part {
//!         hosts.extend(request.authority().map(|authority| authority.host));
//!     }
//! }
//! assert_eq!(hosts, [Host::Name(b"FeerSona.net"), Host::Name(b"bryonsad.net")]);
//! ```

mod fields;
mod framing;
mod head;
mod line;
mod request;
mod requests;
mod response;
#[cfg(test)]
mod tests;

pub use framing::BodyLength;
pub use head::LONGEST_HEAD;
pub use request::{Request, Target, may_be_request, parse_request, parse_request_so_far};
pub use requests::{PipelinedRequest, Requests, requests};
pub use response::{Response, may_be_response, parse_response, parse_response_so_far};
