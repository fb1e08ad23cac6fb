//! TLS: the server name in a ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3).
//!
//! All versions from SSL 3.0 to TLS 1.3 start alike and are parsed alike. A ClientHello may span
//! several records, split anywhere, even within the four bytes of its own header. The reader skips
//! the record headers as it goes, so nothing has to be reassembled. Unknown parts (GREASE values,
//! key shares, future extensions) are skipped by their length. If the hello contains an Encrypted
//! ClientHello, the name is that of the outer hello: the one that an observer can see.
//!
//! A ClientHello with a post-quantum key share takes about 1,700 bytes, more than a segment holds.
//! Usually the server name is in the first segment all the same, and nothing after it matters. So a
//! hello counts as [`ParseResult::Complete`] from the last byte of its server name on. A hello
//! without a server name is complete at the end of its extensions.
//!
//! A result does not change when more bytes follow, except that [`ParseResult::Incomplete`] may
//! become one of the others.
//!
//! ```
//! use rattap::protocol::parse_result::ParseResult;
//! use rattap::protocol::tls;
//!
//! let segment = b"POST / HTTP/1.1\r\n";
//! assert!(!tls::may_be_client_hello(segment));
//! assert_eq!(tls::parse_client_hello(segment), ParseResult::Mismatch);
//! assert_eq!(tls::parse_client_hello(b"\x16\x03\x01"), ParseResult::Incomplete);
//! ```
//!
//! [`ParseResult::Complete`]: super::parse_result::ParseResult::Complete
//! [`ParseResult::Incomplete`]: super::parse_result::ParseResult::Incomplete

mod client_hello;
mod handshake_reader;
mod server_name;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use client_hello::{
    ClientHello, LONGEST_HELLO, may_be_client_hello, parse_client_hello, parse_client_hello_message,
};
pub use server_name::ServerName;
