//! QUIC: the server name in the ClientHello of a client's first packets (RFC 9000, RFC 9001;
//! version 2: RFC 9369).
//!
//! Initial packets are encrypted, but their keys are derived from the Destination Connection ID
//! that the client chose and sent in clear. The encryption protects against damage, not against
//! readers. A datagram is processed in these steps: find its Initial packets
//! ([`OriginalConnectionId`] is the input of their keys), decrypt each, put the data of its CRYPTO
//! frames in order ([`CryptoStream`]), and parse the [`ClientHello`](super::tls::ClientHello)
//! there. Clients split a hello into frames anywhere and send the frames in any order, within one
//! packet or over several.
//!
//! A packet that cannot be decrypted is ignored: the packets of servers look alike, but have other
//! keys.
//!
//! The scan examines each datagram by itself with [`InitialReader::client_hello`]. If the result is
//! [`ParseResult::Incomplete`](super::parse_result::ParseResult::Incomplete), the tracker makes a
//! [`CryptoStream`] and adds this datagram and the following ones with [`InitialReader::read_into`]
//! and the [`OriginalConnectionId`] of the first one. After a Retry, and for a new connection, the
//! [`OriginalConnectionId`] differs.
//!
//! ```
//! use rattap::protocol::parse_result::ParseResult;
//! use rattap::protocol::quic::{InitialReader, may_be_initial};
//!
//! let mut reader = InitialReader::new();
//! let datagram = [0; 1200];
//! assert!(!may_be_initial(&datagram));
//! assert_eq!(reader.client_hello(&datagram), ParseResult::Mismatch);
//! ```

mod crypto_stream;
mod frame;
mod initial_reader;
mod keys;
mod packet;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use crypto_stream::{CryptoStream, LONGEST_STREAM};
pub use initial_reader::InitialReader;
pub use packet::{OriginalConnectionId, QuicVersion, may_be_initial};
