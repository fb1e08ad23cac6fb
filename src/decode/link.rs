//! Walks the link headers of a frame down to IP.
//!
//! Link types: <https://www.tcpdump.org/linktypes.html>. EtherTypes:
//! <https://www.iana.org/assignments/ieee-802-numbers>. PPP protocol numbers:
//! <https://www.iana.org/assignments/ppp-numbers>.

use super::skip::SkipReason;
use crate::capture::LinkType;

/// The most nested link headers (VLAN tags, MPLS labels, bridged frames) that are walked before a
/// frame is skipped.
///
/// Real networks nest four or five. A hostile frame of nothing but tags would otherwise cost
/// hundreds of steps.
pub const MOST_LINK_HEADERS: usize = 16;

/// The network layer of a frame.
pub(super) struct NetworkLayer<'a> {
    pub(super) version: IpVersion,
    /// The bytes from the IP header on.
    pub(super) bytes: &'a [u8],
    /// The destination and the source MAC address of the innermost Ethernet header.
    pub(super) ethernet_addresses: Option<&'a [u8; 12]>,
}

/// The source of the IP version.
pub(super) enum IpVersion {
    /// The link header names the version.
    Announced(u8),
    /// The first four bits of the IP header are the version.
    InHeader,
}

/// The header that comes next.
pub(super) enum NextHeader {
    Ethernet,
    /// The header that an EtherType announces.
    EtherType(u16),
    /// One MPLS label (RFC 3032).
    Mpls,
    /// A PPP frame. It starts with its protocol number, or with address and control bytes.
    Ppp,
    /// A PPPoE session header (RFC 2516).
    Pppoe,
    /// LLC, in which SNAP may carry an EtherType (RFC 1042).
    Llc,
    Ip(IpVersion),
}

/// Walks from the start of a frame to IP.
pub(super) fn find_network_layer(link: LinkType, frame: &[u8]) -> Result<NetworkLayer<'_>, SkipReason> {
    let (next, bytes) = first_header(link, frame)?;
    walk(next, bytes, None)
}

/// Walks from any header to IP. `ethernet_addresses` are those of an earlier Ethernet header, if
/// there was one.
pub(super) fn walk<'a>(
    mut next: NextHeader,
    mut bytes: &'a [u8],
    mut ethernet_addresses: Option<&'a [u8; 12]>,
) -> Result<NetworkLayer<'a>, SkipReason> {
    for _ in 0..=MOST_LINK_HEADERS {
        if let NextHeader::Ip(version) = next {
            return Ok(NetworkLayer { version, bytes, ethernet_addresses });
        }
        if matches!(next, NextHeader::Ethernet) {
            ethernet_addresses = bytes.first_chunk::<12>();
        }
        (next, bytes) = read_header(next, bytes)?;
    }
    Err(SkipReason::TooDeep)
}

/// The first header of a frame, and the bytes from it on.
fn first_header(link: LinkType, frame: &[u8]) -> Result<(NextHeader, &[u8]), SkipReason> {
    Ok(match link {
        LinkType::ETHERNET => (NextHeader::Ethernet, frame),
        LinkType::RAW => (NextHeader::Ip(IpVersion::InHeader), frame),
        LinkType::IPV4 => (NextHeader::Ip(IpVersion::Announced(4)), frame),
        LinkType::IPV6 => (NextHeader::Ip(IpVersion::Announced(6)), frame),
        LinkType::NULL | LinkType::LOOP => {
            let (family, rest) = split::<4>(frame)?;
            (by_address_family(u32::from_be_bytes(*family)).ok_or(SkipReason::NotIp)?, rest)
        }
        LinkType::PPP | LinkType::PPP_HDLC => (NextHeader::Ppp, frame),
        LinkType::PPP_ETHER => (NextHeader::Pppoe, frame),
        LinkType::LINUX_SLL => {
            let (header, rest) = split::<16>(frame)?;
            (by_cooked_protocol(u16::from_be_bytes([header[14], header[15]])), rest)
        }
        LinkType::LINUX_SLL2 => {
            let (header, rest) = split::<20>(frame)?;
            (by_cooked_protocol(u16::from_be_bytes([header[0], header[1]])), rest)
        }
        _ => return Err(SkipReason::UnknownLink),
    })
}

/// Reads one header: returns the header after it, and the bytes from there on.
fn read_header(header: NextHeader, bytes: &[u8]) -> Result<(NextHeader, &[u8]), SkipReason> {
    Ok(match header {
        NextHeader::Ethernet => {
            let (header, rest) = split::<14>(bytes)?;
            (by_ether_type(u16::from_be_bytes([header[12], header[13]])), rest)
        }
        // The EtherType after the tag announces the next header.
        NextHeader::EtherType(number) if is_vlan_tag(number) => {
            let (tag, rest) = split::<4>(bytes)?;
            (by_ether_type(u16::from_be_bytes([tag[2], tag[3]])), rest)
        }
        NextHeader::EtherType(0x0800) => (NextHeader::Ip(IpVersion::Announced(4)), bytes),
        NextHeader::EtherType(0x86dd) => (NextHeader::Ip(IpVersion::Announced(6)), bytes),
        NextHeader::EtherType(0x8847 | 0x8848) => (NextHeader::Mpls, bytes),
        NextHeader::EtherType(0x8864) => (NextHeader::Pppoe, bytes),
        // Provider backbone bridging (IEEE 802.1ah): a service tag, then the complete Ethernet
        // frame of a customer.
        NextHeader::EtherType(0x88e7) => (NextHeader::Ethernet, split::<4>(bytes)?.1),
        NextHeader::EtherType(_) => return Err(SkipReason::NotIp),
        NextHeader::Mpls => {
            let (label, rest) = split::<4>(bytes)?;
            let is_last = label[2] & 1 == 1;
            match (is_last, rest.first().map(|byte| byte >> 4)) {
                (false, _) => (NextHeader::Mpls, rest),
                (true, Some(4 | 6)) => (NextHeader::Ip(IpVersion::InHeader), rest),
                // The control word of a pseudowire (RFC 4385) starts with four zero bits. Ethernet
                // follows it.
                (true, Some(0)) => (NextHeader::Ethernet, split::<4>(rest)?.1),
                (true, Some(_)) => return Err(SkipReason::NotIp),
                (true, None) => return Err(SkipReason::Cut),
            }
        }
        NextHeader::Pppoe => (NextHeader::Ppp, split::<6>(bytes)?.1),
        NextHeader::Ppp => {
            // Address and control (RFC 1662 section 3.1) precede the protocol unless they were
            // negotiated away.
            let bytes = bytes.strip_prefix(&[0xff, 0x03]).unwrap_or(bytes);
            // Only the last byte of a protocol number is odd, so a number may be compressed to one
            // byte (RFC 1661 section 6.5).
            let (protocol, rest) = match bytes {
                [only, rest @ ..] if only & 1 == 1 => (u16::from(*only), rest),
                [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
                _ => return Err(SkipReason::Cut),
            };
            match protocol {
                0x0021 => (NextHeader::Ip(IpVersion::Announced(4)), rest),
                0x0057 => (NextHeader::Ip(IpVersion::Announced(6)), rest),
                0x0281 | 0x0283 => (NextHeader::Mpls, rest),
                _ => return Err(SkipReason::NotIp),
            }
        }
        NextHeader::Llc => match bytes {
            [0xaa, 0xaa, 0x03, 0, 0, 0, high, low, rest @ ..] => {
                (by_ether_type(u16::from_be_bytes([*high, *low])), rest)
            }
            _ => return Err(SkipReason::NotIp),
        },
        NextHeader::Ip(version) => (NextHeader::Ip(version), bytes),
    })
}

/// Returns true for the EtherTypes of customer tags, service tags and three older provider tags.
pub(super) fn is_vlan_tag(ether_type: u16) -> bool {
    matches!(ether_type, 0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300)
}

/// The header that the type field of Ethernet announces. Below 0x600 the field is a length, and LLC
/// follows (IEEE 802.3 clause 3.2.6).
fn by_ether_type(number: u16) -> NextHeader {
    if number < 0x0600 { NextHeader::Llc } else { NextHeader::EtherType(number) }
}

/// The header that the protocol field of a Linux cooked header announces: an EtherType, or a small
/// number private to Linux.
fn by_cooked_protocol(protocol: u16) -> NextHeader {
    /// `ETH_P_802_2` in Linux.
    const LLC: u16 = 4;
    if protocol == LLC { NextHeader::Llc } else { NextHeader::EtherType(protocol) }
}

/// The header that the address family of a loopback header announces. The family is in the byte
/// order of the capturing host.
fn by_address_family(family: u32) -> Option<NextHeader> {
    let version = match family.min(family.swap_bytes()) {
        2 => 4,
        // Linux, NetBSD/OpenBSD, FreeBSD, macOS.
        10 | 24 | 28 | 30 => 6,
        _ => return None,
    };
    Some(NextHeader::Ip(IpVersion::Announced(version)))
}

fn split<const N: usize>(bytes: &[u8]) -> Result<(&[u8; N], &[u8]), SkipReason> {
    bytes.split_first_chunk::<N>().ok_or(SkipReason::Cut)
}
