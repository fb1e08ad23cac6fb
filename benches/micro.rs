//! The cost of each step that a packet takes, by itself: `cargo bench --bench micro`. Throughput is
//! in packets, addresses, names, messages, findings or lines a second, whatever the step handles.
//! The tracker's is per finding: a packet to or from a listed address, a DNS message that names a
//! listed domain, a head that begins in one segment and ends in a later one.

// A bench that cannot set up its input must end.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

// The benches use only a part of what the samples' code offers.
#[allow(dead_code)]
#[path = "../pcaps/generator/mod.rs"]
mod generator;
// This bench makes captures of sizes of its own.
#[allow(dead_code)]
#[path = "../pcaps/generator/large/mod.rs"]
mod large;

use generator::cast::{ALL_LISTED, CLIENT, CLIENT_V6, GATEWAY, RESOLVER, WEB, v6};
use generator::dns::{A, address, alias, query};
use generator::hello::{Hello, hello};
use generator::link::{self, Link};
use generator::quic::{self, Side, V1};
use generator::random::Random;
use generator::speech::{self, POLL};
use generator::tape::{Tape, Tcp};
use generator::wire;
use rattap::alert::Alert;
use rattap::capture::{Block, FileSource, FillStatus, Input, LinkType, Origin, Source};
use rattap::decode::{decode_fast, decode_full};
use rattap::domain_name::DomainName;
use rattap::indicator::{Indicator, IndicatorSet, LearnedAddresses, Pattern, builtin};
use rattap::output::{Cef, Sensor};
use rattap::protocol::dns::Message;
use rattap::protocol::parse_result::ParseResult;
use rattap::protocol::quic::InitialReader;
use rattap::scan::{Findings, ScanRequest, scan};
use rattap::track::{TrackSettings, Tracker};

/// Flows in the capture that the scan's Block is from: enough that in its middle flows of every age
/// are open.
const FLOWS: u32 = 6000;
/// The Block of that capture that is scanned.
const MIDDLE: usize = 7;
/// The same for the capture of ClientHellos over two segments: twenty thousand flows begin in a
/// second.
const HELLOS_MIDDLE: usize = 14;
/// Packets in the capture of small ones: enough for a full Block.
const SMALL_PACKETS: u64 = 40_000;
/// The longer of the two lists.
const MANY: usize = 100_000;
/// Addresses or names in one pass: more than the branch predictor can remember.
const STRANGERS: usize = 4096;

/// The built-in indicators, and others beside them up to `count`: three endpoints to two domains,
/// the ratio in public lists.
fn indicators(count: usize) -> Arc<IndicatorSet> {
    let mut list = builtin();
    let mut random = Random::new(7);
    while list.len() < count {
        let pattern = if random.below(5) < 3 {
            Pattern::Endpoint(IpAddr::V4(stranger(&mut random)), 443)
        } else {
            Pattern::Domain(format!("{:x}.example", random.next()))
        };
        list.push(Indicator { pattern, ..list[0].clone() });
    }
    Arc::new(IndicatorSet::new(list))
}

/// An address in a network that holds no listed address.
fn stranger(random: &mut Random) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0d00_0000 | random.below(1 << 24) as u32)
}

/// The lists to match against, each with its name.
fn lists() -> [(&'static str, Arc<IndicatorSet>); 2] {
    [("9 indicators", indicators(0)), ("100,000 indicators", indicators(MANY))]
}

/// A Block of a capture, read as a replay reads it: the one with this number, or the last.
fn block(capture: &[u8], number: usize) -> Block {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), capture).unwrap();
    let mut source = FileSource::new(vec![Input::File(file.path().to_owned())], None);
    let fresh = || Block::new(Arc::new(Origin::default()), indicators(0));
    let mut report = |error| panic!("{error}");
    let mut last = fresh();
    for _ in 0..=number {
        let mut next = fresh();
        if source.fill(&mut next, &mut report) == FillStatus::End {
            break;
        }
        last = next;
    }
    last
}

fn decode(criterion: &mut Criterion) {
    let payload = [0x55; 512];
    let server = v6([0x2001, 0xdb8, 0, 0], [0, 0, 0, 0x80], 443);
    let (client, client_v6) = (SocketAddr::from((CLIENT, 50_000)), SocketAddr::from((CLIENT_V6, 50_000)));
    let segment = wire::Segment { flags: wire::ACK, payload: &payload, ..Default::default() };
    let tcp = wire::tcp(client, WEB, &segment);
    let udp = wire::udp(client, WEB, &payload);
    let tcp_v6 = wire::tcp(client_v6, server, &segment);
    let data = wire::segment(client, WEB, &segment);
    let options = match WEB.ip() {
        IpAddr::V4(web) => wire::ipv4(CLIENT, web, &[148, 4, 0, 0], wire::TCP, &data),
        IpAddr::V6(_) => unreachable!("it is an IPv4 address"),
    };
    let hop_by_hop: (u8, &[u8]) = (0, &[0, 5, 2, 0, 0, 1, 0]);
    let extended = wire::ipv6(CLIENT_V6, Ipv6Addr::LOCALHOST, &[hop_by_hop], wire::TCP, &data);

    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    for (shape, packet) in [("IPv4 TCP", &tcp), ("IPv4 UDP", &udp), ("IPv6 TCP", &tcp_v6)] {
        let frame = (link::ETHERNET.frame)(packet);
        assert!(decode_fast(LinkType::ETHERNET, &frame).is_some());
        group.bench_function(format!("short way, {shape}"), |bencher| {
            bencher.iter(|| decode_fast(LinkType::ETHERNET, black_box(&frame)));
        });
    }
    let long: [(&str, Link, &[u8]); 8] = [
        ("IPv4 TCP", link::ETHERNET, &tcp),
        ("IPv4 UDP", link::ETHERNET, &udp),
        ("IPv6 TCP", link::ETHERNET, &tcp_v6),
        ("VLAN", link::VLAN, &tcp),
        ("three MPLS labels", link::MPLS_3, &tcp),
        ("PPPoE", link::PPPOE, &tcp),
        ("IPv4 options", link::ETHERNET, &options),
        ("IPv6 extension", link::ETHERNET, &extended),
    ];
    for (shape, link, packet) in long {
        let frame = (link.frame)(packet);
        let number = LinkType(link.number);
        assert!(decode_full(number, &frame, frame.len() as u32).is_ok());
        group.bench_function(format!("long way, {shape}"), |bencher| {
            bencher.iter(|| decode_full(number, black_box(&frame), frame.len() as u32));
        });
    }
}

/// Reads every name and address of a message.
fn read_all(bytes: &[u8], name: &mut DomainName) -> usize {
    let Some(message) = Message::parse(bytes) else { return 0 };
    let mut reader = message.reader();
    let mut read = 0;
    while let Some(question) = reader.next_question() {
        read += usize::from(reader.read_name(question.name, name));
    }
    while let Some(record) = reader.next_record() {
        read += usize::from(reader.read_name(record.owner, name));
        if let Some(target) = record.target() {
            read += usize::from(reader.read_name(target, name));
        }
        read += record.addresses().count();
    }
    read
}

fn dns(criterion: &mut Criterion) {
    let question = query("www.alpineski.example.com", A);
    let answer = question.answer(vec![
        alias("www.alpineski.example.com", 300, "d1234.edge.example.net"),
        address("d1234.edge.example.net", 60, Ipv4Addr::new(192, 0, 2, 1)),
        address("d1234.edge.example.net", 60, Ipv4Addr::new(192, 0, 2, 2)),
    ]);
    let mut group = criterion.benchmark_group("DNS message");
    group.throughput(Throughput::Elements(1));
    let mut name = DomainName::new();
    for (what, bytes, holds) in [("query", question.bytes(), 1), ("answer, CNAME and 2 A", answer.bytes(), 7)] {
        assert_eq!(read_all(&bytes, &mut name), holds);
        group.bench_function(what, |bencher| bencher.iter(|| read_all(black_box(&bytes), &mut name)));
    }
}

/// The work for a QUIC datagram that may begin a connection: keys are derived, header and payload
/// are decrypted, frames are put in order, and the hello is read as far as it goes.
fn quic_initial(criterion: &mut Criterion) {
    let first_id = b"\x83\x94\xc8\xf0\x3e\x51\x57\x08";
    let mut random = Random::new(12);
    let plain = Hello { quic: true, ..hello("www.alpineski.example") };
    let short = plain.message(&mut random);
    let long = plain.like_chrome().message(&mut random);
    let datagram = |side, part| quic::initial(&V1, side, first_id, 0, &quic::crypto(0, part));
    let mut group = criterion.benchmark_group("QUIC Initial");
    group.throughput(Throughput::Elements(1));
    let mut reader = InitialReader::new();
    for (what, datagram, is_whole) in [
        ("whole hello", datagram(Side::Client, &short), true),
        ("first datagram of a post-quantum hello", datagram(Side::Client, &long[..1100]), false),
        ("a server's", datagram(Side::Server, &short), false),
    ] {
        assert_eq!(matches!(reader.client_hello(&datagram), ParseResult::Complete(..)), is_whole);
        group.bench_function(what, |bencher| {
            bencher.iter(|| matches!(reader.client_hello(black_box(&datagram)), ParseResult::Complete(..)));
        });
    }
}

fn address_match(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("address match");
    let mut random = Random::new(8);
    let strangers: Vec<IpAddr> =
        (0..STRANGERS).map(|_| IpAddr::V4(Ipv4Addr::from_bits(random.next() as u32))).collect();
    for (list, set) in lists() {
        let is_listed = |address: IpAddr| set.may_list(address) && set.find_address(address, Some(443)).is_some();
        assert!(!strangers.iter().any(|&address| is_listed(address)) || set.len() > 9);
        group.throughput(Throughput::Elements(strangers.len() as u64));
        group.bench_function(format!("miss, {list}"), |bencher| {
            bencher.iter(|| black_box(&strangers).iter().filter(|&&address| is_listed(address)).count());
        });
        assert!(ALL_LISTED.iter().all(|listed| is_listed(listed.ip())));
        group.throughput(Throughput::Elements(ALL_LISTED.len() as u64));
        group.bench_function(format!("hit, {list}"), |bencher| {
            bencher.iter(|| black_box(&ALL_LISTED).iter().filter(|listed| is_listed(listed.ip())).count());
        });
    }
}

fn domain_match(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("domain match");
    let mut random = Random::new(9);
    let parse = |text: &str| DomainName::parse(text).unwrap();
    let strangers: Vec<_> = (0..STRANGERS).map(|_| parse(&format!("www.{:x}.example", random.next()))).collect();
    let listed = ["feersona.net", "gw.feersona.net", "bryonsad.net", "a.b.c.bryonsad.net"].map(parse);
    for (list, set) in lists() {
        for (what, names, found) in [("miss", &strangers[..], 0), ("hit", &listed[..], listed.len())] {
            let count = |names: &[DomainName]| names.iter().filter(|name| set.find_domain(name).is_some()).count();
            assert_eq!(count(names), found);
            group.throughput(Throughput::Elements(names.len() as u64));
            group.bench_function(format!("{what}, {list}"), |bencher| bencher.iter(|| count(black_box(names))));
        }
    }
}

/// A Block in which a ClientHello over two segments begins for every seventeen packets.
fn hellos() -> Block {
    let mut capture = Vec::new();
    large::hellos(&mut capture, FLOWS, &[]).unwrap();
    block(&capture, HELLOS_MIDDLE)
}

fn whole_scan(criterion: &mut Criterion) {
    let (mut mixed, mut small) = (Vec::new(), Vec::new());
    large::mixed(&mut mixed, FLOWS, &[]).unwrap();
    large::small(&mut small, SMALL_PACKETS, &[]).unwrap();
    let blocks = [("mixed", block(&mixed, MIDDLE)), ("small", block(&small, 0)), ("hellos", hellos())];
    let mut group = criterion.benchmark_group("scan of a Block");
    for (what, mut block) in blocks {
        group.throughput(Throughput::Elements(block.frames.len() as u64));
        for (list, set) in lists() {
            block.indicators = set;
            let learned = LearnedAddresses::default();
            let mut findings = Findings::default();
            scan(&block, &learned, ScanRequest::default(), &mut findings);
            assert_eq!(findings.counts.packets, block.frames.len() as u64);
            group.bench_function(format!("{what}, {list}"), |bencher| {
                bencher.iter(|| scan(black_box(&block), &learned, ScanRequest::default(), &mut findings));
            });
        }
    }
}

/// Whole conversations with the listed endpoints, each of some ten packets.
fn contacts(conversations: u16) -> Tape {
    let mut tape = Tape::on(link::ETHERNET);
    let mut random = Random::new(10);
    for number in 0..conversations {
        let server = ALL_LISTED[usize::from(number) % ALL_LISTED.len()];
        let client = SocketAddr::from(([10, 20, 40, (number % 200) as u8], 20_000 + number));
        let (asked, answered) =
            (speech::gateway_request(server.ip(), POLL), speech::gateway_response(&speech::encoded(69, &mut random)));
        Tcp::new(client, server).whole(&mut tape, &asked, &answered);
    }
    tape
}

/// Questions for a listed name, and their answers.
fn resolutions(count: u16) -> Tape {
    let mut tape = Tape::on(link::ETHERNET);
    for number in 0..count {
        let client = SocketAddr::from(([10, 20, 40, (number % 200) as u8], 20_000 + number));
        let question = query("gw.feersona.net", A);
        let answer = question.answer(vec![address("gw.feersona.net", 300, GATEWAY)]);
        tape.resolve(client, RESOLVER, &question, &answer);
    }
    tape
}

/// Conversations that begin with a ClientHello over two segments, the second of which names a
/// listed domain.
fn listed_hellos(conversations: u16) -> Tape {
    let mut tape = Tape::on(link::ETHERNET);
    let mut random = Random::new(11);
    for number in 0..conversations {
        let client = SocketAddr::from(([10, 20, 40, (number % 200) as u8], 20_000 + number));
        let hello = large::hellos::browser_hello("gw.feersona.net", false, &mut random);
        Tcp::new(client, WEB).open(&mut tape).ask(&mut tape, &hello).acknowledge_by_server(&mut tape);
    }
    tape
}

fn found(tape: &Tape) -> (Block, Findings) {
    scanned(block(&tape.pcap(), 0))
}

fn scanned(block: Block) -> (Block, Findings) {
    // As when heads are pending, which is usual on a busy link.
    let mut findings = Findings::default();
    scan(&block, &LearnedAddresses::default(), ScanRequest { segments: true, ..ScanRequest::default() }, &mut findings);
    (block, findings)
}

fn track(block: &Block, findings: &Findings, mut emit: impl FnMut(Alert)) {
    let mut tracker = Tracker::new(TrackSettings::default());
    tracker.take(block, findings, &mut emit);
    tracker.finish(&mut emit);
}

fn tracker(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tracker");
    let mut chat = Tape::on(link::ETHERNET);
    let mut tcp = Tcp::new(SocketAddr::from((CLIENT, 50_000)), ALL_LISTED[0]);
    tcp.open(&mut chat);
    for _ in 0..2000 {
        tcp.ask(&mut chat, POLL).answer(&mut chat, POLL);
    }
    let captures = [
        ("contacts, short conversations", found(&contacts(400))),
        ("contacts, one long conversation", found(&chat)),
        ("DNS for a listed name", found(&resolutions(1000))),
        ("split ClientHello, no listed name, with the segments between", scanned(hellos())),
        ("split ClientHello, listed name", found(&listed_hellos(400))),
    ];
    for (what, (block, findings)) in captures {
        assert!(findings.list.len() > 200, "{what} gave too few findings to time");
        group.throughput(Throughput::Elements(findings.list.len() as u64));
        group.bench_function(format!("per finding: {what}"), |bencher| {
            bencher.iter(|| track(black_box(&block), &findings, |alert| drop(black_box(alert))));
        });
    }
}

fn cef(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("CEF line");
    group.throughput(Throughput::Elements(1));
    let cef = Cef::new(Sensor { host: "tap-01".to_owned(), id: None });
    for (what, tape) in [("contact", contacts(1)), ("DNS answer", resolutions(1))] {
        let (block, findings) = found(&tape);
        let mut alerts = Vec::new();
        track(&block, &findings, |alert| alerts.push(alert));
        let alert = alerts.last().unwrap();
        let mut line = String::new();
        cef.write(alert, &mut line);
        assert!(line.starts_with("CEF:0|"));
        group.bench_function(what, |bencher| {
            bencher.iter(|| {
                line.clear();
                cef.write(black_box(alert), &mut line);
            });
        });
    }
}

fn quickly() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(30)
        .without_plots()
}

criterion_group! {
    name = steps;
    config = quickly();
    targets = decode, dns, quic_initial, address_match, domain_match, whole_scan, tracker, cef
}
criterion_main!(steps);
