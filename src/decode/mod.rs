//! Bytes of a frame → one [`Packet`], or the reason why there is none.
//!
//! Two ways lead there. Nearly all traffic has the same header shape (Ethernet, IPv4 without options or IPv6 without
//! extensions, not fragmented, TCP or UDP, whole lengths): `short` reads it at fixed offsets. Every other shape goes the
//! long way: `link` walks the link layers down to IP, `network` lets etherparse read IP with its options and extensions.
//! Both must say the same of what both can read; a property test holds them against each other.
//!
//! Only the long way leads into tunnels: the short one gives up a packet that may be one. So [`Packet`] knows nothing of what
//! it lay in, and stays small; [`Decoded`] does.

use std::net::IpAddr;

use arrayvec::ArrayVec;

use crate::capture::LinkType;
use crate::flow::{End, Flow, Mac, Protocol, Vlans};

mod link;
mod network;
mod short;
mod transport;
mod tunnel;

pub use tunnel::{Encapsulation, MOST_TUNNELS, Tunnel};

/// One IP packet of a frame, borrowed from the Block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The sender's address.
    pub source: IpAddr,
    /// The receiver's address.
    pub destination: IpAddr,
    /// The protocol above IP and its extension headers.
    pub protocol: Protocol,
    /// Source and destination port, where the protocol has them and they were captured.
    pub ports: Option<(u16, u16)>,
    /// What a TCP header says; `None` for other protocols and where the capture ends before the flags.
    pub tcp: Option<Tcp>,
    /// IP bytes of the packet on the wire: header and all that follows, without padding of the link.
    pub length: u32,
    /// What TCP or UDP carries, as far as it was captured.
    pub payload: &'a [u8],
    /// Destination and source hardware address, as they stand in the Ethernet header.
    pub hardware: Option<&'a [u8; 12]>,
}

/// The part of a TCP header that conversations are told by (RFC 9293 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tcp {
    /// The control bits FIN, SYN, RST, PSH, ACK, URG, ECE, CWR from the lowest up.
    pub flags: u8,
    /// The sequence number.
    pub sequence: u32,
}

impl Tcp {
    const FIN: u8 = 1;
    const SYN: u8 = 2;
    const RST: u8 = 4;
    const ACK: u8 = 16;

    /// The first packet of a client.
    pub fn opens(self) -> bool {
        self.flags & (Self::SYN | Self::ACK | Self::RST) == Self::SYN
    }

    /// The first packet of a server that takes the connection.
    pub fn accepts(self) -> bool {
        self.flags & (Self::SYN | Self::ACK | Self::RST) == Self::SYN | Self::ACK
    }

    /// An abrupt end, or a refusal.
    pub fn resets(self) -> bool {
        self.flags & Self::RST != 0
    }

    /// The sender has no more to say.
    pub fn ends(self) -> bool {
        self.flags & Self::FIN != 0
    }
}

impl Packet<'_> {
    /// A hash of sender, receiver and ports, the same in every run: equal for the packets of a flow, and seldom for others.
    #[inline(always)]
    pub fn tag(&self) -> u32 {
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        let fold = |address| match address {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            IpAddr::V6(address) => (address.to_bits() >> 64) as u64 ^ address.to_bits() as u64,
        };
        let ports = self.ports.map_or(0, |(source, destination)| u64::from(source) << 16 | u64::from(destination));
        let mixed = (fold(self.source).wrapping_mul(FACTOR) ^ fold(self.destination)).wrapping_mul(FACTOR) ^ ports;
        (mixed.wrapping_mul(FACTOR) >> 32) as u32
    }

    /// From sender to receiver.
    pub fn flow(&self) -> Flow {
        Flow {
            source: End { address: self.source, port: self.ports.map(|(port, _)| port) },
            destination: End { address: self.destination, port: self.ports.map(|(_, port)| port) },
            protocol: self.protocol,
        }
    }

    /// The sender's and the receiver's hardware address.
    pub fn macs(&self) -> Option<(Mac, Mac)> {
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5] = *self.hardware?;
        Some((Mac([s0, s1, s2, s3, s4, s5]), Mac([d0, d1, d2, d3, d4, d5])))
    }
}

/// A part of an IP datagram that was too long for some link on its way (RFC 791 section 3.2, RFC 8200 section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// The datagram's number, which all its fragments share.
    pub id: u32,
    /// Where in the datagram its bytes belong, in bytes after the IP header.
    pub offset: u32,
    /// Whether others come after it.
    pub more: bool,
    /// What the datagram holds, as the header of this fragment says.
    pub protocol: Protocol,
    /// How many bytes of the datagram it held on the wire.
    pub length: u32,
    /// Those bytes, as far as they were captured.
    pub data: &'a [u8],
}

/// What the long way found in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The innermost packet that was reached.
    pub packet: Packet<'a>,
    /// The packets that it lay in, the outermost first.
    pub outer: Encapsulations,
    /// Where the packet is a fragment: which. Tunnels in a fragment are not entered: it has to be put together first.
    pub fragment: Option<Fragment<'a>>,
    /// Whether the packet holds another one, deeper than [`MOST_TUNNELS`].
    pub is_deeper: bool,
}

/// The packets that a packet lay in, the outermost first.
pub type Encapsulations = ArrayVec<Encapsulation, MOST_TUNNELS>;

/// Why a frame gave no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Skip {
    /// ARP, spanning tree, LLDP and whatever else is no IP.
    NotIp,
    /// The frame was cut before the addresses.
    Cut,
    /// A header contradicts itself.
    Malformed,
    /// More tags and labels, one in the other, than [`MOST_LINK_HEADERS`].
    TooDeep,
    /// A link type that this sensor does not read.
    UnknownLink,
}

impl Skip {
    /// All reasons, each at the place of its number.
    pub const ALL: [Self; 5] = [Self::NotIp, Self::Cut, Self::Malformed, Self::TooDeep, Self::UnknownLink];

    /// What it is called in a summary.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotIp => "not IP",
            Self::Cut => "cut before the addresses",
            Self::Malformed => "malformed header",
            Self::TooDeep => "too many link headers",
            Self::UnknownLink => "unknown link type",
        }
    }
}

/// How many link headers (VLAN tags, MPLS labels, bridges in bridges) are walked before a frame is given up.
///
/// Real networks stack four or five; a frame of nothing but tags would otherwise cost hundreds of steps.
pub const MOST_LINK_HEADERS: usize = 16;

/// The VLANs of a packet in this frame: those of the innermost Ethernet header before it, which in a mirror of a switch's port
/// is the mirrored frame's own.
///
/// Read only where a packet matters, from the bytes behind the header's addresses: decoding has no need of them.
pub fn vlans(link: LinkType, frame: &[u8], packet: &Packet<'_>) -> Vlans {
    let Some(hardware) = packet.hardware else { return outer_vlans(link, frame) };
    let start = hardware.as_ptr().addr().checked_sub(frame.as_ptr().addr());
    let after = start.and_then(|start| frame.get(start.checked_add(hardware.len())?..));
    link::vlans(after.unwrap_or_default())
}

/// The VLANs that the link header of a frame names, whatever lies in it. Of Linux's cooked headers the first kind alone has any.
pub fn outer_vlans(link: LinkType, frame: &[u8]) -> Vlans {
    let ether_type = match link {
        LinkType::ETHERNET => 12,
        LinkType::LINUX_SLL => 14,
        _ => return Vlans::new(),
    };
    link::vlans(frame.get(ether_type..).unwrap_or_default())
}

/// Reads a frame. `original` is its length on the wire.
#[inline]
pub fn decode(link: LinkType, frame: &[u8], original: u32) -> Result<Decoded<'_>, Skip> {
    match decode_usual(link, frame) {
        Some(packet) => Ok(Decoded { packet, outer: Encapsulations::new(), fragment: None, is_deeper: false }),
        None => decode_any(link, frame, original),
    }
}

/// The short way alone: `None` for a frame of another shape than the usual one, and for one that may hold a tunnel.
///
/// For the scan, which keeps what it returns in registers as long as it is not mixed with what the long way returns.
#[inline(always)]
pub fn decode_usual(link: LinkType, frame: &[u8]) -> Option<Packet<'_>> {
    if link == LinkType::ETHERNET { short::decode(frame) } else { None }
}

/// The long way: every shape, the usual one included, and into tunnels.
#[inline(never)]
pub fn decode_any(link: LinkType, frame: &[u8], original: u32) -> Result<Decoded<'_>, Skip> {
    let network = link::find_network(link, frame)?;
    let before = frame.len() - network.bytes.len();
    // A writer that says fewer bytes than it captured is wrong about the wire, not about the bytes.
    let on_wire = (original as usize).max(frame.len()) - before;
    let mut ip = network::decode(network, on_wire)?;
    let mut outer = Encapsulations::new();
    let mut is_deeper = false;
    while ip.fragment.is_none()
        && let Some((tunnel, inner)) = tunnel::enter(&ip)
    {
        let packet = &ip.packet;
        let around = Encapsulation { flow: packet.flow(), tunnel, length: packet.length, macs: packet.macs() };
        if outer.try_push(around).is_err() {
            is_deeper = true;
            break;
        }
        ip = inner;
    }
    Ok(Decoded { packet: ip.packet, outer, fragment: ip.fragment, is_deeper })
}

#[cfg(test)]
mod tests;
