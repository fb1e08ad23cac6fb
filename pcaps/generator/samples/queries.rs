//! DNS questions for the listed domains.

use std::net::SocketAddr;

use super::Group;
use super::cast::{CLIENT_V6, RESOLVER, RESOLVER_V6, client, v4};
use super::dns::{self, A, AAAA, CHAOS, HTTPS, INTERNET, Message, PRIVATE, TXT, Z, query};
use super::sample::{Found, found, sample};
use super::tape::{Tape, Tcp};

/// Where LLMNR questions go (RFC 4795).
const LLMNR: SocketAddr = v4([224, 0, 0, 252], 5355);
/// Where mDNS questions go (RFC 6762).
const MDNS: SocketAddr = v4([224, 0, 0, 251], 5353);

fn queries(count: u32) -> Vec<Found> {
    vec![found("c2-domain-query", "10.20.30.40", "10.20.0.53:53", count)]
}

pub fn group() -> Group {
    Group {
        title: "DNS questions",
        about: "A question for a listed domain or a name below it, of any type and class, with any header. \
                These files hold no answers.",
        samples: vec![
            sample("query/apex.pcap", "`bryonsad.net`, type A.", queries(1), || asked(query("bryonsad.net", A))),
            sample("query/subdomain.pcap", "`gw.feersona.net`, type A.", queries(1), || {
                asked(query("gw.feersona.net", A))
            }),
            sample("query/deep-subdomain.pcap", "`a.b.c.d.feersona.net`, type A.", queries(1), || {
                asked(query("a.b.c.d.feersona.net", A))
            }),
            sample(
                "query/mixed-case.pcap",
                "`gW.FeErSoNa.NeT`, as resolvers with 0x20 encoding ask.",
                queries(1),
                || asked(query("gW.FeErSoNa.NeT", A)),
            ),
            sample("query/type-aaaa.pcap", "Type AAAA.", queries(1), || asked(query("gw.feersona.net", AAAA))),
            sample("query/type-https.pcap", "Type HTTPS (65), as every browser asks.", queries(1), || {
                asked(query("gw.feersona.net", HTTPS))
            }),
            sample("query/type-txt.pcap", "Type TXT.", queries(1), || asked(query("t.bryonsad.net", TXT))),
            sample("query/type-65280.pcap", "A type from the private range: `TYPE65280`.", queries(1), || {
                asked(query("gw.feersona.net", PRIVATE))
            }),
            sample("query/class-chaos.pcap", "Class CHAOS, type TXT.", queries(1), || {
                asked(Message {
                    questions: vec![(dns::name("gw.feersona.net"), TXT, CHAOS)],
                    ..query("gw.feersona.net", TXT)
                })
            }),
            sample(
                "query/second-question.pcap",
                "Two questions in one message: `www.example.com`, then `gw.feersona.net`.",
                queries(1),
                second_question,
            ),
            sample(
                "query/edns-and-z-bit.pcap",
                "An EDNS record, and the header's reserved bit set.",
                queries(1),
                || asked(Message { edns: Some(1232), ..query("gw.feersona.net", A).with(Z) }),
            ),
            sample(
                "query/tcp.pcap",
                "Over TCP, with the whole message in one segment. The server closes the connection.",
                queries(1),
                tcp,
            ),
            sample(
                "query/tcp-two-in-a-segment.pcap",
                "Over TCP, two messages in one segment: types A and AAAA.",
                queries(2),
                tcp_two,
            ),
            sample(
                "query/tcp-late-question.pcap",
                "Over TCP, two questions for other names, then one for `gw.feersona.net`; the connection's \
                 beginning is missing.",
                queries(1),
                tcp_mid_stream,
            ),
            sample(
                "query/llmnr.pcap",
                "LLMNR, to its multicast address.",
                vec![found("c2-domain-query", "10.20.30.40", "224.0.0.252:5355", 1)],
                || asked_at(client(50_355), LLMNR, &query("gw.feersona.net", A)),
            ),
            sample(
                "query/mdns.pcap",
                "Multicast DNS, from and to port 5353.",
                vec![found("c2-domain-query", "10.20.30.40", "224.0.0.251:5353", 1)],
                || asked_at(client(5353), MDNS, &Message { id: 0, flags: 0, ..query("gw.feersona.net", A) }),
            ),
            sample(
                "query/to-ipv6-resolver.pcap",
                "To a resolver with an IPv6 address.",
                vec![found("c2-domain-query", "2001:db8:30::40", "[2001:db8::53]:53", 1)],
                || asked_at((CLIENT_V6, 53_124).into(), RESOLVER_V6, &query("gw.feersona.net", A)),
            ),
            sample(
                "query/both-domains-amid-others.pcap",
                "Ten questions for other names, and one for each listed domain among them.",
                queries(2),
                amid_others,
            ),
        ],
    }
}

fn asked_at(from: SocketAddr, resolver: SocketAddr, message: &Message) -> Vec<u8> {
    Tape::new().udp(from, resolver, &message.bytes()).pcap()
}

fn asked(message: Message) -> Vec<u8> {
    asked_at(client(53_124), RESOLVER, &message)
}

fn second_question() -> Vec<u8> {
    let mut message = query("www.example.com", A);
    message.questions.push((dns::name("gw.feersona.net"), A, INTERNET));
    asked(message)
}

fn tcp() -> Vec<u8> {
    let mut tape = Tape::new();
    let mut tcp = Tcp::new(client(50_053), RESOLVER);
    tcp.open(&mut tape).ask(&mut tape, &query("gw.feersona.net", A).stream_bytes()).refuse(&mut tape);
    tape.pcap()
}

fn tcp_two() -> Vec<u8> {
    let mut tape = Tape::new();
    let both = [query("gw.feersona.net", A).stream_bytes(), query("gw.feersona.net", AAAA).stream_bytes()].concat();
    Tcp::new(client(50_053), RESOLVER).open(&mut tape).ask(&mut tape, &both).refuse(&mut tape);
    tape.pcap()
}

fn tcp_mid_stream() -> Vec<u8> {
    let mut tape = Tape::new();
    let mut tcp = Tcp::new(client(50_054), RESOLVER);
    tcp.open(&mut tape);
    for name in ["www.example.com", "mail.example.com", "gw.feersona.net"] {
        tcp.ask(tape.wait(400), &query(name, A).stream_bytes()).acknowledge_by_server(&mut tape);
    }
    tape.skip(3).pcap()
}

fn amid_others() -> Vec<u8> {
    let mut tape = Tape::new();
    let names = [
        "www.example.com",
        "mail.example.com",
        "login.example.org",
        "gw.feersona.net",
        "cdn.example.net",
        "time.example.net",
        "updates.example.org",
        "api.example.com",
        "bryonsad.net",
        "wpad.corp.example",
        "static.example.net",
        "img.example.com",
    ];
    for (port, name) in (53_200..).zip(names) {
        tape.udp(client(port), RESOLVER, &query(name, A).bytes()).wait(310);
    }
    tape.pcap()
}
