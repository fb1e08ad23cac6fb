//! IP packets and their payloads, byte by byte.
//!
//! Written by hand and not with the library that the sensor decodes with, so that a fault there
//! cannot cancel out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// TCP flags (RFC 9293 section 3.1).
pub const FIN: u8 = 0x01;
/// See [`FIN`].
pub const SYN: u8 = 0x02;
/// See [`FIN`].
pub const RST: u8 = 0x04;
/// See [`FIN`].
pub const PSH: u8 = 0x08;
/// See [`FIN`].
pub const ACK: u8 = 0x10;

/// IP protocol numbers (<https://www.iana.org/assignments/protocol-numbers>).
pub const ICMP: u8 = 1;
/// See [`ICMP`].
pub const TCP: u8 = 6;
/// See [`ICMP`].
pub const UDP: u8 = 17;
/// See [`ICMP`].
pub const GRE: u8 = 47;

/// The options of a Windows client's SYN: MSS 1460, window scale 8, selective acknowledgements.
pub const SYN_OPTIONS: [u8; 12] = [2, 4, 0x05, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2];

/// The Internet checksum (RFC 1071) over all parts, each of an even length but the last.
pub fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum: u64 = 0;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The TTL in a packet: 128 within the network (Windows), and for other hosts what is left of 64
/// after some routers.
fn hops_left(source: IpAddr) -> u8 {
    match source {
        IpAddr::V4(address) if address.is_private() => 128,
        IpAddr::V4(address) => 44 + address.octets()[3] % 16,
        IpAddr::V6(_) => 64,
    }
}

/// An IPv4 packet. `options` is padded to a multiple of four bytes.
pub fn ipv4(source: Ipv4Addr, destination: Ipv4Addr, options: &[u8], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut options = options.to_vec();
    options.resize(options.len().next_multiple_of(4), 0);
    let header = 20 + options.len();
    let mut packet = vec![0x40 | (header / 4) as u8, 0];
    packet.extend(((header + payload.len()) as u16).to_be_bytes());
    // An identification that differs from packet to packet, and "don't fragment".
    packet.extend(checksum(&[payload]).to_be_bytes());
    packet.extend([0x40, 0, hops_left(source.into()), protocol, 0, 0]);
    packet.extend(source.octets());
    packet.extend(destination.octets());
    packet.extend(options);
    let sum = checksum(&[&packet]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(payload);
    packet
}

/// A fragment of an IPv4 packet made here: the bytes that begin at `offset` (a multiple of eight)
/// in datagram `id`.
pub fn fragment(packet: &[u8], id: u16, offset: usize, more: bool) -> Vec<u8> {
    let mut packet = packet.to_vec();
    let header = usize::from(packet[0] & 0xf) * 4;
    packet[4..6].copy_from_slice(&id.to_be_bytes());
    let place = (offset / 8) as u16 | if more { 0x2000 } else { 0 };
    packet[6..8].copy_from_slice(&place.to_be_bytes());
    packet[10..12].fill(0);
    let sum = checksum(&[&packet[..header]]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet
}

/// An IPv6 packet. Each extension header is its protocol number and its bytes after the "next
/// header" byte, lengths included.
pub fn ipv6(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    extensions: &[(u8, &[u8])],
    protocol: u8,
    payload: &[u8],
) -> Vec<u8> {
    let mut rest = Vec::new();
    for (place, (_, bytes)) in extensions.iter().enumerate() {
        rest.push(extensions.get(place + 1).map_or(protocol, |next| next.0));
        rest.extend(*bytes);
    }
    rest.extend(payload);
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((rest.len() as u16).to_be_bytes());
    packet.extend([extensions.first().map_or(protocol, |first| first.0), hops_left(source.into())]);
    packet.extend(source.octets());
    packet.extend(destination.octets());
    packet.extend(rest);
    packet
}

/// An IPv4 packet, or an IPv6 packet where one of the addresses is IPv6.
pub fn ip(source: IpAddr, destination: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => ipv4(source, destination, &[], protocol, payload),
        _ => ipv6(as_v6(source), as_v6(destination), &[], protocol, payload),
    }
}

fn as_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// The checksum of a transport header: over the pseudo header (RFC 9293 section 3.1, RFC 8200
/// section 8.1) and all of `bytes`.
fn transport_checksum(from: SocketAddr, to: SocketAddr, protocol: u8, bytes: &[u8]) -> u16 {
    let length = (bytes.len() as u32).to_be_bytes();
    match (from.ip(), to.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            checksum(&[&source.octets(), &destination.octets(), &[0, protocol], &length, bytes])
        }
        (source, destination) => {
            checksum(&[&as_v6(source).octets(), &as_v6(destination).octets(), &length, &[0, 0, 0, protocol], bytes])
        }
    }
}

/// A UDP datagram, without the IP header.
pub fn datagram(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 + payload.len());
    bytes.extend(from.port().to_be_bytes());
    bytes.extend(to.port().to_be_bytes());
    bytes.extend(((8 + payload.len()) as u16).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(payload);
    let sum = match transport_checksum(from, to, UDP, &bytes) {
        // Zero means "none" (RFC 768).
        0 => 0xffff,
        sum => sum,
    };
    bytes[6..8].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// The parts of a TCP segment that change from one to the next.
#[derive(Default)]
pub struct Segment<'a> {
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number.
    pub acknowledged: u32,
    /// Of [`FIN`], [`SYN`], …
    pub flags: u8,
    /// Options, a multiple of four bytes.
    pub options: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
}

/// A TCP segment, without the IP header.
pub fn segment(from: SocketAddr, to: SocketAddr, segment: &Segment) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(20 + segment.options.len() + segment.payload.len());
    bytes.extend(from.port().to_be_bytes());
    bytes.extend(to.port().to_be_bytes());
    bytes.extend(segment.sequence.to_be_bytes());
    bytes.extend(segment.acknowledged.to_be_bytes());
    let window: u16 = if segment.flags & RST != 0 { 0 } else { 64_240 };
    bytes.extend([(((20 + segment.options.len()) / 4) << 4) as u8, segment.flags]);
    bytes.extend(window.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(segment.options);
    bytes.extend(segment.payload);
    let sum = transport_checksum(from, to, TCP, &bytes);
    bytes[16..18].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// An IP packet with a UDP datagram.
pub fn udp(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    ip(from.ip(), to.ip(), UDP, &datagram(from, to, payload))
}

/// An IP packet with a TCP segment.
pub fn tcp(from: SocketAddr, to: SocketAddr, parts: &Segment) -> Vec<u8> {
    ip(from.ip(), to.ip(), TCP, &segment(from, to, parts))
}

/// An ICMP echo request, or the reply to it (RFC 792), as Windows sends it.
pub fn icmp_echo(source: Ipv4Addr, destination: Ipv4Addr, reply: bool, sequence: u16) -> Vec<u8> {
    icmp_echo_of(source, destination, reply, sequence, b"abcdefghijklmnopqrstuvwabcdefghi")
}

/// An ICMP echo request or reply with a given content.
pub fn icmp_echo_of(source: Ipv4Addr, destination: Ipv4Addr, reply: bool, sequence: u16, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![if reply { 0 } else { 8 }, 0, 0, 0, 0, 1];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(content);
    let sum = checksum(&[&bytes]);
    bytes[2..4].copy_from_slice(&sum.to_be_bytes());
    ipv4(source, destination, &[], ICMP, &bytes)
}

/// The addresses of an IP packet made here; unspecified ones where `packet` is none.
pub fn addresses(packet: &[u8]) -> (IpAddr, IpAddr) {
    let part = |start: usize, length: usize| packet.get(start..start + length).unwrap_or_default();
    let v4 = |start| part(start, 4).try_into().map_or(Ipv4Addr::UNSPECIFIED, |bytes: [u8; 4]| bytes.into());
    let v6 = |start| part(start, 16).try_into().map_or(Ipv6Addr::UNSPECIFIED, |bytes: [u8; 16]| bytes.into());
    match packet.first().map(|byte| byte >> 4) {
        Some(6) => (v6(8).into(), v6(24).into()),
        _ => (v4(12).into(), v4(16).into()),
    }
}
