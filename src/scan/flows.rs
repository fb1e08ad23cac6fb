//! Which flows a Block may hold packets of: a Bloom filter of three hashes, so that whoever wants the packets of a few flows need not
//! read the other Blocks again.

use std::net::IpAddr;

use crate::decode::{Decoded, Packet};
use crate::flow::Flow;

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
        let end = |address, port: u16| (fold(address) ^ u64::from(port) << 44).wrapping_mul(FACTOR);
        let sum = end(source, source_port).wrapping_add(end(destination, destination_port));
        Self((sum ^ sum >> 29).wrapping_mul(FACTOR) >> 16)
    }
}

/// The bits of one Block: as many for each of the three hashes as 16 bits can number, 24 KiB in all.
///
/// A Block of 2 MiB holds some three thousand flows where most are short, which set one bit in twenty: so of a hundred flows that are
/// wanted and not in it, one in a hundred Blocks seems to hold one. With two hashes in 8 KiB it was every other Block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowBits(Box<[u8]>);

impl FlowBits {
    /// Their size in bytes.
    pub const SIZE: usize = 3 << 13;

    /// None set.
    pub fn new() -> Self {
        Self(vec![0; Self::SIZE].into())
    }

    /// The bits in eights.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same, to be read into.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Whether a flow may be among them.
    #[inline]
    pub fn may_hold(&self, key: FlowKey) -> bool {
        places(key).into_iter().all(|(byte, bit)| self.0.get(byte).is_some_and(|byte| byte & bit != 0))
    }

    /// Adds a flow.
    #[inline(always)]
    pub fn add(&mut self, key: FlowKey) {
        for (byte, bit) in places(key) {
            if let Some(byte) = self.0.get_mut(byte) {
                *byte |= bit;
            }
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

    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }
}

impl Default for FlowBits {
    fn default() -> Self {
        Self::new()
    }
}

/// Byte and bit for each hash.
#[inline(always)]
fn places(FlowKey(key): FlowKey) -> [(usize, u8); 3] {
    [0, 1, 2].map(|hash: usize| {
        let place = (key >> (16 * hash)) as u16;
        (hash << 13 | usize::from(place >> 3), 1 << (place & 7))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{End, Protocol};

    fn flow(number: u32) -> Flow {
        let source = End { address: [10, 0, 0, 1].into(), port: Some(number as u16) };
        let destination = End { address: (number.wrapping_mul(0x0101_0101)).to_be_bytes().into(), port: Some(443) };
        Flow { source, destination, protocol: Protocol::TCP }
    }

    #[test]
    fn what_was_added_is_held_either_way_and_little_else() {
        let mut bits = FlowBits::new();
        (0..1000).for_each(|number| bits.add(FlowKey::of(&flow(number))));
        assert!((0..1000).all(|number| bits.may_hold(FlowKey::of(&flow(number).reversed()))));
        let others = (1000..11_000).filter(|number| bits.may_hold(FlowKey::of(&flow(*number)))).count();
        assert!(others < 5, "{others}");
        bits.clear();
        assert_eq!(bits, FlowBits::new());
    }

    #[test]
    fn a_flow_without_ports_is_known_by_its_hosts() {
        let mut bare = flow(7);
        (bare.source.port, bare.destination.port) = (None, None);
        assert_eq!(FlowKey::of(&bare), FlowKey::of_hosts(bare.destination.address, bare.source.address));
        assert_ne!(FlowKey::of(&bare), FlowKey::of(&flow(7)));
    }
}
