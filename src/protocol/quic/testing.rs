//! Writes Initial packets for the tests of this and other modules.

use super::keys::ClientKeys;
use super::packet::{OriginalConnectionId, QuicVersion};

/// A variable-length integer in the fewest bytes.
pub(crate) fn varint(number: u64) -> Vec<u8> {
    match number {
        0..0x40 => vec![number as u8],
        0x40..0x4000 => (0x4000 | number as u16).to_be_bytes().to_vec(),
        0x4000..0x4000_0000 => (0x8000_0000 | number as u32).to_be_bytes().to_vec(),
        _ => (0xc000_0000_0000_0000 | number).to_be_bytes().to_vec(),
    }
}

/// A CRYPTO frame.
pub(crate) fn crypto(offset: usize, data: &[u8]) -> Vec<u8> {
    [&[6][..], &varint(offset as u64), &varint(data.len() as u64), data].concat()
}

/// The first byte and the version of a long header. `packet_type` is the number of the type in
/// version 1.
fn long_header(version: QuicVersion, packet_type: u8, number_length: usize) -> Vec<u8> {
    let (number, packet_type): (u32, u8) = match version {
        QuicVersion::V1 => (1, packet_type),
        QuicVersion::V2 => (0x6b33_43cf, (packet_type + 1) & 3),
        QuicVersion::Draft29 => (0xff00_001d, packet_type),
    };
    [&[0xc0 | packet_type << 4 | (number_length as u8 - 1)][..], &number.to_be_bytes()].concat()
}

/// An Initial packet to `destination` with the keys of `origin` and a packet number of one to four
/// bytes.
pub(crate) fn initial_to(
    destination: &[u8],
    origin: &OriginalConnectionId,
    token: &[u8],
    number: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    let mut header = long_header(origin.version(), 0, number.len());
    header.push(destination.len() as u8);
    header.extend(destination);
    header.extend([0]);
    header.extend(varint(token.len() as u64));
    header.extend(token);
    header.extend((0x4000 | (number.len() + payload.len() + 16) as u16).to_be_bytes());
    header.extend(number);
    ClientKeys::derive(origin).unwrap().encrypt(&header, number.len(), payload)
}

/// An Initial packet of the first flight of a client.
pub(crate) fn initial(origin: &OriginalConnectionId, number: u8, payload: &[u8]) -> Vec<u8> {
    initial_to(origin.id(), origin, &[], &[number], payload)
}

/// A packet of type 0-RTT (1) or Handshake (2).
pub(crate) fn other(origin: &OriginalConnectionId, packet_type: u8, length: usize) -> Vec<u8> {
    let mut packet = long_header(origin.version(), packet_type, 1);
    packet.push(origin.id().len() as u8);
    packet.extend(origin.id());
    packet.extend([0]);
    packet.extend((0x4000 | length as u16).to_be_bytes());
    packet.extend(vec![0xab; length]);
    packet
}

/// Frames with PADDING, so that the datagram has at least 1,200 bytes.
pub(crate) fn padded(mut frames: Vec<u8>) -> Vec<u8> {
    frames.resize(frames.len().max(1200), 0);
    frames
}
