//! The hits in the large captures: each is a small tape of its own with its expected signatures.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::hellos::{self, Order};
use crate::generator::cast::{ALL_LISTED, RESOLVER, v4};
use crate::generator::dns::{self, A, AAAA, HTTPS, TXT, address, alias, query};
use crate::generator::link;
use crate::generator::random::Random;
use crate::generator::speech::{self, POLL};
use crate::generator::tape::{Captured, Tape, Tcp};
use crate::generator::wire;

/// One hit.
pub struct Planted {
    /// The name of its kind.
    pub about: String,
    /// Its frames.
    pub frames: Vec<Captured>,
    /// The signatures that it must give, with one sighting each.
    signatures: &'static [&'static str],
}

/// The number of sightings in all hits, by signature.
pub fn sightings(planted: &[Planted]) -> BTreeMap<&'static str, u32> {
    let mut counts = BTreeMap::new();
    for signature in planted.iter().flat_map(|hit| hit.signatures) {
        *counts.entry(*signature).or_default() += 1;
    }
    counts
}

/// The number of hits of each kind in the mixed capture.
const MIXED: [(Kind, usize); 13] = [
    (Kind::Session, 8),
    (Kind::Syn, 5),
    (Kind::Refused, 4),
    (Kind::Udp, 4),
    (Kind::MidStream, 4),
    (Kind::ServerSide, 3),
    (Kind::OtherPort, 3),
    (Kind::Ping, 2),
    (Kind::Query, 8),
    (Kind::QueryOverTcp, 3),
    (Kind::QinQ, 2),
    (Kind::Resolved, 2),
    (Kind::Alias, 2),
];

#[derive(Clone, Copy, Debug)]
enum Kind {
    Session,
    Syn,
    Refused,
    Udp,
    MidStream,
    ServerSide,
    OtherPort,
    Ping,
    Query,
    QueryOverTcp,
    QinQ,
    Resolved,
    Alias,
}

/// The hits of the mixed capture, the kinds in turn.
pub fn fifty() -> Vec<Planted> {
    let most = MIXED.iter().map(|&(_, count)| count).max().unwrap_or(0);
    let turns = (0..most)
        .flat_map(|turn| MIXED.iter().filter(move |&&(_, count)| turn < count).map(move |&(kind, _)| (kind, turn)));
    turns.zip(0..).map(|((kind, turn), number)| plant(kind, turn, number)).collect()
}

/// The hits of the capture of small packets.
pub fn six() -> Vec<Planted> {
    let kinds = [Kind::Syn, Kind::Udp, Kind::Query, Kind::Refused, Kind::OtherPort, Kind::Syn];
    (0..).zip(kinds).map(|(number, kind)| plant(kind, usize::from(number), number)).collect()
}

/// Makes a hit of a kind; `turn` counts those of this kind, `number` all.
fn plant(kind: Kind, turn: usize, number: u16) -> Planted {
    // A network of its own, so that no port coincides with an ordinary flow.
    let client: SocketAddr = v4([10, 20, 99, 2 + (number % 250) as u8], 40_000 + number);
    let listed = ALL_LISTED[turn % ALL_LISTED.len()];
    let mut random = Random::new(number.into());
    let mut tape = Tape::on(if matches!(kind, Kind::QinQ) { link::QINQ } else { link::ETHERNET });
    let mut about = format!("{kind:?}: {client} and {listed}");
    let (asked, answered) =
        (speech::gateway_request(listed.ip(), POLL), speech::gateway_response(&speech::encoded(69, &mut random)));
    let mut tcp = Tcp::new(client, listed);
    let signatures: &[&str] = match kind {
        Kind::Session | Kind::QinQ => {
            tcp.whole(&mut tape, &asked, &answered);
            &["c2-endpoint", "netsupport-session"]
        }
        Kind::Syn => {
            tcp.syn(&mut tape);
            &["c2-endpoint"]
        }
        Kind::Refused => {
            tcp.syn(&mut tape).refuse(&mut tape);
            &["c2-endpoint"]
        }
        Kind::Udp => {
            tape.udp(client, listed, b"hello").udp(listed, client, b"hello");
            &["c2-endpoint"]
        }
        Kind::MidStream => {
            tcp.open(&mut tape).ask(&mut tape, &asked).answer(&mut tape, &answered).acknowledge(&mut tape);
            tape.skip(3);
            &["c2-endpoint", "netsupport-session"]
        }
        Kind::ServerSide => {
            tcp.whole(&mut tape, &asked, &answered);
            tape.only_from(listed.ip());
            &["c2-endpoint", "netsupport-session"]
        }
        Kind::OtherPort => {
            let server = (listed.ip(), 8080).into();
            about = format!("{kind:?}: {client} and {server}");
            Tcp::new(client, server).whole(&mut tape, &asked, &answered);
            &["c2-address", "netsupport-session"]
        }
        Kind::Ping => {
            if let (IpAddr::V4(from), IpAddr::V4(to)) = (client.ip(), listed.ip()) {
                tape.packet(&wire::icmp_echo(from, to, false, 1)).packet(&wire::icmp_echo(to, from, true, 1));
            }
            &["c2-address"]
        }
        Kind::Query => {
            let (name, record_type) = [
                ("feersona.net", A),
                ("gw.feersona.net", A),
                ("gw.feersona.net", AAAA),
                ("bryonsad.net", HTTPS),
                ("a.b.c.bryonsad.net", A),
                ("t.feersona.net", TXT),
                ("wWw.BryonSad.nEt", A),
                ("gw.bryonsad.net", dns::PRIVATE),
            ][turn % 8];
            about = format!("{kind:?}: {client} asks for {name}, type {record_type}");
            tape.udp(client, RESOLVER, &query(name, record_type).bytes());
            &["c2-domain-query"]
        }
        Kind::QueryOverTcp => {
            about = format!("{kind:?}: {client} asks for gw.feersona.net");
            Tcp::new(client, RESOLVER)
                .open(&mut tape)
                .ask(&mut tape, &query("gw.feersona.net", A).stream_bytes())
                .refuse(&mut tape);
            &["c2-domain-query"]
        }
        Kind::Resolved => {
            let server = Ipv4Addr::new(203, 0, 113, 66 + (turn % 2) as u8);
            about = format!("{kind:?}: {client} asks for gw.feersona.net and contacts {server}:443");
            let question = query("gw.feersona.net", A);
            let answer = question.answer(vec![address("gw.feersona.net", 300, server)]);
            tape.resolve(client, RESOLVER, &question, &answer);
            Tcp::new(client, (server, 443).into()).whole(&mut tape, &asked, &answered);
            // The post names the listed endpoint as well.
            &["c2-domain-query", "c2-domain-answer", "c2-resolved-address", "c2-server-name", "netsupport-session"]
        }
        Kind::Alias => {
            about = format!("{kind:?}: {client} learns that www.example.com is cdn.feersona.net");
            let question = query("www.example.com", A);
            let records = vec![
                alias("www.example.com", 300, "cdn.feersona.net"),
                address("cdn.feersona.net", 300, Ipv4Addr::new(203, 0, 113, 90)),
            ];
            tape.resolve(client, RESOLVER, &question, &question.answer(records));
            &["c2-domain-answer"]
        }
    };
    Planted { about, frames: tape.frames, signatures }
}

/// The hits of the capture of hellos: listed names in the first segment and in the second, in both
/// orders.
pub fn fifty_hellos() -> Vec<Planted> {
    let plant_hello = |number: u16| {
        let mut random = Random::new(number.into());
        let client = v4([10, 20, 99, 2 + (number % 250) as u8], 40_000 + number);
        let server = v4([198, 51, 100, 1 + (number % 250) as u8], 443);
        let name = ["gw.feersona.net", "bryonsad.net", "Feersona.NET", "a.b.c.bryonsad.net"][usize::from(number % 4)];
        // Each order with each place of the name, and each of these with each name.
        let name_first = (number / 4).is_multiple_of(2);
        let order = if (number / 8).is_multiple_of(2) { Order::Sent } else { Order::Swapped };
        let hello = hellos::browser_hello(name, name_first, &mut random);
        let place = if name_first { "first" } else { "second" };
        Planted {
            about: format!("{client} asks {server} for {name}, in the {place} segment, {order:?}"),
            frames: hellos::conversation((client, server), &hello, order, &mut random).frames,
            signatures: &["c2-server-name"],
        }
    };
    (0..50).map(plant_hello).collect()
}
