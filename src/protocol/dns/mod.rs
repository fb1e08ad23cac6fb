//! DNS messages (RFC 1035 and what came after it): which names they ask for, and what the records in them say.
//!
//! DNS, LLMNR and mDNS share this form. It is read as far as a tolerant resolver would read it, and further: any opcode,
//! type and class, header bits that should be zero, queries that hold answers, counts that promise more than there is.
//! Where the bytes end early (a reply truncated by its server, a frame cut at the snap length) what came before them
//! stands, and [`Reader::is_cut`] says that there was more.
//!
//! Random bytes need no gate before this parser: their first name fails within a label or two, and the reader stops. Over TCP there is
//! one: a segment may begin in the midst of a message (see [`tcp_messages`]).
//!
//! A message is read in two steps, since most names need not be read at all. The [`Reader`] walks over questions and
//! records and hands out each name as a [`Name`]: only the place where it stands. Records of one owner nearly always point
//! at one place, so whoever has read and matched that name once can tell by `==` that this is it again.
//! [`Reader::read_name`] then reads one into a [`DomainName`](crate::domain_name::DomainName).
//!
//! The crate `dns-parser` reads the header and the addresses. It cannot do the rest: its parser refuses a whole message
//! for one type that it does not know.
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
//! assert!(!reader.is_cut());
//! # Ok::<(), &str>(())
//! ```

mod code;
mod header;
mod message;
mod name;
mod record;
mod tcp;
#[cfg(test)]
mod tests;

pub use code::{RecordType, ResponseCode};
pub use header::HEADER_LENGTH;
pub use message::{Message, Question, Reader};
pub use name::Name;
pub use record::{Addresses, Record, Section};
pub use tcp::{TcpMessages, TcpPart, tcp_messages};
