use super::*;
use crate::capture::LinkType;
use crate::decode::{Decoded, MOST_TUNNELS, decode_fast, decode_full};
use crate::flow::MacAddress;
use etherparse::PacketBuilder;
use proptest::prelude::*;

/// The ports of the inner packets.
const PORTS: Option<Ports> = Some(Ports { source: 5000, destination: 53 });

/// A UDP datagram from 10.0.0.1:5000 to 192.0.2.1:53 in IPv4.
fn four() -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ipv4([10, 0, 0, 1], [192, 0, 2, 1], 64).udp(5000, 53).write(&mut bytes, b"payload").unwrap();
    bytes
}

/// The same in IPv6.
fn six() -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ipv6([0x20; 16], [0x21; 16], 64).udp(5000, 53).write(&mut bytes, b"payload").unwrap();
    bytes
}

/// The packet in an Ethernet frame whose MAC addresses end in `last`.
fn ethernet(last: u8, ether_type: u16, packet: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, last, 2, 0, 0, 0, 1, last][..], &ether_type.to_be_bytes(), packet].concat()
}

/// An IPv4 packet from 172.16.0.1 to 172.16.0.2 that carries `data`.
fn around(protocol: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x45, 0];
    bytes.extend((20 + data.len() as u16).to_be_bytes());
    bytes.extend([0, 0, 0, 0, 64, protocol, 0, 0, 172, 16, 0, 1, 172, 16, 0, 2]);
    [&bytes, data].concat()
}

fn around_v6(protocol: u8, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16).to_be_bytes();
    [&[0x60, 0, 0, 0, length[0], length[1], protocol, 64][..], &[0x30; 16], &[0x31; 16], data].concat()
}

fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = 8 + payload.len() as u16;
    let words: Vec<u8> = [source, destination, length, 0].into_iter().flat_map(u16::to_be_bytes).collect();
    around(17, &[&words, payload].concat())
}

fn gre(header: &[u8], data: &[u8]) -> Vec<u8> {
    around(47, &[header, data].concat())
}

/// Decodes an Ethernet frame, which the fast path must reject.
fn read(frame: &[u8]) -> Decoded<'_> {
    assert_eq!(decode_fast(LinkType::ETHERNET, frame), None, "the fast path enters no tunnels");
    decode_full(LinkType::ETHERNET, frame, frame.len() as u32).unwrap()
}

/// Each tunnel protocol: its name, and an outer IP packet.
fn kinds() -> Vec<(&'static str, Vec<u8>)> {
    let (four, six) = (four(), six());
    let inner = ethernet(9, 0x0800, &four);
    let inner_six = ethernet(9, 0x86dd, &six);
    let vxlan = [&[8, 0, 0, 0, 0, 0, 42, 0][..], &inner].concat();
    let teredo_extras = [&[0, 1, 2, 3][..], &[7; 5], &[9; 9], &[0, 0, 1, 1, 2, 2, 2, 2]].concat();
    let mpls = [&[0, 1, 0x41, 64][..], &four].concat();
    vec![
        ("IP-in-IP", around(4, &four)),
        ("6in4", around(41, &six)),
        ("4in6", around_v6(4, &four)),
        ("6in6", around_v6(41, &six)),
        ("GRE", gre(&[0, 0, 8, 0], &four)),
        ("GRE", gre(&[0, 0, 0x86, 0xdd], &six)),
        ("GRE", gre(&[0x80, 0, 8, 0, 1, 2, 0, 0], &four)),
        ("GRE 77", gre(&[0xb0, 0, 8, 0, 1, 2, 0, 0, 0, 0, 0, 77, 0, 0, 0, 1], &four)),
        ("GRE 77", gre(&[0x20, 0, 0x65, 0x58, 0, 0, 0, 77], &inner)),
        ("GRE", gre(&[0, 0, 0x88, 0x47], &mpls)),
        ("ERSPAN", gre(&[0, 0, 0x88, 0xbe], &inner)),
        ("ERSPAN 5", gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 7, 0x18, 5, 0, 0, 0, 3], &inner)),
        ("ERSPAN 5", gre(&[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 7, 0x18, 5][..], &[0; 8]].concat(), &inner)),
        (
            "ERSPAN 5",
            gre(&[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 7, 0x18, 5][..], &[0; 6], &[8, 1], &[0; 8]].concat(), &four),
        ),
        ("PPTP 6", gre(&[0x30, 0x81, 0x88, 0x0b, 0, 39, 0, 6, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 3, 0, 0x21], &four)),
        ("VXLAN 42", udp(50_000, 4789, &vxlan)),
        ("VXLAN 42", udp(50_000, 8472, &vxlan)),
        ("VXLAN 42", udp(50_000, 4789, &[&[0x88, 0, 1, 2, 0, 0, 42, 0][..], &inner_six].concat())),
        ("VXLAN-GPE 42", udp(50_000, 4790, &[&[12, 0, 0, 1, 0, 0, 42, 0][..], &four].concat())),
        ("VXLAN-GPE 42", udp(50_000, 4790, &[&[12, 0, 0, 3, 0, 0, 42, 0][..], &inner].concat())),
        ("VXLAN-GPE 42", udp(50_000, 4790, &[&[8, 0, 0, 0, 0, 0, 42, 0][..], &inner].concat())),
        ("VXLAN-GPE 42", udp(50_000, 4790, &[&[8, 0, 0, 1, 0, 0, 42, 0][..], &four].concat())),
        ("GENEVE 42", udp(50_000, 6081, &[&[0, 0, 0x65, 0x58, 0, 0, 42, 0][..], &inner].concat())),
        ("GENEVE 42", udp(50_000, 6081, &[&[2, 0, 8, 0, 0, 0, 42, 0][..], &[1; 8], &four].concat())),
        ("GTP-U 258", udp(2152, 2152, &[&[0x30, 255, 0, 35, 0, 0, 1, 2][..], &four].concat())),
        ("GTP-U 258", udp(2152, 2152, &[&[0x32, 255, 0, 39, 0, 0, 1, 2, 0, 1, 0, 0][..], &six].concat())),
        (
            "GTP-U 258",
            udp(2152, 2152, &[&[0x34, 255, 0, 43, 0, 0, 1, 2, 0, 0, 0, 0x85, 1, 0, 9, 0][..], &four].concat()),
        ),
        ("Teredo", udp(50_000, 3544, &six)),
        ("Teredo", udp(3544, 50_000, &[&teredo_extras[..], &six].concat())),
    ]
}

#[test]
fn each_kind_leads_to_the_packet_in_it() {
    for (name, packet) in kinds() {
        let is_six = packet[0] >> 4 == 6;
        let frame = ethernet(1, if is_six { 0x86dd } else { 0x0800 }, &packet);
        let decoded = read(&frame);
        let tunnels: Vec<String> = decoded.outer.iter().map(|outer| outer.tunnel.to_string()).collect();
        assert_eq!(tunnels, [name]);
        assert_eq!((decoded.packet.ports, decoded.packet.payload), (PORTS, &b"payload"[..]), "{name}");
        let inner_length = if decoded.packet.source.is_ipv6() { six().len() } else { four().len() };
        assert_eq!(decoded.packet.length as usize, inner_length, "{name}");
        let outer = decoded.outer[0];
        assert_eq!(outer.length as usize, packet.len(), "{name}");
        assert_eq!(outer.macs.unwrap().1, MacAddress([2, 0, 0, 0, 0, 1]), "{name}");
        let source = if is_six { "3030:3030:3030:3030:3030:3030:3030:3030" } else { "172.16.0.1" };
        assert_eq!(outer.flow.source.address.to_string(), source, "{name}");
    }
}

#[test]
fn the_innermost_ethernet_header_gives_the_hardware_addresses() {
    let ours = |decoded: &Decoded<'_>| decoded.packet.macs().unwrap().1;
    let frame = ethernet(1, 0x0800, &gre(&[0, 0, 0x65, 0x58], &ethernet(9, 0x0800, &four())));
    assert_eq!(ours(&read(&frame)), MacAddress([2, 0, 0, 0, 0, 9]));
    let frame = ethernet(1, 0x0800, &around(4, &four()));
    assert_eq!(ours(&read(&frame)), MacAddress([2, 0, 0, 0, 0, 1]));
}

#[test]
fn tunnels_in_tunnels_are_entered_up_to_the_bound() {
    let nested = |depth: usize| ethernet(1, 0x0800, &(0..depth).fold(four(), |packet, _| around(4, &packet)));
    for depth in 1..=MOST_TUNNELS {
        let frame = nested(depth);
        let decoded = read(&frame);
        assert_eq!(
            (decoded.outer.len(), decoded.has_deeper_tunnel, decoded.packet.payload),
            (depth, false, &b"payload"[..])
        );
    }
    let frame = nested(MOST_TUNNELS + 3);
    let decoded = read(&frame);
    assert_eq!((decoded.outer.len(), decoded.has_deeper_tunnel), (MOST_TUNNELS, true));
    assert_eq!(decoded.packet.protocol, Protocol(4));
    let lengths: Vec<u32> = decoded.outer.iter().map(|outer| outer.length - decoded.packet.length).collect();
    assert_eq!(lengths, [80, 60, 40, 20]);
}

#[test]
fn what_only_looks_like_a_tunnel_is_the_outer_packet() {
    let inner = ethernet(9, 0x0800, &four());
    let arp = ethernet(9, 0x0806, &[0; 28]);
    let broken = ethernet(9, 0x0800, &[0x41; 60]);
    let cases = [
        ("VXLAN without its flag", udp(1, 4789, &[&[0; 8][..], &inner].concat())),
        ("VXLAN with ARP", udp(1, 4789, &[&[8, 0, 0, 0, 0, 0, 1, 0][..], &arp].concat())),
        ("VXLAN with a broken header", udp(1, 4789, &[&[8, 0, 0, 0, 0, 0, 1, 0][..], &broken].concat())),
        ("VXLAN that ends", udp(1, 4789, &[8, 0, 0, 0])),
        ("VXLAN from its port", udp(4789, 1, &[&[8, 0, 0, 0, 0, 0, 1, 0][..], &inner].concat())),
        ("GENEVE of another version", udp(1, 6081, &[&[0x40, 0, 0x65, 0x58, 0, 0, 1, 0][..], &inner].concat())),
        ("GENEVE whose options end beyond it", udp(1, 6081, &[&[63, 0, 0x65, 0x58, 0, 0, 1, 0][..], &inner].concat())),
        ("GTP-U echo", udp(1, 2152, &[&[0x30, 1, 0, 35, 0, 0, 1, 2][..], &four()].concat())),
        (
            "GTP-U with an extension of no length",
            udp(1, 2152, &[0x34, 255, 0, 8, 0, 0, 1, 2, 0, 0, 0, 0x85, 0, 0, 0, 0]),
        ),
        ("Teredo with IPv4", udp(1, 3544, &four())),
        ("GRE keep-alive", gre(&[0; 4], &[])),
        ("GRE with routing", gre(&[0x40, 0, 8, 0], &four())),
        ("GRE of version 2", gre(&[0, 2, 8, 0], &four())),
        ("PPTP without a payload", gre(&[0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 6, 0, 0, 0, 2], &[])),
        ("IP-in-IP with IPv6", around(4, &six())),
        ("6in4 cut", around(41, &six()[..30])),
    ];
    for (name, packet) in cases {
        let frame = ethernet(1, 0x0800, &packet);
        let decoded = decode_full(LinkType::ETHERNET, &frame, frame.len() as u32).unwrap();
        assert_eq!(decoded.outer.len(), 0, "{name}");
        assert_eq!(decoded.packet.source.to_string(), "172.16.0.1", "{name}");
        assert_eq!(decoded.packet.length as usize, packet.len(), "{name}");
    }
}

#[test]
fn a_cut_packet_in_a_tunnel_is_used_as_far_as_it_goes() {
    let packet = udp(50_000, 4789, &[&[8, 0, 0, 0, 0, 0, 42, 0][..], &ethernet(9, 0x0800, &four())].concat());
    let frame = ethernet(1, 0x0800, &packet);
    let cut = frame.len() - 10;
    let decoded = decode_full(LinkType::ETHERNET, &frame[..cut], frame.len() as u32).unwrap();
    assert_eq!((decoded.packet.length as usize, decoded.packet.ports), (four().len(), PORTS));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_bytes_in_a_tunnel_make_it_panic(
        kind in 0..kinds().len(),
        changes in prop::collection::vec((20usize..120, any::<u8>()), 0..6),
        cut in 0usize..160,
    ) {
        let mut packet = kinds().swap_remove(kind).1;
        for (place, value) in changes {
            if let Some(byte) = packet.get_mut(place) {
                *byte = value;
            }
        }
        packet.truncate(cut.max(1));
        if let Ok(decoded) = decode_full(LinkType::RAW, &packet, 200) {
            let mut length = 200;
            for outer in &decoded.outer {
                prop_assert!(outer.length <= length);
                length = outer.length;
            }
            prop_assert!(decoded.packet.length <= length);
        }
    }

    #[test]
    fn the_fast_path_rejects_whatever_may_be_a_tunnel(
        source in any::<u16>(),
        destination in prop_oneof![any::<u16>(), prop::sample::select(vec![4789u16, 8472, 4790, 6081, 2152, 3544])],
    ) {
        // Bytes that each tunnel protocol accepts as a header.
        let ports = Ports { source, destination };
        let accepts = |bytes: &[u8]| read_by_ports(ports, bytes).is_some();
        let any = accepts(&[0x0c, 0, 0, 3, 0, 0, 0, 0]) || accepts(&[0; 8]) || accepts(&[0x30, 255, 0, 0, 0, 0, 0, 0]);
        prop_assert_eq!(any, may_be_tunnel(ports));
    }
}
