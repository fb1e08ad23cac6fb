//! Decrypts the Initial packets of datagrams.

use super::crypto_stream::{CryptoStream, InsertOutcome};
use super::frame;
use super::keys::ClientKeys;
use super::packet::{self, Origin};
use crate::protocol::parse_result::ParseResult;
use crate::protocol::tls::ClientHello;

/// Decrypts Initial packets. It holds the buffers and is meant to be reused.
#[derive(Debug, Default)]
pub struct InitialReader {
    plaintext: Vec<u8>,
    stream: CryptoStream,
}

/// The counts of a processed datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DatagramOutcome {
    /// Initial packets that were decrypted.
    pub packets: u32,
    /// Initial packets that these keys do not decrypt.
    pub undecryptable: u32,
    /// CRYPTO frames that were inserted into the stream.
    pub frames: u32,
    /// Inserted frames that differ from an earlier frame where they overlap.
    pub conflicts: u32,
    /// CRYPTO frames that the stream rejected: they are too far ahead or leave too many gaps.
    pub rejected: u32,
}

impl InitialReader {
    /// Makes a reader with empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses the ClientHello in one datagram. Returns [`ParseResult::Partial`] if the datagram has
    /// any part of one, even a later part.
    ///
    /// The length in [`ParseResult::Whole`] is that of the handshake message, as far as it had to
    /// be read.
    pub fn client_hello(&mut self, datagram: &[u8]) -> ParseResult<ClientHello<'_>> {
        let Some(origin) = Origin::of(datagram) else { return ParseResult::Other };
        self.stream.clear();
        let outcome = read_datagram(&mut self.plaintext, datagram, &origin, &mut self.stream);
        if outcome.frames == 0 {
            return ParseResult::Other;
        }
        self.stream.client_hello()
    }

    /// Inserts the CRYPTO frames of a datagram into `stream`. The keys are derived from `origin`,
    /// that of the first packet of the connection: later packets may be addressed to an ID that the
    /// server chose, but have the same keys.
    pub fn read_into(&mut self, datagram: &[u8], origin: &Origin, stream: &mut CryptoStream) -> DatagramOutcome {
        read_datagram(&mut self.plaintext, datagram, origin, stream)
    }
}

fn read_datagram(
    plaintext: &mut Vec<u8>,
    datagram: &[u8],
    origin: &Origin,
    stream: &mut CryptoStream,
) -> DatagramOutcome {
    let mut outcome = DatagramOutcome::default();
    let mut packets = packet::initial_packets(datagram).filter(|packet| packet.version == origin.version()).peekable();
    if packets.peek().is_none() {
        return outcome;
    }
    let Some(keys) = ClientKeys::derive(origin) else { return outcome };
    for packet in packets {
        let Some(payload) = keys.decrypt(&packet, plaintext) else {
            outcome.undecryptable += 1;
            continue;
        };
        outcome.packets += 1;
        for frame in frame::crypto_frames(payload) {
            match stream.insert(frame.offset, frame.data) {
                InsertOutcome::Inserted => outcome.frames += 1,
                InsertOutcome::Conflict => {
                    outcome.frames += 1;
                    outcome.conflicts += 1;
                }
                InsertOutcome::Rejected => outcome.rejected += 1,
            }
        }
    }
    outcome
}
