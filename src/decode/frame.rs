//! The entry points of the decoder: from a frame to its innermost packet.

use super::encapsulation::{Encapsulation, Encapsulations};
use super::fragment::Fragment;
use super::packet::Packet;
use super::skip::SkipReason;
use super::{fast_path, link, network, tunnel};
use crate::capture::LinkType;

/// The result of the full path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The innermost packet that was reached.
    pub packet: Packet<'a>,
    /// The tunnel packets around it, the outermost first.
    pub outer: Encapsulations,
    /// The fragment, if the packet is one. Tunnels in a fragment are not entered: its datagram has
    /// to be reassembled first.
    pub fragment: Option<Fragment<'a>>,
    /// True if the packet holds a further tunnel, nested deeper than
    /// [`MOST_TUNNELS`](super::MOST_TUNNELS).
    pub has_deeper_tunnel: bool,
}

/// Decodes a frame. `original` is its length on the wire in bytes.
#[inline]
pub fn decode(link: LinkType, frame: &[u8], original: u32) -> Result<Decoded<'_>, SkipReason> {
    match decode_fast(link, frame) {
        Some(packet) => Ok(Decoded { packet, outer: Encapsulations::new(), fragment: None, has_deeper_tunnel: false }),
        None => decode_full(link, frame, original),
    }
}

/// The fast path alone. Returns `None` for a frame of an unusual shape and for one that may hold a
/// tunnel.
///
/// The scan calls it directly: the compiler keeps the packet in registers as long as it does not
/// share a variable with the result of the full path.
#[inline(always)]
pub fn decode_fast(link: LinkType, frame: &[u8]) -> Option<Packet<'_>> {
    if link == LinkType::ETHERNET { fast_path::decode(frame) } else { None }
}

/// The full path: decodes frames of every shape, the usual one included, and enters tunnels.
#[inline(never)]
pub fn decode_full(link: LinkType, frame: &[u8], original: u32) -> Result<Decoded<'_>, SkipReason> {
    let network = link::find_network_layer(link, frame)?;
    let link_length = frame.len() - network.bytes.len();
    // If the original length is less than the captured one, the writer is wrong about the wire, not
    // about the bytes.
    let length_on_wire = (original as usize).max(frame.len()) - link_length;
    let mut ip = network::decode(network, length_on_wire)?;
    let mut outer = Encapsulations::new();
    let mut has_deeper_tunnel = false;
    while ip.fragment.is_none()
        && let Some((tunnel, inner)) = tunnel::decapsulate(&ip)
    {
        let packet = &ip.packet;
        let encapsulation = Encapsulation { flow: packet.flow(), tunnel, length: packet.length, macs: packet.macs() };
        if outer.try_push(encapsulation).is_err() {
            has_deeper_tunnel = true;
            break;
        }
        ip = inner;
    }
    Ok(Decoded { packet: ip.packet, outer, fragment: ip.fragment, has_deeper_tunnel })
}
