//! DNS answers for the listed domains, and answers that lead to them.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Group;
use super::cast::{CLIENT_V6, GATEWAY, RESOLVER, RESOLVER_V6, client};
use super::dns::{
    self, A, ANY, Data, HTTPS, Message, NXDOMAIN, PRIVATE, RRSIG, Record, SOA, TRUNCATED, address, alias, query, record,
};
use super::sample::{Found, found, sample};
use super::tape::{Tape, Tcp};

/// More addresses for the gateway.
pub const GATEWAY_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x66, 0, 0, 0, 0, 0x66);
const SECOND: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 67);
const THIRD: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 68);

fn query_and_answer(queries: u32, answers: u32) -> Vec<Found> {
    vec![
        found("c2-domain-query", "10.20.30.40", "10.20.0.53:53", queries),
        found("c2-domain-answer", "10.20.30.40", "10.20.0.53:53", answers),
    ]
}

fn answer() -> Vec<Found> {
    vec![found("c2-domain-answer", "10.20.30.40", "10.20.0.53:53", 1)]
}

pub fn group() -> Group {
    Group {
        title: "DNS answers",
        about: "An answer for a listed domain, or an answer with a record that is the domain or leads to it. \
                Addresses are reported in the order of the answer.",
        samples: vec![
            sample(
                "answer/a.pcap",
                "Question and answer, one A record: 203.0.113.66, TTL 300.",
                query_and_answer(1, 1),
                || resolved(&query("gw.feersona.net", A), vec![address("gw.feersona.net", 300, GATEWAY)]),
            ),
            sample(
                "answer/a-and-aaaa.pcap",
                "Type ANY; three records: 203.0.113.66, 2001:db8:66::66, 203.0.113.67. The shortest TTL is 60.",
                query_and_answer(1, 1),
                a_and_aaaa,
            ),
            sample(
                "answer/cname-to-indicator.pcap",
                "A question for `www.example.com`, which is an alias of `cdn.feersona.net`, 203.0.113.70. No \
                 question names the domain.",
                answer(),
                || resolved(&query("www.example.com", A), to_indicator()),
            ),
            sample(
                "answer/cname-from-indicator.pcap",
                "`gw.feersona.net` is an alias of `edge.example.net`, 203.0.113.71.",
                query_and_answer(1, 1),
                || resolved(&query("gw.feersona.net", A), from_indicator()),
            ),
            sample(
                "answer/cname-long-chain.pcap",
                "A chain of aliases: `www.example.com`, `a.example.net`, `b.bryonsad.net`, `c.example.org`, \
                 203.0.113.72. The listed domain is in the middle.",
                answer(),
                long_chain,
            ),
            sample(
                "answer/unknown-record-first.pcap",
                "A record of type 65280 and an RRSIG before the A record, 203.0.113.66.",
                query_and_answer(1, 1),
                unknown_first,
            ),
            sample(
                "answer/nxdomain.pcap",
                "The name does not exist (response code 3, a SOA record in the authority section, no address).",
                query_and_answer(1, 1),
                || no_address(A, NXDOMAIN),
            ),
            sample(
                "answer/no-data.pcap",
                "Type HTTPS: the name exists, but not this type (no error, no record).",
                query_and_answer(1, 1),
                || no_address(HTTPS, 0),
            ),
            sample(
                "answer/truncated-then-tcp.pcap",
                "The answer over UDP is truncated and empty; the client asks again over TCP and gets 203.0.113.66.",
                query_and_answer(2, 2),
                truncated_then_tcp,
            ),
            sample(
                "answer/cut-by-snap-length.pcap",
                "Three A records, but the frame was captured only up to the end of the first, 203.0.113.66.",
                query_and_answer(1, 1),
                cut_by_snap_length,
            ),
            sample(
                "answer/without-question.pcap",
                "An answer with an empty question section: the record's owner is the domain.",
                answer(),
                without_question,
            ),
            sample("answer/answer-only.pcap", "An answer whose question was not captured.", answer(), answer_only),
            sample(
                "answer/from-ipv6-resolver.pcap",
                "Question and answer over IPv6.",
                vec![
                    found("c2-domain-query", "2001:db8:30::40", "[2001:db8::53]:53", 1),
                    found("c2-domain-answer", "2001:db8:30::40", "[2001:db8::53]:53", 1),
                ],
                over_ipv6,
            ),
        ],
    }
}

/// An alias of an innocent name that leads to a listed domain.
pub fn to_indicator() -> Vec<Record> {
    vec![
        alias("www.example.com", 300, "cdn.feersona.net"),
        address("cdn.feersona.net", 300, Ipv4Addr::new(203, 0, 113, 70)),
    ]
}

/// A listed domain that is an alias of another name.
pub fn from_indicator() -> Vec<Record> {
    vec![
        alias("gw.feersona.net", 300, "edge.example.net"),
        address("edge.example.net", 300, Ipv4Addr::new(203, 0, 113, 71)),
    ]
}

fn resolved(query: &Message, answers: Vec<Record>) -> Vec<u8> {
    Tape::new().resolve(client(53_124), RESOLVER, query, &query.answer(answers)).pcap()
}

fn a_and_aaaa() -> Vec<u8> {
    let records = vec![
        address("gw.feersona.net", 300, GATEWAY),
        address("gw.feersona.net", 60, GATEWAY_V6),
        address("gw.feersona.net", 300, SECOND),
    ];
    resolved(&query("gw.feersona.net", ANY), records)
}

fn long_chain() -> Vec<u8> {
    let records = vec![
        alias("www.example.com", 300, "a.example.net"),
        alias("a.example.net", 120, "b.bryonsad.net"),
        alias("b.bryonsad.net", 60, "c.example.org"),
        address("c.example.org", 30, Ipv4Addr::new(203, 0, 113, 72)),
    ];
    resolved(&query("www.example.com", A), records)
}

fn unknown_first() -> Vec<u8> {
    let records = vec![
        record("gw.feersona.net", 300, Data::Bytes(PRIVATE, b"\x00\x01private".to_vec())),
        record(
            "gw.feersona.net",
            300,
            Data::Bytes(RRSIG, [&[0, 1, 13, 3, 0, 0, 1, 44][..], &[0x6a; 10], &[0], &[7; 64]].concat()),
        ),
        address("gw.feersona.net", 300, GATEWAY),
    ];
    resolved(&query("gw.feersona.net", A), records)
}

fn no_address(kind: u16, code: u16) -> Vec<u8> {
    let query = query("gw.feersona.net", kind);
    // Two names (here: the root), serial, refresh, retry, expire, minimum (RFC 1035 section
    // 3.3.13).
    let soa = [&[0, 0][..], &[0, 0, 0, 9], &[0, 0, 14, 16], &[0, 0, 3, 132], &[0, 9, 58, 128], &[0, 0, 1, 44]].concat();
    let mut answer = query.answer(Vec::new()).with(code);
    answer.authorities.push(record("feersona.net", 300, Data::Bytes(SOA, soa)));
    Tape::new().resolve(client(53_124), RESOLVER, &query, &answer).pcap()
}

fn truncated_then_tcp() -> Vec<u8> {
    let mut tape = Tape::new();
    let query = query("gw.feersona.net", A);
    tape.resolve(client(53_124), RESOLVER, &query, &query.answer(Vec::new()).with(TRUNCATED));
    let whole = query.answer(vec![address("gw.feersona.net", 300, GATEWAY)]);
    Tcp::new(client(50_055), RESOLVER).whole(&mut tape, &query.stream_bytes(), &whole.stream_bytes());
    tape.pcap()
}

fn cut_by_snap_length() -> Vec<u8> {
    let query = query("gw.feersona.net", A);
    let whole = query.answer([GATEWAY, SECOND, THIRD].map(|ip| address("gw.feersona.net", 300, ip)).to_vec());
    let mut tape = Tape::new();
    tape.resolve(client(53_124), RESOLVER, &query, &whole);
    // Ethernet, IPv4, UDP and DNS headers, question, one record, and half of the next.
    tape.snap(14 + 20 + 8 + 12 + 21 + 16 + 8).pcap()
}

fn without_question() -> Vec<u8> {
    let message = Message {
        id: 0x5a17,
        flags: dns::RESPONSE | dns::RECURSIVE,
        answers: vec![address("gw.feersona.net", 300, GATEWAY)],
        ..Message::default()
    };
    Tape::new().udp(RESOLVER, client(53_124), &message.bytes()).pcap()
}

fn answer_only() -> Vec<u8> {
    let message = query("gw.feersona.net", A).answer(vec![address("gw.feersona.net", 300, GATEWAY)]);
    Tape::new().udp(RESOLVER, client(53_124), &message.bytes()).pcap()
}

fn over_ipv6() -> Vec<u8> {
    let query = query("gw.feersona.net", A);
    let answer = query.answer(vec![address("gw.feersona.net", 300, GATEWAY)]);
    Tape::new().resolve((CLIENT_V6, 53_124).into(), RESOLVER_V6, &query, &answer).pcap()
}
