//! DNS messages (RFC 1035 and its successors): their questions, and the names and addresses in
//! their records.
//!
//! DNS, LLMNR and mDNS share this format. The parser accepts more than a tolerant resolver does:
//! any opcode, type and class, set header bits that should be zero, queries with answers, and
//! counts that are too high. If the bytes end early (a response that its server truncated, a frame
//! cut at the snap length), the parts before the end are read, and [`MessageReader::is_incomplete`]
//! returns true.
//!
//! Random bytes need no check before this parser: their first name fails within a label or two, and
//! the reader stops. Over TCP there is a check, because a segment may start in the middle of a
//! message (see [`tcp_messages`]).
//!
//! A message is read in two steps, since most names need not be decoded. The [`MessageReader`]
//! walks over questions and records and returns each name as a [`NameRef`], which is only its
//! position. Records of the same owner nearly always point to one position. So a caller who has
//! decoded and matched a name once can recognize it by `==`. [`MessageReader::read_name`] decodes a
//! name into a [`DomainName`](crate::domain_name::DomainName).
//!
//! The crate `dns-parser` parses the header and the addresses. It cannot do the rest: its parser
//! rejects a whole message for one unknown type.
//!
//! ```
//! use rattap::domain_name::DomainName;
//! use rattap::protocol::dns::{Message, RecordType};
//!
//! let bytes = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x08FeerSona\x03net\x00\x00\x41\x00\x01";
//! let message = Message::parse(bytes).ok_or("shorter than a header")?;
//! let mut reader = message.reader();
//! let mut name = DomainName::new();
//! while let Some(question) = reader.next_question() {
//!     if reader.read_name(question.name, &mut name) {
//!         assert_eq!(name.as_bytes(), b"feersona.net");
//!         assert_eq!(question.qtype, RecordType::HTTPS);
//!     }
//! }
//! assert!(!reader.is_incomplete());
//! # Ok::<(), &str>(())
//! ```

mod code;
mod header;
mod message;
mod message_reader;
mod name;
mod own_name;
mod record;
mod tcp;
#[cfg(test)]
mod tests;

pub use code::{RecordType, ResponseCode};
pub use header::HEADER_LENGTH;
pub use message::Message;
pub use message_reader::{MessageReader, Question};
pub use name::{NameRef, PlainName};
pub use own_name::own_name;
pub use record::{Addresses, Record, Section};
pub use tcp::{TcpMessage, TcpMessages, tcp_messages};
