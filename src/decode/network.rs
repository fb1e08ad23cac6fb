//! Decodes IP with all its options and extension headers, with etherparse.

use std::net::{IpAddr, Ipv4Addr};

use etherparse::{LaxIpv4Slice, LaxIpv6Slice};

use super::fragment::Fragment;
use super::link::{IpVersion, NetworkLayer};
use super::packet::Packet;
use super::skip::SkipReason;
use super::transport::{self, Transport};
use crate::flow::Protocol;

/// The length of an IPv4 header without options, in bytes.
const IPV4_HEADER: usize = 20;
/// The length of an IPv6 header, in bytes.
const IPV6_HEADER: usize = 40;

/// An IP packet, with what the tunnel decoder needs to enter it.
pub(super) struct IpPacket<'a> {
    pub(super) packet: Packet<'a>,
    /// The payload of IP after its extension headers, as far as it was captured. Of a fragment: the
    /// part in this fragment.
    pub(super) data: &'a [u8],
    /// The length of the IP header and its extension headers, in bytes.
    pub(super) header_length: usize,
    /// The fragment, if the packet is one.
    pub(super) fragment: Option<Fragment<'a>>,
}

/// Decodes IP. `length_on_wire` is the length of the frame on the wire, counted from the IP header
/// on.
pub(super) fn decode(network: NetworkLayer<'_>, length_on_wire: usize) -> Result<IpPacket<'_>, SkipReason> {
    let version = match network.version {
        IpVersion::Announced(version) => version,
        IpVersion::InHeader => network.bytes.first().ok_or(SkipReason::Cut)? >> 4,
    };
    match version {
        4 => ipv4(network, length_on_wire),
        6 => ipv6(network, length_on_wire),
        _ => Err(SkipReason::NotIp),
    }
}

fn ipv4(network: NetworkLayer<'_>, length_on_wire: usize) -> Result<IpPacket<'_>, SkipReason> {
    let header = network.bytes.first_chunk::<IPV4_HEADER>().ok_or(SkipReason::Cut)?;
    let header_length = usize::from(header[0] & 0xf) * 4;
    if header[0] >> 4 != 4 || header_length < IPV4_HEADER {
        return Err(SkipReason::Malformed);
    }
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let length = if total < header_length { length_on_wire } else { total.min(length_on_wire) };
    let packet = Packet {
        source: IpAddr::V4(Ipv4Addr::new(header[12], header[13], header[14], header[15])),
        destination: IpAddr::V4(Ipv4Addr::new(header[16], header[17], header[18], header[19])),
        protocol: Protocol(header[9]),
        ports: None,
        tcp: None,
        length: length as u32,
        payload: &[],
        ethernet_addresses: network.ethernet_addresses,
    };
    // The packet is cut within its options. Its addresses are complete.
    let Ok((slice, _)) = LaxIpv4Slice::from_slice(network.bytes) else {
        return Ok(IpPacket { packet, data: &[], header_length, fragment: None });
    };
    let captured = length.min(network.bytes.len());
    let fragment = slice.header().is_fragmenting_payload().then(|| Fragment {
        id: slice.header().identification().into(),
        offset: u32::from(slice.header().fragments_offset().value()) * 8,
        more: slice.header().more_fragments(),
        protocol: Protocol(header[9]),
        length: length.saturating_sub(header_length) as u32,
        data: network.bytes.get(header_length..captured).unwrap_or_default(),
    });
    let protocol = Protocol(slice.payload().ip_number.0);
    let data = slice.payload().payload;
    let header_length = captured.saturating_sub(data.len());
    if fragment.is_some_and(|fragment| fragment.offset != 0) {
        return Ok(IpPacket { packet: Packet { protocol, ..packet }, data, header_length, fragment });
    }
    let Transport { ports, tcp, payload } = transport::decode(protocol, data);
    Ok(IpPacket { packet: Packet { protocol, ports, tcp, payload, ..packet }, data, header_length, fragment })
}

fn ipv6(network: NetworkLayer<'_>, length_on_wire: usize) -> Result<IpPacket<'_>, SkipReason> {
    if network.bytes.first().is_some_and(|byte| byte >> 4 != 6) {
        return Err(SkipReason::Malformed);
    }
    let (slice, _) = LaxIpv6Slice::from_slice(network.bytes).map_err(|_| SkipReason::Cut)?;
    let header = slice.header();
    let length = match usize::from(header.payload_length()) {
        0 => length_on_wire,
        length => (IPV6_HEADER + length).min(length_on_wire),
    };
    let captured = length.min(network.bytes.len());
    let after_header = network.bytes.get(IPV6_HEADER..captured).unwrap_or_default();
    let fragment = slice.payload().fragmented.then(|| ipv6_fragment(header.next_header().0, after_header, length));
    let fragment = fragment.flatten();
    let data = slice.payload().payload;
    let header_length = captured.saturating_sub(data.len());
    let later = fragment.filter(|fragment| fragment.offset != 0);
    let protocol = later.map_or(Protocol(slice.payload().ip_number.0), |later| later.protocol);
    let Transport { ports, tcp, payload } = match later {
        Some(_) => Transport::default(),
        None => transport::decode(protocol, data),
    };
    let packet = Packet {
        source: IpAddr::V6(header.source_addr()),
        destination: IpAddr::V6(header.destination_addr()),
        protocol,
        ports,
        tcp,
        length: length as u32,
        payload,
        ethernet_addresses: network.ethernet_addresses,
    };
    Ok(IpPacket { packet, data, header_length, fragment })
}

/// Reads the Fragment header (RFC 8200 section 4.5) after the extension headers before it, and the
/// data after it. `bytes` start after the IPv6 header. `length` is the length of the whole packet
/// on the wire.
///
/// The headers are walked by hand: the iterator of etherparse 0.21 expects a complete chain, and
/// reads past the end of the bytes if the chain was cut or is broken.
fn ipv6_fragment(mut next_header: u8, bytes: &[u8], length: usize) -> Option<Fragment<'_>> {
    const HOP_BY_HOP: u8 = 0;
    const ROUTING: u8 = 43;
    const FRAGMENT: u8 = 44;
    const AUTHENTICATION: u8 = 51;
    const OPTIONS: u8 = 60;
    let mut rest = bytes;
    loop {
        let (&[next, size, ..], _) = rest.split_first_chunk::<8>()?;
        let header_length = match next_header {
            HOP_BY_HOP | ROUTING | OPTIONS => (usize::from(size) + 1) * 8,
            AUTHENTICATION => (usize::from(size) + 2) * 4,
            FRAGMENT => break,
            _ => return None,
        };
        next_header = next;
        rest = rest.get(header_length..)?;
    }
    let (header, data) = rest.split_first_chunk::<8>()?;
    let offset_and_flags = u16::from_be_bytes([header[2], header[3]]);
    let data_start = IPV6_HEADER + (bytes.len() - data.len());
    Some(Fragment {
        id: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        offset: (offset_and_flags & !7).into(),
        more: offset_and_flags & 1 == 1,
        protocol: Protocol(header[0]),
        length: length.saturating_sub(data_start) as u32,
        data,
    })
}
