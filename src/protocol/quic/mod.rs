//! QUIC: the name of the server that a client asks for, in the ClientHello within its first packets (RFC 9000, RFC 9001; version
//! 2: RFC 9369).
//!
//! Initial packets are encrypted, but with keys that follow from the connection id which the client chose and wrote into them:
//! a seal against damage, not against readers. So a datagram is read in these steps: find the Initial packets in it
//! ([`Origin::of`] says what their keys follow from), decrypt each, take the CRYPTO frames out and put their bytes in order
//! ([`CryptoStream`]), and read the [`ClientHello`] there. Clients cut a hello into frames at any place and send
//! those in any order, within a packet and over two or more of them.
//!
//! What fails to decrypt says nothing: the packets of servers look alike, but have other keys.
//!
//! A scan looks at one datagram by itself, with [`InitialReader::client_hello`]. Where that is [`ParseResult::Partial`], whoever keeps
//! state makes a [`CryptoStream`] and gives it this datagram and those that follow, with [`InitialReader::read_into`] and the
//! [`Origin`] of the first one. A client that was answered by a Retry, or that begins anew, has a new `Origin`.
//!
//! ```
//! use rattap::protocol::parse_result::Head;
//! use rattap::protocol::quic::{InitialReader, may_be_initial};
//!
//! let mut reader = InitialReader::new();
//! let datagram = [0; 1200];
//! assert!(!may_be_initial(&datagram));
//! assert_eq!(reader.client_hello(&datagram), Head::Other);
//! ```

mod frame;
mod keys;
mod packet;
mod stream;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use super::parse_result::ParseResult;
use super::tls::ClientHello;
use keys::ClientKeys;

pub use packet::{Origin, Version, may_be_initial};
pub use stream::{CryptoStream, LONGEST_STREAM, Put};

/// Decrypts Initial packets; holds the buffers for that. Meant to be used again.
#[derive(Debug, Default)]
pub struct InitialReader {
    plain: Vec<u8>,
    stream: CryptoStream,
}

/// What became of the packets of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Opened {
    /// Initial packets decrypted.
    pub packets: u32,
    /// Initial packets that these keys do not open.
    pub sealed: u32,
    /// CRYPTO frames that were put into the stream.
    pub frames: u32,
    /// Those among them that said something else of a place than a frame before.
    pub conflicts: u32,
    /// CRYPTO frames that the stream had no room for.
    pub refused: u32,
}

impl InitialReader {
    /// With empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the ClientHello in one datagram. [`ParseResult::Partial`] where a part of one is in it, be it a later part.
    ///
    /// The length in [`ParseResult::Whole`] is that of the handshake message, as far as it had to be read.
    pub fn client_hello(&mut self, datagram: &[u8]) -> ParseResult<ClientHello<'_>> {
        let Some(origin) = Origin::of(datagram) else { return ParseResult::Other };
        self.stream.clear();
        let opened = open(&mut self.plain, datagram, &origin, &mut self.stream);
        if opened.frames == 0 {
            return ParseResult::Other;
        }
        self.stream.client_hello()
    }

    /// Puts the CRYPTO frames of a datagram into `stream`, with the keys that follow from `origin`: those of the connection's
    /// first packet, since later ones may be addressed to an id that the server chose and have the same keys still.
    pub fn read_into(&mut self, datagram: &[u8], origin: &Origin, stream: &mut CryptoStream) -> Opened {
        open(&mut self.plain, datagram, origin, stream)
    }
}

fn open(plain: &mut Vec<u8>, datagram: &[u8], origin: &Origin, stream: &mut CryptoStream) -> Opened {
    let mut opened = Opened::default();
    let mut packets = packet::initial_packets(datagram).filter(|packet| packet.version == origin.version()).peekable();
    if packets.peek().is_none() {
        return opened;
    }
    let Some(keys) = ClientKeys::of(origin) else { return opened };
    for packet in packets {
        let Some(payload) = keys.open(&packet, plain) else {
            opened.sealed += 1;
            continue;
        };
        opened.packets += 1;
        for frame in frame::crypto_frames(payload) {
            match stream.put(frame.offset, frame.data) {
                Put::Kept => opened.frames += 1,
                Put::Conflict => {
                    opened.frames += 1;
                    opened.conflicts += 1;
                }
                Put::Refused => opened.refused += 1,
            }
        }
    }
    opened
}
