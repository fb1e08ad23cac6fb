//! Floods that are larger than the sensor's tables: what is given up is counted, and the honest conversation in the midst of it
//! is found whole.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use crate::golden::{parse, sums};
use crate::run::{Run, command};
use crate::samples::generator::cast::{ALL_LISTED, LISTED, RESOLVER, client};
use crate::samples::generator::dns::{A, address, query};
use crate::samples::generator::tape::{Tape, Tcp};

/// The `n`th of many hosts that are not [`client`].
fn host(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a80_0000 + n)
}

/// Replays a tape with its summary; with one worker and with three, which must say the same.
fn replay(tape: &Tape) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flood.pcap");
    fs::write(&path, tape.pcap()).unwrap();
    let with = |workers: &str, path: &Path| -> Run {
        command().args(["replay", "--sensor-host", "tap-01", "--workers", workers]).arg(path).output().unwrap().into()
    };
    let run = with("1", &path);
    assert_eq!(with("3", &path).out, run.out);
    assert_eq!(run.code, 0, "{}", run.err);
    run
}

/// The number that the summary gives for this kind of loss; zero where it says nothing.
fn lost(run: &Run, what: &str) -> u64 {
    let line = run.err.lines().find(|line| line.contains(what));
    line.map_or(0, |line| line.split_whitespace().next().unwrap().replace(',', "").parse().unwrap())
}

/// What all lines say of one client and one indicator: sightings, bytes sent and received.
fn told_of(run: &Run, who: IpAddr, indicator: &str) -> [u64; 3] {
    sums(run, |line| (line["src"].clone(), line["cs1"].clone()))
        .remove(&(who.to_string(), indicator.to_owned()))
        .unwrap_or_default()
}

#[test]
fn a_conversation_amid_tens_of_thousands_is_told_whole() {
    const HOSTS: u32 = 8_800;
    const CONVERSATIONS_EACH: u16 = 4;
    let honest = ALL_LISTED[3];
    let mut tape = Tape::new();
    let mut conversation = Tcp::new(client(49_741), honest);
    conversation.open(&mut tape);
    for n in 0..HOSTS {
        for port in 0..CONVERSATIONS_EACH {
            Tcp::new((host(n), 20_000 + port).into(), LISTED).syn(&mut tape);
        }
        if n % 800 == 0 {
            conversation.ask(&mut tape, b"still here").answer(&mut tape, b"so am I");
        }
    }
    conversation.close(&mut tape);
    let mut volume = [0, 0];
    for frame in &tape.frames {
        // The total length of IPv4: the frame may be padded.
        let ip_bytes = u64::from(u16::from_be_bytes([frame.bytes[16], frame.bytes[17]]));
        if frame.source == Some(client(0).ip()) {
            volume[0] += ip_bytes;
        } else if frame.source == Some(honest.ip()) {
            volume[1] += ip_bytes;
        }
    }

    let run = replay(&tape);
    assert_eq!(told_of(&run, client(0).ip(), "193.202.84.64:581"), [1, volume[0], volume[1]]);
    // The others' truth holds too, whatever was closed early.
    let all = sums(&run, |line| line["cs1"].clone());
    assert_eq!(all["91.202.233.25:4888"][0], u64::from(HOSTS) * u64::from(CONVERSATIONS_EACH));
    // Each of them a first line and an update at the most.
    assert!(run.out.lines().count() <= 2 * HOSTS as usize + 4, "{} lines", run.out.lines().count());
    assert!(lost(&run, "conversations forgotten early") > 0, "{}", run.err);
    assert!(lost(&run, "repeat windows closed early") > 0, "{}", run.err);
}

#[test]
fn one_host_that_tries_every_port_gives_a_handful_of_lines() {
    let mut tape = Tape::new();
    for port in 1..=20_000u16 {
        Tcp::new(client(30_000 + port), (LISTED.ip(), port).into()).syn(&mut tape).refuse(&mut tape);
    }
    let run = replay(&tape);
    assert_eq!(told_of(&run, client(0).ip(), "91.202.233.25:4888")[0], 20_000);
    let mut signatures: Vec<_> = run.out.lines().map(|line| parse(line)["4"].clone()).collect();
    signatures.sort();
    // A first line and an update of each; the tape lasts for longer than one window.
    assert!(signatures.len() <= 6, "{signatures:?}");
    assert!(signatures.contains(&"c2-endpoint".to_owned()), "{signatures:?}");
}

#[test]
fn answers_with_thousands_of_addresses_hide_no_contact() {
    const ANSWERS: u32 = 80;
    const ADDRESSES_EACH: u32 = 1000;
    let question = query("gw.feersona.net", A);
    let mut tape = Tape::new();
    for n in 0..ANSWERS {
        let addresses = (0..ADDRESSES_EACH)
            .map(|low| address("gw.feersona.net", 60, Ipv4Addr::from_bits(0xc000_0200 + (n << 12) + low)))
            .collect();
        tape.udp(RESOLVER, client(53_124), &question.answer(addresses).bytes());
        if n == ANSWERS / 2 {
            let honest = Ipv4Addr::new(203, 0, 113, 66);
            let server = SocketAddr::from((honest, 443));
            tape.resolve(
                client(53_125),
                RESOLVER,
                &question,
                &question.answer(vec![address("gw.feersona.net", 60, honest)]),
            );
            Tcp::new(client(49_741), server).whole(&mut tape, b"hello", b"hello");
        }
    }
    let run = replay(&tape);
    let signature_and_server = sums(&run, |line| (line["4"].clone(), line["dst"].clone()));
    assert_eq!(signature_and_server[&("c2-resolved-address".to_owned(), "203.0.113.66".to_owned())][0], 1);
    assert_eq!(
        signature_and_server[&("c2-domain-answer".to_owned(), RESOLVER.ip().to_string())][0],
        u64::from(ANSWERS) + 1
    );
    // Answers and question and contact: a first line and an update each.
    assert!(run.out.lines().count() <= 6, "{}", run.out);
    assert!(run.out.lines().all(|line| line.len() < 2047));
    assert_eq!(lost(&run, "too many in one answer"), u64::from(ANSWERS * (ADDRESSES_EACH - 256)), "{}", run.err);
    assert!(lost(&run, "resolved addresses forgotten early") > 0, "{}", run.err);
}
