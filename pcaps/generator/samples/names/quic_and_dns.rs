//! Names in QUIC, and in DNS over TCP.

use std::net::SocketAddr;

use super::cast::{GATEWAY, RESOLVER, client};
use super::dns::{A, AAAA, HTTPS, query};
use super::hello::{Hello, hello};
use super::quic::{self, Side, V1, V2, Version};
use super::random::Random;
use super::sample::{Found, Sample, found, sample};
use super::tape::{Tape, Tcp};
use super::{NAME, named};

const SERVER: &str = "203.0.113.66:443";
/// The connection id that the client gives the server in its first packet.
const FIRST_ID: &[u8] = b"\x83\x94\xc8\xf0\x3e\x51\x57\x08";

pub fn samples() -> Vec<Sample> {
    vec![
        sample("names/quic.pcap", "QUIC version 1, the ClientHello in one datagram.", named(SERVER, 1), || {
            flight(&V1, &plain(), &[(0, plain().len())])
        }),
        sample("names/quic-v2.pcap", "QUIC version 2 (RFC 9369).", named(SERVER, 1), || {
            flight(&V2, &plain(), &[(0, plain().len())])
        }),
        sample(
            "names/quic-two-datagrams.pcap",
            "A ClientHello of 1.7 kB in two datagrams, the name in the second.",
            named(SERVER, 1),
            || flight(&V1, &chrome(), &[(0, 1100), (1100, chrome().len())]),
        ),
        sample(
            "names/quic-second-datagram-first.pcap",
            "The same two datagrams, the second before the first.",
            named(SERVER, 1),
            || flight(&V1, &chrome(), &[(1100, chrome().len()), (0, 1100)]),
        ),
        sample("names/dns-tcp-split.pcap", "DNS over TCP, a question in two segments.", asked(1), || {
            stream(&[30], &[NAME])
        }),
        sample(
            "names/dns-tcp-length-split.pcap",
            "DNS over TCP; the first segment is one byte, half of the length field before the question.",
            asked(1),
            || stream(&[1], &[NAME]),
        ),
        sample(
            "names/dns-tcp-two-and-a-half.pcap",
            "DNS over TCP, three questions: two and a half in one segment, the rest in the next.",
            asked(3),
            || stream(&[2 * (2 + query(NAME, A).bytes().len()) + 17], &[NAME; 3]),
        ),
        sample(
            "names/dns-tcp-retransmitted.pcap",
            "DNS over TCP: a question in one segment, which is retransmitted; then a question in two segments, \
             which are retransmitted.",
            asked(2),
            || {
                let mut tape = Tape::new();
                let mut tcp = Tcp::new(client(50_056), RESOLVER);
                let bytes = query(NAME, A).stream_bytes();
                tcp.open(&mut tape);
                for parts in [&[(0, bytes.len())][..], &[(0, 20), (20, bytes.len())]] {
                    for &(start, end) in parts.iter().chain(parts) {
                        tcp.ask_at(tape.wait(250), start, &bytes[start..end]);
                    }
                    tcp.asked(bytes.len());
                }
                tcp.refuse(&mut tape);
                tape.pcap()
            },
        ),
        sample(
            "names/dns-tcp-last-of-three.pcap",
            "DNS over TCP with three questions in segments of 25 bytes. Only the last one is for the listed name.",
            asked(1),
            || stream(&[25, 50, 75, 100], &["www.example.com", "mail.example.com", NAME]),
        ),
    ]
}

fn asked(count: u32) -> Vec<Found> {
    vec![found("c2-domain-query", "10.20.30.40", "10.20.0.53:53", count)]
}

fn plain() -> Vec<u8> {
    Hello { quic: true, ..hello(NAME) }.message(&mut Random::new(21))
}

fn chrome() -> Vec<u8> {
    Hello { quic: true, ..hello(NAME).like_chrome() }.message(&mut Random::new(22))
}

/// Parts of the hello, from and to, in a datagram each, and what the server answers.
fn flight(version: &Version, hello: &[u8], parts: &[(usize, usize)]) -> Vec<u8> {
    let mut tape = Tape::new();
    let (from, to) = (client(52_901), SocketAddr::from((GATEWAY, 443)));
    for (number, &(start, end)) in (0..).zip(parts) {
        let frames = quic::crypto(start, &hello[start..end]);
        tape.udp(from, to, &quic::initial(version, Side::Client, FIRST_ID, number, &frames));
    }
    // Acknowledges the last packet, and says the server's hello: its message without the record's
    // header.
    let server_hello = super::speech::server_hello(&mut Random::new(23));
    let frames = [&[2, parts.len() as u8 - 1, 0, 0, 0][..], &quic::crypto(0, &server_hello[5..])].concat();
    tape.wait(24).udp(to, from, &quic::initial(version, Side::Server, FIRST_ID, 0, &frames));
    tape.pcap()
}

/// Questions for these names after each other, cut into segments at these places.
fn stream(cuts: &[usize], names: &[&str]) -> Vec<u8> {
    let mut tape = Tape::new();
    let bytes: Vec<u8> =
        names.iter().zip([A, AAAA, HTTPS]).flat_map(|(name, kind)| query(name, kind).stream_bytes()).collect();
    let mut tcp = Tcp::new(client(50_055), RESOLVER);
    tcp.open(&mut tape);
    let mut start = 0;
    for &end in cuts.iter().chain([&bytes.len()]) {
        tcp.ask(&mut tape, &bytes[start..end]);
        start = end;
    }
    tcp.refuse(&mut tape);
    tape.pcap()
}
