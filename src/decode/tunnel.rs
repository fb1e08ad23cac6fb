//! Decapsulates tunnels: decodes the packet in a packet.
//!
//! A port only hints at a tunnel. So each tunnel header must conform to its specification, and its
//! payload must lead to an IP header. Otherwise the packet counts as an ordinary datagram, and
//! nothing is lost.
//!
//! The content of ESP is encrypted and not decoded. The content of an authentication header (AH) is
//! decoded like that of an extension header, not as a tunnel.

use super::encapsulation::Tunnel;
use super::link::{self, IpVersion, NextHeader};
use super::network::{self, IpPacket};
use super::packet::Ports;
use super::transport::UDP_HEADER;
use crate::flow::Protocol;

/// The most extension headers of a GTP-U header. The specification defines about ten types; a
/// packet has one or two.
const MOST_GTP_EXTENSIONS: usize = 8;

/// A decoded tunnel header, and the bytes after it.
struct TunnelHeader<'a> {
    tunnel: Tunnel,
    /// The header that the payload starts with.
    next: NextHeader,
    payload: &'a [u8],
}

impl<'a> TunnelHeader<'a> {
    fn new(tunnel: Tunnel, next: NextHeader, payload: &'a [u8]) -> Self {
        Self { tunnel, next, payload }
    }
}

/// Reads the header of a tunnel that has an IP protocol number. `is_v6` is true if the outer packet
/// is IPv6.
fn read_by_protocol(protocol: Protocol, is_v6: bool, bytes: &[u8]) -> Option<TunnelHeader<'_>> {
    let ip = |tunnel, version| Some(TunnelHeader::new(tunnel, NextHeader::Ip(IpVersion::Announced(version)), bytes));
    match (protocol, is_v6) {
        (Protocol(4), false) => ip(Tunnel::IpInIp, 4),
        (Protocol(4), true) => ip(Tunnel::FourInSix, 4),
        (Protocol(41), false) => ip(Tunnel::SixInFour, 6),
        (Protocol(41), true) => ip(Tunnel::SixInSix, 6),
        (Protocol::GRE, _) => gre(bytes),
        _ => None,
    }
}

/// Reads the header of a tunnel over UDP, by its destination port. Teredo servers also answer from
/// that port.
fn read_by_ports(ports: Ports, bytes: &[u8]) -> Option<TunnelHeader<'_>> {
    match ports.destination {
        // Linux used 8472 before a port was assigned.
        4789 | 8472 => vxlan(bytes),
        4790 => vxlan_gpe(bytes),
        6081 => geneve(bytes),
        2152 => gtp_u(bytes),
        3544 => teredo(bytes),
        _ if ports.source == 3544 => teredo(bytes),
        _ => None,
    }
}

/// Returns true if a datagram with these ports may be a tunnel, for the fast path. The ports are
/// those of [`read_by_ports`].
#[inline(always)]
pub(super) fn may_be_tunnel(ports: Ports) -> bool {
    matches!(ports.destination, 2152 | 3544 | 4789 | 4790 | 6081 | 8472) || ports.source == 3544
}

/// Decodes the packet in a packet. Returns `None` if the packet is no tunnel, or if its content
/// cannot be decoded.
pub(super) fn decapsulate<'a>(outer: &IpPacket<'a>) -> Option<(Tunnel, IpPacket<'a>)> {
    let packet = &outer.packet;
    let (header, bytes, header_length) = if packet.protocol == Protocol::UDP {
        (read_by_ports(packet.ports?, packet.payload)?, packet.payload, outer.header_length + UDP_HEADER)
    } else {
        let header = read_by_protocol(packet.protocol, packet.source.is_ipv6(), outer.data)?;
        (header, outer.data, outer.header_length)
    };
    let network = link::walk(header.next, header.payload, packet.ethernet_addresses).ok()?;
    let inner_start = header_length + (bytes.len() - network.bytes.len());
    let length_on_wire = (packet.length as usize).saturating_sub(inner_start);
    Some((header.tunnel, network::decode(network, length_on_wire).ok()?))
}

fn split<const N: usize>(bytes: &[u8]) -> Option<(&[u8; N], &[u8])> {
    bytes.split_first_chunk::<N>()
}

fn u24([a, b, c]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, a, b, c])
}

fn gre(bytes: &[u8]) -> Option<TunnelHeader<'_>> {
    const CHECKSUM: u8 = 0x80;
    const ROUTING: u8 = 0x40;
    const KEY: u8 = 0x20;
    const SEQUENCE: u8 = 0x10;
    const ACKNOWLEDGED: u8 = 0x80;
    let (&[flags, version, high, low], mut rest) = split::<4>(bytes)?;
    let protocol = u16::from_be_bytes([high, low]);
    // Reads an optional field of four bytes. The outer `None` means that the bytes end.
    let mut optional_field = |is_present: bool| -> Option<Option<[u8; 4]>> {
        if !is_present {
            return Some(None);
        }
        let (field, after) = split::<4>(rest)?;
        rest = after;
        Some(Some(*field))
    };
    match version & 7 {
        // RFC 2784 removed the source routes of RFC 1701: no receiver accepts a packet that has
        // them.
        0 if flags & ROUTING == 0 => {
            optional_field(flags & CHECKSUM != 0)?;
            let key = optional_field(flags & KEY != 0)?.map(u32::from_be_bytes);
            let is_numbered = optional_field(flags & SEQUENCE != 0)?.is_some();
            match protocol {
                // ERSPAN type I has no header of its own, and its GRE header no sequence number.
                0x88be if !is_numbered => Some(TunnelHeader::new(Tunnel::Erspan(None), NextHeader::Ethernet, rest)),
                0x88be => erspan_ii(rest),
                0x22eb => erspan_iii(rest),
                0x6558 => Some(TunnelHeader::new(Tunnel::Gre(key), NextHeader::Ethernet, rest)),
                ether_type => Some(TunnelHeader::new(Tunnel::Gre(key), NextHeader::EtherType(ether_type), rest)),
            }
        }
        1 if protocol == 0x880b && flags & KEY != 0 => {
            let [length_high, length_low, call_high, call_low] = optional_field(true)??;
            optional_field(flags & SEQUENCE != 0)?;
            optional_field(version & ACKNOWLEDGED != 0)?;
            let rest = rest.get(..usize::from(u16::from_be_bytes([length_high, length_low]))).unwrap_or(rest);
            Some(TunnelHeader::new(Tunnel::Pptp(u16::from_be_bytes([call_high, call_low])), NextHeader::Ppp, rest))
        }
        _ => None,
    }
}

/// ERSPAN with its session ID: the lower ten bits of bytes 2 and 3 of its header.
fn erspan_session(high: u8, low: u8) -> Tunnel {
    Tunnel::Erspan(Some(u16::from_be_bytes([high, low]) & 0x3ff))
}

fn erspan_ii(bytes: &[u8]) -> Option<TunnelHeader<'_>> {
    let (header, rest) = split::<8>(bytes)?;
    (header[0] >> 4 == 1).then_some(TunnelHeader::new(erspan_session(header[2], header[3]), NextHeader::Ethernet, rest))
}

fn erspan_iii(bytes: &[u8]) -> Option<TunnelHeader<'_>> {
    let (header, rest) = split::<12>(bytes)?;
    let has_platform_header = header[11] & 1 == 1;
    let rest = if has_platform_header { split::<8>(rest)?.1 } else { rest };
    let next = match (header[10] >> 2) & 0x1f {
        0 => NextHeader::Ethernet,
        2 => NextHeader::Ip(IpVersion::InHeader),
        _ => return None,
    };
    (header[0] >> 4 == 2).then_some(TunnelHeader::new(erspan_session(header[2], header[3]), next, rest))
}

/// The flags not checked here belong to the Group Policy extension
/// (draft-smith-vxlan-group-policy). They do not change the layout.
fn vxlan(bytes: &[u8]) -> Option<TunnelHeader<'_>> {
    const HAS_NETWORK: u8 = 0x08;
    let (&[flags, _, _, _, a, b, c, _], rest) = split::<8>(bytes)?;
    (flags & HAS_NETWORK != 0).then_some(TunnelHeader::new(Tunnel::Vxlan(u24([a, b, c])), NextHeader::Ethernet, rest))
}

fn vxlan_gpe(bytes: &[u8]) -> Option<TunnelHeader<'_>> {
    const VERSION: u8 = 0x30;
    const HAS_NETWORK: u8 = 0x08;
    let (&[flags, _, _, protocol, a, b, c, _], rest) = split::<8>(bytes)?;
    if flags & (VERSION | HAS_NETWORK) != HAS_NETWORK {
        return None;
    }
    // A flag says that the protocol field is used. Some senders forget to set it. If the field is
    // not used it is zero, as in VXLAN.
    let next = match protocol {
        1 => NextHeader::Ip(IpVersion::Announced(4)),
        2 => NextHeader::Ip(IpVersion::Announced(6)),
        0 | 3 => NextHeader::Ethernet,
        _ => return None,
    };
    Some(TunnelHeader::new(Tunnel::VxlanGpe(u24([a, b, c])), next, rest))
}

fn geneve(bytes: &[u8]) -> Option<TunnelHeader<'_>> {
    let (&[version_and_length, _, high, low, a, b, c, _], rest) = split::<8>(bytes)?;
    let rest = rest.get(usize::from(version_and_length & 0x3f) * 4..)?;
    let next = match u16::from_be_bytes([high, low]) {
        0x6558 => NextHeader::Ethernet,
        ether_type => NextHeader::EtherType(ether_type),
    };
    (version_and_length >> 6 == 0).then_some(TunnelHeader::new(Tunnel::Geneve(u24([a, b, c])), next, rest))
}

fn gtp_u(bytes: &[u8]) -> Option<TunnelHeader<'_>> {
    const USER_DATA: u8 = 255;
    const ANY_OPTIONAL: u8 = 0x07;
    const HAS_EXTENSION: u8 = 0x04;
    let (&[flags, message, _, _, a, b, c, d], mut rest) = split::<8>(bytes)?;
    // Version 1, and the protocol type of GTP, not that of the charging protocol GTP'.
    if flags >> 4 != 0b0011 || message != USER_DATA {
        return None;
    }
    if flags & ANY_OPTIONAL != 0 {
        let (&[_, _, _, first], after) = split::<4>(rest)?;
        rest = after;
        let mut next = if flags & HAS_EXTENSION != 0 { first } else { 0 };
        for _ in 0..MOST_GTP_EXTENSIONS {
            if next == 0 {
                break;
            }
            let words = usize::from(*rest.first()?);
            let (extension, after) = rest.split_at_checked(words * 4)?;
            next = *extension.last()?;
            rest = after;
        }
        if next != 0 {
            return None;
        }
    }
    Some(TunnelHeader::new(Tunnel::GtpU(u32::from_be_bytes([a, b, c, d])), NextHeader::Ip(IpVersion::InHeader), rest))
}

/// An authentication and an origin indication may precede the packet (RFC 4380 section 5.1.1).
fn teredo(bytes: &[u8]) -> Option<TunnelHeader<'_>> {
    /// The length of nonce and confirmation byte.
    const AFTER_AUTHENTICATION: usize = 9;
    let bytes = match bytes {
        [0, 1, identifier, value, rest @ ..] => {
            rest.get(usize::from(*identifier) + usize::from(*value) + AFTER_AUTHENTICATION..)?
        }
        _ => bytes,
    };
    let bytes = match bytes {
        [0, 0, _, _, _, _, _, _, rest @ ..] => rest,
        _ => bytes,
    };
    Some(TunnelHeader::new(Tunnel::Teredo, NextHeader::Ip(IpVersion::Announced(6)), bytes))
}

#[cfg(test)]
mod tests;
