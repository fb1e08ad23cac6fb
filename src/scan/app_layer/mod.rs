//! Application protocols: the names in TLS, QUIC, HTTP, SOCKS and DNS, and the messages of
//! remote-access tools.
//!
//! Only *heads* are read: the part of a message that names a server or a program, such as a TLS
//! ClientHello, an HTTP header section, a SOCKS request or a DNS message. A head is looked for at
//! the start of a stream, at the start of each segment, and behind a body of known length. Text in
//! bodies never counts.
//!
//! The scanner reads the heads that are complete in one packet. If a head continues in a later
//! segment, the scanner reports where it begins; the tracker reassembles it and reads it here
//! again.
//!
//! A protocol is one file in this folder and one line in a table of `table.rs`.

mod dns;
mod first_bytes;
mod host_facts;
mod http;
mod names;
mod protocol;
mod quic;
mod socks;
mod table;
mod tls;
mod tool;

pub use dns::{MOST_ADDRESSES, MOST_NAMES};
pub use http::{CONNECT as HTTP_CONNECT, HOST as HTTP_HOST, TARGET as HTTP_TARGET};
pub use protocol::{AppLayer, HeadSink, Stream, StreamKind, StreamParse};
pub use socks::REQUEST as SOCKS_REQUEST;
pub use tls::{QUIC_SERVER_NAME, TLS_SERVER_NAME};

pub(super) use table::may_carry_head;
