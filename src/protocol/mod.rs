//! What was said: bytes in, facts out, one file or folder a protocol.
//!
//! Nothing here knows an indicator or keeps state between two calls, and nothing on the path of a packet allocates.

pub mod authority;
pub mod dns;
pub mod http;
pub mod parse_result;
pub mod quic;
pub mod socks;
pub mod tls;
