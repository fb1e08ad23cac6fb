//! Contacts: packets to or from listed or learned addresses.

use std::net::IpAddr;

use super::finding::{Finding, FindingKind};
use super::frame_context::{FrameContext, complete};
use crate::capture::Block;
use crate::decode::{Decoded, decode};
use crate::flow::Flow;
use crate::indicator::{IndicatorSet, LearnedAddresses};
use crate::units::Timestamp;

/// Returns true if a packet's addresses need a look-up. A false positive costs only time.
#[inline(always)]
pub(super) fn may_be_contact(
    set: &IndicatorSet,
    learned: &LearnedAddresses,
    source: IpAddr,
    destination: IpAddr,
) -> bool {
    set.may_list_either(source, destination) || is_learned(learned, source, destination)
}

#[inline(always)]
fn is_learned(learned: &LearnedAddresses, source: IpAddr, destination: IpAddr) -> bool {
    !learned.is_empty() && (learned.contains(source) || learned.contains(destination))
}

/// The contact of a packet with this flow.
#[inline(never)]
pub(super) fn contact(set: &IndicatorSet, learned: &LearnedAddresses, flow: &Flow) -> Option<FindingKind> {
    let [source, destination] = [flow.source, flow.destination].map(|end| set.find_address(end.address, end.port));
    let is_contact =
        source.is_some() || destination.is_some() || is_learned(learned, flow.source.address, flow.destination.address);
    is_contact.then_some(FindingKind::Contact { source, destination })
}

/// A packet by its place in a Block and its addresses.
#[derive(Debug, Clone, Copy)]
pub struct PacketEnds {
    /// The index of its frame in the Block.
    pub frame: u32,
    /// The number of tunnels around it.
    pub depth: usize,
    /// The sender.
    pub source: IpAddr,
    /// The receiver.
    pub destination: IpAddr,
}

/// Finds packets of a Block as contacts, for addresses that were learned after the Block was
/// scanned.
///
/// `is_wanted` selects the packets. Fragments are never among them.
pub fn find_contacts(block: &Block, is_wanted: impl Fn(PacketEnds) -> bool) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut clock = Timestamp::MIN;
    for (number, frame) in (0..).zip(&block.frames) {
        clock = clock.max(frame.time);
        let Ok(decoded) = decode(frame.link, block.captured(frame), frame.original) else { continue };
        let context = FrameContext { number, time: frame.time, clock };
        let Decoded { packet, outer, fragment, .. } = &decoded;
        let kind = FindingKind::Contact { source: None, destination: None };
        for (depth, tunnel) in outer.iter().enumerate() {
            let (source, destination) = (tunnel.flow.source.address, tunnel.flow.destination.address);
            if is_wanted(PacketEnds { frame: number, depth, source, destination }) {
                found.push(context.tunnel_finding(tunnel, &outer[..depth], kind.clone()));
            }
        }
        let (source, destination) = (packet.source, packet.destination);
        if fragment.is_none() && is_wanted(PacketEnds { frame: number, depth: outer.len(), source, destination }) {
            found.push(context.packet_finding(packet, outer, kind));
        }
    }
    complete(block, &mut found);
    found
}
