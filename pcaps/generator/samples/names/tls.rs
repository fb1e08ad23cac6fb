//! Names in TLS.

use super::cast::{GATEWAY, WEB, client};
use super::hello::{Hello, hello};
use super::random::Random;
use super::sample::{Sample, sample};
use super::tape::{Tape, Tcp};
use super::{NAME, named, speech};

const SERVER: &str = "203.0.113.66:443";

pub fn samples() -> Vec<Sample> {
    let at_443 = |path, about, make| sample(path, about, named(SERVER, 1), make);
    vec![
        at_443("names/tls.pcap", "A TLS 1.3 ClientHello on port 443.", || whole(443)),
        sample("names/tls-port-8443.pcap", "The same on port 8443.", named("203.0.113.66:8443", 1), || whole(8443)),
        at_443(
            "names/tls-post-quantum.pcap",
            "A ClientHello of 1.7 kB in two segments. The name follows a post-quantum key share.",
            || handshake(&chrome(), |tcp, tape, bytes| tcp.ask(tape, bytes)),
        ),
        at_443("names/tls-byte-by-byte.pcap", "Each byte in a segment of its own.", || {
            handshake(&plain(), |tcp, tape, bytes| bytes.iter().fold(tcp, |tcp, byte| tcp.ask(tape, &[*byte])))
        }),
        at_443("names/tls-second-part-first.pcap", "In two segments; the second one arrives first.", || {
            handshake(&chrome(), |tcp, tape, bytes| {
                tcp.ask_at(tape, 1400, &bytes[1400..]).ask_at(tape, 0, &bytes[..1400]).asked(bytes.len())
            })
        }),
        at_443(
            "names/tls-retransmitted.pcap",
            "In two segments: the first, the first again, the second, then both again.",
            || {
                handshake(&chrome(), |tcp, tape, bytes| {
                    for offset in [0, 0, 1400, 0, 1400] {
                        tcp.ask_at(tape.wait(200), offset, &bytes[offset..bytes.len().min(offset + 1400)]);
                    }
                    tcp.asked(bytes.len())
                })
            },
        ),
        at_443("names/tls-overlap.pcap", "In three segments that overlap, with the same bytes.", || {
            handshake(&chrome(), |tcp, tape, bytes| {
                for (start, end) in [(0, 900), (600, 1500), (1300, bytes.len())] {
                    tcp.ask_at(tape, start, &bytes[start..end]);
                }
                tcp.asked(bytes.len())
            })
        }),
        at_443(
            "names/tls-overlap-conflict.pcap",
            "Two conversations, each with two segments that overlap at the name, with different bytes. A host \
             uses the first copy. In one conversation that is `gw.feersona.net`. In the other it is \
             `www.example.com`, and the listed name comes too late.",
            overlap_conflict,
        ),
        at_443("names/tls-records.pcap", "One message in records of 90 bytes each.", || {
            let records = hello(NAME).records(90, &mut Random::new(7));
            handshake(&records, |tcp, tape, bytes| tcp.ask(tape, bytes))
        }),
        at_443(
            "names/tls-records-split.pcap",
            "A message of 1.7 kB in records of 300 bytes each and segments of 250 bytes each.",
            || {
                let records = hello(NAME).like_chrome().records(300, &mut Random::new(8));
                handshake(&records, |tcp, tape, bytes| bytes.chunks(250).fold(tcp, |tcp, part| tcp.ask(tape, part)))
            },
        ),
        at_443(
            "names/tls-grease.pcap",
            "Meaningless values (GREASE) among cipher suites, groups, versions, shares and extensions.",
            || {
                let bytes = Hello { grease: true, ..hello(NAME) }.record(&mut Random::new(9));
                handshake(&bytes, |tcp, tape, bytes| tcp.ask(tape, bytes))
            },
        ),
        at_443(
            "names/tls-sequence-wrap.pcap",
            "In two segments; the sequence number passes 2^32 within the first one.",
            || {
                let mut tape = Tape::new();
                let mut tcp = connection(443).beginning_at(u32::MAX - 700);
                tcp.open(&mut tape).ask(&mut tape, &chrome());
                finish(&mut tcp, &mut tape)
            },
        ),
        at_443("names/tls-mid-stream.pcap", "In two segments; the capture begins with the first of them.", || {
            let mut tape = Tape::new();
            let mut tcp = connection(443);
            tcp.open(&mut tape).ask(tape.skip(3), &chrome());
            finish(&mut tcp, &mut tape)
        }),
        at_443("names/tls-client-side-only.pcap", "In two segments; only the client's packets are seen.", || {
            let mut tape = Tape::new();
            let mut tcp = connection(443);
            tcp.open(&mut tape).ask(&mut tape, &chrome());
            finish(&mut tcp, &mut tape);
            tape.only_from(super::cast::CLIENT).pcap()
        }),
    ]
}

pub fn look_alikes() -> Vec<Sample> {
    vec![
        sample(
            "names/tls-look-alikes.pcap",
            "ClientHellos for `xfeersona.net`, `feersona.net.example.org` and `feersona.network`, and one \
             without a name.",
            vec![],
            look_alike_names,
        ),
        sample(
            "names/tls-other-places.pcap",
            "A ClientHello for `www.example.com`. `gw.feersona.net` is in the server's certificate, and in \
             plain text after the handshake.",
            vec![],
            other_places,
        ),
    ]
}

fn plain() -> Vec<u8> {
    hello(NAME).record(&mut Random::new(5))
}

fn chrome() -> Vec<u8> {
    hello(NAME).like_chrome().record(&mut Random::new(6))
}

fn connection(port: u16) -> Tcp {
    Tcp::new(client(49_810), (GATEWAY, port).into())
}

/// The server's side of the handshake, some data, and the end.
fn answered(tcp: &mut Tcp, tape: &mut Tape) {
    let mut random = Random::new(11);
    tcp.answer(tape, &speech::server_hello(&mut random)).ask(tape, &speech::tls_data(180, &mut random));
    tcp.answer(tape, &speech::tls_data(640, &mut random)).acknowledge(tape).close(tape);
}

fn finish(tcp: &mut Tcp, tape: &mut Tape) -> Vec<u8> {
    answered(tcp, tape);
    tape.pcap()
}

/// A conversation in which the hello is sent in a way.
fn handshake(hello: &[u8], send: impl for<'a> Fn(&'a mut Tcp, &mut Tape, &[u8]) -> &'a mut Tcp) -> Vec<u8> {
    let mut tape = Tape::new();
    let mut tcp = connection(443);
    send(tcp.open(&mut tape), &mut tape, hello);
    finish(&mut tcp, &mut tape)
}

fn whole(port: u16) -> Vec<u8> {
    let mut tape = Tape::new();
    let mut tcp = connection(port);
    tcp.open(&mut tape).ask(&mut tape, &plain());
    finish(&mut tcp, &mut tape)
}

fn overlap_conflict() -> Vec<u8> {
    let mut tape = Tape::new();
    // Names of one length, so that everything else is the same.
    let [listed, other] = [NAME, "www.example.com"].map(|name| hello(name).record(&mut Random::new(5)));
    let at = listed.windows(NAME.len()).position(|part| part == NAME.as_bytes()).unwrap_or_default();
    for (port, first, second) in [(49_811, &listed, &other), (49_812, &other, &listed)] {
        let mut tcp = Tcp::new(client(port), (GATEWAY, 443).into());
        tcp.open(&mut tape).ask_at(&mut tape, 0, &first[..at + NAME.len()]).ask_at(
            &mut tape,
            at - 20,
            &second[at - 20..],
        );
        answered(tcp.asked(listed.len()), &mut tape);
    }
    tape.pcap()
}

fn look_alike_names() -> Vec<u8> {
    let mut tape = Tape::new();
    let names = [Some("xfeersona.net"), Some("feersona.net.example.org"), Some("feersona.network"), None];
    for (port, name) in (49_820..).zip(names) {
        let bytes = Hello { name, ..hello("") }.record(&mut Random::new(port.into()));
        let mut tcp = Tcp::new(client(port), WEB);
        tcp.open(&mut tape).ask(&mut tape, &bytes);
        answered(&mut tcp, &mut tape);
    }
    tape.pcap()
}

fn other_places() -> Vec<u8> {
    let mut random = Random::new(12);
    let mut tape = Tape::new();
    let mut tcp = Tcp::new(client(49_830), WEB);
    tcp.open(&mut tape).ask(&mut tape, &speech::client_hello("www.example.com", &mut random));
    // A certificate's subject alternative name (RFC 5280 section 4.2.1.6), amid bytes that nobody
    // reads.
    let san =
        [&random.bytes(300)[..], &[0x30, 0x11, 0x82, NAME.len() as u8], NAME.as_bytes(), &random.bytes(260)].concat();
    let length = |bytes: &[u8]| (bytes.len() as u32).to_be_bytes()[1..].to_vec();
    let certificates = [length(&san), san].concat();
    let message = [length(&certificates), certificates].concat();
    tcp.answer(&mut tape, &speech::server_hello(&mut random)).answer(&mut tape, &speech::tls_handshake(11, &message));
    let mut said = random.bytes(60);
    said.extend(format!("\r\nHost: {NAME}\r\n").as_bytes());
    tcp.ask(&mut tape, &speech::tls_record(23, &said)).answer(&mut tape, &speech::tls_record(23, &said));
    tcp.acknowledge(&mut tape).close(&mut tape);
    tape.pcap()
}
