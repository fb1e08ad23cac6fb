//! An infection as it looks from a tap in an office, and the office itself.

use std::net::{Ipv4Addr, SocketAddr};

use super::Group;
use super::cast::{ALL_LISTED, CLIENT, COLLEAGUE, GATEWAY, RESOLVER, client, v4};
use super::dns::{A, HTTPS, Message, NXDOMAIN, PTR, address, query};
use super::link;
use super::random::Random;
use super::sample::{found, sample};
use super::speech::{self, POLL};
use super::tape::{Tape, Tcp};
use super::wire;

const SECOND: u64 = 1000;
/// The length of the capture: 75 minutes.
const SPAN: u64 = 75 * 60 * SECOND;
/// When the client starts.
const INFECTION: u64 = 300 * SECOND;
/// The length of a keep-alive's body.
const KEEP_ALIVE: usize = 36;
/// The gateway that the client knows by address alone.
const SECOND_GATEWAY: SocketAddr = ALL_LISTED[2];
/// Keep-alives to the second gateway, over its two connections.
const BEATS: [usize; 2] = [26, 28];

pub fn group() -> Group {
    Group {
        title: "The story",
        about: "`make demo` replays this file.",
        samples: vec![sample(
            "story.pcap",
            "75 minutes of an office. At 09:05 NetSupport starts on 10.20.30.40. It asks for `gw.feersona.net` \
             (type A, and type HTTPS with an empty answer), sends six POSTs to the address in the answer \
             (203.0.113.66:443, bare LF, `CMD=POLL` first), and within a second looks up its location \
             (`geo.netsupportsoftware.com`). After three minutes that gateway resets the connection. At 09:08 \
             the client contacts its second gateway, 5.252.177.201:443. It sends four POSTs at once and then a \
             keep-alive of 36 bytes each minute until 10:03: 62 POSTs over two connections. At 09:40 another \
             host, 10.20.30.51, asks for `bryonsad.net`, which does not exist, and is refused by \
             194.180.191.223:443. Around this there is DNS, TLS, HTTP, NTP, ping, ARP and mDNS of five hosts.",
            vec![
                found("c2-domain-query", "10.20.30.40", "10.20.0.53:53", 2),
                found("c2-domain-answer", "10.20.30.40", "10.20.0.53:53", 2),
                found("c2-resolved-address", "10.20.30.40", "203.0.113.66:443", 1),
                found("c2-endpoint", "10.20.30.40", "5.252.177.201:443", 2),
                found("c2-domain-query", "10.20.30.51", "10.20.0.53:53", 1),
                found("c2-domain-answer", "10.20.30.51", "10.20.0.53:53", 1),
                found("c2-endpoint", "10.20.30.51", "194.180.191.223:443", 1),
                found("netsupport-session", "10.20.30.40", "203.0.113.66:443", 6),
                found("netsupport-session", "10.20.30.40", "5.252.177.201:443", 62),
                found("netsupport-geolocation", "10.20.30.40", "198.51.100.20:80", 1),
            ],
            story,
        )],
    }
}

fn story() -> Vec<u8> {
    let mut tape = Tape::new();
    let mut random = Random::new(2026);
    office(&mut tape, SPAN, 80, &mut random);
    bait(tape.at(INFECTION - 41 * SECOND), &mut random);
    first_gateway(tape.at(INFECTION), &mut random);
    geolocation(tape.at(INFECTION + 480));
    second_gateway(&mut tape, &mut random);
    colleague(tape.at(2400 * SECOND));
    tape.sort().pcap()
}

/// Something is fetched from a benign host shortly before.
fn bait(tape: &mut Tape, random: &mut Random) {
    let server = Ipv4Addr::new(198, 51, 100, 44);
    let question = query("downloads.example.org", A);
    tape.resolve(
        client(60_110),
        RESOLVER,
        &question,
        &question.answer(vec![address("downloads.example.org", 300, server)]),
    );
    let mut tls = Tcp::new(client(49_688), (server, 443).into());
    tls.open(tape.wait(5)).ask(tape, &speech::client_hello("downloads.example.org", random));
    tls.answer(tape, &speech::server_hello(random)).ask(tape, &speech::tls_data(420, random));
    for _ in 0..8 {
        tls.answer(tape, &speech::tls_data(2800, random)).acknowledge(tape);
    }
    tls.close(tape);
}

/// The exchange with which a client starts: four posts within 0.7 s.
fn greet(tcp: &mut Tcp, tape: &mut Tape, random: &mut Random) {
    let gateway = tcp.server.ip();
    let mut bodies = vec![(POLL.to_vec(), 69)];
    bodies.extend(
        [(232, 77), (240, 0), (KEEP_ALIVE, 0)].map(|(asked, answered)| (speech::encoded(asked, random), answered)),
    );
    for (body, answered) in bodies {
        tcp.ask(tape.wait(160), &speech::gateway_request(gateway, &body));
        if answered == 0 {
            tcp.acknowledge_by_server(tape);
        } else {
            tcp.answer(tape, &speech::gateway_response(&speech::encoded(answered, random))).acknowledge(tape);
        }
    }
}

/// One keep-alive; the gateway hardly ever says more than "received".
fn beat(tcp: &mut Tcp, tape: &mut Tape, random: &mut Random) {
    let gateway = tcp.server.ip();
    tcp.ask(tape, &speech::gateway_request(gateway, &speech::encoded(KEEP_ALIVE, random)));
    tcp.acknowledge_by_server(tape);
}

/// A minute, more or less.
fn pause(tape: &mut Tape, random: &mut Random) {
    tape.wait(57_400 + random.below(5200));
}

fn first_gateway(tape: &mut Tape, random: &mut Random) {
    let name = "gw.feersona.net";
    let question = query(name, A);
    tape.resolve(client(60_120), RESOLVER, &question, &question.answer(vec![address(name, 300, GATEWAY)]));
    let question = query(name, HTTPS);
    tape.resolve(client(60_121), RESOLVER, &question, &question.answer(Vec::new()));
    let mut tcp = Tcp::new(client(49_741), (GATEWAY, 443).into());
    tcp.open(tape.wait(4));
    greet(&mut tcp, tape, random);
    for _ in 0..2 {
        pause(tape, random);
        beat(&mut tcp, tape, random);
    }
    tcp.refuse(tape.wait(41 * SECOND));
}

fn geolocation(tape: &mut Tape) {
    let (name, server) = ("geo.netsupportsoftware.com", Ipv4Addr::new(198, 51, 100, 20));
    let question = query(name, A);
    tape.resolve(client(60_122), RESOLVER, &question, &question.answer(vec![address(name, 300, server)]));
    let mut tcp = Tcp::new(client(49_743), (server, 80).into());
    tcp.whole(tape.wait(3), &speech::geolocation_request(), &speech::http_ok("text/html", b"52.37,4.90"));
}

fn second_gateway(tape: &mut Tape, random: &mut Random) {
    tape.at(INFECTION + 190 * SECOND);
    for (port, beats) in (49_760..).zip(BEATS) {
        let mut tcp = Tcp::new(client(port), SECOND_GATEWAY);
        tcp.open(tape);
        greet(&mut tcp, tape, random);
        for _ in 0..beats {
            pause(tape, random);
            beat(&mut tcp, tape, random);
        }
        tcp.refuse(tape.wait(20 * SECOND));
        tape.wait(6 * SECOND);
    }
}

fn colleague(tape: &mut Tape) {
    let question = query("bryonsad.net", A);
    tape.resolve((COLLEAGUE, 60_130).into(), RESOLVER, &question, &question.answer(Vec::new()).with(NXDOMAIN));
    Tcp::new((COLLEAGUE, 49_702).into(), ALL_LISTED[4]).syn(tape.wait(90)).refuse(tape);
}

/// Benign sites of the office.
const SITES: [(&str, [u8; 4]); 8] = [
    ("www.example.com", [192, 0, 2, 10]),
    ("mail.example.com", [192, 0, 2, 25]),
    ("cdn.example.net", [198, 51, 100, 8]),
    ("login.example.org", [198, 51, 100, 17]),
    ("updates.example.org", [198, 51, 100, 90]),
    ("news.example.com", [192, 0, 2, 77]),
    ("api.example.net", [192, 0, 2, 140]),
    ("static.example.org", [198, 51, 100, 201]),
];

/// `count` pieces of ordinary traffic, spread over `span` milliseconds. The tape is not in order
/// afterwards.
pub fn office(tape: &mut Tape, span: u64, count: u16, random: &mut Random) {
    let hosts = [
        CLIENT,
        COLLEAGUE,
        Ipv4Addr::new(10, 20, 30, 42),
        Ipv4Addr::new(10, 20, 30, 43),
        Ipv4Addr::new(10, 20, 30, 60),
    ];
    for number in 0..count {
        tape.at(random.below(span));
        let host = hosts[random.below(hosts.len() as u64) as usize];
        let from = SocketAddr::from((host, 51_000 + number));
        let (name, server) = SITES[random.below(SITES.len() as u64) as usize];
        match random.below(10) {
            0..=5 => browse(tape, from, name, v4(server, if number % 4 == 0 { 80 } else { 443 }), random),
            6 => {
                let server = v4([192, 0, 2, 123], 123);
                let seconds = 3_989_984_400 + (tape.elapsed() / 1000) as u32;
                tape.udp((host, 123).into(), server, &speech::ntp(false, seconds)).wait(19);
                tape.udp(server, (host, 123).into(), &speech::ntp(true, seconds));
            }
            7 => arp(tape, host),
            8 => {
                let question = Message { id: 0, flags: 0, ..query("_ipp._tcp.local", PTR) };
                tape.udp((host, 5353).into(), v4([224, 0, 0, 251], 5353), &question.bytes());
            }
            _ => {
                tape.packet(&wire::icmp_echo(host, server.into(), false, number)).wait(21);
                tape.packet(&wire::icmp_echo(server.into(), host, true, number));
            }
        }
    }
}

fn browse(tape: &mut Tape, from: SocketAddr, name: &str, server: SocketAddr, random: &mut Random) {
    let question = query(name, A);
    tape.resolve(from, RESOLVER, &question, &question.answer(vec![address(name, 300, server.ip())]));
    let mut tcp = Tcp::new(from, server);
    tcp.open(tape.wait(3));
    if server.port() == 80 {
        let page = vec![b'.'; 300 + random.below(1000) as usize];
        tcp.ask(tape, &speech::http_get(name, "/")).answer(tape, &speech::http_ok("text/html", &page));
    } else {
        tcp.ask(tape, &speech::client_hello(name, random)).answer(tape, &speech::server_hello(random));
        let (asked, answered) = (200 + random.below(400) as usize, 200 + random.below(1500) as usize);
        tcp.ask(tape, &speech::tls_data(asked, random)).answer(tape, &speech::tls_data(answered, random));
    }
    tcp.acknowledge(tape).close(tape);
}

/// A host asks who has the router's address (RFC 826), and learns it.
fn arp(tape: &mut Tape, host: Ipv4Addr) {
    let router = Ipv4Addr::new(10, 20, 30, 1);
    let packet = |operation: u8, from: Ipv4Addr, to: Ipv4Addr, to_mac: [u8; 6]| {
        let mut bytes = vec![0, 1, 8, 0, 6, 4, 0, operation];
        bytes.extend(link::mac(from.into()));
        bytes.extend(from.octets());
        bytes.extend(to_mac);
        bytes.extend(to.octets());
        bytes
    };
    let (host_mac, router_mac) = (link::mac(host.into()), link::mac(router.into()));
    tape.frame(link::frame([0xff; 6], host_mac, 0x0806, &packet(1, host, router, [0; 6])));
    tape.frame(link::frame(host_mac, router_mac, 0x0806, &packet(2, router, host, host_mac)));
}
