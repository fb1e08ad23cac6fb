//! Packets in packets, and packets in pieces.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::Group;
use super::cast::{ALL_LISTED, CLIENT, CLIENT_V6, LISTED, RESOLVER, RESOLVER_V6, WEB, client, v4};
use super::dns::{self, A, query};
use super::random::Random;
use super::sample::{Found, found, sample};
use super::tape::{Tape, Tcp};
use super::tunnel::{self, Tunnel};
use super::wire::{self, UDP};

/// NAT64 (RFC 6052) of a listed address.
const NAT64: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0x5bca, 0xe919);
/// The payload of an Ethernet packet behind an IPv4 header, in steps of eight bytes.
const PART: usize = 1480;

fn both() -> Vec<Found> {
    vec![
        found("c2-domain-query", "10.20.30.40", "10.20.0.53:53", 1),
        found("c2-endpoint", "10.20.30.40", "91.202.233.25:4888", 1),
    ]
}

fn both_v6() -> Vec<Found> {
    vec![
        found("c2-domain-query", "2001:db8:30::40", "[2001:db8::53]:53", 1),
        found("c2-endpoint", "2001:db8:30::40", "91.202.233.25:4888", 1),
    ]
}

fn endpoint() -> Vec<Found> {
    vec![found("c2-endpoint", "10.20.30.40", "91.202.233.25:4888", 1)]
}

fn endpoint_v6() -> Vec<Found> {
    vec![found("c2-endpoint", "2001:db8:30::40", "91.202.233.25:4888", 1)]
}

pub fn group() -> Group {
    let mut samples = vec![
        sample("tunnel/ip-in-ip.pcap", "IPv4 in IPv4.", both(), || within(tunnel::IP_IN_IP)),
        sample(
            "tunnel/6in4.pcap",
            "IPv6 in IPv4; the contact goes to the listed address behind NAT64.",
            both_v6(),
            || within_v6(tunnel::SIX_IN_FOUR),
        ),
        sample("tunnel/4in6.pcap", "IPv4 in IPv6.", both(), || within(tunnel::FOUR_IN_SIX)),
        sample("tunnel/gre.pcap", "GRE.", both(), || within(tunnel::GRE_PLAIN)),
        sample("tunnel/gre-all-fields.pcap", "GRE with checksum, key 77 and sequence number.", both(), || {
            within(tunnel::GRE_FULL)
        }),
        sample("tunnel/gre-ethernet.pcap", "Ethernet in GRE.", both(), || within(tunnel::GRE_ETHERNET)),
        sample("tunnel/pptp.pcap", "PPTP: PPP in GRE of version 1.", both(), || within(tunnel::PPTP)),
        sample("tunnel/erspan-1.pcap", "ERSPAN type I.", both(), || within(tunnel::ERSPAN_I)),
        sample("tunnel/erspan-2.pcap", "ERSPAN type II, session 5.", both(), || within(tunnel::ERSPAN_II)),
        sample("tunnel/erspan-3.pcap", "ERSPAN type III, session 5, with a platform subheader.", both(), || {
            within(tunnel::ERSPAN_III)
        }),
        sample("tunnel/vxlan.pcap", "VXLAN, network 42.", both(), || within(tunnel::VXLAN)),
        sample("tunnel/vxlan-8472.pcap", "VXLAN on port 8472.", both(), || within(tunnel::VXLAN_OLD)),
        sample("tunnel/vxlan-gpe.pcap", "VXLAN-GPE that holds IPv4 directly.", both(), || within(tunnel::VXLAN_GPE)),
        sample("tunnel/geneve.pcap", "GENEVE, network 42, with an option.", both(), || within(tunnel::GENEVE)),
        sample("tunnel/gtp-u.pcap", "GTP-U with an extension header.", both(), || within(tunnel::GTP_U)),
        sample("tunnel/teredo.pcap", "IPv6 in Teredo, with an authentication indication.", both_v6(), || {
            within_v6(tunnel::TEREDO)
        }),
        sample("tunnel/nested.pcap", "GTP-U in GRE in VXLAN.", both(), || {
            within(|packet| tunnel::VXLAN(&tunnel::GRE_PLAIN(&tunnel::GTP_U(packet))))
        }),
        sample(
            "tunnel/ten-deep.pcap",
            "IPv4 in IPv4, ten times. This is deeper than the sensor looks.",
            vec![],
            || within(|packet| (0..10).fold(packet.to_vec(), |packet, _| tunnel::IP_IN_IP(&packet))),
        ),
        sample(
            "tunnel/vxlan-to-listed.pcap",
            "A refused connection to a web server, in a VXLAN tunnel to a listed address (with another port).",
            vec![found("c2-address", "10.20.30.40", "91.202.233.25:4789", 1)],
            vxlan_to_listed,
        ),
        sample(
            "tunnel/gre-to-listed.pcap",
            "GRE to a listed address. It holds a contact with another listed endpoint. Both count.",
            vec![
                found("c2-address", "10.20.30.40", "91.202.233.25", 1),
                found("c2-endpoint", "10.20.30.40", "209.99.186.75:443", 1),
            ],
            gre_to_listed,
        ),
        sample(
            "tunnel/lying-headers.pcap",
            "Datagrams to listed addresses on the ports of tunnels. Their bytes look like a contact with \
             another listed endpoint, but they are not tunnels: VXLAN without its flag, GENEVE whose options \
             end beyond the datagram, GTP-U of a wrong version, Teredo with IPv4.",
            vec![
                found("c2-address", "10.20.30.40", "91.202.233.25:4789", 1),
                found("c2-address", "10.20.30.40", "209.99.186.75:6081", 1),
                found("c2-address", "10.20.30.40", "5.252.177.201:2152", 1),
                found("c2-address", "10.20.30.40", "193.202.84.64:3544", 1),
            ],
            lying_headers,
        ),
    ];
    samples.extend([
        sample("fragment/in-order.pcap", "A datagram of 4,000 bytes in three fragments.", endpoint(), || {
            pieces(|_| ())
        }),
        sample("fragment/reversed.pcap", "The same, with the last fragment first.", endpoint(), || {
            pieces(|parts| parts.reverse())
        }),
        sample(
            "fragment/duplicated.pcap",
            "Each fragment twice. The copies come after the datagram is complete.",
            endpoint(),
            || pieces(|parts| parts.extend(parts.clone())),
        ),
        sample(
            "fragment/overlapping.pcap",
            "One more fragment has different bytes for 1,400 to 1,600. The datagram is refused, but it is still \
             a contact.",
            endpoint(),
            || {
                pieces(|parts| {
                    let other = ipv4_part(&Random::new(3).bytes(200), 1400, true);
                    parts.insert(1, other);
                })
            },
        ),
        sample("fragment/last-missing.pcap", "Without the last fragment.", endpoint(), || {
            pieces(|parts| drop(parts.pop()))
        }),
        sample(
            "fragment/first-missing.pcap",
            "Without the first fragment, which has the ports.",
            vec![found("c2-address", "10.20.30.40", "91.202.233.25", 1)],
            || pieces(|parts| drop(parts.remove(0))),
        ),
        sample("fragment/in-order-ipv6.pcap", "IPv6, in order.", endpoint_v6(), || pieces_v6(|_| ())),
        sample("fragment/reversed-ipv6.pcap", "IPv6, with the last fragment first.", endpoint_v6(), || {
            pieces_v6(|parts| parts.reverse())
        }),
        sample(
            "fragment/dns-answer.pcap",
            "An answer for `www.example.com` of 2,700 bytes in two fragments. A record in the second one points \
             to `gw.feersona.net`.",
            vec![found("c2-domain-answer", "10.20.30.40", "10.20.0.53:53", 1)],
            || long_answer(|packet| packet.to_vec()),
        ),
        sample(
            "fragment/dns-answer-in-vxlan.pcap",
            "The same, each fragment in VXLAN.",
            vec![found("c2-domain-answer", "10.20.30.40", "10.20.0.53:53", 1)],
            || long_answer(tunnel::VXLAN),
        ),
        sample(
            "fragment/vxlan-in-fragments.pcap",
            "A VXLAN packet that is too long: a question for `gw.feersona.net` with padding, in two fragments.",
            vec![found("c2-domain-query", "10.20.30.40", "10.20.0.53:53", 1)],
            vxlan_in_fragments,
        ),
    ]);
    Group {
        title: "Tunnels and fragments",
        about: "Each tunnel holds a DNS question for `gw.feersona.net` and a SYN to a listed endpoint, unless a \
                row says otherwise. The fragments are those of one UDP datagram to a listed endpoint.",
        samples,
    }
}

/// Puts each packet of a tape into a tunnel.
fn wrapped(inner: &Tape, wrap: Tunnel) -> Vec<u8> {
    let mut tape = Tape::new();
    for packet in inner.frames.iter().map(|frame| &frame.bytes) {
        tape.packet(&wrap(packet)).wait(40);
    }
    tape.pcap()
}

fn within(wrap: Tunnel) -> Vec<u8> {
    let mut inner = Tape::on(super::link::RAW);
    inner.udp(client(53_124), RESOLVER, &query("gw.feersona.net", A).bytes());
    Tcp::new(client(49_741), LISTED).syn(&mut inner);
    wrapped(&inner, wrap)
}

fn within_v6(wrap: Tunnel) -> Vec<u8> {
    let mut inner = Tape::on(super::link::RAW);
    inner.udp((CLIENT_V6, 53_124).into(), RESOLVER_V6, &query("gw.feersona.net", A).bytes());
    Tcp::new((CLIENT_V6, 49_741).into(), (NAT64, LISTED.port()).into()).syn(&mut inner);
    wrapped(&inner, wrap)
}

fn vxlan_to_listed() -> Vec<u8> {
    let mut inner = Tape::on(super::link::RAW);
    Tcp::new(client(49_741), WEB).syn(&mut inner).refuse(&mut inner);
    let (near, far) = (client(50_002), SocketAddr::new(LISTED.ip(), 4789));
    let mut tape = Tape::new();
    for frame in &inner.frames {
        tape.packet(&tunnel::vxlan_between(near, far, &frame.bytes)).wait(30);
    }
    tape.pcap()
}

fn gre_to_listed() -> Vec<u8> {
    let mut inner = Tape::on(super::link::RAW);
    Tcp::new(client(49_741), ALL_LISTED[1]).syn(&mut inner);
    let mut tape = Tape::new();
    for frame in &inner.frames {
        tape.packet(&wire::ip(CLIENT.into(), LISTED.ip(), wire::GRE, &[&[0, 0, 8, 0][..], &frame.bytes].concat()));
    }
    tape.pcap()
}

fn lying_headers() -> Vec<u8> {
    let mut inner = Tape::on(super::link::ETHERNET);
    Tcp::new(client(49_741), ALL_LISTED[6]).syn(&mut inner);
    let mut tape = Tape::new();
    let frame = inner.frames.first().map(|frame| frame.bytes.clone()).unwrap_or_default();
    let packet = frame.get(14..).unwrap_or_default();
    let listed = |place: usize, port| SocketAddr::new(ALL_LISTED[place].ip(), port);
    tape.udp(client(50_010), listed(0, 4789), &[&[0, 0, 0, 0, 0, 0, 42, 0][..], &frame].concat()).wait(40);
    tape.udp(client(50_011), listed(1, 6081), &[&[0x3f, 0, 0x65, 0x58, 0, 0, 42, 0][..], &frame].concat()).wait(40);
    tape.udp(client(50_012), listed(2, 2152), &[&[0x50, 255, 0, 52, 0, 0, 1, 2][..], packet].concat()).wait(40);
    tape.udp(client(50_013), listed(3, 3544), packet);
    tape.pcap()
}

/// An IPv4 fragment from the client to the listed endpoint.
fn ipv4_part(data: &[u8], offset: usize, more: bool) -> Vec<u8> {
    let (IpAddr::V4(listed), IpAddr::V4(from)) = (LISTED.ip(), CLIENT.into()) else { return Vec::new() };
    wire::fragment(&wire::ipv4(from, listed, &[], UDP, data), 0x4711, offset, more)
}

/// The starts and ends of the parts of `length` bytes, and whether others follow.
fn cuts(length: usize) -> impl Iterator<Item = (std::ops::Range<usize>, bool)> {
    (0..length).step_by(PART).map(move |start| (start..length.min(start + PART), start + PART < length))
}

fn pieces(change: fn(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    let data = wire::datagram(client(53_211), LISTED, &Random::new(4711).bytes(4000));
    let mut parts: Vec<Vec<u8>> =
        cuts(data.len()).map(|(range, more)| ipv4_part(&data[range.clone()], range.start, more)).collect();
    change(&mut parts);
    let mut tape = Tape::new();
    for part in parts {
        tape.packet(&part);
    }
    tape.pcap()
}

fn pieces_v6(change: fn(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    let data =
        wire::datagram((CLIENT_V6, 53_211).into(), (NAT64, LISTED.port()).into(), &Random::new(4712).bytes(4000));
    let part = |(range, more): (std::ops::Range<usize>, bool)| {
        let [high, low] = (range.start as u16 | u16::from(more)).to_be_bytes();
        let header = [0, high, low, 0, 0, 0x47, 0x12];
        wire::ipv6(CLIENT_V6, NAT64, &[(44, &header)], UDP, &data[range])
    };
    let mut parts: Vec<Vec<u8>> = cuts(data.len()).map(part).collect();
    change(&mut parts);
    let mut tape = Tape::new();
    for part in parts {
        tape.packet(&part);
    }
    tape.pcap()
}

fn long_answer(wrap: Tunnel) -> Vec<u8> {
    let mut records: Vec<dns::Record> =
        (0..12).map(|number| dns::record("www.example.com", 300, dns::text(&format!("{number:0>200}")))).collect();
    records.push(dns::alias("www.example.com", 300, "gw.feersona.net"));
    let answer = query("www.example.com", dns::ANY).answer(records).bytes();
    let data = wire::datagram(RESOLVER, client(53_124), &answer);
    let mut tape = Tape::new();
    let (IpAddr::V4(resolver), IpAddr::V4(to)) = (RESOLVER.ip(), CLIENT.into()) else { return Vec::new() };
    for (range, more) in cuts(data.len()) {
        let packet = wire::ipv4(resolver, to, &[], UDP, &data[range.clone()]);
        tape.packet(&wrap(&wire::fragment(&packet, 0x4713, range.start, more)));
    }
    tape.pcap()
}

fn vxlan_in_fragments() -> Vec<u8> {
    // Bytes after the message, which no resolver minds.
    let question = [query("gw.feersona.net", A).bytes(), vec![0; 1400]].concat();
    let inner = wire::udp(client(53_124), RESOLVER, &question);
    let (near, far) = (v4([10, 20, 0, 11], 50_002), v4([10, 20, 0, 12], 4789));
    let outer = tunnel::vxlan_between(near, far, &inner);
    let data = outer.get(20..).unwrap_or_default();
    let mut tape = Tape::new();
    let (IpAddr::V4(from), IpAddr::V4(to)) = (near.ip(), far.ip()) else { return Vec::new() };
    for (range, more) in cuts(data.len()) {
        let packet = wire::ipv4(from, to, &[], UDP, &data[range.clone()]);
        tape.packet(&wire::fragment(&packet, 0x4714, range.start, more));
    }
    tape.pcap()
}
