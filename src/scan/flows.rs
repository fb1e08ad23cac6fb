//! Which flows a Block may hold packets of: a Bloom filter of two hashes, so that whoever wants the packets of a few flows need not
//! read the other Blocks again.

use std::net::IpAddr;

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
        let end = |address, port: u16| (fold(address) ^ u64::from(port) << 44).wrapping_mul(FACTOR);
        let sum = end(source, source_port).wrapping_add(end(destination, destination_port));
        Self(((sum ^ sum >> 29).wrapping_mul(FACTOR) >> 32) as u32)
    }
}

/// The bits of one Block: 8 KiB, in which the thousand flows of a usual Block light one in thirty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowBits(Box<[u8]>);

impl FlowBits {
    /// Their size in bytes: one bit for each half of a key.
    pub const SIZE: usize = 1 << 13;

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
        let is_set = |half: u16| self.0.get(usize::from(half >> 3)).is_some_and(|byte| byte >> (half & 7) & 1 == 1);
        let [high, low] = halves(key);
        is_set(high) && is_set(low)
    }

    /// Adds a flow.
    #[inline(always)]
    pub fn add(&mut self, key: FlowKey) {
        for half in halves(key) {
            if let Some(byte) = self.0.get_mut(usize::from(half >> 3)) {
                *byte |= 1 << (half & 7);
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

#[inline(always)]
fn halves(FlowKey(key): FlowKey) -> [u16; 2] {
    [(key >> 16) as u16, key as u16]
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
        assert!(others < 30, "{others}");
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
