//! Tunnels: an IP packet as the payload of another.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::cast::v4;
use super::link;
use super::wire::{self, GRE};

/// The ends of the tunnels: routers outside the office.
const FROM: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 11));
const TO: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 12));
const FROM_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xff, 0, 0, 0, 0, 0x11));
const TO_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xff, 0, 0, 0, 0, 0x12));

/// A way to encapsulate a packet.
pub type Tunnel = fn(&[u8]) -> Vec<u8>;

fn ethernet(packet: &[u8]) -> Vec<u8> {
    (link::ETHERNET.frame)(packet)
}

fn udp(port: u16, header: &[u8], content: &[u8]) -> Vec<u8> {
    // The source port varies with the flow, which spreads flows over links.
    let from = SocketAddr::new(FROM, 49_152 + wire::checksum(&[content]) % 16_384);
    wire::udp(from, SocketAddr::new(TO, port), &[header, content].concat())
}

/// GRE between the usual ends.
pub fn gre(header: &[u8], content: &[u8]) -> Vec<u8> {
    wire::ip(FROM, TO, GRE, &[header, content].concat())
}

/// VXLAN of network 42 from one end to another (RFC 7348).
pub fn vxlan_between(from: SocketAddr, to: SocketAddr, packet: &[u8]) -> Vec<u8> {
    wire::udp(from, to, &[&[8, 0, 0, 0, 0, 0, 42, 0][..], &ethernet(packet)].concat())
}

/// IPv4 in IPv4 (RFC 2003).
pub const IP_IN_IP: Tunnel = |packet| wire::ip(FROM, TO, 4, packet);
/// IPv6 in IPv4 (RFC 4213).
pub const SIX_IN_FOUR: Tunnel = |packet| wire::ip(FROM, TO, 41, packet);
/// IPv4 in IPv6 (RFC 2473).
pub const FOUR_IN_SIX: Tunnel = |packet| wire::ip(FROM_V6, TO_V6, 4, packet);
/// GRE without options (RFC 2784).
pub const GRE_PLAIN: Tunnel = |packet| gre(&[0, 0, 8, 0], packet);
/// GRE with checksum, key 77 and sequence number (RFC 2890).
pub const GRE_FULL: Tunnel = |packet| {
    let mut bytes = vec![0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 77, 0, 0, 0, 9];
    bytes.extend(packet);
    let sum = wire::checksum(&[&bytes]);
    bytes[4..6].copy_from_slice(&sum.to_be_bytes());
    gre(&bytes, &[])
};
/// Ethernet in GRE (RFC 7637 without its identifier).
pub const GRE_ETHERNET: Tunnel = |packet| gre(&[0, 0, 0x65, 0x58], &ethernet(packet));
/// PPTP (RFC 2637), call 6: PPP without compression.
pub const PPTP: Tunnel = |packet| {
    let [high, low] = (packet.len() as u16 + 4).to_be_bytes();
    gre(&[0x30, 0x81, 0x88, 0x0b, high, low, 0, 6, 0, 0, 0, 3, 0, 0, 0, 2, 0xff, 3, 0, 0x21], packet)
};
/// ERSPAN type I.
pub const ERSPAN_I: Tunnel = |packet| gre(&[0, 0, 0x88, 0xbe], &ethernet(packet));
/// ERSPAN type II, session 5.
pub const ERSPAN_II: Tunnel =
    |packet| gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 130, 0x18, 5, 0, 0, 0, 3], &ethernet(packet));
/// ERSPAN type III, session 5, with the platform's subheader.
pub const ERSPAN_III: Tunnel = |packet| {
    let header = [0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 130, 0x18, 5, 0, 1, 2, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    gre(&header, &ethernet(packet))
};
/// VXLAN, network 42.
pub const VXLAN: Tunnel = |packet| udp(4789, &[8, 0, 0, 0, 0, 0, 42, 0], &ethernet(packet));
/// VXLAN on the port that Linux used before one was assigned.
pub const VXLAN_OLD: Tunnel = |packet| udp(8472, &[8, 0, 0, 0, 0, 0, 42, 0], &ethernet(packet));
/// VXLAN-GPE with IPv4.
pub const VXLAN_GPE: Tunnel = |packet| udp(4790, &[12, 0, 0, 1, 0, 0, 42, 0], packet);
/// GENEVE (RFC 8926), network 42, with an option of eight bytes.
pub const GENEVE: Tunnel =
    |packet| udp(6081, &[2, 0, 0x65, 0x58, 0, 0, 42, 0, 1, 2, 0x80, 1, 1, 2, 3, 4], &ethernet(packet));
/// GTP-U (3GPP TS 29.281) with an extension header for a PDU session.
pub const GTP_U: Tunnel = |packet| {
    let [high, low] = (packet.len() as u16 + 8).to_be_bytes();
    let from = SocketAddr::new(FROM, 2152);
    let header = [0x34, 255, high, low, 0, 0, 1, 2, 0, 0, 0, 0x85, 1, 0x10, 9, 0];
    wire::udp(from, SocketAddr::new(TO, 2152), &[&header[..], packet].concat())
};
/// Teredo (RFC 4380) from the client, with an authentication indication.
pub const TEREDO: Tunnel = |packet| {
    let header = [0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0];
    wire::udp(v4([10, 20, 30, 40], 51_000), v4([192, 0, 2, 35], 3544), &[&header[..], packet].concat())
};
