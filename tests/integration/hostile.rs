//! Floods that exceed the sensor's tables: losses are counted, and an honest conversation in the
//! middle of the flood is found completely.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use crate::golden::{parse, sums};
use crate::run::Run;
use crate::samples::generator::cast::{ALL_LISTED, LISTED, RESOLVER, WEB, client};
use crate::samples::generator::dns::{A, address, query};
use crate::samples::generator::random::Random;
use crate::samples::generator::speech::{POLL, client_hello, gateway_request, gateway_response, http_get};
use crate::samples::generator::tape::{Tape, Tcp};
use crate::samples::generator::wire::{self, ACK, Segment};

/// The `n`th of many hosts other than [`client`].
fn host(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a80_0000 + n)
}

/// The memory limit of the process in KiB, as docs/limits.md names it. The kernel refuses more,
/// which would end the process.
const MOST_MEMORY: u32 = 192 << 10;

/// Replays a tape with its summary, with one worker and with three, whose results must be equal.
/// Both run within the memory limit.
fn replay(tape: &Tape) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flood.pcap");
    fs::write(&path, tape.pcap()).unwrap();
    let with = |workers: &str, path: &Path| -> Run {
        let bounded = format!("ulimit -d {MOST_MEMORY} && exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &bounded, env!("CARGO_BIN_EXE_rattap")]).env_remove("RUST_LOG").env("RUST_BACKTRACE", "0");
        command.args(["replay", "--sensor-host", "tap-01", "--workers", workers]).arg(path).output().unwrap().into()
    };
    let run = with("1", &path);
    assert_eq!(with("3", &path).out, run.out);
    assert_eq!(run.code, 0, "{}", run.err);
    run
}

/// The number that the summary gives for this kind of loss; zero if it is not mentioned.
fn lost(run: &Run, what: &str) -> u64 {
    let line = run.err.lines().find(|line| line.contains(what));
    line.map_or(0, |line| line.split_whitespace().next().unwrap().replace(',', "").parse().unwrap())
}

/// The sums of all lines about one client and one indicator: sightings, bytes sent and received.
fn told_of(run: &Run, who: IpAddr, indicator: &str) -> [u64; 3] {
    sums(run, |line| (line["src"].clone(), line["cs1"].clone()))
        .remove(&(who.to_string(), indicator.to_owned()))
        .unwrap_or_default()
}

#[test]
fn a_conversation_amid_tens_of_thousands_is_reported_completely() {
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
        // The total length of IPv4, since the frame may be padded.
        let ip_bytes = u64::from(u16::from_be_bytes([frame.bytes[16], frame.bytes[17]]));
        if frame.source == Some(client(0).ip()) {
            volume[0] += ip_bytes;
        } else if frame.source == Some(honest.ip()) {
            volume[1] += ip_bytes;
        }
    }

    let run = replay(&tape);
    assert_eq!(told_of(&run, client(0).ip(), "193.202.84.64:581"), [1, volume[0], volume[1]]);
    // The other hosts are reported correctly as well, although windows are closed early.
    let all = sums(&run, |line| line["cs1"].clone());
    assert_eq!(all["91.202.233.25:4888"][0], u64::from(HOSTS) * u64::from(CONVERSATIONS_EACH));
    // At most a first line and an update for each of them.
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
    // A first line and an update for each; the tape lasts longer than one window.
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
    // A first line and an update for each of the answers, the question and the contact.
    assert!(run.out.lines().count() <= 6, "{}", run.out);
    assert!(run.out.lines().all(|line| line.len() < 2047));
    assert_eq!(lost(&run, "too many in one answer"), u64::from(ANSWERS * (ADDRESSES_EACH - 256)), "{}", run.err);
    assert!(lost(&run, "resolved addresses forgotten early") > 0, "{}", run.err);
}

/// A ClientHello that names a listed domain; the name is in the second half.
fn listed_hello() -> Vec<u8> {
    client_hello("gw.feersona.net", &mut Random::new(7))
}

/// The tracker's limits: pending heads, and conversations whose words are remembered.
const MOST_HEADS: u32 = 4096;
const MOST_TALKS: u32 = 16_384;

#[test]
fn a_hello_in_two_segments_amid_half_hellos_is_found() {
    const FLOOD: u32 = 3 * MOST_HEADS;
    let (hello, half) = (listed_hello(), client_hello("www.example.org", &mut Random::new(8)));
    let mut tape = Tape::new();
    let mut conversation = Tcp::new(client(49_741), WEB);
    conversation.open(&mut tape);
    for n in 0..FLOOD {
        Tcp::new((host(n), 20_000).into(), WEB).ask(&mut tape, &half[..60]);
        // Fewer heads come between the two halves than may be pending.
        if n == 6000 {
            conversation.ask(&mut tape, &hello[..50]);
        } else if n == 6000 + MOST_HEADS - 10 {
            conversation.ask(&mut tape, &hello[50..]);
        }
    }
    let run = replay(&tape);
    assert_eq!(told_of(&run, client(0).ip(), "feersona.net")[0], 1, "{}", run.out);
    assert_eq!(run.out.lines().count(), 1, "{}", run.out);
    assert_eq!(lost(&run, "given up: too many at a time"), u64::from(FLOOD + 1 - MOST_HEADS - 1), "{}", run.err);
}

#[test]
fn a_request_in_two_segments_amid_endless_heads_is_found() {
    const FLOOD: u32 = 4200;
    // No head ends in this data, and each needs more room than one may have.
    let endless = [b"GET / HTTP/1.1\r\nHost: www.example.org\r\nX: ", &[b'x'; 5000][..]].concat();
    let request = http_get("gw.feersona.net", "/");
    let mut tape = Tape::new();
    let mut conversation = Tcp::new(client(49_741), WEB);
    conversation.open(&mut tape);
    for n in 0..FLOOD {
        Tcp::new((host(n), 20_000).into(), WEB).ask(&mut tape, &endless);
        if n == 3700 {
            conversation.ask(&mut tape, &request[..20]);
        } else if n == 4000 {
            conversation.ask(&mut tape, &request[20..]);
        }
    }
    // Two more ways to waste room: a head longer than the limit, and one full of gaps.
    Tcp::new((host(FLOOD), 20_000).into(), WEB).ask(&mut tape, &[&endless[..], &[b'y'; 20_000]].concat());
    let holes: SocketAddr = (host(FLOOD + 1), 20_000).into();
    for hole in 0..40u32 {
        let payload: &[u8] = if hole == 0 { &endless[..20] } else { b"x: y" };
        let parts = Segment { sequence: hole * 30, flags: ACK, payload, ..Segment::default() };
        tape.packet(&wire::tcp(holes, WEB, &parts));
    }
    let run = replay(&tape);
    assert_eq!(told_of(&run, client(0).ip(), "feersona.net")[0], 1, "{}", run.out);
    assert_eq!(run.out.lines().count(), 1, "{}", run.out);
    // About three thousand of these fill 16 MiB.
    let given_up = lost(&run, "given up: too many at a time");
    assert!((u64::from(FLOOD - 3400)..u64::from(FLOOD - 3000)).contains(&given_up), "{}", run.err);
    assert_eq!(lost(&run, "longer than any may be"), 1, "{}", run.err);
    assert_eq!(lost(&run, "too many gaps"), 1, "{}", run.err);
}

#[test]
fn half_hellos_are_counted() {
    let half = client_hello("www.example.org", &mut Random::new(8));
    let mut tape = Tape::new();
    for n in 0..500 {
        Tcp::new((host(n), 20_000).into(), WEB).ask(&mut tape, &half[..60]);
    }
    tape.wait(61_000);
    Tcp::new(client(49_741), WEB).whole(&mut tape, &listed_hello(), b"");
    let run = replay(&tape);
    assert_eq!(told_of(&run, client(0).ip(), "feersona.net")[0], 1, "{}", run.out);
    assert_eq!(lost(&run, "given up: the rest never came"), 500, "{}", run.err);
}

#[test]
fn a_session_amid_countless_netsupport_clients_is_reported() {
    const CLIENTS: u32 = MOST_TALKS + 4000;
    let post = gateway_request(WEB.ip(), POLL);
    let mut tape = Tape::new();
    let mut session = Tcp::new(client(49_741), LISTED);
    session.open(&mut tape);
    for n in 0..CLIENTS {
        Tcp::new((host(n), 20_000).into(), WEB).ask(&mut tape, &post);
        if n % 6000 == 0 {
            session.ask(&mut tape, &gateway_request(LISTED.ip(), POLL)).answer(&mut tape, &gateway_response(POLL));
        }
    }
    let run = replay(&tape);
    let of_signature = sums(&run, |line| (line["4"].clone(), line["src"] == client(0).ip().to_string()));
    assert_eq!(of_signature[&("netsupport-session".to_owned(), true)][0], 4, "{}", run.err);
    assert_eq!(of_signature[&("netsupport-gateway".to_owned(), false)][0], u64::from(CLIENTS), "{}", run.err);
    let forgotten = lost(&run, "whose words were forgotten early");
    assert!((4000..4010).contains(&forgotten), "{}", run.err);
}

#[test]
fn countless_names_are_all_counted() {
    const CLIENTS: u32 = MOST_TALKS + 4000;
    let hello = listed_hello();
    let mut tape = Tape::new();
    for n in 0..CLIENTS {
        Tcp::new((host(n), 20_000).into(), WEB).ask(&mut tape, &hello);
        if n == CLIENTS / 2 {
            Tcp::new(client(49_741), WEB).whole(&mut tape, &http_get("bryonsad.net", "/"), b"");
        }
    }
    let run = replay(&tape);
    let all = sums(&run, |line| (line["4"].clone(), line["cs1"].clone()));
    assert_eq!(all[&("c2-server-name".to_owned(), "feersona.net".to_owned())][0], u64::from(CLIENTS));
    assert_eq!(all[&("c2-server-name".to_owned(), "bryonsad.net".to_owned())][0], 1);
    assert_eq!(lost(&run, "whose words were forgotten early"), u64::from(CLIENTS + 1 - MOST_TALKS), "{}", run.err);
}

#[test]
fn honest_hosts_are_found_amid_all_floods_at_once() {
    const ROUNDS: u32 = MOST_TALKS + 1000;
    // Of the shortest heads, in 2 MiB.
    const PACKETS_OF_A_BLOCK: u32 = 25_000;
    let mut random = Random::new(8);
    let half = client_hello("www.example.org", &mut random);
    let endless = [b"GET / HTTP/1.1\r\nHost: www.example.org\r\nX: ", &[b'x'; 1200][..]].concat();
    let post = gateway_request(WEB.ip(), POLL);
    let question = query("gw.feersona.net", A);
    let (hello, honest_name) = (listed_hello(), query("bryonsad.net", A));
    let resolved = SocketAddr::from((Ipv4Addr::new(203, 0, 113, 67), 443));
    let whole = wire::udp(client(5000), ALL_LISTED[3], &[1; 3000]);
    let piece = |range: std::ops::Range<usize>| {
        // After the header of twenty bytes.
        let packet = [&whole[..20], &whole[20 + range.start..20 + range.end]].concat();
        wire::fragment(&packet, 7, range.start, 20 + range.end < whole.len())
    };
    let mut conversation = Tcp::new(client(49_741), WEB);
    let mut tape = Tape::new();
    conversation.open(&mut tape);
    for n in 0..ROUNDS {
        let host = |port: u16| SocketAddr::from((host(n), port));
        Tcp::new(host(20_001), LISTED).syn(&mut tape);
        Tcp::new(host(20_008), LISTED).syn(&mut tape);
        Tcp::new(host(20_002), WEB).ask(&mut tape, &half[..60]);
        Tcp::new(host(20_003), WEB).ask(&mut tape, &endless);
        Tcp::new(host(20_004), WEB).ask(&mut tape, &post);
        Tcp::new(host(20_005), WEB).ask(&mut tape, &hello);
        let lost = wire::udp(host(20_006), LISTED, &[0; 1400]);
        tape.packet(&wire::fragment(&lost, n as u16, 0, true));
        let answer = question.answer(vec![address("gw.feersona.net", 60, Ipv4Addr::from_bits(0xc000_0200 + n))]);
        tape.udp(RESOLVER, host(20_007), &answer.bytes());
        match n {
            10_000 => {
                conversation.ask(&mut tape, &hello[..50]);
                tape.packet(&piece(0..1480));
                let answer = honest_name.answer(vec![address("bryonsad.net", 60, Ipv4Addr::new(203, 0, 113, 67))]);
                tape.resolve(client(53_125), RESOLVER, &honest_name, &answer);
            }
            10_500 => {
                conversation.ask(&mut tape, &hello[50..]);
                tape.packet(&piece(1480..whole.len() - 20));
                Tcp::new(client(49_742), resolved).whole(&mut tape, b"hello", b"hello");
            }
            _ => {}
        }
    }
    // Blocks in which every packet is a finding, while all tables are full.
    for n in 0..3 * PACKETS_OF_A_BLOCK {
        Tcp::new((host(n), 20_009).into(), LISTED).syn(&mut tape);
    }
    let run = replay(&tape);
    let told = sums(&run, |line| (line["src"].clone(), line["4"].clone(), line.get("cs1").cloned()));
    let of_client = |signature: &str, indicator: &str| {
        told.get(&(client(0).ip().to_string(), signature.to_owned(), Some(indicator.to_owned()))).map(|sums| sums[0])
    };
    assert_eq!(of_client("c2-server-name", "feersona.net"), Some(1), "{}", run.err);
    assert_eq!(of_client("c2-endpoint", "193.202.84.64:581"), Some(1), "{}", run.err);
    assert_eq!(of_client("c2-domain-query", "bryonsad.net"), Some(1), "{}", run.err);
    assert_eq!(of_client("c2-resolved-address", "bryonsad.net"), Some(1), "{}", run.err);
    for what in [
        "conversations forgotten early",
        "repeat windows closed early",
        "given up: too many at a time",
        "whose words were forgotten early",
        "resolved addresses forgotten early",
    ] {
        assert!(lost(&run, what) > 0, "{what}: {}", run.err);
    }
}
