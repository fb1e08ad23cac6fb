//! Link layers: an IP packet becomes a frame.

use std::net::IpAddr;

use super::wire;

/// A link type and how it frames an IP packet.
#[derive(Clone, Copy)]
pub struct Link {
    /// The `LINKTYPE_` number (<https://www.tcpdump.org/linktypes.html>).
    pub number: u16,
    /// Frames an IP packet.
    pub frame: fn(&[u8]) -> Vec<u8>,
}

/// Plain Ethernet.
pub const ETHERNET: Link = Link { number: 1, frame: |packet| ethernet(&[], packet) };
/// One 802.1Q tag.
pub const VLAN: Link = Link { number: 1, frame: |packet| ethernet(&[(0x8100, 130)], packet) };
/// 802.1ad: a service tag and a customer tag.
pub const QINQ: Link = Link { number: 1, frame: |packet| ethernet(&[(0x88a8, 7), (0x8100, 130)], packet) };
/// Three tags; the outer one has the EtherType that was used before 802.1ad.
pub const TRIPLE: Link =
    Link { number: 1, frame: |packet| ethernet(&[(0x9100, 9), (0x88a8, 7), (0x8100, 130)], packet) };
/// Far more tags than any network has.
pub const VLAN_40_DEEP: Link = Link { number: 1, frame: |packet| ethernet(&[(0x8100, 1); 40], packet) };
/// One MPLS label.
pub const MPLS: Link = Link { number: 1, frame: |packet| mpls(&[16_001], packet) };
/// Three MPLS labels.
pub const MPLS_3: Link = Link { number: 1, frame: |packet| mpls(&[16_001, 24_017, 299_776], packet) };
/// A PPPoE session on Ethernet.
pub const PPPOE: Link = Link { number: 1, frame: |packet| with_macs(packet, 0x8864, &pppoe(packet)) };
/// PPP without the HDLC bytes.
pub const PPP: Link = Link { number: 9, frame: ppp };
/// PPP behind the address and control bytes of HDLC.
pub const PPP_HDLC: Link = Link { number: 50, frame: |packet| [&[0xff, 0x03], ppp(packet).as_slice()].concat() };
/// PPPoE from its own header on.
pub const PPP_ETHER: Link = Link { number: 51, frame: pppoe };
/// The bare packet.
pub const RAW: Link = Link { number: 101, frame: <[u8]>::to_vec };
/// The bare packet, always IPv4.
pub const IPV4: Link = Link { number: 228, frame: <[u8]>::to_vec };
/// The bare packet, always IPv6.
pub const IPV6: Link = Link { number: 229, frame: <[u8]>::to_vec };
/// Linux `any`, first version.
pub const SLL: Link = Link { number: 113, frame: sll };
/// Linux `any`, second version.
pub const SLL2: Link = Link { number: 276, frame: sll2 };
/// BSD loopback of a little-endian host.
pub const NULL_LITTLE: Link = Link { number: 0, frame: |packet| [&family(packet).to_le_bytes()[..], packet].concat() };
/// BSD loopback of a big-endian host.
pub const NULL_BIG: Link = Link { number: 0, frame: |packet| [&family(packet).to_be_bytes()[..], packet].concat() };
/// OpenBSD loopback: network byte order always.
pub const LOOP: Link = Link { number: 108, frame: |packet| [&family(packet).to_be_bytes()[..], packet].concat() };

/// The shortest Ethernet frame in a capture: 64 bytes without the check sequence.
const SHORTEST: usize = 60;
/// The office router, the next hop for all hosts outside.
const ROUTER: [u8; 6] = [0x00, 0x09, 0x0f, 0x20, 0x30, 0x01];

/// The hardware address for an IP address in the office networks, 10.20.30.0/24 and up, and
/// 2001:db8:30::/64.
pub fn mac(address: IpAddr) -> [u8; 6] {
    match address {
        IpAddr::V4(v4) => match v4.octets() {
            [10, 20, net, host] if net >= 30 => [0x3c, 0x52, 0x82, 20, net, host],
            [a, b, c, d] if a >= 224 => {
                if v4.is_broadcast() {
                    [0xff; 6]
                } else {
                    [0x01, 0x00, 0x5e, b & 0x7f, c, d]
                }
            }
            _ => ROUTER,
        },
        IpAddr::V6(v6) => match v6.octets() {
            [0x20, 0x01, 0x0d, 0xb8, 0, 0x30, .., host] => [0x3c, 0x52, 0x82, 20, 30, host],
            [0xff, .., a, b, c, d] => [0x33, 0x33, a, b, c, d],
            _ => ROUTER,
        },
    }
}

fn ether_type(packet: &[u8]) -> u16 {
    if packet.first().is_some_and(|byte| byte >> 4 == 6) { 0x86dd } else { 0x0800 }
}

/// `AF_INET`, and `AF_INET6` as FreeBSD numbers it.
fn family(packet: &[u8]) -> u32 {
    if ether_type(packet) == 0x86dd { 28 } else { 2 }
}

/// An Ethernet frame, padded as on the wire.
pub fn frame(destination: [u8; 6], source: [u8; 6], ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = [&destination[..], &source[..], &ether_type.to_be_bytes(), payload].concat();
    if frame.len() < SHORTEST {
        frame.resize(SHORTEST, 0);
    }
    frame
}

fn with_macs(packet: &[u8], ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let (source, destination) = wire::addresses(packet);
    frame(mac(destination), mac(source), ether_type, payload)
}

fn ethernet(tags: &[(u16, u16)], packet: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(packet.len() + 4 * tags.len());
    for (place, (_, vlan)) in tags.iter().enumerate() {
        payload.extend(vlan.to_be_bytes());
        payload.extend(tags.get(place + 1).map_or(ether_type(packet), |next| next.0).to_be_bytes());
    }
    payload.extend(packet);
    with_macs(packet, tags.first().map_or(ether_type(packet), |first| first.0), &payload)
}

fn mpls(labels: &[u32], packet: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (place, label) in labels.iter().enumerate() {
        let bottom = u32::from(place + 1 == labels.len());
        payload.extend((label << 12 | bottom << 8 | 63).to_be_bytes());
    }
    payload.extend(packet);
    with_macs(packet, 0x8847, &payload)
}

fn ppp(packet: &[u8]) -> Vec<u8> {
    let protocol: u16 = if ether_type(packet) == 0x86dd { 0x0057 } else { 0x0021 };
    [&protocol.to_be_bytes()[..], packet].concat()
}

fn pppoe(packet: &[u8]) -> Vec<u8> {
    let inner = ppp(packet);
    [&[0x11, 0x00, 0x2a, 0x01][..], &(inner.len() as u16).to_be_bytes(), &inner].concat()
}

/// The packet type of a "cooked" header: 0 = to this host, 4 = sent by it. The host is one in the
/// office.
fn cooked_direction(source: IpAddr) -> u8 {
    if mac(source) == ROUTER { 0 } else { 4 }
}

fn sll(packet: &[u8]) -> Vec<u8> {
    let (source, _) = wire::addresses(packet);
    let mut frame = vec![0, cooked_direction(source), 0, 1, 0, 6];
    frame.extend(mac(source));
    frame.extend([0, 0]);
    frame.extend(ether_type(packet).to_be_bytes());
    frame.extend(packet);
    frame
}

fn sll2(packet: &[u8]) -> Vec<u8> {
    let (source, _) = wire::addresses(packet);
    let mut frame = ether_type(packet).to_be_bytes().to_vec();
    frame.extend([0, 0, 0, 0, 0, 2, 0, 1, cooked_direction(source), 6]);
    frame.extend(mac(source));
    frame.extend([0, 0]);
    frame.extend(packet);
    frame
}
