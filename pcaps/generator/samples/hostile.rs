//! Traffic of an attacker who knows that a sensor listens.

use super::Group;
use super::cast::{GATEWAY, LISTED, RESOLVER, WEB, client};
use super::dns::{self, A, INTERNET, Name, address, alias, query, query_name};
use super::link;
use super::random::Random;
use super::sample::{Found, found, sample};
use super::speech::{POLL, client_hello, gateway_request, gateway_response_of};
use super::tape::{Tape, Tcp};
use super::wire::{self, SYN, SYN_OPTIONS, Segment};

fn queries(count: u32) -> Vec<Found> {
    vec![found("c2-domain-query", "10.20.30.40", "10.20.0.53:53", count)]
}

/// The contact that ends a sample: the sensor must still be there.
fn survived() -> Vec<Found> {
    vec![found("c2-endpoint", "10.20.30.40", "91.202.233.25:4888", 1)]
}

pub fn group() -> Group {
    Group {
        title: "Hostile traffic",
        about: "The sensor must not crash or hang, and no line of output may break.",
        samples: vec![
            sample(
                "hostile/names-with-odd-bytes.pcap",
                "Nine questions for names below `feersona.net` with labels that hold `|`, `=`, a newline, CR \
                 and a CEF header, an escape sequence, invalid UTF-8, a backslash, a dot, a NUL, quotes and a \
                 semicolon.",
                queries(9),
                odd_bytes,
            ),
            sample(
                "hostile/markup.pcap",
                "Markup that is dangerous where alerts are shown in a browser: scripts, event handlers, ends of \
                 attributes, styles and comments, template braces, a mark that reverses the reading direction, \
                 and control characters. It is in seven questions for names below `feersona.net` and in the \
                 answer to the first; in SNI, URL, user agent and `Host` on the way to the address in that \
                 answer; and in user agent and version of a NetSupport session there. Six good requests for \
                 `gw.feersona.net` follow bad ones; one follows control characters that end all reading.",
                vec![
                    found("c2-domain-query", "10.20.30.40", "10.20.0.53:53", 7),
                    found("c2-domain-answer", "10.20.30.40", "10.20.0.53:53", 1),
                    found("c2-resolved-address", "10.20.30.40", "203.0.113.66:80", 15),
                    found("c2-server-name", "10.20.30.40", "203.0.113.66:80", 6),
                    found("netsupport-session", "10.20.30.40", "203.0.113.66:80", 1),
                ],
                markup,
            ),
            sample(
                "hostile/alias-with-odd-bytes.pcap",
                "An answer that makes `www.example.com` an alias of a name below `feersona.net` with `|`, `=` \
                 and a newline in it.",
                vec![found("c2-domain-answer", "10.20.30.40", "10.20.0.53:53", 1)],
                odd_alias,
            ),
            sample(
                "hostile/pointer-loops.pcap",
                "Names that point at themselves, at each other, forward, beyond the end, and down a ladder of \
                 124 pointers; then a good question for `gw.feersona.net`.",
                queries(1),
                pointer_loops,
            ),
            sample(
                "hostile/longest-name.pcap",
                "A question for a name of 253 bytes below `feersona.net`.",
                queries(1),
                longest_name,
            ),
            sample(
                "hostile/most-labels.pcap",
                "A question for a name of 122 labels, 252 bytes, below `feersona.net`.",
                queries(1),
                most_labels,
            ),
            sample(
                "hostile/false-counts.pcap",
                "A question for `gw.feersona.net` in a message that claims 65,535 questions and as many records.",
                queries(1),
                false_counts,
            ),
            sample(
                "hostile/vlan-40-deep.pcap",
                "A benign frame under 40 VLAN tags, then a contact.",
                survived(),
                vlan_40_deep,
            ),
            sample(
                "hostile/empty-frames.pcap",
                "Frames of zero bytes, with lengths on the wire of 0 and 60, between benign ones; then a contact.",
                survived(),
                empty_frames,
            ),
            sample(
                "hostile/every-length.pcap",
                "A benign SYN and a benign DNS question, captured at every length from one byte on; then a contact.",
                survived(),
                every_length,
            ),
            sample(
                "hostile/false-lengths.pcap",
                "Benign packets whose IP, TCP and UDP lengths cannot be true; then a contact.",
                survived(),
                false_lengths,
            ),
            sample(
                "hostile/noise.pcap",
                "200 frames of random bytes behind Ethernet, IPv4 and IPv6 beginnings; then a contact.",
                survived(),
                noise,
            ),
        ],
    }
}

fn contact(tape: &mut Tape) -> Vec<u8> {
    Tcp::new(client(49_741), LISTED).syn(tape.wait(1000));
    tape.pcap()
}

/// A name below the listed domain with one label in front.
fn below(label: &[u8]) -> Name {
    let mut name = vec![label.to_vec()];
    name.extend(dns::name("feersona.net"));
    name
}

fn asked(names: impl IntoIterator<Item = Name>) -> Vec<u8> {
    let mut tape = Tape::new();
    for (port, name) in (53_124..).zip(names) {
        tape.udp(client(port), RESOLVER, &query_name(name, A).bytes()).wait(100);
    }
    tape.pcap()
}

fn odd_bytes() -> Vec<u8> {
    let labels: [&[u8]; 9] = [
        b"a|b",
        b"act=block src=10.0.0.1",
        b"line\nbreak",
        b"\r\nCEF:0|Fake|Sensor|1|x|Fake|10|",
        b"\x1b[31mred\x07",
        b"\xff\xfe\xc3\x28",
        b"back\\slash\\",
        b"a.b",
        b"nul\0\"quoted\";semicolon",
    ];
    asked(labels.map(below))
}

fn odd_alias() -> Vec<u8> {
    let question = query("www.example.com", A);
    let answer = question.answer(vec![
        alias("www.example.com", 300, "a|b=c\nd.feersona.net"),
        address("a|b=c\nd.feersona.net", 300, std::net::Ipv4Addr::new(203, 0, 113, 70)),
    ]);
    Tape::new().udp(RESOLVER, client(53_124), &answer.bytes()).pcap()
}

/// Each fits a label.
const MARKUP: [&str; 7] = [
    "<script>document.title='owned'</script>",
    "\"><img src=x onerror=\"document.title='owned'\">",
    "' onmouseover='document.title=1' style='",
    "</style></title></pre><svg onload=document.title='owned'>",
    "--><iframe srcdoc='<script>top.owned=1</script>'>&lt;&#60;",
    "{{ 7*7 }}${7*7}<%= 7*7 %>\\",
    "\u{202e}ten.elpmaxe\u{202c}\u{9b}31m\r\n\x1b]0;owned\x07",
];

fn markup() -> Vec<u8> {
    let (mut tape, mut random) = (Tape::new(), Random::new(0x3c21));
    let server = (GATEWAY, 80).into();
    let named = |markup: &str| format!("{markup}.feersona.net");
    let mut ports = 49_700..;
    for (place, markup) in MARKUP.iter().enumerate() {
        let question = query_name(below(markup.as_bytes()), A);
        let asker = client(53_124 + place as u16);
        tape.udp(asker, RESOLVER, &question.bytes());
        if place == 0 {
            let answer = question.answer(vec![address(&named(markup), 300, GATEWAY)]);
            tape.udp(RESOLVER, asker, &answer.bytes());
        }
    }
    for (markup, port) in MARKUP.iter().zip(&mut ports) {
        // Line ends would end a field.
        let line = markup.replace(['\r', '\n'], " ");
        let request = format!(
            "GET /{line}?q={line} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {line}\r\n\r\nGET /a{line} \
             HTTP/1.1\r\nHost: gw.feersona.net\r\n\r\n",
            named(&line)
        );
        let mut tcp = Tcp::new(client(port), server);
        tcp.open(tape.wait(1000)).ask(&mut tape, &client_hello(&named(markup), &mut random)).close(&mut tape);
        let mut tcp = Tcp::new(client(port + 100), server);
        tcp.open(&mut tape).ask(&mut tape, request.as_bytes()).close(&mut tape);
    }
    let line = MARKUP[0];
    let poll =
        String::from_utf8_lossy(&gateway_request(GATEWAY, POLL)).replace("Manager/1.3", &format!("Manager/1.3{line}"));
    let mut tcp = Tcp::new(client(49_900), server);
    tcp.open(tape.wait(1000)).ask(&mut tape, poll.as_bytes());
    tcp.answer(&mut tape, &gateway_response_of(line, b"CMD=ACK\n")).acknowledge(&mut tape).close(&mut tape);
    tape.pcap()
}

/// A message with one question, whose name is given as bytes on the wire.
fn raw_question(name: &[u8], counts: [u16; 4]) -> Vec<u8> {
    let mut bytes = vec![0x66, 0x66, 1, 0];
    bytes.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
    bytes.extend(name);
    bytes.extend(A.to_be_bytes());
    bytes.extend(INTERNET.to_be_bytes());
    bytes
}

fn pointer_loops() -> Vec<u8> {
    let mut tape = Tape::new();
    let prefix: &[u8] = b"\x02gw\x08feersona";
    // Pointers that lie in the labels of a first name, each at the one before it; a second name
    // starts at the last.
    let mut ladder = Vec::new();
    let mut below: u16 = 12;
    for _ in 0..4 {
        ladder.extend([62]);
        for _ in 0..31 {
            let here = 12 + ladder.len() as u16;
            ladder.extend((0xc000 | below).to_be_bytes());
            below = here;
        }
    }
    ladder.extend([0, 0, 1, 0, 1]);
    ladder.extend((0xc000 | below).to_be_bytes());
    let names: [(&[u8], u16); 7] = [
        (&[0xc0, 12], 1),
        (&[prefix, &[0xc0, 12]].concat(), 1),
        (&[prefix, &[0xc0, 24]].concat(), 1),
        (&[0xc0, 14, 0xc0, 12], 1),
        (&[prefix, &[0xc0, 60]].concat(), 1),
        (&[prefix, &[0xff, 0xff]].concat(), 1),
        (&ladder, 2),
    ];
    for (name, questions) in names {
        tape.udp(client(53_124), RESOLVER, &raw_question(name, [questions, 0, 0, 0])).wait(100);
    }
    tape.udp(client(53_125), RESOLVER, &query("gw.feersona.net", A).bytes());
    tape.pcap()
}

fn longest_name() -> Vec<u8> {
    // 63 + 63 + 63 + 48 + 12 bytes and four dots.
    let mut name: Name = [63, 63, 63, 48].map(|length| vec![b'x'; length]).to_vec();
    name.extend(dns::name("feersona.net"));
    asked([name])
}

fn most_labels() -> Vec<u8> {
    let mut name: Name = vec![b"x".to_vec(); 120];
    name.extend(dns::name("feersona.net"));
    asked([name])
}

fn false_counts() -> Vec<u8> {
    let message = raw_question(b"\x02gw\x08feersona\x03net\x00", [u16::MAX; 4]);
    Tape::new().udp(client(53_124), RESOLVER, &message).pcap()
}

/// The packet of a SYN to a benign server.
fn benign_syn() -> Vec<u8> {
    let parts = Segment { sequence: 1, flags: SYN, options: &SYN_OPTIONS, ..Segment::default() };
    wire::tcp(client(50_443), WEB, &parts)
}

fn vlan_40_deep() -> Vec<u8> {
    let mut tape = Tape::new();
    tape.frame((link::VLAN_40_DEEP.frame)(&benign_syn()));
    contact(&mut tape)
}

fn empty_frames() -> Vec<u8> {
    let mut tape = Tape::new();
    for _ in 0..3 {
        tape.frame(Vec::new()).packet(&benign_syn()).packet(&benign_syn());
        if let Some(last) = tape.frames.last_mut() {
            last.bytes.clear();
        }
    }
    contact(&mut tape)
}

fn every_length() -> Vec<u8> {
    let mut tape = Tape::new();
    for packet in [benign_syn(), wire::udp(client(53_124), RESOLVER, &query("www.example.com", A).bytes())] {
        let frame = (tape.link.frame)(&packet);
        for length in 1..=frame.len() {
            tape.frame(frame.clone());
            if let Some(last) = tape.frames.last_mut() {
                last.bytes.truncate(length);
            }
        }
    }
    contact(&mut tape)
}

fn false_lengths() -> Vec<u8> {
    let mut tape = Tape::new();
    let syn = benign_syn();
    let question = wire::udp(client(53_124), RESOLVER, &query("www.example.com", A).bytes());
    // Packet, offset, bytes there: IPv4 header of 0 and of 16 bytes, of 60 bytes; total length 10,
    // 65,535; TCP offset 0, 60; UDP length 0, 7, 65,535.
    let faults: [(&[u8], usize, &[u8]); 10] = [
        (&syn, 0, &[0x40]),
        (&syn, 0, &[0x44]),
        (&syn, 0, &[0x4f]),
        (&syn, 2, &[0, 10]),
        (&syn, 2, &[0xff, 0xff]),
        (&syn, 32, &[0x00]),
        (&syn, 32, &[0xf0]),
        (&question, 24, &[0, 0]),
        (&question, 24, &[0, 7]),
        (&question, 24, &[0xff, 0xff]),
    ];
    for (packet, offset, bytes) in faults {
        let mut packet = packet.to_vec();
        packet[offset..offset + bytes.len()].copy_from_slice(bytes);
        // As a frame, so that the addresses of the Ethernet header do not depend on what was
        // broken.
        let frame = link::frame(link::mac(WEB.ip()), link::mac(client(0).ip()), 0x0800, &packet);
        tape.frame(frame);
    }
    contact(&mut tape)
}

fn noise() -> Vec<u8> {
    let mut tape = Tape::new();
    let mut random = Random::new(13);
    let beginnings: [(u16, &[u8]); 4] = [(0x0800, &[0x45]), (0x86dd, &[0x60]), (0x8100, &[0]), (0x8847, &[0])];
    for (ether_type, start) in beginnings.into_iter().cycle().take(200) {
        let length = random.below(180) as usize;
        let payload = [start, &random.bytes(length)].concat();
        tape.frame(link::frame([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], ether_type, &payload));
    }
    contact(&mut tape)
}
