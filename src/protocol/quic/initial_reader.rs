//! Decrypts the Initial packets of datagrams.

use super::crypto_stream::CryptoStream;
use super::frame;
use super::keys::ClientKeys;
use super::packet::{self, OriginalConnectionId};
use crate::protocol::parse_result::ParseResult;
use crate::protocol::tls::ClientHello;

/// Decrypts Initial packets. It holds the buffers and is meant to be reused.
#[derive(Debug, Default)]
pub struct InitialReader {
    plaintext: Vec<u8>,
    stream: CryptoStream,
}

impl InitialReader {
    /// Makes a reader with empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses the ClientHello in one datagram. Returns [`ParseResult::Incomplete`] if the datagram
    /// has any part of one, even a later part.
    ///
    /// The length in [`ParseResult::Complete`] is that of the handshake message, as far as it had
    /// to be read.
    pub fn client_hello(&mut self, datagram: &[u8]) -> ParseResult<ClientHello<'_>> {
        let Some(origin) = OriginalConnectionId::from_datagram(datagram) else { return ParseResult::Mismatch };
        self.stream.clear();
        if read_datagram(&mut self.plaintext, datagram, &origin, &mut self.stream) == 0 {
            return ParseResult::Mismatch;
        }
        self.stream.client_hello()
    }

    /// Inserts the CRYPTO frames of a datagram into `stream`. Returns the number of inserted
    /// frames.
    ///
    /// The keys are derived from `origin`, that of the first packet of the connection: later
    /// packets may be addressed to an ID that the server chose, but have the same keys.
    pub fn read_into(&mut self, datagram: &[u8], origin: &OriginalConnectionId, stream: &mut CryptoStream) -> usize {
        read_datagram(&mut self.plaintext, datagram, origin, stream)
    }
}

/// Inserts the CRYPTO frames of a datagram into `stream`. Returns the number of inserted frames.
fn read_datagram(
    plaintext: &mut Vec<u8>,
    datagram: &[u8],
    origin: &OriginalConnectionId,
    stream: &mut CryptoStream,
) -> usize {
    let mut packets = packet::initial_packets(datagram).filter(|packet| packet.version == origin.version()).peekable();
    if packets.peek().is_none() {
        return 0;
    }
    let Some(keys) = ClientKeys::derive(origin) else { return 0 };
    let mut inserted = 0;
    for packet in packets {
        let Some(payload) = keys.decrypt(&packet, plaintext) else { continue };
        for frame in frame::crypto_frames(payload) {
            inserted += usize::from(stream.insert(frame.offset, frame.data));
        }
    }
    inserted
}
