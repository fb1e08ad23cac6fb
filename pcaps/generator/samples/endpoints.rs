//! Contacts with listed addresses, in every shape in which a capture may show them.

use std::net::IpAddr;

use super::Group;
use super::cast::{ALL_LISTED, CLIENT, COLLEAGUE, LISTED, client, v4};
use super::random::Random;
use super::sample::{Found, found, sample};
use super::tape::{Tape, Tcp};
use super::wire::{self, GRE};

const REFUSING: std::net::SocketAddr = ALL_LISTED[1];
const SESSION: std::net::SocketAddr = ALL_LISTED[3];
const MID_STREAM: std::net::SocketAddr = ALL_LISTED[5];

/// One sighting of a listed endpoint.
fn endpoint(server: &'static str) -> Vec<Found> {
    vec![found("c2-endpoint", "10.20.30.40", server, 1)]
}

/// One sighting of a listed address, beside its port.
fn address(server: &'static str) -> Vec<Found> {
    vec![found("c2-address", "10.20.30.40", server, 1)]
}

pub fn group() -> Group {
    Group {
        title: "Listed addresses",
        about: "Traffic with an indicator's address and port on either end, with its address and another port, \
                or with its address and a protocol that has no ports.",
        samples: vec![
            sample("endpoint/tcp-syn-only.pcap", "One SYN, no answer.", endpoint("91.202.233.25:4888"), syn_only),
            sample(
                "endpoint/tcp-syn-repeated.pcap",
                "A SYN that is sent three more times within 7 s. This is one attempt.",
                endpoint("91.202.233.25:4888"),
                syn_repeated,
            ),
            sample("endpoint/tcp-refused.pcap", "A SYN, answered by a reset.", endpoint("209.99.186.75:443"), refused),
            sample(
                "endpoint/tcp-established.pcap",
                "A short session from SYN to FIN: 600 bytes out, 2,400 bytes in.",
                endpoint("193.202.84.64:581"),
                established,
            ),
            sample(
                "endpoint/tcp-server-side-only.pcap",
                "The same session, but only what the server sent, from its SYN/ACK on.",
                endpoint("193.202.84.64:581"),
                server_side,
            ),
            sample(
                "endpoint/tcp-client-side-only.pcap",
                "The same session, but only what the client sent.",
                endpoint("193.202.84.64:581"),
                client_side,
            ),
            sample(
                "endpoint/tcp-mid-stream.pcap",
                "Data both ways of a session whose beginning and end were not captured.",
                endpoint("65.109.104.71:443"),
                mid_stream,
            ),
            sample(
                "endpoint/tcp-mid-stream-server-side-only.pcap",
                "The same, but only what the server sent: the client is still the side that is not listed.",
                endpoint("65.109.104.71:443"),
                mid_stream_server_side,
            ),
            sample(
                "endpoint/tcp-inbound.pcap",
                "The listed endpoint opens the conversation, from its listed port to port 3389 of a host \
                 inside: it is the client here.",
                vec![found("c2-endpoint", "91.202.233.25", "10.20.30.40:3389", 1)],
                inbound,
            ),
            sample(
                "endpoint/tcp-inbound-other-port.pcap",
                "The listed address opens a conversation from a port that is not listed.",
                vec![found("c2-address", "91.202.233.25", "10.20.30.40:3389", 1)],
                inbound_other_port,
            ),
            sample("endpoint/udp.pcap", "Three datagrams each way.", endpoint("91.202.233.25:4888"), udp),
            sample(
                "endpoint/udp-server-side-only.pcap",
                "The same, but only what the server sent.",
                endpoint("91.202.233.25:4888"),
                udp_server_side,
            ),
            sample(
                "endpoint/confidence-75.pcap",
                "A session with the endpoint that is listed with a confidence of 75. The severity is 7 instead of 9.",
                endpoint("94.23.185.83:9606"),
                confidence_75,
            ),
            sample(
                "endpoint/all-seven.pcap",
                "One SYN to each of the seven listed endpoints.",
                [
                    "91.202.233.25:4888",
                    "209.99.186.75:443",
                    "5.252.177.201:443",
                    "193.202.84.64:581",
                    "194.180.191.223:443",
                    "65.109.104.71:443",
                    "94.23.185.83:9606",
                ]
                .into_iter()
                .flat_map(endpoint)
                .collect(),
                all_seven,
            ),
            sample(
                "endpoint/address-other-port.pcap",
                "A session with a listed address at port 8080, which is not listed.",
                address("91.202.233.25:8080"),
                other_port,
            ),
            sample("endpoint/address-icmp.pcap", "Two pings and their replies.", address("91.202.233.25"), icmp),
            sample(
                "endpoint/address-gre.pcap",
                "Three GRE keep-alives without content.",
                address("91.202.233.25"),
                gre,
            ),
            sample(
                "endpoint/port-and-other-port.pcap",
                "Two conversations with one listed address: at the listed port, then at port 80.",
                vec![
                    found("c2-endpoint", "10.20.30.40", "209.99.186.75:443", 1),
                    found("c2-address", "10.20.30.40", "209.99.186.75:80", 1),
                ],
                port_and_other_port,
            ),
            sample(
                "endpoint/repeats.pcap",
                "A client connects 30 times within 25 minutes, every 50 s, each time from another port. Another \
                 client connects 5 times, every 5 minutes. With a repeat window of 10 minutes, the first \
                 sighting of each client is reported at once, and the rest in a few updates.",
                vec![
                    found("c2-endpoint", "10.20.30.40", "209.99.186.75:443", 30),
                    found("c2-endpoint", "10.20.30.51", "209.99.186.75:443", 5),
                ],
                repeats,
            ),
        ],
    }
}

fn syn_only() -> Vec<u8> {
    let mut tape = Tape::new();
    Tcp::new(client(49_741), LISTED).syn(&mut tape);
    tape.pcap()
}

fn syn_repeated() -> Vec<u8> {
    let mut tape = Tape::new();
    let mut tcp = Tcp::new(client(49_741), LISTED);
    tcp.syn(&mut tape);
    for milliseconds in [1000, 2000, 4000] {
        tcp.syn_again(tape.wait(milliseconds));
    }
    tape.pcap()
}

fn refused() -> Vec<u8> {
    let mut tape = Tape::new();
    Tcp::new(client(49_742), REFUSING).syn(&mut tape).refuse(&mut tape);
    tape.pcap()
}

/// A session of 11 frames with bytes that say nothing.
fn session(server: std::net::SocketAddr) -> Tape {
    let mut tape = Tape::new();
    let mut random = Random::new(u64::from(server.port()));
    Tcp::new(client(49_743), server).whole(&mut tape, &random.bytes(600), &random.bytes(2400));
    tape
}

fn established() -> Vec<u8> {
    session(SESSION).pcap()
}

fn server_side() -> Vec<u8> {
    session(SESSION).only_from(SESSION.ip()).pcap()
}

fn client_side() -> Vec<u8> {
    session(SESSION).only_from(CLIENT).pcap()
}

fn streaming() -> Tape {
    let mut tape = Tape::new();
    let mut random = Random::new(71);
    let mut tcp = Tcp::new(client(50_112), MID_STREAM);
    tcp.open(&mut tape);
    for _ in 0..6 {
        tcp.ask(&mut tape, &random.bytes(240)).answer(&mut tape, &random.bytes(77)).acknowledge(&mut tape);
        tape.wait(700);
    }
    tape.skip(3);
    tape
}

fn mid_stream() -> Vec<u8> {
    streaming().pcap()
}

fn mid_stream_server_side() -> Vec<u8> {
    streaming().only_from(MID_STREAM.ip()).pcap()
}

fn inbound() -> Vec<u8> {
    let mut tape = Tape::new();
    Tcp::new(LISTED, client(3389)).whole(
        &mut tape,
        &[3, 0, 0, 11, 6, 224, 0, 0, 0, 0, 0],
        &[3, 0, 0, 11, 6, 208, 0, 0, 18, 52, 0],
    );
    tape.pcap()
}

fn inbound_other_port() -> Vec<u8> {
    let mut tape = Tape::new();
    Tcp::new(v4([91, 202, 233, 25], 51_515), client(3389)).syn(&mut tape).refuse(&mut tape);
    tape.pcap()
}

fn datagrams() -> Tape {
    let mut tape = Tape::new();
    let mut random = Random::new(17);
    for _ in 0..3 {
        tape.udp(client(53_211), LISTED, &random.bytes(48)).wait(30);
        tape.udp(LISTED, client(53_211), &random.bytes(96)).wait(900);
    }
    tape
}

fn udp() -> Vec<u8> {
    datagrams().pcap()
}

fn udp_server_side() -> Vec<u8> {
    datagrams().only_from(LISTED.ip()).pcap()
}

fn confidence_75() -> Vec<u8> {
    session(ALL_LISTED[6]).pcap()
}

fn all_seven() -> Vec<u8> {
    let mut tape = Tape::new();
    for (port, server) in (49_800..).zip(ALL_LISTED) {
        Tcp::new(client(port), server).syn(tape.wait(1500));
    }
    tape.pcap()
}

fn other_port() -> Vec<u8> {
    session(v4([91, 202, 233, 25], 8080)).pcap()
}

fn icmp() -> Vec<u8> {
    let mut tape = Tape::new();
    if let IpAddr::V4(server) = LISTED.ip() {
        for sequence in 1..=2 {
            tape.packet(&wire::icmp_echo(CLIENT, server, false, sequence)).wait(24);
            tape.packet(&wire::icmp_echo(server, CLIENT, true, sequence)).wait(976);
        }
    }
    tape.pcap()
}

fn gre() -> Vec<u8> {
    let mut tape = Tape::new();
    for _ in 0..3 {
        tape.packet(&wire::ip(CLIENT.into(), LISTED.ip(), GRE, &[0; 4])).wait(10_000);
    }
    tape.pcap()
}

fn port_and_other_port() -> Vec<u8> {
    let mut tape = Tape::new();
    Tcp::new(client(49_751), REFUSING).syn(&mut tape).refuse(&mut tape);
    Tcp::new(client(49_752), v4([209, 99, 186, 75], 80)).syn(tape.wait(500)).refuse(&mut tape);
    tape.pcap()
}

fn repeats() -> Vec<u8> {
    let mut tape = Tape::new();
    let mut random = Random::new(30);
    let mut connect = |from: std::net::SocketAddr, milliseconds: u64| {
        let (asked, answered) = (random.bytes(230), random.bytes(77));
        Tcp::new(from, REFUSING).whole(tape.at(milliseconds), &asked, &answered);
    };
    for number in 0..30 {
        connect(client(50_000 + number), u64::from(number) * 50_000);
    }
    for number in 0..5 {
        connect((COLLEAGUE, 61_000 + number).into(), 20_000 + u64::from(number) * 300_000);
    }
    tape.sort().pcap()
}
