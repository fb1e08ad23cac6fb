//! Writes Initial packets, for the tests of all that reads them.

use super::keys::ClientKeys;
use super::packet::{Origin, Version};

/// A number in as few bytes as it takes.
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

/// The first byte and the version of a long header, its type as version 1 counts them.
fn form(version: Version, kind: u8, number_length: usize) -> Vec<u8> {
    let (number, kind): (u32, u8) = match version {
        Version::V1 => (1, kind),
        Version::V2 => (0x6b33_43cf, (kind + 1) & 3),
        Version::Draft29 => (0xff00_001d, kind),
    };
    [&[0xc0 | kind << 4 | (number_length as u8 - 1)][..], &number.to_be_bytes()].concat()
}

/// An Initial packet with the keys of `origin`, addressed to `destination`, with a packet number of one to four bytes.
pub(crate) fn initial_to(destination: &[u8], origin: &Origin, token: &[u8], number: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut header = form(origin.version(), 0, number.len());
    header.push(destination.len() as u8);
    header.extend(destination);
    header.extend([0]);
    header.extend(varint(token.len() as u64));
    header.extend(token);
    header.extend((0x4000 | (number.len() + payload.len() + 16) as u16).to_be_bytes());
    header.extend(number);
    ClientKeys::of(origin).unwrap().seal(&header, number.len(), payload)
}

/// An Initial packet of a client's first flight.
pub(crate) fn initial(origin: &Origin, number: u8, payload: &[u8]) -> Vec<u8> {
    initial_to(origin.id(), origin, &[], &[number], payload)
}

/// A packet of 0-RTT (type 1) or Handshake (type 2).
pub(crate) fn other(origin: &Origin, kind: u8, length: usize) -> Vec<u8> {
    let mut packet = form(origin.version(), kind, 1);
    packet.push(origin.id().len() as u8);
    packet.extend(origin.id());
    packet.extend([0]);
    packet.extend((0x4000 | length as u16).to_be_bytes());
    packet.extend(vec![0xab; length]);
    packet
}

/// Frames filled up with PADDING to the payload of a datagram of at least 1,200 bytes.
pub(crate) fn padded(mut frames: Vec<u8>) -> Vec<u8> {
    frames.resize(frames.len().max(1200), 0);
    frames
}
