//! Contacts with addresses that a DNS answer gave for a listed domain: found for the larger of the
//! record's TTL and an hour.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Group;
use super::answers::{GATEWAY_V6, from_indicator, to_indicator};
use super::cast::{CLIENT, CLIENT_V6, COLLEAGUE, GATEWAY, RESOLVER, WEB, client, v4};
use super::dns::{A, AAAA, Record, address, query};
use super::random::Random;
use super::sample::{Found, found, sample};
use super::tape::{Tape, Tcp};

const MINUTE: u64 = 60_000;

/// Question and answer, and then `also`.
fn truth(also: &[(&'static str, &'static str, &'static str)]) -> Vec<Found> {
    let dns =
        [("c2-domain-query", "10.20.30.40", "10.20.0.53:53"), ("c2-domain-answer", "10.20.30.40", "10.20.0.53:53")];
    dns.iter().chain(also).map(|&(signature, client, server)| found(signature, client, server, 1)).collect()
}

const CONTACT: (&str, &str, &str) = ("c2-resolved-address", "10.20.30.40", "203.0.113.66:443");

pub fn group() -> Group {
    Group {
        title: "Resolved addresses",
        about: "An answer gives an address for a listed domain (`gw.feersona.net`, unless a row says \
                otherwise), and then a host contacts that address. Only packet time counts, not how fast the \
                file is read.",
        samples: vec![
            sample("resolved/at-once.pcap", "Contact 5 ms after the answer.", truth(&[CONTACT]), || after(300, 5)),
            sample(
                "resolved/after-59-minutes.pcap",
                "TTL 60, contact 59 minutes later: within the hour.",
                truth(&[CONTACT]),
                || after(60, 59 * MINUTE),
            ),
            sample("resolved/after-61-minutes.pcap", "TTL 60, contact 61 minutes later: too late.", truth(&[]), || {
                after(60, 61 * MINUTE)
            }),
            sample(
                "resolved/after-90-minutes-long-ttl.pcap",
                "TTL 7200, contact 90 minutes later: within the TTL.",
                truth(&[CONTACT]),
                || after(7200, 90 * MINUTE),
            ),
            sample(
                "resolved/renewed.pcap",
                "TTL 60, the same answer again after 50 minutes, contact after 100 minutes.",
                vec![
                    found("c2-domain-query", "10.20.30.40", "10.20.0.53:53", 2),
                    found("c2-domain-answer", "10.20.30.40", "10.20.0.53:53", 2),
                    found("c2-resolved-address", "10.20.30.40", "203.0.113.66:443", 1),
                ],
                renewed,
            ),
            sample(
                "resolved/before-the-answer.pcap",
                "The only contact begins and ends before the answer comes.",
                truth(&[]),
                before_the_answer,
            ),
            sample(
                "resolved/by-a-colleague.pcap",
                "The contact is made by another host than the one that asked.",
                truth(&[("c2-resolved-address", "10.20.30.51", "203.0.113.66:443")]),
                by_a_colleague,
            ),
            sample("resolved/over-udp.pcap", "Contact over UDP.", truth(&[CONTACT]), over_udp),
            sample(
                "resolved/over-ipv6.pcap",
                "An AAAA record, TTL 300, and contact over IPv6.",
                truth(&[("c2-resolved-address", "2001:db8:30::40", "[2001:db8:66::66]:443")]),
                over_ipv6,
            ),
            sample(
                "resolved/through-cname-to-indicator.pcap",
                "`www.example.com` is an alias of `cdn.feersona.net`, 203.0.113.70; contact with that.",
                vec![
                    found("c2-domain-answer", "10.20.30.40", "10.20.0.53:53", 1),
                    found("c2-resolved-address", "10.20.30.40", "203.0.113.70:443", 1),
                ],
                || through("www.example.com", to_indicator(), v4([203, 0, 113, 70], 443)),
            ),
            sample(
                "resolved/through-cname-from-indicator.pcap",
                "`gw.feersona.net` is an alias of `edge.example.net`, 203.0.113.71; contact with that.",
                truth(&[("c2-resolved-address", "10.20.30.40", "203.0.113.71:443")]),
                || through("gw.feersona.net", from_indicator(), v4([203, 0, 113, 71], 443)),
            ),
            sample(
                "resolved/listed-address.pcap",
                "The answer gives a listed address, and the contact goes to its listed port. Only the listed \
                 endpoint is reported, because it is the stronger signature.",
                truth(&[("c2-endpoint", "10.20.30.40", "5.252.177.201:443")]),
                || {
                    let listed = Ipv4Addr::new(5, 252, 177, 201);
                    through("gw.feersona.net", vec![address("gw.feersona.net", 300, listed)], (listed, 443).into())
                },
            ),
            sample(
                "resolved/blocked-by-the-resolver.pcap",
                "The resolver blocks the name by answering 0.0.0.0. Then hosts without an address send DHCP \
                 requests from 0.0.0.0. This is not a contact.",
                truth(&[]),
                blocked,
            ),
        ],
    }
}

/// The gateway's name asked for and answered with one record.
fn resolve(tape: &mut Tape, name: &str, records: Vec<Record>) {
    let query = query(name, if records.iter().all(Record::is_ipv6) { AAAA } else { A });
    tape.resolve(client(53_124), RESOLVER, &query, &query.answer(records));
}

fn contact(tape: &mut Tape, from: SocketAddr, server: SocketAddr) {
    let mut random = Random::new(66);
    Tcp::new(from, server).whole(tape, &random.bytes(232), &random.bytes(77));
}

/// An ordinary conversation, so that time goes on.
fn ordinary(tape: &mut Tape) {
    contact(tape, client(50_443), WEB);
}

fn after(ttl: u32, milliseconds: u64) -> Vec<u8> {
    let mut tape = Tape::new();
    resolve(&mut tape, "gw.feersona.net", vec![address("gw.feersona.net", ttl, GATEWAY)]);
    let contact_at = tape.elapsed() + milliseconds;
    if milliseconds > MINUTE {
        ordinary(tape.wait(milliseconds / 2));
    }
    contact(tape.at(contact_at), client(49_741), (GATEWAY, 443).into());
    tape.pcap()
}

fn renewed() -> Vec<u8> {
    let mut tape = Tape::new();
    for minute in [0, 50] {
        resolve(tape.at(minute * MINUTE), "gw.feersona.net", vec![address("gw.feersona.net", 60, GATEWAY)]);
    }
    contact(tape.at(100 * MINUTE), client(49_741), (GATEWAY, 443).into());
    tape.pcap()
}

fn before_the_answer() -> Vec<u8> {
    let mut tape = Tape::new();
    contact(&mut tape, client(49_741), (GATEWAY, 443).into());
    resolve(tape.wait(2000), "gw.feersona.net", vec![address("gw.feersona.net", 300, GATEWAY)]);
    ordinary(tape.wait(1000));
    tape.pcap()
}

fn by_a_colleague() -> Vec<u8> {
    let mut tape = Tape::new();
    resolve(&mut tape, "gw.feersona.net", vec![address("gw.feersona.net", 300, GATEWAY)]);
    contact(tape.wait(4000), (COLLEAGUE, 49_900).into(), (GATEWAY, 443).into());
    tape.pcap()
}

fn over_udp() -> Vec<u8> {
    let mut tape = Tape::new();
    let (from, server) = (client(53_900), SocketAddr::from((GATEWAY, 443)));
    resolve(&mut tape, "gw.feersona.net", vec![address("gw.feersona.net", 300, GATEWAY)]);
    tape.wait(40).udp(from, server, &Random::new(3).bytes(600)).wait(24).udp(server, from, &Random::new(4).bytes(900));
    tape.pcap()
}

fn over_ipv6() -> Vec<u8> {
    let mut tape = Tape::new();
    resolve(&mut tape, "gw.feersona.net", vec![address("gw.feersona.net", 300, GATEWAY_V6)]);
    contact(tape.wait(30), (CLIENT_V6, 49_741).into(), (GATEWAY_V6, 443).into());
    tape.pcap()
}

fn through(name: &str, records: Vec<Record>, server: SocketAddr) -> Vec<u8> {
    let mut tape = Tape::new();
    resolve(&mut tape, name, records);
    contact(tape.wait(30), client(49_741), server);
    tape.pcap()
}

fn blocked() -> Vec<u8> {
    let mut tape = Tape::new();
    let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    resolve(&mut tape, "gw.feersona.net", vec![address("gw.feersona.net", 10, Ipv4Addr::UNSPECIFIED)]);
    for (number, transaction) in [(60u8, 0x11u8), (61, 0x12)] {
        // A DISCOVER (RFC 2131): a request over Ethernet, a transaction, the client's hardware
        // address, the magic cookie, type 1, the end.
        let mut discover = vec![1, 1, 6, 0, 0x3a, 0x2b, 0x1c, transaction];
        discover.extend([0; 20]);
        discover.extend([0x3c, 0x52, 0x82, 20, 30, number]);
        discover.extend([0; 202]);
        discover.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255]);
        tape.wait(800).udp((nobody, 68).into(), (Ipv4Addr::BROADCAST, 67).into(), &discover);
    }
    contact(tape.wait(100), (CLIENT, 50_444).into(), WEB);
    tape.pcap()
}
