//! Tunnels: from a packet to the packet in it.
//!
//! A port only hints at a tunnel. So each header is held against its specification, and what it announces must lead to an
//! IP header; otherwise the packet is what it looked like from outside, an ordinary datagram, and nothing is lost.
//!
//! ESP hides what it carries. What lies in an authentication header (AH) is read like an extension header, not a tunnel.

use std::fmt;

use super::link::{self, Layer, Version};
use super::network::{self, Ip};
use super::transport::UDP_HEADER;
use crate::flow::{Flow, Mac, Protocol};

/// How many tunnels are entered, one in the other.
///
/// A mirrored packet (VXLAN or ERSPAN) of a mobile network (GTP-U) with a user's own tunnel in it makes three. A hostile
/// frame could hold a thousand, each of which costs as much as a packet.
pub const MOST_TUNNELS: usize = 4;

/// How many extension headers a GTP-U header may have. The specification names about ten kinds, a packet has one or two.
const MOST_GTP_EXTENSIONS: usize = 8;

/// What a packet lay in, with the number that tells one such tunnel between two hosts from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tunnel {
    /// IPv4 in IPv4 (RFC 2003).
    IpInIp,
    /// IPv6 in IPv4 (RFC 4213).
    SixInFour,
    /// IPv4 in IPv6 (RFC 2473).
    FourInSix,
    /// IPv6 in IPv6 (RFC 2473).
    SixInSix,
    /// Generic routing encapsulation (RFC 2784), with its key (RFC 2890).
    Gre(Option<u32>),
    /// The GRE of PPTP (RFC 2637), with its call.
    Pptp(u16),
    /// A mirror of a switch's port (draft-foschiano-erspan-03), with its session from type II on.
    Erspan(Option<u16>),
    /// VXLAN (RFC 7348), with its network identifier. Clouds mirror virtual machines' traffic in it.
    Vxlan(u32),
    /// VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe), with its network identifier.
    VxlanGpe(u32),
    /// GENEVE (RFC 8926), with its network identifier.
    Geneve(u32),
    /// The user plane of mobile networks (3GPP TS 29.281), with its tunnel endpoint identifier.
    GtpU(u32),
    /// IPv6 over UDP through address translators (RFC 4380).
    Teredo,
}

impl Tunnel {
    /// The kind, and the number where there is one.
    fn parts(self) -> (&'static str, Option<u32>) {
        match self {
            Self::IpInIp => ("IP-in-IP", None),
            Self::SixInFour => ("6in4", None),
            Self::FourInSix => ("4in6", None),
            Self::SixInSix => ("6in6", None),
            Self::Gre(key) => ("GRE", key),
            Self::Pptp(call) => ("PPTP", Some(call.into())),
            Self::Erspan(session) => ("ERSPAN", session.map(u32::from)),
            Self::Vxlan(network) => ("VXLAN", Some(network)),
            Self::VxlanGpe(network) => ("VXLAN-GPE", Some(network)),
            Self::Geneve(network) => ("GENEVE", Some(network)),
            Self::GtpU(endpoint) => ("GTP-U", Some(endpoint)),
            Self::Teredo => ("Teredo", None),
        }
    }
}

impl fmt::Display for Tunnel {
    /// `6in4`, `VXLAN 42`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            (kind, None) => f.write_str(kind),
            (kind, Some(number)) => write!(f, "{kind} {number}"),
        }
    }
}

/// A packet that another lay in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encapsulation {
    /// Who sent it to whom: the ends of the tunnel.
    pub flow: Flow,
    /// How the packet lay in it.
    pub tunnel: Tunnel,
    /// IP bytes on the wire, those of the packet in it included.
    pub length: u32,
    /// The sender's and the receiver's hardware address.
    pub macs: Option<(Mac, Mac)>,
}

impl fmt::Display for Encapsulation {
    /// `VXLAN 42 from 10.0.0.1 to 10.0.0.2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {} to {}", self.tunnel, self.flow.source.address, self.flow.destination.address)
    }
}

/// What a tunnel's header announces, and the bytes after it.
type Opened<'a> = (Tunnel, Layer, &'a [u8]);

/// Tunnels that have an IP protocol number: `true` for the outer IP of version 6.
fn open_protocol(protocol: Protocol, is_v6: bool, bytes: &[u8]) -> Option<Opened<'_>> {
    match (protocol, is_v6) {
        (Protocol(4), false) => Some((Tunnel::IpInIp, Layer::Ip(Version::Told(4)), bytes)),
        (Protocol(4), true) => Some((Tunnel::FourInSix, Layer::Ip(Version::Told(4)), bytes)),
        (Protocol(41), false) => Some((Tunnel::SixInFour, Layer::Ip(Version::Told(6)), bytes)),
        (Protocol(41), true) => Some((Tunnel::SixInSix, Layer::Ip(Version::Told(6)), bytes)),
        (Protocol::GRE, _) => gre(bytes),
        _ => None,
    }
}

/// Tunnels over UDP, by the port that they are sent to; Teredo answers from it, too.
fn open_port((source, destination): (u16, u16), bytes: &[u8]) -> Option<Opened<'_>> {
    match destination {
        // 8472 is what Linux took before there was a number.
        4789 | 8472 => vxlan(bytes),
        4790 => vxlan_gpe(bytes),
        6081 => geneve(bytes),
        2152 => gtp_u(bytes),
        3544 => teredo(bytes),
        _ if source == 3544 => teredo(bytes),
        _ => None,
    }
}

/// Whether a datagram between these ports may be a tunnel: the same ports as in [`open_port`], for the short way.
#[inline(always)]
pub(super) fn may_be_between((source, destination): (u16, u16)) -> bool {
    matches!(destination, 2152 | 3544 | 4789 | 4790 | 6081 | 8472) || source == 3544
}

/// The packet in a packet; `None` where there is none that can be read.
pub(super) fn enter<'a>(outer: &Ip<'a>) -> Option<(Tunnel, Ip<'a>)> {
    let packet = &outer.packet;
    let (opened, bytes, headers) = if packet.protocol == Protocol::UDP {
        (open_port(packet.ports?, packet.payload)?, packet.payload, outer.headers + UDP_HEADER)
    } else {
        (open_protocol(packet.protocol, packet.source.is_ipv6(), outer.data)?, outer.data, outer.headers)
    };
    let (tunnel, layer, rest) = opened;
    let network = link::walk(layer, rest, packet.hardware).ok()?;
    let before = headers + (bytes.len() - network.bytes.len());
    let on_wire = (packet.length as usize).saturating_sub(before);
    Some((tunnel, network::decode(network, on_wire).ok()?))
}

fn split<const N: usize>(bytes: &[u8]) -> Option<(&[u8; N], &[u8])> {
    bytes.split_first_chunk::<N>()
}

fn u24([a, b, c]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, a, b, c])
}

fn gre(bytes: &[u8]) -> Option<Opened<'_>> {
    const CHECKSUM: u8 = 0x80;
    const ROUTING: u8 = 0x40;
    const KEY: u8 = 0x20;
    const SEQUENCE: u8 = 0x10;
    const ACKNOWLEDGED: u8 = 0x80;
    let (&[flags, version, high, low], mut rest) = split::<4>(bytes)?;
    let protocol = u16::from_be_bytes([high, low]);
    let mut field = |is_there: bool| -> Option<Option<[u8; 4]>> {
        if !is_there {
            return Some(None);
        }
        let (field, after) = split::<4>(rest)?;
        rest = after;
        Some(Some(*field))
    };
    match version & 7 {
        // Source routes (RFC 1701) were taken out by RFC 2784: a packet with them is for nobody.
        0 if flags & ROUTING == 0 => {
            field(flags & CHECKSUM != 0)?;
            let key = field(flags & KEY != 0)?.map(u32::from_be_bytes);
            let is_numbered = field(flags & SEQUENCE != 0)?.is_some();
            match protocol {
                // Type I has no header of its own, and no sequence number in GRE's.
                0x88be if !is_numbered => Some((Tunnel::Erspan(None), Layer::Ethernet, rest)),
                0x88be => erspan_ii(rest),
                0x22eb => erspan_iii(rest),
                0x6558 => Some((Tunnel::Gre(key), Layer::Ethernet, rest)),
                ether_type => Some((Tunnel::Gre(key), Layer::EtherType(ether_type), rest)),
            }
        }
        1 if protocol == 0x880b && flags & KEY != 0 => {
            let [length_high, length_low, call_high, call_low] = field(true)??;
            field(flags & SEQUENCE != 0)?;
            field(version & ACKNOWLEDGED != 0)?;
            let rest = rest.get(..usize::from(u16::from_be_bytes([length_high, length_low]))).unwrap_or(rest);
            Some((Tunnel::Pptp(u16::from_be_bytes([call_high, call_low])), Layer::Ppp, rest))
        }
        _ => None,
    }
}

/// The session: the lower ten bits of the second half of an ERSPAN header's first word.
fn erspan(high: u8, low: u8) -> Tunnel {
    Tunnel::Erspan(Some(u16::from_be_bytes([high, low]) & 0x3ff))
}

fn erspan_ii(bytes: &[u8]) -> Option<Opened<'_>> {
    let (header, rest) = split::<8>(bytes)?;
    (header[0] >> 4 == 1).then_some((erspan(header[2], header[3]), Layer::Ethernet, rest))
}

fn erspan_iii(bytes: &[u8]) -> Option<Opened<'_>> {
    let (header, rest) = split::<12>(bytes)?;
    let has_platform_header = header[11] & 1 == 1;
    let rest = if has_platform_header { split::<8>(rest)?.1 } else { rest };
    let layer = match (header[10] >> 2) & 0x1f {
        0 => Layer::Ethernet,
        2 => Layer::Ip(Version::InFirstNibble),
        _ => return None,
    };
    (header[0] >> 4 == 2).then_some((erspan(header[2], header[3]), layer, rest))
}

/// The other flags are Group Policy's (draft-smith-vxlan-group-policy): they change nothing of what follows.
fn vxlan(bytes: &[u8]) -> Option<Opened<'_>> {
    const HAS_NETWORK: u8 = 0x08;
    let (&[flags, _, _, _, a, b, c, _], rest) = split::<8>(bytes)?;
    (flags & HAS_NETWORK != 0).then_some((Tunnel::Vxlan(u24([a, b, c])), Layer::Ethernet, rest))
}

fn vxlan_gpe(bytes: &[u8]) -> Option<Opened<'_>> {
    const VERSION: u8 = 0x30;
    const HAS_NETWORK: u8 = 0x08;
    let (&[flags, _, _, protocol, a, b, c, _], rest) = split::<8>(bytes)?;
    if flags & (VERSION | HAS_NETWORK) != HAS_NETWORK {
        return None;
    }
    // A flag says whether the protocol is given. Some senders forget it; without a protocol there are zeros, as in VXLAN.
    let layer = match protocol {
        1 => Layer::Ip(Version::Told(4)),
        2 => Layer::Ip(Version::Told(6)),
        0 | 3 => Layer::Ethernet,
        _ => return None,
    };
    Some((Tunnel::VxlanGpe(u24([a, b, c])), layer, rest))
}

fn geneve(bytes: &[u8]) -> Option<Opened<'_>> {
    let (&[version_and_length, _, high, low, a, b, c, _], rest) = split::<8>(bytes)?;
    let rest = rest.get(usize::from(version_and_length & 0x3f) * 4..)?;
    let layer = match u16::from_be_bytes([high, low]) {
        0x6558 => Layer::Ethernet,
        ether_type => Layer::EtherType(ether_type),
    };
    (version_and_length >> 6 == 0).then_some((Tunnel::Geneve(u24([a, b, c])), layer, rest))
}

fn gtp_u(bytes: &[u8]) -> Option<Opened<'_>> {
    const USER_DATA: u8 = 255;
    const ANY_OPTIONAL: u8 = 0x07;
    const HAS_EXTENSION: u8 = 0x04;
    let (&[flags, message, _, _, a, b, c, d], mut rest) = split::<8>(bytes)?;
    // Version 1, and GTP rather than the charging protocol GTP'.
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
    Some((Tunnel::GtpU(u32::from_be_bytes([a, b, c, d])), Layer::Ip(Version::InFirstNibble), rest))
}

/// RFC 4380 section 5.1.1: an authentication and an origin indication may come before the packet.
fn teredo(bytes: &[u8]) -> Option<Opened<'_>> {
    /// Nonce and confirmation byte.
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
    Some((Tunnel::Teredo, Layer::Ip(Version::Told(6)), bytes))
}

#[cfg(test)]
mod tests;
