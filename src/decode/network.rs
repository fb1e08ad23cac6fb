//! IP with all its options and extension headers, read by etherparse.

use std::net::{IpAddr, Ipv4Addr};

use etherparse::{Ipv6ExtensionsSlice, LaxIpv4Slice, LaxIpv6Slice, ip_number};

use super::link::{Network, Version};
use super::{Packet, Skip, transport};
use crate::flow::Protocol;

/// The IPv4 header without options, in bytes.
const IPV4_HEADER: usize = 20;
/// The IPv6 header, in bytes.
const IPV6_HEADER: usize = 40;

/// Reads IP. `on_wire` is how many bytes from the IP header on the frame had on the wire.
pub(super) fn decode(network: Network<'_>, on_wire: usize) -> Result<Packet<'_>, Skip> {
    let version = match network.version {
        Version::Told(version) => version,
        Version::InFirstNibble => network.bytes.first().ok_or(Skip::Cut)? >> 4,
    };
    match version {
        4 => ipv4(network, on_wire),
        6 => ipv6(network, on_wire),
        _ => Err(Skip::NotIp),
    }
}

fn ipv4(network: Network<'_>, on_wire: usize) -> Result<Packet<'_>, Skip> {
    let header = network.bytes.first_chunk::<IPV4_HEADER>().ok_or(Skip::Cut)?;
    let header_length = usize::from(header[0] & 0xf) * 4;
    if header[0] >> 4 != 4 || header_length < IPV4_HEADER {
        return Err(Skip::Malformed);
    }
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let length = if total < header_length { on_wire } else { total.min(on_wire) };
    let packet = Packet {
        source: IpAddr::V4(Ipv4Addr::new(header[12], header[13], header[14], header[15])),
        destination: IpAddr::V4(Ipv4Addr::new(header[16], header[17], header[18], header[19])),
        protocol: Protocol(header[9]),
        ports: None,
        tcp: None,
        length: length as u32,
        payload: &[],
        hardware: network.hardware,
    };
    // Cut within its options: the addresses are there all the same.
    let Ok((slice, _)) = LaxIpv4Slice::from_slice(network.bytes) else { return Ok(packet) };
    let protocol = Protocol(slice.payload().ip_number.0);
    if slice.header().fragments_offset().value() != 0 {
        return Ok(Packet { protocol, ..packet });
    }
    let (ports, tcp, payload) = transport::decode(protocol, slice.payload().payload);
    Ok(Packet { protocol, ports, tcp, payload, ..packet })
}

fn ipv6(network: Network<'_>, on_wire: usize) -> Result<Packet<'_>, Skip> {
    if network.bytes.first().is_some_and(|byte| byte >> 4 != 6) {
        return Err(Skip::Malformed);
    }
    let (slice, _) = LaxIpv6Slice::from_slice(network.bytes).map_err(|_| Skip::Cut)?;
    let header = slice.header();
    let length = match usize::from(header.payload_length()) {
        0 => on_wire,
        length => (IPV6_HEADER + length).min(on_wire),
    };
    let later_fragment = later_fragment(slice.extensions());
    let protocol = later_fragment.unwrap_or(Protocol(slice.payload().ip_number.0));
    let (ports, tcp, payload) = match later_fragment {
        Some(_) => (None, None, &[][..]),
        None => transport::decode(protocol, slice.payload().payload),
    };
    Ok(Packet {
        source: IpAddr::V6(header.source_addr()),
        destination: IpAddr::V6(header.destination_addr()),
        protocol,
        ports,
        tcp,
        length: length as u32,
        payload,
        hardware: network.hardware,
    })
}

/// The protocol of a packet that is a fragment other than the first.
///
/// Walked by hand: the iterator of etherparse 0.21 trusts that the chain ends well, and where it was cut or broken off reads
/// beyond the bytes that there are.
fn later_fragment(extensions: &Ipv6ExtensionsSlice<'_>) -> Option<Protocol> {
    let mut kind = extensions.first_header()?;
    let mut rest = extensions.slice();
    while let [next, length, high, low, ..] = *rest {
        let units = usize::from(length);
        let length = match kind {
            ip_number::IPV6_FRAG => 8,
            ip_number::AUTH => (units + 2) * 4,
            _ => (units + 1) * 8,
        };
        if kind == ip_number::IPV6_FRAG && u16::from_be_bytes([high, low]) >> 3 != 0 {
            return Some(Protocol(next));
        }
        kind = next.into();
        rest = rest.get(length..)?;
    }
    None
}
