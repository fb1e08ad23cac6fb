//! Which flows a Block holds packets of, and in which of its pieces: a number for each packet, so that whoever wants the packets of a
//! few flows need not read the rest again.
//!
//! To note one number after the other costs less than to set the bits of a Bloom filter, which would be smaller only where flows are
//! long. Of two flows, one in four thousand million pairs has the same number: then a piece is read for nothing.

use std::collections::HashSet;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::capture::{Frame, PIECES, Part};
use crate::decode::{Decoded, Packet};
use crate::flow::Flow;

/// What stands for a flow, the same for both directions. Equal ones may meet; a flow without ports is known by its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowKey(u32);

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
        Self(((sum ^ sum >> 29).wrapping_mul(FACTOR) >> 32) as u32)
    }
}

/// The flows of one Block, in the order of its packets: one for each packet, and each packet that it lay in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FlowKeys {
    keys: Vec<FlowKey>,
    /// How many there are up to the end of each piece.
    counts: [u32; PIECES],
    /// The piece that is added to, and where it ends in the Block.
    piece: usize,
    end: u32,
}

impl FlowKeys {
    /// Those of another Block, as they were [stored](Self::bytes).
    pub fn stored(counts: [u32; PIECES], bytes: &[u8]) -> Self {
        let (keys, _) = bytes.as_chunks();
        let keys = keys.iter().map(|key| FlowKey(u32::from_le_bytes(*key))).collect();
        Self { keys, counts, ..Self::default() }
    }

    /// How many there are up to the end of each piece.
    pub fn counts(&self) -> [u32; PIECES] {
        self.counts
    }

    /// All of them, four bytes each.
    pub fn bytes(&self) -> Vec<u8> {
        self.keys.iter().flat_map(|FlowKey(key)| key.to_le_bytes()).collect()
    }

    /// How many bytes those are.
    pub fn size(&self) -> usize {
        size_of_val(self.keys.as_slice())
    }

    /// The pieces that hold one of the flows: a bit for each, the lowest for the first.
    pub fn pieces(&self, wanted: &WantedFlows) -> u8 {
        let mut start = 0;
        (0..).zip(self.counts).fold(0, |pieces, (piece, end)| {
            let end = end as usize;
            let keys = self.keys.get(start..end).unwrap_or_default();
            start = end;
            pieces | u8::from(keys.iter().any(|key| wanted.may_hold(*key))) << piece
        })
    }

    /// Forgets them, and goes to the first piece of a Block.
    pub(super) fn begin(&mut self, part: &Part) {
        self.keys.clear();
        (self.piece, self.end) = (0, part.ends[0]);
    }

    /// Goes on to the piece that holds a frame; one that begins beyond the last is taken for that piece's.
    #[inline(always)]
    pub(super) fn go_to(&mut self, part: &Part, frame: &Frame) {
        if frame.offset >= self.end {
            self.leave(part.piece(frame));
            self.end = part.ends[self.piece];
        }
    }

    /// The Block has ended.
    pub(super) fn finish(&mut self) {
        self.leave(PIECES - 1);
        self.counts[PIECES - 1] = self.keys.len() as u32;
    }

    fn leave(&mut self, next: usize) {
        let count = self.keys.len() as u32;
        self.counts.iter_mut().take(next).skip(self.piece).for_each(|end| *end = count);
        self.piece = next;
    }

    /// Adds a flow to the piece.
    #[inline(always)]
    pub fn add(&mut self, key: FlowKey) {
        self.keys.push(key);
    }

    #[inline(always)]
    pub(super) fn add_packet(&mut self, packet: &Packet<'_>) {
        let ports = packet.ports.map(|ports| (ports.source, ports.destination));
        self.add(FlowKey::new(packet.source, packet.destination, ports));
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

/// Flows that somebody wants the packets of.
#[derive(Debug, Default)]
pub struct WantedFlows {
    keys: HashSet<FlowKey, RandomState>,
    /// A bit for each number that the lowest bits of a key can be, so that most others are passed over.
    bits: Vec<u64>,
}

impl WantedFlows {
    /// How many bits there are for each key, about: so few others pass.
    const BITS_EACH: usize = 256;

    /// And how many in all at the most: 8 KiB for a few keys lie in the cache nearest to a core, 128 KiB for very many in the next.
    const BITS: std::ops::RangeInclusive<usize> = 1 << 16..=1 << 20;

    /// Some.
    pub fn new(keys: impl IntoIterator<Item = FlowKey>) -> Self {
        let keys: HashSet<FlowKey, RandomState> = keys.into_iter().collect();
        let size = keys.len().saturating_mul(Self::BITS_EACH).next_power_of_two();
        let mut bits = vec![0; size.clamp(*Self::BITS.start(), *Self::BITS.end()) / 64];
        for key in &keys {
            let (word, bit) = place(*key, bits.len());
            bits[word] |= bit;
        }
        Self { keys, bits }
    }

    /// Whether a flow is one of them, or another that the same number stands for.
    #[inline]
    pub fn may_hold(&self, key: FlowKey) -> bool {
        let (word, bit) = place(key, self.bits.len());
        self.bits.get(word).is_some_and(|bits| bits & bit != 0) && self.keys.contains(&key)
    }
}

/// The word, of so many, and the bit in it.
#[inline]
fn place(FlowKey(key): FlowKey, words: usize) -> (usize, u64) {
    ((key as usize / 64) & words.wrapping_sub(1), 1 << (key % 64))
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

    fn wanted(numbers: impl IntoIterator<Item = u32>) -> WantedFlows {
        WantedFlows::new(numbers.into_iter().map(|number| FlowKey::of(&flow(number))))
    }

    #[test]
    fn what_is_wanted_is_known_either_way_and_nothing_else() {
        for count in [1, 1000, 100_000] {
            let wanted = wanted(0..count);
            assert!((0..count).all(|number| wanted.may_hold(FlowKey::of(&flow(number).reversed()))));
            let others = (count..count + 10_000).filter(|number| wanted.may_hold(FlowKey::of(&flow(*number)))).count();
            assert!(others < 5, "{others} of {count}");
        }
        assert!(!WantedFlows::default().may_hold(FlowKey::of(&flow(1))));
    }

    #[test]
    fn a_flow_is_held_by_the_pieces_that_its_frames_lie_in() {
        let part = Part { ends: [10, 20, 20, 30, 40, 40, 40, 40], ..Part::default() };
        let mut keys = FlowKeys::default();
        for frames in [&[(1, 0), (2, 9), (3, 10), (1, 19), (4, 20), (1, 30), (5, 39), (6, 40)][..], &[(2, 29)], &[]] {
            keys.begin(&part);
            for (number, offset) in frames {
                let frame =
                    Frame { time: Timestamp::MIN, offset: *offset, captured: 1, original: 1, link: LinkType::RAW };
                keys.go_to(&part, &frame);
                keys.add(FlowKey::of(&flow(*number)));
            }
            keys.finish();
            let pieces = [1, 2, 3, 4, 5, 6].map(|number| keys.pieces(&wanted([number])));
            match frames.len() {
                8 => assert_eq!(pieces, [0b1_0011, 1, 0b10, 0b1000, 0b1_0000, 0b1000_0000]),
                1 => assert_eq!(pieces, [0, 0b1000, 0, 0, 0, 0]),
                _ => assert_eq!(pieces, [0; 6]),
            }
            let stored = FlowKeys::stored(keys.counts(), &keys.bytes());
            assert_eq!((stored.pieces(&wanted([2])), stored.size()), (pieces[1], 4 * frames.len()));
        }
    }

    #[test]
    fn a_flow_without_ports_is_known_by_its_hosts() {
        let mut bare = flow(7);
        (bare.source.port, bare.destination.port) = (None, None);
        assert_eq!(FlowKey::of(&bare), FlowKey::of_hosts(bare.destination.address, bare.source.address));
        assert_ne!(FlowKey::of(&bare), FlowKey::of(&flow(7)));
    }
}
