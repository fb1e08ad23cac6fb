//! Which flows a Block may hold packets of, and in which of its pieces: a Bloom filter of four hashes for each piece, so that whoever
//! wants the packets of a few flows need not read the rest again.

use std::net::IpAddr;

use crate::capture::{Frame, Part};
use crate::decode::{Decoded, Packet};
use crate::flow::Flow;

/// How many hashes there are.
const HASHES: usize = 4;

/// How many bits of a key are a hash.
const HASH_BITS: usize = 13;

/// What stands for a flow, the same for both directions. Equal ones may meet; a flow without ports is known by its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowKey(u64);

impl FlowKey {
    /// Of a flow.
    pub fn of(flow: &Flow) -> Self {
        let (source, destination) = (flow.source, flow.destination);
        Self::new(source.address, destination.address, source.port.zip(destination.port))
    }

    /// Of the fragments between two hosts.
    pub fn of_hosts(one: IpAddr, other: IpAddr) -> Self {
        Self::new(one, other, None)
    }

    #[inline(always)]
    fn new(source: IpAddr, destination: IpAddr, ports: Option<(u16, u16)>) -> Self {
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        let fold = |address| match address {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            IpAddr::V6(address) => (address.to_bits() >> 64) as u64 ^ (address.to_bits() as u64).rotate_left(29),
        };
        let (source_port, destination_port) = ports.unwrap_or_default();
        let end = |address, port: u16| fold(address) ^ u64::from(port) << 44;
        let sum = end(source, source_port).wrapping_add(end(destination, destination_port)).wrapping_mul(FACTOR);
        Self((sum ^ sum >> 29).wrapping_mul(FACTOR) >> (64 - HASHES * HASH_BITS))
    }
}

/// The filters of one Block, 32 KiB in all: for each hash and each number that it can be, a byte with a bit for each piece. So a flow is
/// looked for in all pieces at once, and what a packet sets is the same bit of four bytes.
///
/// Where most flows are short, a piece of 256 KiB holds some six hundred, which set one bit in thirteen: so of a hundred flows that are
/// wanted and not in it, one in three hundred pieces seems to hold one. With three hashes it was one in thirty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowBits {
    bytes: Box<[[u8; 1 << HASH_BITS]; HASHES]>,
    /// The bit of the piece that is added to.
    piece: u8,
    /// Where that piece ends in the Block.
    end: u32,
}

impl FlowBits {
    /// Their size in bytes.
    pub const SIZE: usize = HASHES << HASH_BITS;

    /// None set, and all to be added to the first piece.
    pub fn new() -> Self {
        Self { bytes: Box::new([[0; 1 << HASH_BITS]; HASHES]), piece: 1, end: u32::MAX }
    }

    /// The bits in eights.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_flattened()
    }

    /// The same, to be read into.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes.as_flattened_mut()
    }

    /// The pieces that a flow may be in: a bit for each, the lowest for the first.
    #[inline]
    pub fn pieces(&self, key: FlowKey) -> u8 {
        self.bytes.iter().zip(places(key)).fold(u8::MAX, |pieces, (bytes, place)| pieces & bytes[place])
    }

    /// Adds a flow to the piece.
    #[inline(always)]
    pub fn add(&mut self, key: FlowKey) {
        for (bytes, place) in self.bytes.iter_mut().zip(places(key)) {
            bytes[place] |= self.piece;
        }
    }

    /// Sets none, and goes to the Block's first piece.
    pub(super) fn begin(&mut self, part: &Part) {
        self.bytes_mut().fill(0);
        (self.piece, self.end) = (1, part.ends[0]);
    }

    /// Goes on to the piece that holds a frame; one that begins beyond the last is taken for that piece's.
    #[inline(always)]
    pub(super) fn go_to(&mut self, part: &Part, frame: &Frame) {
        if frame.offset >= self.end {
            let piece = part.piece(frame);
            self.piece = 1 << piece;
            self.end = part.ends[piece];
        }
    }

    #[inline(always)]
    pub(super) fn add_packet(&mut self, packet: &Packet<'_>) {
        self.add(FlowKey::new(packet.source, packet.destination, packet.ports));
    }

    /// Adds a packet, all that it lay in, and where it is a fragment its hosts.
    pub(super) fn add_decoded(&mut self, decoded: &Decoded<'_>) {
        let Decoded { packet, outer, fragment, .. } = decoded;
        outer.iter().for_each(|outer| self.add(FlowKey::of(&outer.flow)));
        self.add_packet(packet);
        if fragment.is_some() {
            self.add(FlowKey::of_hosts(packet.source, packet.destination));
        }
    }
}

impl Default for FlowBits {
    fn default() -> Self {
        Self::new()
    }
}

/// Where each hash is in its bytes.
#[inline(always)]
fn places(FlowKey(key): FlowKey) -> [usize; HASHES] {
    [0, 1, 2, 3].map(|hash: usize| (key >> (HASH_BITS * hash)) as usize & ((1 << HASH_BITS) - 1))
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::LinkType;
    use crate::flow::{End, Protocol};
    use crate::units::Timestamp;

    fn flow(number: u32) -> Flow {
        let source = End { address: [10, 0, 0, 1].into(), port: Some(number as u16) };
        let destination = End { address: (number.wrapping_mul(0x0101_0101)).to_be_bytes().into(), port: Some(443) };
        Flow { source, destination, protocol: Protocol::TCP }
    }

    #[test]
    fn what_was_added_is_held_either_way_and_little_else() {
        let mut bits = FlowBits::new();
        (0..1000).for_each(|number| bits.add(FlowKey::of(&flow(number))));
        assert!((0..1000).all(|number| bits.pieces(FlowKey::of(&flow(number).reversed())) == 1));
        let others = (1000..11_000).filter(|number| bits.pieces(FlowKey::of(&flow(*number))) != 0).count();
        assert!(others < 5, "{others}");
        bits.begin(&Part::default());
        assert!((0..1000).all(|number| bits.pieces(FlowKey::of(&flow(number))) == 0));
    }

    #[test]
    fn a_flow_is_held_by_the_pieces_that_its_frames_lie_in() {
        let part = Part { ends: [10, 20, 20, 30, 40, 40, 40, 40], ..Part::default() };
        let mut bits = FlowBits::new();
        bits.begin(&part);
        for (number, offset) in [(1, 0), (2, 9), (3, 10), (1, 19), (4, 20), (1, 30), (5, 39), (6, 40)] {
            let frame = Frame { time: Timestamp::MIN, offset, captured: 1, original: 1, link: LinkType::RAW };
            bits.go_to(&part, &frame);
            bits.add(FlowKey::of(&flow(number)));
        }
        let pieces = [1, 2, 3, 4, 5, 6].map(|number| bits.pieces(FlowKey::of(&flow(number))));
        assert_eq!(pieces, [0b1_0011, 1, 0b10, 0b1000, 0b1_0000, 0b1000_0000]);
    }

    #[test]
    fn a_flow_without_ports_is_known_by_its_hosts() {
        let mut bare = flow(7);
        (bare.source.port, bare.destination.port) = (None, None);
        assert_eq!(FlowKey::of(&bare), FlowKey::of_hosts(bare.destination.address, bare.source.address));
        assert_ne!(FlowKey::of(&bare), FlowKey::of(&flow(7)));
    }
}
