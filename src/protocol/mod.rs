//! Parsers of the application protocols, one file or folder for each.
//!
//! A parser takes bytes and returns what they hold, mostly as a
//! [`ParseResult`](parse_result::ParseResult). It knows no indicators and keeps no state between
//! two calls. Parsers on the path of every packet do not allocate memory. Most protocols also have
//! a function `may_be_…`, which rejects most bytes of other protocols by their first bytes.

pub mod authority;
pub mod dhcp;
pub mod dns;
pub mod http;
pub mod kerberos;
pub mod netbios;
pub mod parse_result;
pub mod quic;
pub mod socks;
pub mod tls;
