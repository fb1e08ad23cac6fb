//! Look-alikes: near to an indicator, and no finding.

use std::net::{Ipv4Addr, SocketAddr};

use super::Group;
use super::cast::{ALL_LISTED, CLIENT, RESOLVER, WEB, client, v4};
use super::dns::{
    self, A, Data, HTTPS, Message, PTR, RESPONSE, Record, SRV, address, alias, query, query_name, record, text,
};
use super::random::Random;
use super::sample::{Sample, sample};
use super::speech;
use super::tape::{Tape, Tcp};
use super::wire;

const HTTP: SocketAddr = v4([192, 0, 2, 80], 80);

fn quiet(path: &'static str, about: &'static str, make: fn() -> Vec<u8>) -> Sample {
    sample(path, about, vec![], make)
}

pub fn group() -> Group {
    Group {
        title: "Look-alikes",
        about: "Nothing must be found in any of these files.",
        samples: vec![
            quiet(
                "quiet/name-with-a-prefix.pcap",
                "`xfeersona.net` and `not-bryonsad.net`: no label boundary before the domain.",
                || names(&["xfeersona.net", "www.xfeersona.net", "not-bryonsad.net"]),
            ),
            quiet(
                "quiet/name-as-a-subdomain.pcap",
                "`feersona.net.example.org`: the domain is not at the end.",
                || names(&["feersona.net.example.org", "bryonsad.net.corp.example"]),
            ),
            quiet(
                "quiet/name-with-other-endings.pcap",
                "`feersona.network`, `feersona.ne`, `feersona`, `net`.",
                || names(&["feersona.network", "feersona.ne", "feersona.com", "feersona", "net", "fee.rsona.net"]),
            ),
            quiet(
                "quiet/dot-within-a-label.pcap",
                "Two labels, `x.feersona` and `net`; and one label, `feersona.net`. A dot that is a byte of a \
                 label does not end it.",
                dot_within_a_label,
            ),
            quiet(
                "quiet/name-in-other-data.pcap",
                "`feersona.net` in the text of a TXT record, in the body of a web page, and in a UDP payload.",
                name_in_other_data,
            ),
            quiet(
                "quiet/reverse-lookups.pcap",
                "PTR questions for listed addresses: `25.233.202.91.in-addr.arpa`.",
                || asked(&[query("25.233.202.91.in-addr.arpa", PTR), query("201.177.252.5.in-addr.arpa", PTR)]),
            ),
            quiet(
                "quiet/alias-to-look-alike.pcap",
                "`www.example.com` is an alias of `xfeersona.net`; contact with its address.",
                alias_to_look_alike,
            ),
            quiet(
                "quiet/neighbouring-addresses.pcap",
                "Contacts with the addresses just below and above each listed one, at the listed ports, and \
                 with 25.233.202.91:4888 (reversed bytes).",
                neighbours,
            ),
            quiet(
                "quiet/listed-ports-elsewhere.pcap",
                "Contacts with ports 4888, 581, 9606 and 443 of a benign server, and from these ports.",
                listed_ports,
            ),
            quiet(
                "quiet/post-with-bare-lf.pcap",
                "HTTP with bare LF, an absolute target and a padded Content-Length, and plain HTTP on 443, but \
                 without a NetSupport client or a listed server.",
                post_with_bare_lf,
            ),
            quiet(
                "quiet/netsupport-mentioned.pcap",
                "A web page, and a search for it, that mention NetSupport Manager and its gateway.",
                mentioned,
            ),
            quiet(
                "quiet/addresses-in-payloads.pcap",
                "Listed addresses and ports as payload: text and raw bytes, over TCP, UDP and ICMP.",
                addresses_in_payloads,
            ),
            quiet(
                "quiet/many-records.pcap",
                "Benign answers: 40 addresses; aliases through five names; SRV, TXT and HTTPS records.",
                many_records,
            ),
            quiet(
                "quiet/broken-dns.pcap",
                "Traffic on port 53 that is not DNS: random bytes, a header alone, counts without content, a \
                 reserved opcode, TLS over TCP.",
                broken_dns,
            ),
            quiet("quiet/office-hour.pcap", "Ordinary traffic: DNS, TLS, HTTP, NTP, ping, ARP, mDNS.", office_hour),
        ],
    }
}

fn asked(messages: &[Message]) -> Vec<u8> {
    let mut tape = Tape::new();
    for (port, message) in (53_200..).zip(messages) {
        tape.udp(client(port), RESOLVER, &message.bytes()).wait(200);
    }
    tape.pcap()
}

/// Questions for names, and answers with an address; then a contact with that.
fn names(names: &[&str]) -> Vec<u8> {
    let mut tape = Tape::new();
    for (port, name) in (53_200..).zip(names) {
        let query = query(name, A);
        tape.resolve(
            client(port),
            RESOLVER,
            &query,
            &query.answer(vec![address(name, 300, Ipv4Addr::new(192, 0, 2, 80))]),
        );
        Tcp::new(client(port), WEB).open(&mut tape).close(&mut tape);
    }
    tape.pcap()
}

fn dot_within_a_label() -> Vec<u8> {
    let labels: [&[&[u8]]; 3] = [&[b"x.feersona", b"net"], &[b"feersona.net"], &[b"www", b"x.feersona", b"net"]];
    asked(&labels.map(|labels| query_name(labels.iter().map(|label| label.to_vec()).collect(), A)))
}

fn name_in_other_data() -> Vec<u8> {
    let mut tape = Tape::new();
    let question = query("example.com", dns::TXT);
    let answer = question.answer(vec![record("example.com", 300, text("v=spf1 include:feersona.net -all"))]);
    tape.resolve(client(53_200), RESOLVER, &question, &answer);
    let page = speech::http_ok("text/html", b"<p>Block feersona.net and http://bryonsad.net/ today.</p>");
    Tcp::new(client(50_080), HTTP).whole(&mut tape, &speech::http_get("www.example.com", "/advice.html"), &page);
    tape.udp(client(50_081), v4([192, 0, 2, 99], 5140), b"<134>resolver: \x08feersona\x03net\x00 feersona.net blocked");
    tape.pcap()
}

fn alias_to_look_alike() -> Vec<u8> {
    let mut tape = Tape::new();
    let other = Ipv4Addr::new(192, 0, 2, 81);
    let question = query("www.example.com", A);
    let answer =
        question.answer(vec![alias("www.example.com", 60, "xfeersona.net"), address("xfeersona.net", 60, other)]);
    tape.resolve(client(53_200), RESOLVER, &question, &answer);
    Tcp::new(client(50_080), (other, 443).into()).open(&mut tape).close(&mut tape);
    tape.pcap()
}

fn neighbours() -> Vec<u8> {
    let mut tape = Tape::new();
    let mut port = 50_100;
    let mut contact = |server: SocketAddr| {
        Tcp::new(client(port), server).syn(&mut tape).refuse(&mut tape);
        tape.udp(client(port), server, b"hello");
        port += 1;
    };
    for listed in ALL_LISTED {
        let SocketAddr::V4(listed) = listed else { continue };
        let number = u32::from(*listed.ip());
        for near in [number - 1, number + 1, number ^ 0x0100, number ^ 0x8000_0000] {
            contact((Ipv4Addr::from(near), listed.port()).into());
        }
    }
    contact(v4([25, 233, 202, 91], 4888));
    tape.pcap()
}

fn listed_ports() -> Vec<u8> {
    let mut tape = Tape::new();
    for (port, listed) in (50_200..).zip(ALL_LISTED) {
        let server = (WEB.ip(), listed.port()).into();
        Tcp::new(client(port), server).open(tape.wait(100)).close(&mut tape);
        tape.udp(client(port), server, b"hello");
        Tcp::new(client(listed.port()), (WEB.ip(), port).into()).open(&mut tape).close(&mut tape);
    }
    tape.pcap()
}

fn post_with_bare_lf() -> Vec<u8> {
    let mut tape = Tape::new();
    let body = b"CMD=STATUS\nINFO=1\n";
    let head = format!(
        "POST http://192.0.2.80/meter.cgi HTTP/1.1\nUser-Agent: Smart Meter/1.3\nContent-Type: \
         application/x-www-form-urlencoded\nContent-Length: {:>6}\nHost: 192.0.2.80\nConnection: \
         Keep-Alive\n\n",
        body.len()
    );
    let answer = b"HTTP/1.1 200 OK\nServer: Meter Gateway/2.0\nContent-Length:      2\n\nOK";
    for (port, server) in [(50_080, HTTP), (50_443, WEB)] {
        Tcp::new(client(port), server).whole(&mut tape, &[head.as_bytes(), body].concat(), answer);
    }
    tape.pcap()
}

fn mentioned() -> Vec<u8> {
    let mut tape = Tape::new();
    let page = b"<h1>NetSupport Manager</h1><p>User-Agent: NetSupport Manager/1.3, POST http://gateway/fakeurl.htm, \
                 Server: NetSupport Gateway/1.92, CMD=POLL, geo.netsupportsoftware.com/location/loca.asp</p>";
    let asked = speech::http_get("www.example.com", "/search?q=NetSupport+Manager+fakeurl.htm+loca.asp");
    Tcp::new(client(50_080), HTTP).whole(&mut tape, &asked, &speech::http_ok("text/html", page));
    tape.pcap()
}

fn addresses_in_payloads() -> Vec<u8> {
    let mut tape = Tape::new();
    let mut list = String::new();
    let mut raw = Vec::new();
    for listed in ALL_LISTED {
        list += &format!("{listed}\n");
        if let SocketAddr::V4(listed) = listed {
            raw.extend(listed.ip().octets());
            raw.extend(listed.port().to_be_bytes());
        }
    }
    let feed = speech::http_ok("text/plain", list.as_bytes());
    Tcp::new(client(50_080), HTTP).whole(&mut tape, &speech::http_get("feeds.example.org", "/c2.txt"), &feed);
    tape.udp(client(50_081), v4([192, 0, 2, 99], 9000), &raw);
    tape.udp(client(50_082), v4([192, 0, 2, 99], 9000), list.as_bytes());
    let echo = wire::icmp_echo_of(CLIENT, Ipv4Addr::new(192, 0, 2, 80), false, 1, &raw);
    tape.packet(&echo);
    tape.pcap()
}

fn many_records() -> Vec<u8> {
    let mut tape = Tape::new();
    let mut resolve = |question: Message, answers: Vec<Record>| {
        let answer = question.answer(answers);
        tape.resolve(client(53_200 + question.id % 500), RESOLVER, &question, &answer).wait(300);
    };
    let pool = (1..=40).map(|host| address("pool.example.net", 60, Ipv4Addr::new(198, 51, 100, host))).collect();
    resolve(query("pool.example.net", A), pool);
    let chain =
        ["www.example.com", "w.example.net", "x.example.net", "y.example.org", "z.example.org", "end.example.org"];
    let mut records: Vec<Record> = chain.windows(2).map(|pair| alias(pair[0], 60, pair[1])).collect();
    records.push(address("end.example.org", 60, Ipv4Addr::new(192, 0, 2, 7)));
    resolve(query("www.example.com", A), records);
    let service = [&[0, 5, 0, 0, 1, 187, 4][..], b"host", &[7], b"example", &[3], b"org", &[0]].concat();
    resolve(
        query("_ldap._tcp.example.org", SRV),
        vec![record("_ldap._tcp.example.org", 600, Data::Bytes(SRV, service))],
    );
    let words = ["v=spf1 -all", "verification=7f3a", "another string"];
    resolve(query("example.org", dns::TXT), words.map(|word| record("example.org", 600, text(word))).to_vec());
    // Priority 1, the owner itself, ALPN h2.
    let https = Data::Bytes(HTTPS, vec![0, 1, 0, 0, 1, 0, 3, 2, b'h', b'2']);
    resolve(query("www.example.org", HTTPS), vec![record("www.example.org", 600, https)]);
    tape.pcap()
}

fn broken_dns() -> Vec<u8> {
    let mut tape = Tape::new();
    let mut random = Random::new(53);
    let from = client(53_200);
    for length in [1, 5, 11, 12, 13, 40, 300] {
        tape.udp(from, RESOLVER, &random.bytes(length));
    }
    tape.udp(from, RESOLVER, b"");
    let header = |flags: u16, counts: [u16; 4]| {
        let words = [0x1234, flags, counts[0], counts[1], counts[2], counts[3]];
        words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>()
    };
    tape.udp(from, RESOLVER, &header(0, [0; 4]));
    tape.udp(from, RESOLVER, &header(0, [9, 9, 9, 9]));
    tape.udp(RESOLVER, from, &header(RESPONSE | 0x7800, [0, 65_535, 0, 0]));
    let mut tcp = Tcp::new(client(50_053), v4([192, 0, 2, 53], 53));
    tcp.open(&mut tape);
    tcp.ask(&mut tape, &speech::client_hello("dns.example.org", &mut random));
    tcp.answer(&mut tape, &speech::server_hello(&mut random)).close(&mut tape);
    tape.pcap()
}

fn office_hour() -> Vec<u8> {
    let mut tape = Tape::new();
    super::story::office(&mut tape, 600_000, 40, &mut Random::new(8));
    tape.sort().pcap()
}
