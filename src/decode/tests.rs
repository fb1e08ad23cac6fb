use super::*;
use crate::capture::LinkType;
use crate::flow::Protocol;
use etherparse::{PacketBuilder, PacketBuilderStep, UdpHeader};
use proptest::prelude::*;

/// The ports of the packets that [`ipv4`] and [`ipv6`] make.
const PORTS: Option<Ports> = Some(Ports { source: 5000, destination: 53 });

fn addresses(packet: &Packet<'_>) -> (String, String) {
    (packet.source.to_string(), packet.destination.to_string())
}

/// An IPv4 packet with a UDP datagram from 10.0.0.1:5000 to 192.0.2.1:53 that carries `payload`.
fn ipv4(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ipv4([10, 0, 0, 1], [192, 0, 2, 1], 64).udp(5000, 53).write(&mut bytes, payload).unwrap();
    bytes
}

fn ipv6(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let end = |last| {
        let mut octets = [0; 16];
        (octets[0], octets[1], octets[15]) = (0x20, 1, last);
        octets
    };
    PacketBuilder::ipv6(end(1), end(2), 64).udp(5000, 53).write(&mut bytes, payload).unwrap();
    bytes
}

fn ethernet(headers: &[u8], packet: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], headers, packet].concat()
}

fn read(link: LinkType, frame: &[u8]) -> Result<Packet<'_>, SkipReason> {
    decode(link, frame, frame.len() as u32).map(|decoded| decoded.packet)
}

#[test]
fn every_link_layer_leads_to_the_same_packet() {
    let (four, six) = (ipv4(b"payload"), ipv6(b"payload"));
    let sll = |protocol: [u8; 2]| [&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 2, 0, 0][..], &protocol].concat();
    let sll2 = |protocol: [u8; 2]| [&protocol[..], &[0; 18]].concat();
    let label = |last: u8| [0, 1, 0x40 | last, 64];
    let cases: Vec<(&str, LinkType, Vec<u8>, &[u8])> = vec![
        ("Ethernet", LinkType::ETHERNET, ethernet(&[8, 0], &[]), &four),
        ("Ethernet IPv6", LinkType::ETHERNET, ethernet(&[0x86, 0xdd], &[]), &six),
        ("VLAN", LinkType::ETHERNET, ethernet(&[0x81, 0, 0, 7, 8, 0], &[]), &four),
        ("QinQ", LinkType::ETHERNET, ethernet(&[0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 8, 0], &[]), &four),
        ("MPLS", LinkType::ETHERNET, ethernet(&[&[0x88, 0x47][..], &label(0), &label(1)].concat(), &[]), &four),
        ("MPLS IPv6", LinkType::ETHERNET, ethernet(&[&[0x88, 0x47][..], &label(1)].concat(), &[]), &six),
        (
            "pseudowire",
            LinkType::ETHERNET,
            ethernet(&[&[0x88, 0x47][..], &label(1), &[0; 4], &ethernet(&[8, 0], &[])].concat(), &[]),
            &four,
        ),
        ("PPPoE", LinkType::ETHERNET, ethernet(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 9, 0, 0x21], &[]), &four),
        ("PPPoE IPv6", LinkType::ETHERNET, ethernet(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 9, 0, 0x57], &[]), &six),
        (
            "backbone bridge",
            LinkType::ETHERNET,
            ethernet(&[&[0x88, 0xe7, 0, 0, 0, 1][..], &ethernet(&[8, 0], &[])].concat(), &[]),
            &four,
        ),
        ("SNAP", LinkType::ETHERNET, ethernet(&[0, 60, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &[]), &four),
        ("SLL", LinkType::LINUX_SLL, sll([8, 0]), &four),
        ("SLL VLAN", LinkType::LINUX_SLL, [sll([0x81, 0]), vec![0, 7, 8, 0]].concat(), &four),
        ("SLL2", LinkType::LINUX_SLL2, sll2([0x86, 0xdd]), &six),
        ("RAW", LinkType::RAW, vec![], &four),
        ("RAW IPv6", LinkType::RAW, vec![], &six),
        ("IPV4", LinkType::IPV4, vec![], &four),
        ("IPV6", LinkType::IPV6, vec![], &six),
        ("NULL little", LinkType::NULL, vec![2, 0, 0, 0], &four),
        ("NULL big", LinkType::NULL, vec![0, 0, 0, 30], &six),
        ("LOOP", LinkType::LOOP, vec![0, 0, 0, 24], &six),
        ("PPP", LinkType::PPP, vec![0xff, 3, 0, 0x21], &four),
        ("PPP short", LinkType::PPP, vec![0x21], &four),
        ("PPP HDLC", LinkType::PPP_HDLC, vec![0xff, 3, 0, 0x57], &six),
        ("PPP Ethernet", LinkType::PPP_ETHER, vec![0x11, 0, 0, 1, 0, 9, 0, 0x21], &four),
    ];
    for (name, link, headers, packet) in cases {
        let frame = [&headers[..], packet].concat();
        let decoded = read(link, &frame).unwrap_or_else(|skip| panic!("{name}: {skip:?}"));
        assert_eq!(decoded.ports, PORTS, "{name}");
        assert_eq!(decoded.payload, b"payload", "{name}");
        assert_eq!(decoded.length as usize, packet.len(), "{name}");
        assert_eq!(decoded.ethernet_addresses.is_some(), link == LinkType::ETHERNET, "{name}");
    }
}

#[test]
fn tags_are_walked_up_to_the_bound() {
    let frame = |tags: usize| ethernet(&[[0x81, 0, 0, 7].repeat(tags), vec![8, 0]].concat(), &ipv4(b""));
    assert!(read(LinkType::ETHERNET, &frame(MOST_LINK_HEADERS - 2)).is_ok());
    assert_eq!(read(LinkType::ETHERNET, &frame(MOST_LINK_HEADERS)), Err(SkipReason::TooDeep));
}

#[test]
fn a_frame_without_ip_is_skipped_with_a_reason() {
    assert_eq!(read(LinkType::ETHERNET, &ethernet(&[8, 6], &[0; 28])), Err(SkipReason::NotIp));
    assert_eq!(read(LinkType::ETHERNET, &ethernet(&[8, 0], &[0x45; 10])), Err(SkipReason::Cut));
    assert_eq!(read(LinkType::ETHERNET, &ethernet(&[8, 0], &[0x41; 40])), Err(SkipReason::Malformed));
    assert_eq!(read(LinkType::ETHERNET, &[]), Err(SkipReason::Cut));
    for link in (0..=u16::MAX).map(LinkType) {
        let is_unknown = decode(link, &[0; 60], 60).err() == Some(SkipReason::UnknownLink);
        assert_eq!(is_unknown, !LinkType::SUPPORTED.contains(&link), "{link:?}");
    }
}

#[test]
fn link_padding_is_neither_length_nor_payload() {
    let packet = ipv4(b"hi");
    let frame = ethernet(&[8, 0], &[packet.clone(), vec![0; 20]].concat());
    let decoded = read(LinkType::ETHERNET, &frame).unwrap();
    assert_eq!((decoded.length as usize, decoded.payload), (packet.len(), &b"hi"[..]));
}

#[test]
fn a_zero_total_length_means_the_rest_of_the_frame() {
    let mut packet = ipv4(b"payload");
    packet[2..4].fill(0);
    packet[24..26].fill(0);
    let frame = ethernet(&[8, 0], &packet);
    let decoded = read(LinkType::ETHERNET, &frame).unwrap();
    assert_eq!((decoded.length as usize, decoded.payload), (packet.len(), &b"payload"[..]));
}

#[test]
fn a_cut_packet_is_used_as_far_as_it_goes() {
    let frame = ethernet(&[8, 0], &ipv4(b"payload"));
    let cut = |length| decode(LinkType::ETHERNET, &frame[..length], frame.len() as u32).unwrap().packet;
    assert_eq!((cut(34).ports, cut(34).length), (None, 35));
    assert_eq!(cut(38).ports, PORTS);
    assert_eq!(cut(45).payload, b"pay");
    assert_eq!(addresses(&cut(34)), ("10.0.0.1".to_owned(), "192.0.2.1".to_owned()));
}

#[test]
fn ipv4_options_and_ipv6_extensions_are_stepped_over() {
    let mut packet = ipv4(b"payload");
    packet[0] = 0x46;
    packet[3] += 4;
    packet.splice(20..20, [1, 1, 1, 0]);
    assert_eq!(read(LinkType::RAW, &packet).unwrap().payload, b"payload");
    // The options may be cut: the addresses precede them.
    assert_eq!(addresses(&read(LinkType::RAW, &packet[..22]).unwrap()).1, "192.0.2.1");

    let mut packet = ipv6(b"payload");
    packet[5] += 24;
    packet[6] = 0;
    // Hop-by-hop, destination options and routing, eight bytes each.
    packet.splice(40..40, [60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0]);
    let decoded = read(LinkType::RAW, &packet).unwrap();
    assert_eq!((decoded.protocol, decoded.ports, decoded.payload), (Protocol::UDP, PORTS, &b"payload"[..]));
}

/// The iterator of etherparse over extension headers reads past the end here.
#[test]
fn a_cut_extension_header_ends_the_walk() {
    let whole: [&[u8]; 3] = [&[60, 0, 0, 0, 0, 0, 0, 0], &[60, 0, 0, 0, 0, 0, 0, 1], &[44, 0, 1, 4, 0, 0, 0, 0]];
    for (first, header) in [44u8, 44, 0].into_iter().zip(whole) {
        // The next header is cut or missing.
        for more in [&[][..], &[17, 200, 0, 0, 0, 0, 0, 0], &[17]] {
            let mut packet = ipv6(&[]);
            packet.truncate(40);
            packet[6] = first;
            packet.extend([header, more].concat());
            packet[4..6].copy_from_slice(&60u16.to_be_bytes());
            let read = read(LinkType::RAW, &packet).unwrap();
            assert_eq!((addresses(&read).1.as_str(), read.ports), ("2001::2", None));
        }
    }
}

#[test]
fn a_chain_of_ipv6_extensions_that_breaks_off_is_read_as_far_as_it_goes() {
    let mut packet = ipv6(b"payload");
    packet[5] += 32;
    packet[6] = 0;
    // Hop-by-hop, authentication (12 bytes), a first fragment, and a second hop-by-hop, which is
    // not allowed there.
    let chain = [
        &[51, 0, 1, 4, 0, 0, 0, 0][..],
        &[44, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2],
        &[0, 0, 0, 1, 0, 0, 0, 9],
        &[17, 0, 1, 0],
    ];
    packet.splice(40..40, chain.concat());
    for length in 40..=packet.len() {
        let decoded = read(LinkType::RAW, &packet[..length]).unwrap();
        assert_eq!((addresses(&decoded).0, decoded.ports), (addresses(&read(LinkType::RAW, &packet).unwrap()).0, None));
    }
    // A later fragment after the same headers.
    packet[63] = 8;
    assert_eq!(read(LinkType::RAW, &packet).unwrap().protocol, Protocol(0));
}

#[test]
fn later_fragments_have_addresses_and_no_ports() {
    let mut packet = ipv4(b"payload");
    packet[7] = 2;
    let decoded = read(LinkType::RAW, &packet).unwrap();
    assert_eq!((decoded.protocol, decoded.ports, decoded.payload), (Protocol::UDP, None, &b""[..]));

    let mut packet = ipv6(b"payload");
    packet[5] += 8;
    packet[6] = 44;
    packet.splice(40..40, [17, 0, 0, 16, 0, 0, 0, 1]);
    let decoded = read(LinkType::RAW, &packet).unwrap();
    assert_eq!((decoded.protocol, decoded.ports), (Protocol::UDP, None));
}

#[test]
fn a_fragment_has_its_offset_in_the_datagram() {
    let fragment = |packet: &[u8]| {
        let decoded = decode(LinkType::RAW, packet, packet.len() as u32).unwrap();
        let fragment = decoded.fragment?;
        Some((fragment.id, fragment.offset, fragment.more, fragment.protocol, fragment.length, fragment.data.len()))
    };
    let mut packet = ipv4(b"payload");
    packet[4..8].copy_from_slice(&[0x12, 0x34, 0x20, 0]);
    assert_eq!(fragment(&packet), Some((0x1234, 0, true, Protocol::UDP, 15, 15)));
    // The first one has the ports.
    assert_eq!(read(LinkType::RAW, &packet).unwrap().ports, PORTS);
    packet[6..8].copy_from_slice(&[0, 2]);
    assert_eq!(fragment(&packet), Some((0x1234, 16, false, Protocol::UDP, 15, 15)));
    let cut = decode(LinkType::RAW, &packet[..30], 35).unwrap().fragment.unwrap();
    assert_eq!((cut.length, cut.data.len()), (15, 10));
    // A packet with only "don't fragment" set is no fragment.
    packet[6..8].copy_from_slice(&[0x40, 0]);
    assert_eq!(fragment(&packet), None);

    let with_header = |place: [u8; 2]| {
        let mut packet = ipv6(b"payload");
        packet[5] += 16;
        packet[6] = 0;
        packet.splice(40..40, [44, 0, 1, 4, 0, 0, 0, 0, 17, 0, place[0], place[1], 0, 1, 2, 3]);
        packet
    };
    assert_eq!(fragment(&with_header([0, 1])), Some((0x10203, 0, true, Protocol::UDP, 15, 15)));
    assert_eq!(fragment(&with_header([0, 16])), Some((0x10203, 16, false, Protocol::UDP, 15, 15)));
    // An atomic fragment: the whole datagram (RFC 6946).
    assert_eq!(fragment(&with_header([0, 0])), None);
}

#[test]
fn tcp_flags_show_which_side_opens_and_which_refuses() {
    let build = |set: fn(PacketBuilderStep<etherparse::TcpHeader>) -> PacketBuilderStep<etherparse::TcpHeader>| {
        let mut bytes = Vec::new();
        let step = PacketBuilder::ipv4([10, 0, 0, 1], [192, 0, 2, 1], 64).tcp(5000, 443, 77, 1024);
        set(step).write(&mut bytes, b"data").unwrap();
        bytes
    };
    let syn = build(|step| step.syn());
    let tcp = read(LinkType::RAW, &syn).unwrap().tcp.unwrap();
    assert!(tcp.is_syn() && !tcp.is_syn_ack() && !tcp.is_rst() && !tcp.is_fin());
    assert_eq!(tcp.sequence, 77);
    let accepted = build(|step| step.syn().ack(1));
    assert!(read(LinkType::RAW, &accepted).unwrap().tcp.unwrap().is_syn_ack());
    let refused = build(|step| step.rst().ack(1));
    assert!(read(LinkType::RAW, &refused).unwrap().tcp.unwrap().is_rst());
    assert_eq!(read(LinkType::RAW, &refused).unwrap().payload, b"data");
}

#[test]
fn a_udp_length_bounds_the_payload() {
    let mut packet = ipv4(b"payload");
    packet[24..26].copy_from_slice(&(UdpHeader::LEN as u16 + 3).to_be_bytes());
    assert_eq!(read(LinkType::RAW, &packet).unwrap().payload, b"pay");
    packet[24..26].copy_from_slice(&4u16.to_be_bytes());
    assert_eq!(read(LinkType::RAW, &packet).unwrap().payload, b"");
}

/// Frames of the usual shape, and frames that differ from it in a few bytes.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let base =
        (any::<bool>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..80)).prop_map(|(v6, tcp, payload)| {
            let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1]);
            let builder =
                if v6 { builder.ipv6([32; 16], [33; 16], 64) } else { builder.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64) };
            let mut frame = Vec::new();
            if tcp {
                builder.tcp(1000, 443, 5, 6).syn().write(&mut frame, &payload).unwrap();
            } else {
                builder.udp(1000, 53).write(&mut frame, &payload).unwrap();
            }
            frame
        });
    let changes = prop::collection::vec((0usize..80, any::<u8>()), 0..4);
    (base, changes, 0usize..140, 0usize..20).prop_map(|(mut frame, changes, cut, padding)| {
        frame.extend(std::iter::repeat_n(0, padding));
        for (place, value) in changes {
            if let Some(byte) = frame.get_mut(place) {
                *byte = value;
            }
        }
        frame.truncate(cut.max(14));
        frame
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_fast_path_agrees_with_the_full_path(frame in frames(), more in 0u32..100) {
        if let Some(packet) = fast_path::decode(&frame) {
            let decoded = Decoded { packet, outer: Encapsulations::new(), fragment: None, has_deeper_tunnel: false };
            prop_assert_eq!(Ok(decoded), decode_full(LinkType::ETHERNET, &frame, frame.len() as u32 + more));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(
        frame in prop::collection::vec(any::<u8>(), 0..120),
        link in prop::sample::select(vec![0u16, 1, 9, 50, 51, 101, 108, 113, 228, 229, 276, 147]),
        original in any::<u32>(),
    ) {
        if let Ok(decoded) = decode(LinkType(link), &frame, original) {
            prop_assert!(decoded.packet.payload.len() <= frame.len());
        }
    }
}

#[test]
fn the_vlans_are_those_of_the_innermost_ethernet_header() {
    let four = ipv4(b"payload");
    let tag = |vlan: u16| [&[0x81, 0][..], &vlan.to_be_bytes()].concat();
    let tagged = |vlans: &[u16], after: &[u8]| {
        let tags: Vec<u8> = vlans.iter().flat_map(|vlan| tag(*vlan)).collect();
        ethernet(&[&tags[..], &[8, 0]].concat(), after)
    };
    let mirror = |inner: &[u8]| {
        let mut bytes = Vec::new();
        let vxlan = [&[8, 0, 0, 0, 0, 0, 42, 0][..], inner].concat();
        PacketBuilder::ipv4([10, 9, 9, 9], [10, 9, 9, 8], 64).udp(5000, 4789).write(&mut bytes, &vxlan).unwrap();
        bytes
    };
    let cases: [(&str, LinkType, Vec<u8>, &[u16]); 9] = [
        ("none", LinkType::ETHERNET, tagged(&[], &four), &[]),
        ("one", LinkType::ETHERNET, tagged(&[130], &four), &[130]),
        ("two", LinkType::ETHERNET, tagged(&[7, 130], &four), &[7, 130]),
        ("with a priority", LinkType::ETHERNET, tagged(&[0xe000 | 130], &four), &[130]),
        ("a priority alone", LinkType::ETHERNET, tagged(&[0xe000, 130], &four), &[130]),
        ("more than are reported", LinkType::ETHERNET, tagged(&[1, 2, 3, 4, 5], &four), &[1, 2, 3, 4]),
        ("in a mirrored frame", LinkType::ETHERNET, tagged(&[7], &mirror(&tagged(&[130], &four))), &[130]),
        ("in a bridge", LinkType::ETHERNET, ethernet(&[0x88, 0xe7, 0, 0, 0, 1], &tagged(&[130], &four)), &[130]),
        (
            "cooked",
            LinkType::LINUX_SLL,
            [&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 2, 0, 0][..], &tag(130), &[8, 0], &four].concat(),
            &[130],
        ),
    ];
    for (name, link, frame, expected) in cases {
        assert_eq!(vlans(link, &frame, &read(link, &frame).unwrap()).as_slice(), expected, "{name}");
    }
    assert_eq!(outer_vlans(LinkType::ETHERNET, &tagged(&[7], &mirror(&tagged(&[130], &four)))).as_slice(), [7]);
    assert!(outer_vlans(LinkType::ETHERNET, &[0; 13]).is_empty());
}
