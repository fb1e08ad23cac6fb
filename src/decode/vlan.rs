//! The VLANs of a packet.
//!
//! They are read only where a packet matters, from the bytes of its frame. Decoding does not need
//! them.

use super::link::is_vlan_tag;
use super::packet::Packet;
use crate::capture::LinkType;
use crate::flow::Vlans;

/// Returns the VLANs of a packet in this frame: those of the innermost Ethernet header before it.
/// In a mirror of a switch port that is the header of the mirrored frame.
pub fn vlans(link: LinkType, frame: &[u8], packet: &Packet<'_>) -> Vlans {
    let Some(addresses) = packet.ethernet_addresses else { return outer_vlans(link, frame) };
    let start = addresses.as_ptr().addr().checked_sub(frame.as_ptr().addr());
    let after = start.and_then(|start| frame.get(start.checked_add(addresses.len())?..));
    read_tags(after.unwrap_or_default())
}

/// Returns the VLANs in the link header of a frame, whatever the frame carries. Of Linux cooked
/// headers, only version 1 has any.
pub fn outer_vlans(link: LinkType, frame: &[u8]) -> Vlans {
    let ether_type = match link {
        LinkType::ETHERNET => 12,
        LinkType::LINUX_SLL => 14,
        _ => return Vlans::new(),
    };
    read_tags(frame.get(ether_type..).unwrap_or_default())
}

/// Reads the VLANs of consecutive tags. `bytes` start at the EtherType of the first tag.
fn read_tags(mut bytes: &[u8]) -> Vlans {
    /// The identifier is the lower twelve bits of a tag. The upper four are priority and drop
    /// eligibility.
    const IDENTIFIER: u16 = 0x0fff;
    let mut vlans = Vlans::new();
    while let [high, low, tag_high, tag_low, rest @ ..] = bytes
        && is_vlan_tag(u16::from_be_bytes([*high, *low]))
        && !vlans.is_full()
    {
        // Zero names no VLAN: such a tag only sets the priority.
        vlans.extend(Some(u16::from_be_bytes([*tag_high, *tag_low]) & IDENTIFIER).filter(|vlan| *vlan != 0));
        bytes = rest;
    }
    vlans
}
