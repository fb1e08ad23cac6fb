//! Link types, tags and labels, and odd IP headers: around one DNS question and one contact each.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Group;
use super::cast::{CLIENT, CLIENT_V6, LISTED, RESOLVER, RESOLVER_V6, client};
use super::dns::{A, query};
use super::link::{self, Link};
use super::random::Random;
use super::sample::{Found, found, sample};
use super::tape::{Tape, Tcp};
use super::wire::{self, ACK, PSH, SYN, SYN_OPTIONS, Segment, TCP, UDP};
use super::write::{Order, Pcap};

/// NAT64 (RFC 6052) of a listed address.
const NAT64: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0x5bca, 0xe919);
/// 6to4 (RFC 3056).
const SIX_TO_FOUR: Ipv6Addr = Ipv6Addr::new(0x2002, 0x5bca, 0xe919, 0, 0, 0, 0, 1);
/// Teredo (RFC 4380): a server, flags, then port and address of the host itself with all bits
/// turned over.
const TEREDO: Ipv6Addr = Ipv6Addr::new(0x2001, 0, 0xc000, 0x0201, 0, 0xece7, 0xa435, 0x16e6);

fn both() -> Vec<Found> {
    vec![
        found("c2-domain-query", "10.20.30.40", "10.20.0.53:53", 1),
        found("c2-endpoint", "10.20.30.40", "91.202.233.25:4888", 1),
    ]
}

/// The server is told as what is listed, whatever IPv6 address it lies in.
fn both_v6() -> Vec<Found> {
    vec![
        found("c2-domain-query", "2001:db8:30::40", "[2001:db8::53]:53", 1),
        found("c2-endpoint", "2001:db8:30::40", "91.202.233.25:4888", 1),
    ]
}

pub fn group() -> Group {
    Group {
        title: "Link types and IP headers",
        about: "Each file holds a DNS question for `gw.feersona.net` and a SYN to a listed endpoint, unless a \
                row says otherwise.",
        samples: vec![
            sample("link/vlan.pcap", "A VLAN tag.", both(), || on(link::VLAN)),
            sample("link/vlan-qinq.pcap", "Two tags, 802.1ad.", both(), || on(link::QINQ)),
            sample("link/vlan-triple.pcap", "Three tags, of EtherTypes 0x9100, 0x88a8 and 0x8100.", both(), || {
                on(link::TRIPLE)
            }),
            sample("link/mpls.pcap", "An MPLS label.", both(), || on(link::MPLS)),
            sample("link/mpls-three-labels.pcap", "Three MPLS labels.", both(), || on(link::MPLS_3)),
            sample("link/pppoe.pcap", "A PPPoE session on Ethernet.", both(), || on(link::PPPOE)),
            sample("link/ppp.pcap", "Link type PPP (9), without HDLC bytes.", both(), || on(link::PPP)),
            sample("link/ppp-hdlc.pcap", "Link type PPP_HDLC (50).", both(), || on(link::PPP_HDLC)),
            sample("link/ppp-ether.pcap", "Link type PPP_ETHER (51).", both(), || on(link::PPP_ETHER)),
            sample("link/linux-sll.pcap", "Linux `any`, LINUX_SLL (113).", both(), || on(link::SLL)),
            sample("link/linux-sll2.pcap", "Linux `any`, LINUX_SLL2 (276).", both(), || on(link::SLL2)),
            sample("link/raw.pcap", "Link type RAW (101).", both(), || on(link::RAW)),
            sample("link/ipv4.pcap", "Link type IPV4 (228).", both(), || on(link::IPV4)),
            sample(
                "link/ipv6.pcap",
                "Link type IPV6 (229); the contact goes to the listed address behind NAT64.",
                both_v6(),
                || on_v6(link::IPV6, NAT64),
            ),
            sample("link/null-little-endian.pcap", "BSD loopback (0) of a little-endian host.", both(), || {
                on(link::NULL_LITTLE)
            }),
            sample(
                "link/null-big-endian.pcap",
                "BSD loopback (0) of a big-endian host; the file is big-endian, too.",
                both(),
                null_big,
            ),
            sample("link/loop.pcap", "OpenBSD loopback, LOOP (108).", both(), || on(link::LOOP)),
            sample(
                "link/ipv4-options.pcap",
                "IPv4 with options: Router Alert, and Record Route.",
                both(),
                ipv4_options,
            ),
            sample(
                "link/ipv4-total-length-zero.pcap",
                "Segmentation offload: a mid-stream segment of 3,000 bytes whose IPv4 header has a total length \
                 of zero. No DNS.",
                vec![found("c2-endpoint", "10.20.30.40", "91.202.233.25:4888", 1)],
                total_length_zero,
            ),
            sample(
                "link/ipv6-extension-headers.pcap",
                "IPv6 with Hop-by-Hop, Destination Options and Routing headers.",
                both_v6(),
                ipv6_extensions,
            ),
            sample("link/embedded-mapped.pcap", "The listed address as an IPv4-mapped one.", both_v6(), || {
                on_v6(link::ETHERNET, Ipv4Addr::new(91, 202, 233, 25).to_ipv6_mapped())
            }),
            sample("link/embedded-nat64.pcap", "The listed address behind NAT64.", both_v6(), || {
                on_v6(link::ETHERNET, NAT64)
            }),
            sample("link/embedded-6to4.pcap", "A 6to4 host at the listed address.", both_v6(), || {
                on_v6(link::ETHERNET, SIX_TO_FOUR)
            }),
            sample(
                "link/embedded-teredo.pcap",
                "A Teredo host at the listed address (its own address, with inverted bits; the Teredo server \
                 has another one).",
                both_v6(),
                || on_v6(link::ETHERNET, TEREDO),
            ),
        ],
    }
}

fn ask(tape: &mut Tape, from: SocketAddr, resolver: SocketAddr) {
    tape.udp(from, resolver, &query("gw.feersona.net", A).bytes());
}

fn scene(link: Link) -> Tape {
    let mut tape = Tape::on(link);
    ask(&mut tape, client(53_124), RESOLVER);
    Tcp::new(client(49_741), LISTED).syn(tape.wait(40));
    tape
}

fn on(link: Link) -> Vec<u8> {
    scene(link).pcap()
}

fn on_v6(link: Link, listed: Ipv6Addr) -> Vec<u8> {
    let mut tape = Tape::on(link);
    ask(&mut tape, (CLIENT_V6, 53_124).into(), RESOLVER_V6);
    Tcp::new((CLIENT_V6, 49_741).into(), (listed, LISTED.port()).into()).syn(tape.wait(40));
    tape.pcap()
}

fn null_big() -> Vec<u8> {
    let variant = Pcap { order: Order::Big, ..Pcap::default() };
    variant.file(link::NULL_BIG.number, &scene(link::NULL_BIG).frames)
}

/// The bytes of a SYN, without the IP header.
fn syn(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let parts = Segment { sequence: 0x2b3c_4d5e, flags: SYN, options: &SYN_OPTIONS, ..Segment::default() };
    wire::segment(from, to, &parts)
}

fn ipv4_options() -> Vec<u8> {
    let mut tape = Tape::new();
    let (IpAddr::V4(resolver), IpAddr::V4(listed)) = (RESOLVER.ip(), LISTED.ip()) else { return tape.pcap() };
    let question = wire::datagram(client(53_124), RESOLVER, &query("gw.feersona.net", A).bytes());
    tape.packet(&wire::ipv4(CLIENT, resolver, &[148, 4, 0, 0], UDP, &question));
    let record_route = [&[7, 39, 4][..], &[0; 36]].concat();
    tape.wait(40).packet(&wire::ipv4(CLIENT, listed, &record_route, TCP, &syn(client(49_741), LISTED)));
    tape.pcap()
}

fn total_length_zero() -> Vec<u8> {
    let data = Random::new(3000).bytes(3000);
    let parts = Segment { sequence: 7000, acknowledged: 9000, flags: PSH | ACK, payload: &data, options: &[] };
    let mut packet = wire::tcp(client(49_741), LISTED, &parts);
    packet[2..4].fill(0);
    packet[10..12].fill(0);
    let sum = wire::checksum(&[&packet[..20]]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    Tape::new().packet(&packet).pcap()
}

fn ipv6_extensions() -> Vec<u8> {
    let mut tape = Tape::new();
    let IpAddr::V6(resolver) = RESOLVER_V6.ip() else { return tape.pcap() };
    // Hop-by-Hop with Router Alert; Routing of type 0 that is at its end; Destination Options with
    // padding alone.
    let routing = [&[2, 0, 0, 0, 0, 0, 0][..], &resolver.octets()].concat();
    let extensions: [(u8, &[u8]); 3] = [(0, &[0, 5, 2, 0, 0, 1, 0]), (43, &routing), (60, &[0, 1, 4, 0, 0, 0, 0])];
    let (from, to) = (SocketAddr::from((CLIENT_V6, 53_124)), SocketAddr::from((NAT64, LISTED.port())));
    let question = wire::datagram(from, RESOLVER_V6, &query("gw.feersona.net", A).bytes());
    tape.packet(&wire::ipv6(CLIENT_V6, resolver, &extensions, UDP, &question));
    tape.wait(40).packet(&wire::ipv6(CLIENT_V6, NAT64, &extensions, TCP, &syn((CLIENT_V6, 49_741).into(), to)));
    tape.pcap()
}
