//! From the first byte of a frame down to IP.
//!
//! Link types: <https://www.tcpdump.org/linktypes.html>. EtherTypes:
//! <https://www.iana.org/assignments/ieee-802-numbers>. PPP protocol numbers: <https://www.iana.org/assignments/ppp-numbers>.

use super::{MOST_LINK_HEADERS, Skip};
use crate::capture::LinkType;
use crate::flow::Vlans;

/// Where IP begins.
pub(super) struct Network<'a> {
    pub(super) version: Version,
    /// From the IP header on.
    pub(super) bytes: &'a [u8],
    /// Destination and source of the innermost Ethernet header.
    pub(super) hardware: Option<&'a [u8; 12]>,
}

/// Whether the link says which IP it carries.
pub(super) enum Version {
    Told(u8),
    InFirstNibble,
}

/// What the next bytes are.
pub(super) enum Layer {
    Ethernet,
    /// What an EtherType announced.
    EtherType(u16),
    /// One MPLS label (RFC 3032).
    Mpls,
    /// A PPP frame, from its protocol number on, or from address and control bytes.
    Ppp,
    /// A PPPoE session header (RFC 2516).
    Pppoe,
    /// LLC, where SNAP may hold an EtherType (RFC 1042).
    Llc,
    Ip(Version),
}

/// Walks to IP.
pub(super) fn find_network(link: LinkType, frame: &[u8]) -> Result<Network<'_>, Skip> {
    let (layer, bytes) = first_layer(link, frame)?;
    walk(layer, bytes, None)
}

/// Walks to IP from any layer on. `hardware` is that of an Ethernet header before, if there was one.
pub(super) fn walk<'a>(
    mut layer: Layer,
    mut bytes: &'a [u8],
    mut hardware: Option<&'a [u8; 12]>,
) -> Result<Network<'a>, Skip> {
    for _ in 0..=MOST_LINK_HEADERS {
        if let Layer::Ip(version) = layer {
            return Ok(Network { version, bytes, hardware });
        }
        if matches!(layer, Layer::Ethernet) {
            hardware = bytes.first_chunk::<12>();
        }
        (layer, bytes) = step(layer, bytes)?;
    }
    Err(Skip::TooDeep)
}

fn first_layer(link: LinkType, frame: &[u8]) -> Result<(Layer, &[u8]), Skip> {
    Ok(match link {
        LinkType::ETHERNET => (Layer::Ethernet, frame),
        LinkType::RAW => (Layer::Ip(Version::InFirstNibble), frame),
        LinkType::IPV4 => (Layer::Ip(Version::Told(4)), frame),
        LinkType::IPV6 => (Layer::Ip(Version::Told(6)), frame),
        LinkType::NULL | LinkType::LOOP => {
            let (family, rest) = split::<4>(frame)?;
            (loopback(u32::from_be_bytes(*family)).ok_or(Skip::NotIp)?, rest)
        }
        LinkType::PPP | LinkType::PPP_HDLC => (Layer::Ppp, frame),
        LinkType::PPP_ETHER => (Layer::Pppoe, frame),
        LinkType::LINUX_SLL => {
            let (header, rest) = split::<16>(frame)?;
            (cooked(u16::from_be_bytes([header[14], header[15]])), rest)
        }
        LinkType::LINUX_SLL2 => {
            let (header, rest) = split::<20>(frame)?;
            (cooked(u16::from_be_bytes([header[0], header[1]])), rest)
        }
        _ => return Err(Skip::UnknownLink),
    })
}

fn step(layer: Layer, bytes: &[u8]) -> Result<(Layer, &[u8]), Skip> {
    Ok(match layer {
        Layer::Ethernet => {
            let (header, rest) = split::<14>(bytes)?;
            (ether_type(u16::from_be_bytes([header[12], header[13]])), rest)
        }
        // Customer, service and three older provider tags: the EtherType after the tag says what follows.
        Layer::EtherType(number) if is_tag(number) => {
            let (tag, rest) = split::<4>(bytes)?;
            (ether_type(u16::from_be_bytes([tag[2], tag[3]])), rest)
        }
        Layer::EtherType(0x0800) => (Layer::Ip(Version::Told(4)), bytes),
        Layer::EtherType(0x86dd) => (Layer::Ip(Version::Told(6)), bytes),
        Layer::EtherType(0x8847 | 0x8848) => (Layer::Mpls, bytes),
        Layer::EtherType(0x8864) => (Layer::Pppoe, bytes),
        // Provider backbone bridging (IEEE 802.1ah): the service tag, then a customer's whole Ethernet frame.
        Layer::EtherType(0x88e7) => (Layer::Ethernet, split::<4>(bytes)?.1),
        Layer::EtherType(_) => return Err(Skip::NotIp),
        Layer::Mpls => {
            let (label, rest) = split::<4>(bytes)?;
            let is_last = label[2] & 1 == 1;
            match (is_last, rest.first().map(|byte| byte >> 4)) {
                (false, _) => (Layer::Mpls, rest),
                (true, Some(4 | 6)) => (Layer::Ip(Version::InFirstNibble), rest),
                // A pseudowire's control word (RFC 4385) begins with a zero nibble; Ethernet follows.
                (true, Some(0)) => (Layer::Ethernet, split::<4>(rest)?.1),
                (true, Some(_)) => return Err(Skip::NotIp),
                (true, None) => return Err(Skip::Cut),
            }
        }
        Layer::Pppoe => (Layer::Ppp, split::<6>(bytes)?.1),
        Layer::Ppp => {
            // Address and control (RFC 1662 section 3.1) stand before the protocol, or were negotiated away.
            let bytes = bytes.strip_prefix(&[0xff, 0x03]).unwrap_or(bytes);
            // The last byte of a protocol number is odd, no other is; so one byte may stand for two (RFC 1661 section 6.5).
            let (protocol, rest) = match bytes {
                [only, rest @ ..] if only & 1 == 1 => (u16::from(*only), rest),
                [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
                _ => return Err(Skip::Cut),
            };
            match protocol {
                0x0021 => (Layer::Ip(Version::Told(4)), rest),
                0x0057 => (Layer::Ip(Version::Told(6)), rest),
                0x0281 | 0x0283 => (Layer::Mpls, rest),
                _ => return Err(Skip::NotIp),
            }
        }
        Layer::Llc => match bytes {
            [0xaa, 0xaa, 0x03, 0, 0, 0, high, low, rest @ ..] => (ether_type(u16::from_be_bytes([*high, *low])), rest),
            _ => return Err(Skip::NotIp),
        },
        Layer::Ip(version) => (Layer::Ip(version), bytes),
    })
}

fn is_tag(ether_type: u16) -> bool {
    matches!(ether_type, 0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300)
}

/// The VLANs that tags name, from the EtherType of the first on.
pub(super) fn vlans(mut bytes: &[u8]) -> Vlans {
    /// The lower twelve bits of a tag; the upper four are the frame's priority.
    const IDENTIFIER: u16 = 0x0fff;
    let mut vlans = Vlans::new();
    while let [high, low, tag_high, tag_low, rest @ ..] = bytes
        && is_tag(u16::from_be_bytes([*high, *low]))
        && !vlans.is_full()
    {
        // Zero names no VLAN: the tag is there for the priority alone.
        vlans.extend(Some(u16::from_be_bytes([*tag_high, *tag_low]) & IDENTIFIER).filter(|vlan| *vlan != 0));
        bytes = rest;
    }
    vlans
}

/// Below 0x600 it is a length, and LLC follows (IEEE 802.3 clause 3.2.6).
fn ether_type(number: u16) -> Layer {
    if number < 0x0600 { Layer::Llc } else { Layer::EtherType(number) }
}

/// The protocol of a cooked header: an EtherType, or a small number of Linux's own.
fn cooked(protocol: u16) -> Layer {
    /// `ETH_P_802_2`: LLC follows.
    const LLC: u16 = 4;
    if protocol == LLC { Layer::Llc } else { Layer::EtherType(protocol) }
}

/// The address family of a loopback header, in whichever byte order the capturing host had.
fn loopback(family: u32) -> Option<Layer> {
    let version = match family.min(family.swap_bytes()) {
        2 => 4,
        // Linux, NetBSD/OpenBSD, FreeBSD, macOS.
        10 | 24 | 28 | 30 => 6,
        _ => return None,
    };
    Some(Layer::Ip(Version::Told(version)))
}

fn split<const N: usize>(bytes: &[u8]) -> Result<(&[u8; N], &[u8]), Skip> {
    bytes.split_first_chunk::<N>().ok_or(Skip::Cut)
}
