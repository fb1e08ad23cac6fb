//! The flows of a Block's packets, by piece: a hash for each packet, so that a reader who wants the
//! packets of a few flows can skip the pieces without them.
//!
//! Storing the hashes in a list costs less than setting the bits of a Bloom filter, which would be
//! smaller only if flows were long. One in four thousand million pairs of flows has the same hash:
//! then a piece is read in vain.

use std::collections::HashSet;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::capture::{BlockLocation, Frame, PIECES_PER_BLOCK};
use crate::decode::{Decoded, Packet};
use crate::flow::Flow;

/// A hash of a flow, the same for both directions. A flow without ports is hashed by its addresses
/// alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowHash(u32);

impl FlowHash {
    /// The hash of a flow.
    pub fn of(flow: &Flow) -> Self {
        let (source, destination) = (flow.source, flow.destination);
        Self::new(source.address, destination.address, source.port.zip(destination.port))
    }

    /// The hash of the fragments between two hosts.
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
        Self(((sum ^ sum >> 29).wrapping_mul(FACTOR) >> 32) as u32)
    }
}

/// The flows of one Block, in the order of its packets: one for each packet, and one for each
/// tunnel around it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FlowHashes {
    hashes: Vec<FlowHash>,
    /// The number of hashes up to the end of each piece.
    counts: [u32; PIECES_PER_BLOCK],
    /// The current piece, and the offset of its end in the Block.
    piece: usize,
    end: u32,
}

impl FlowHashes {
    /// The hashes of a Block that were stored as [bytes](Self::bytes).
    pub fn stored(counts: [u32; PIECES_PER_BLOCK], bytes: &[u8]) -> Self {
        let (hashes, _) = bytes.as_chunks();
        let hashes = hashes.iter().map(|hash| FlowHash(u32::from_le_bytes(*hash))).collect();
        Self { hashes, counts, ..Self::default() }
    }

    /// The number of hashes up to the end of each piece.
    pub fn counts(&self) -> [u32; PIECES_PER_BLOCK] {
        self.counts
    }

    /// All hashes, four bytes each.
    pub fn bytes(&self) -> Vec<u8> {
        self.hashes.iter().flat_map(|FlowHash(hash)| hash.to_le_bytes()).collect()
    }

    /// The length of [`bytes`](Self::bytes).
    pub fn size(&self) -> usize {
        size_of_val(self.hashes.as_slice())
    }

    /// The pieces with packets of a selected flow: a bit for each, the lowest for the first.
    pub fn pieces(&self, selected: &SelectedFlows) -> u8 {
        let mut start = 0;
        (0..).zip(self.counts).fold(0, |pieces, (piece, end)| {
            let end = end as usize;
            let hashes = self.hashes.get(start..end).unwrap_or_default();
            start = end;
            pieces | u8::from(hashes.iter().any(|hash| selected.may_contain(*hash))) << piece
        })
    }

    /// Clears the hashes, and goes to the first piece of a Block.
    pub(super) fn begin(&mut self, location: &BlockLocation) {
        self.hashes.clear();
        (self.piece, self.end) = (0, location.ends[0]);
    }

    /// Goes on to the piece with a frame. A frame beyond the last piece counts as part of it.
    #[inline(always)]
    pub(super) fn go_to(&mut self, location: &BlockLocation, frame: &Frame) {
        if frame.offset >= self.end {
            self.leave(location.piece(frame));
            self.end = location.ends[self.piece];
        }
    }

    /// Ends the Block.
    pub(super) fn finish(&mut self) {
        self.leave(PIECES_PER_BLOCK - 1);
        self.counts[PIECES_PER_BLOCK - 1] = self.hashes.len() as u32;
    }

    fn leave(&mut self, next: usize) {
        let count = self.hashes.len() as u32;
        self.counts.iter_mut().take(next).skip(self.piece).for_each(|end| *end = count);
        self.piece = next;
    }

    /// Adds a flow to the current piece.
    #[inline(always)]
    pub fn add(&mut self, hash: FlowHash) {
        self.hashes.push(hash);
    }

    #[inline(always)]
    pub(super) fn add_packet(&mut self, packet: &Packet<'_>) {
        self.add(FlowHash::new(
            packet.source,
            packet.destination,
            packet.ports.map(|ports| (ports.source, ports.destination)),
        ));
    }

    /// Adds a packet, the tunnels around it and, for a fragment, its hosts.
    pub(super) fn add_decoded(&mut self, decoded: &Decoded<'_>) {
        let Decoded { packet, outer, fragment, .. } = decoded;
        outer.iter().for_each(|outer| self.add(FlowHash::of(&outer.flow)));
        self.add_packet(packet);
        if fragment.is_some() {
            self.add(FlowHash::of_hosts(packet.source, packet.destination));
        }
    }
}

/// Flows whose packets are wanted.
#[derive(Debug, Default)]
pub struct SelectedFlows {
    hashes: HashSet<FlowHash, RandomState>,
    /// A bit for each value of a hash's lowest bits, so that most other flows need no look-up.
    bits: Vec<u64>,
}

impl SelectedFlows {
    /// The bits for each hash: enough that few other flows pass.
    const BITS_EACH: usize = 256;

    /// The bits in all: 8 KiB for a few flows fit into the first-level cache, 128 KiB for many into
    /// the second.
    const BITS: std::ops::RangeInclusive<usize> = 1 << 16..=1 << 20;

    /// The flows with these hashes.
    pub fn new(hashes: impl IntoIterator<Item = FlowHash>) -> Self {
        let hashes: HashSet<FlowHash, RandomState> = hashes.into_iter().collect();
        let size = hashes.len().saturating_mul(Self::BITS_EACH).next_power_of_two();
        let mut bits = vec![0; size.clamp(*Self::BITS.start(), *Self::BITS.end()) / 64];
        for hash in &hashes {
            let (word, bit) = bit_of(*hash, bits.len());
            bits[word] |= bit;
        }
        Self { hashes, bits }
    }

    /// Returns true if a flow is among them. Another flow with the same hash is a false positive.
    #[inline]
    pub fn may_contain(&self, hash: FlowHash) -> bool {
        let (word, bit) = bit_of(hash, self.bits.len());
        self.bits.get(word).is_some_and(|bits| bits & bit != 0) && self.hashes.contains(&hash)
    }
}

/// The index of the hash's word, and its bit in the word.
#[inline]
fn bit_of(FlowHash(hash): FlowHash, words: usize) -> (usize, u64) {
    ((hash as usize / 64) & words.wrapping_sub(1), 1 << (hash % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::LinkType;
    use crate::flow::{Endpoint, Protocol};
    use crate::units::Timestamp;

    fn flow(number: u32) -> Flow {
        let source = Endpoint { address: [10, 0, 0, 1].into(), port: Some(number as u16) };
        let destination =
            Endpoint { address: (number.wrapping_mul(0x0101_0101)).to_be_bytes().into(), port: Some(443) };
        Flow { source, destination, protocol: Protocol::TCP }
    }

    fn selected(numbers: impl IntoIterator<Item = u32>) -> SelectedFlows {
        SelectedFlows::new(numbers.into_iter().map(|number| FlowHash::of(&flow(number))))
    }

    #[test]
    fn what_is_wanted_is_known_either_way_and_nothing_else() {
        for count in [1, 1000, 100_000] {
            let selected = selected(0..count);
            assert!((0..count).all(|number| selected.may_contain(FlowHash::of(&flow(number).reversed()))));
            let others =
                (count..count + 10_000).filter(|number| selected.may_contain(FlowHash::of(&flow(*number)))).count();
            assert!(others < 5, "{others} of {count}");
        }
        assert!(!SelectedFlows::default().may_contain(FlowHash::of(&flow(1))));
    }

    #[test]
    fn a_flow_is_held_by_the_pieces_that_its_frames_lie_in() {
        let location = BlockLocation { ends: [10, 20, 20, 30, 40, 40, 40, 40], ..BlockLocation::default() };
        let mut hashes = FlowHashes::default();
        for frames in [&[(1, 0), (2, 9), (3, 10), (1, 19), (4, 20), (1, 30), (5, 39), (6, 40)][..], &[(2, 29)], &[]] {
            hashes.begin(&location);
            for (number, offset) in frames {
                let frame =
                    Frame { time: Timestamp::MIN, offset: *offset, captured: 1, original: 1, link: LinkType::RAW };
                hashes.go_to(&location, &frame);
                hashes.add(FlowHash::of(&flow(*number)));
            }
            hashes.finish();
            let pieces = [1, 2, 3, 4, 5, 6].map(|number| hashes.pieces(&selected([number])));
            match frames.len() {
                8 => assert_eq!(pieces, [0b1_0011, 1, 0b10, 0b1000, 0b1_0000, 0b1000_0000]),
                1 => assert_eq!(pieces, [0, 0b1000, 0, 0, 0, 0]),
                _ => assert_eq!(pieces, [0; 6]),
            }
            let stored = FlowHashes::stored(hashes.counts(), &hashes.bytes());
            assert_eq!((stored.pieces(&selected([2])), stored.size()), (pieces[1], 4 * frames.len()));
        }
    }

    #[test]
    fn a_flow_without_ports_is_known_by_its_hosts() {
        let mut bare = flow(7);
        (bare.source.port, bare.destination.port) = (None, None);
        assert_eq!(FlowHash::of(&bare), FlowHash::of_hosts(bare.destination.address, bare.source.address));
        assert_ne!(FlowHash::of(&bare), FlowHash::of(&flow(7)));
    }
}
