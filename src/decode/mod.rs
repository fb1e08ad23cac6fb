//! Bytes of a frame → one [`Packet`], or the reason why there is none.
//!
//! Two ways lead there. Nearly all traffic has the same header shape (Ethernet, IPv4 without options or IPv6 without
//! extensions, not fragmented, TCP or UDP, whole lengths): `short` reads it at fixed offsets. Every other shape goes the
//! long way: `link` walks the link layers down to IP, `network` lets etherparse read IP with its options and extensions.
//! Both must say the same of what both can read; a property test holds them against each other.

use std::net::IpAddr;

use crate::capture::LinkType;
use crate::flow::{End, Flow, Mac, Protocol};

mod link;
mod network;
mod short;
mod transport;

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

/// Reads a frame. `original` is its length on the wire.
#[inline]
pub fn decode(link: LinkType, frame: &[u8], original: u32) -> Result<Packet<'_>, Skip> {
    match decode_usual(link, frame) {
        Some(packet) => Ok(packet),
        None => decode_any(link, frame, original),
    }
}

/// The short way alone: `None` for a frame of another shape than the usual one.
///
/// For the scan, which keeps what it returns in registers as long as it is not mixed with what the long way returns.
#[inline(always)]
pub fn decode_usual(link: LinkType, frame: &[u8]) -> Option<Packet<'_>> {
    if link == LinkType::ETHERNET { short::decode(frame) } else { None }
}

/// The long way: every shape, the usual one included.
#[inline(never)]
pub fn decode_any(link: LinkType, frame: &[u8], original: u32) -> Result<Packet<'_>, Skip> {
    let network = link::find_network(link, frame)?;
    let before = frame.len() - network.bytes.len();
    // A writer that says fewer bytes than it captured is wrong about the wire, not about the bytes.
    let on_wire = (original as usize).max(frame.len()) - before;
    network::decode(network, on_wire)
}

#[cfg(test)]
mod tests;
