//! The decoded packet.

use std::net::IpAddr;

use crate::flow::{Endpoint, Flow, MacAddress, Protocol};

/// One IP packet of a frame. It borrows from the frame's Block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The source address.
    pub source: IpAddr,
    /// The destination address.
    pub destination: IpAddr,
    /// The protocol above IP and its extension headers.
    pub protocol: Protocol,
    /// The ports. `None` if the protocol has none, or if they were not captured.
    pub ports: Option<Ports>,
    /// The TCP header. `None` for other protocols, and if the capture ends before the flags.
    pub tcp: Option<TcpHeader>,
    /// The length of the IP packet on the wire in bytes: the header and all that follows, without
    /// padding of the link.
    pub length: u32,
    /// The payload of TCP or UDP, as far as it was captured.
    pub payload: &'a [u8],
    /// The destination and the source MAC address of the innermost Ethernet header.
    pub ethernet_addresses: Option<&'a [u8; 12]>,
}

/// The ports of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// The source port.
    pub source: u16,
    /// The destination port.
    pub destination: u16,
}

/// The fields of a TCP header that conversation tracking needs (RFC 9293 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpHeader {
    /// The control bits FIN, SYN, RST, PSH, ACK, URG, ECE and CWR, from the lowest bit up.
    pub flags: u8,
    /// The sequence number.
    pub sequence: u32,
}

impl TcpHeader {
    const FIN: u8 = 1;
    const SYN: u8 = 2;
    const RST: u8 = 4;
    const ACK: u8 = 16;

    /// Returns true for a SYN: the first packet of a client.
    pub fn is_syn(self) -> bool {
        self.flags & (Self::SYN | Self::ACK | Self::RST) == Self::SYN
    }

    /// Returns true for a SYN-ACK: the first packet of a server that accepts the connection.
    pub fn is_syn_ack(self) -> bool {
        self.flags & (Self::SYN | Self::ACK | Self::RST) == Self::SYN | Self::ACK
    }

    /// Returns true for a RST: the connection is aborted or refused.
    pub fn is_rst(self) -> bool {
        self.flags & Self::RST != 0
    }

    /// Returns true for a FIN: the sender has no more data.
    pub fn is_fin(self) -> bool {
        self.flags & Self::FIN != 0
    }
}

impl Packet<'_> {
    /// A hash of addresses and ports: equal for all packets of a flow, rarely equal for packets of
    /// others, and the same in every run.
    #[inline(always)]
    pub fn flow_hash(&self) -> u32 {
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        let fold = |address| match address {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            IpAddr::V6(address) => (address.to_bits() >> 64) as u64 ^ address.to_bits() as u64,
        };
        let ports = self.ports.map_or(0, |ports| u64::from(ports.source) << 16 | u64::from(ports.destination));
        let mixed = (fold(self.source).wrapping_mul(FACTOR) ^ fold(self.destination)).wrapping_mul(FACTOR) ^ ports;
        (mixed.wrapping_mul(FACTOR) >> 32) as u32
    }

    /// The flow of the packet, from sender to receiver.
    pub fn flow(&self) -> Flow {
        Flow {
            source: Endpoint { address: self.source, port: self.ports.map(|ports| ports.source) },
            destination: Endpoint { address: self.destination, port: self.ports.map(|ports| ports.destination) },
            protocol: self.protocol,
        }
    }

    /// The MAC address of the sender, then that of the receiver.
    pub fn macs(&self) -> Option<(MacAddress, MacAddress)> {
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5] = *self.ethernet_addresses?;
        Some((MacAddress([s0, s1, s2, s3, s4, s5]), MacAddress([d0, d1, d2, d3, d4, d5])))
    }
}
