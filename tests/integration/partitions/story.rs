//! Stories: packets made from arbitrary bytes, given to scan and tracker in different Blocks. A
//! property test and a fuzz target use them, so this file uses the public interface only.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rattap::alert::exclusion::Exclusions;
use rattap::alert::{Alert, Signature};
use rattap::capture::{Block, Frame, LinkType, Origin};
use rattap::indicator::{IndicatorSet, LearnedAddresses, builtin, feed};
use rattap::scan::{Findings, ScanCounts, ScanRequest, scan};
use rattap::tools::ToolActivity;
use rattap::track::{NameSeen, TrackCounts, TrackSettings, Tracker};
use rattap::units::Timestamp;

#[allow(
    dead_code,
    clippy::duplicate_mod,
    reason = "made for the samples, which need more of it; a fuzz target has only this file"
)]
#[path = "../../../pcaps/generator/wire.rs"]
mod wire;

use wire::{ACK, FIN, PSH, RST, SYN, Segment};

/// The hosts that open conversations.
const CLIENTS: [&str; 4] = ["10.0.0.5:50001", "10.0.0.6:50002", "192.0.2.9:443", "[2001:db8:1::5]:50003"];

/// The contacted hosts: listed with their port, with another port, in a range, without a port, in
/// both directions, in IPv6; addresses in answers, in IPv6 too; and hosts of no interest.
const SERVERS: [&str; 14] = [
    "91.202.233.25:4888",
    "91.202.233.25:80",
    "209.99.186.75:443",
    "94.23.185.83:9606",
    "198.51.100.77:443",
    "192.0.2.7:8080",
    "[64:ff9b::5bca:e919]:4888",
    "203.0.113.66:443",
    "203.0.113.67:50001",
    "[2001:db8:2::66]:443",
    "[64:ff9b::203.0.113.66]:443",
    "[::ffff:203.0.113.67]:443",
    "93.184.215.14:443",
    "10.0.0.6:50002",
];

const RESOLVER: &str = "10.0.0.53:53";

const NAMES: [&str; 5] = ["feersona.net", "gw.feersona.net", "a.bryonsad.net", "www.example.org", "c2.listed.example"];

const LIST: &str = "198.51.100.0/24\n192.0.2.7\nlisted.example\n192.0.2.9\n";

/// A host of no interest, to which names are sent.
const PROXY: &str = "93.184.215.14:8080";

/// The addresses in answers: those of servers, a listed one, and loopback.
const ANSWERS: [&str; 7] = [
    "203.0.113.66",
    "203.0.113.67",
    "2001:db8:2::66",
    "93.184.215.14",
    "91.202.233.25",
    "127.0.0.1",
    "64:ff9b::203.0.113.66",
];

/// The time from one frame to the next, in seconds: none, little, around the limits of windows and
/// timeouts, and backwards.
const PASSED: [i64; 24] =
    [0, 0, 0, 0, 0, 1, 1, 2, 59, 239, 241, 299, 301, 599, 600, 601, 3599, 3601, 7441, 100_000, -1, -300, -700, -8000];

/// The repeat windows, in seconds.
const WINDOWS: [u64; 4] = [600, 600, 0, 60];

static INDICATORS: LazyLock<Arc<IndicatorSet>> =
    LazyLock::new(|| Arc::new(IndicatorSet::new([builtin(), feed::parse(LIST, "list").indicators].concat())));

/// Rules that change during a story: hosts that contact something listed are reported, others are
/// excluded, depending on the time of day, until the first rule expires.
const RULES: &str = "
[[rule]]
name = 'some'
scenario = 'other'
owner = 'o'
reason = 'r'
effect = 'suppress'
listed_indicators = true
expires = 2026-11-18T13:00:00Z
[rule.match]
source = ['10.0.0.0/8', '91.202.233.25']
destination = ['91.202.233.25', '203.0.113.0/24', '93.184.215.14', '10.0.0.53', '2001:db8:2::/64']
schedule = { from = '11:00', to = '11:10', timezone = 'UTC' }

[[rule]]
name = 'others'
scenario = 'other'
owner = 'o'
reason = 'r'
effect = 'downgrade'
expires = 2026-12-31
[rule.match]
source = ['10.0.0.5', '192.0.2.0/24']
destination = ['94.23.185.83', '93.184.215.14', '10.0.0.0/8', '203.0.113.66']
";

static EXCLUSIONS: LazyLock<Arc<Exclusions>> = LazyLock::new(|| {
    let now = Timestamp::from_parts(1_795_000_000, 0);
    Arc::new(Exclusions::parse(RULES, "rules".as_ref(), now).expect("rules"))
});

/// The frames, and their cut into Blocks.
pub struct Story {
    window: Duration,
    frames: Vec<(Timestamp, Vec<u8>)>,
    /// The number of frames in each Block, used in rotation.
    lengths: [u8; 4],
    /// The number of Blocks before each Block at which the learned addresses of its scan were
    /// published, used in rotation.
    delays: [u8; 4],
}

/// The scans that note segments.
#[derive(Clone, Copy)]
enum Notes {
    AsWanted,
    All,
    None,
    Some,
}

/// The result of one run.
#[derive(Debug, Default, PartialEq)]
pub struct Told {
    pub alerts: Vec<Alert>,
    pub names: Vec<NameSeen>,
    pub counts: TrackCounts,
    scanned: ScanCounts,
}

/// The findings that do not depend on the cut: signature, indicator, client and server of each, and
/// the number of sightings of each signature.
pub type Heard = (BTreeSet<[String; 4]>, BTreeMap<&'static str, u64>);

impl Told {
    /// The findings. In a conversation that also names something listed, the NetSupport signature
    /// depends on which of the two heads is complete first, so both signatures count as one here.
    #[allow(dead_code, reason = "for those who cut sayings")]
    pub fn heard(&self) -> Heard {
        let name = |signature: Signature| match signature {
            Signature::Tool(_, ToolActivity::Session | ToolActivity::Gateway) => "netsupport",
            other => other.id(),
        };
        let keys = self.alerts.iter().map(|alert| {
            let indicator = alert.indicator.as_ref().filter(|_| name(alert.signature) != "netsupport");
            let indicator = indicator.map(|indicator| indicator.pattern.to_string()).unwrap_or_default();
            [name(alert.signature).to_owned(), indicator, alert.client.to_string(), alert.server.to_string()]
        });
        let mut sightings = BTreeMap::new();
        for (signature, count) in Signature::ALL.into_iter().zip(self.counts.sightings) {
            *sightings.entry(name(signature)).or_default() += count;
        }
        (keys.collect(), sightings)
    }

    /// Sightings and bytes by signature, client and indicator.
    fn sums(&self) -> BTreeMap<(&'static str, IpAddr, Option<String>), [u64; 3]> {
        let mut sums = BTreeMap::new();
        for alert in &self.alerts {
            let indicator = alert.indicator.as_ref().map(|indicator| indicator.pattern.to_string());
            let sum: &mut [u64; 3] = sums.entry((alert.signature.id(), alert.client.address, indicator)).or_default();
            let line = [alert.count, alert.sent.0, alert.received.0];
            sum.iter_mut().zip(line).for_each(|(sum, more)| *sum += more);
        }
        sums
    }
}

fn chosen<T: Copy>(values: &[T], byte: u8) -> T {
    values[usize::from(byte) % values.len()]
}

fn socket(values: &[&str], byte: u8) -> SocketAddr {
    chosen(values, byte).parse().expect("an address and a port")
}

fn dns_name(text: &str) -> Vec<u8> {
    let labels = text.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat());
    labels.chain([0]).collect()
}

fn question(name: &str, flags: u16, answers: u16) -> Vec<u8> {
    let mut bytes = vec![0, 1];
    [flags, 1, answers, 0, 0].iter().for_each(|number| bytes.extend(number.to_be_bytes()));
    bytes.extend(dns_name(name));
    bytes.extend([0, 1, 0, 1]);
    bytes
}

fn answer(name: &str, lifetime: u32, addresses: &[IpAddr]) -> Vec<u8> {
    let mut bytes = question(name, 0x8180, addresses.len() as u16);
    for address in addresses {
        let (kind, data) = match address {
            IpAddr::V4(address) => (1, address.octets().to_vec()),
            IpAddr::V6(address) => (28, address.octets().to_vec()),
        };
        bytes.extend([0xc0, 12, 0, kind, 0, 1]);
        bytes.extend(lifetime.to_be_bytes());
        bytes.extend((data.len() as u16).to_be_bytes());
        bytes.extend(data);
    }
    bytes
}

fn ethernet(packet: Vec<u8>) -> Vec<u8> {
    let kind: [u8; 2] = if packet[0] >> 4 == 6 { [0x86, 0xdd] } else { [0x08, 0x00] };
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], &kind[..], &packet].concat()
}

/// An answer for a listed domain with `count` addresses that no story uses.
fn flood(part: u16, count: u16) -> Vec<u8> {
    let addresses: Vec<IpAddr> =
        (0..count).map(|number| IpAddr::from([20, part as u8, (number >> 8) as u8, number as u8])).collect();
    let from = RESOLVER.parse().expect("an address and a port");
    ethernet(wire::udp(from, socket(&CLIENTS, 0), &answer("feersona.net", 60, &addresses)))
}

/// A ClientHello with a key share before the name.
fn hello(name: &str) -> Vec<u8> {
    let length = |bytes: &[u8]| (bytes.len() as u16).to_be_bytes();
    let name = [&[0], &length(name.as_bytes())[..], name.as_bytes()].concat();
    let names = [&length(&name)[..], &name].concat();
    let share = [0x7a; 90];
    let extensions = [&[0, 51], &length(&share)[..], &share, &[0, 0], &length(&names), &names].concat();
    let body = [&[3, 3][..], &[0x16; 32], &[0, 0, 2, 0x13, 1, 1, 0], &length(&extensions), &extensions].concat();
    let message = [&[1, 0][..], &length(&body), &body].concat();
    // Over two records.
    let (first, second) = message.split_at(60);
    [first, second].iter().flat_map(|part| [&[22, 3, 1][..], &length(part), part].concat()).collect()
}

fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
    messages.iter().flat_map(|message| [&(message.len() as u16).to_be_bytes()[..], message].concat()).collect()
}

/// The bytes of one side of a TCP conversation.
pub struct Saying {
    /// True if the server sends them.
    pub by_server: bool,
    pub server: SocketAddr,
    pub bytes: Vec<u8>,
}

/// Heads of each kind. Most name something listed.
pub static SAYINGS: LazyLock<Vec<Saying>> = LazyLock::new(|| {
    let to = |server: &str, bytes: &[u8]| Saying {
        by_server: false,
        server: server.parse().expect("an address and a port"),
        bytes: bytes.to_vec(),
    };
    let by = |server: &str, bytes: &[u8]| Saying { by_server: true, ..to(server, bytes) };
    let answered = answer("gw.feersona.net", 60, &["203.0.113.66".parse().expect("an address")]);
    vec![
        to(PROXY, &hello("gw.feersona.net")),
        to(PROXY, &hello("www.example.org")),
        to(
            PROXY,
            b"GET /a HTTP/1.1\r\nHost: C2.Listed.example\r\nHOST\r\nAccept: G\r\n\r\n\
              GET http://feersona.net/ HTTP/1.1\nHost:\tfeersona.net:81\n\n\
              GET /c HTTP/1.1\r\nPOST: 1\r\nHost: www.example.org\r\n\r\n",
        ),
        to(PROXY, b"CONNECT 91.202.233.25:4888 HTTP/1.1\r\nHost: 91.202.233.25:4888\r\n\r\n"),
        to(PROXY, &[&[5, 1, 0, 5, 1, 0, 3, 15][..], b"gw.feersona.net", &[1, 187]].concat()),
        to(PROXY, b"\x04\x01\x00\x50\x00\x00\x00\x01me\x00a.bryonsad.net\x00"),
        to(
            PROXY,
            b"POST http://93.184.215.14/fakeurl.htm HTTP/1.1\nUser-Agent: NetSupport Manager/1.3\n\
              Content-Length:     22\nHost: 93.184.215.14\n\nCMD=POLL\nINFO=1\nACK=1\n",
        ),
        by(
            PROXY,
            b"HTTP/1.1 200 OK\nServer: NetSupport Gateway/1.92 (Windows NT)\nContent-Length:     11\n\nCMD=ENCD\nES=",
        ),
        to(RESOLVER, &framed(&[question("feersona.net", 0x0100, 0), question("www.example.org", 0x0100, 0)])),
        // After bodies, which may end anywhere.
        to(
            PROXY,
            b"POST /a HTTP/1.1\r\nHost: www.example.org\r\nContent-Length: 40\r\n\r\nnothing of interest but forty bytes long\
              POST /fakeurl.htm HTTP/1.1\nUser-Agent: NetSupport Manager/1.3\nContent-Length:     22\n\n\
              CMD=POLL\nINFO=1\nACK=1\nGET http://feersona.net/ HTTP/1.1\nHost: feersona.net\n\n",
        ),
        by(RESOLVER, &framed(&[answered.clone(), question("x.listed.example", 0x8180, 0), answered])),
    ]
});

/// A segment with a range of a saying's bytes; the saying begins at the sequence number `first`.
pub fn piece(saying: &Saying, client: SocketAddr, first: u32, range: Range<usize>) -> Vec<u8> {
    let (from, to) = if saying.by_server { (saying.server, client) } else { (client, saying.server) };
    let parts = Segment {
        sequence: first.wrapping_add(range.start as u32),
        flags: PSH | ACK,
        payload: &saying.bytes[range],
        ..Segment::default()
    };
    wire::tcp(from, to, &parts)
}

/// A part of a saying, as a whole packet or as one half of it in a fragment.
fn spoken(who: u8, what: u8, detail: u8) -> Vec<u8> {
    let saying = &SAYINGS[usize::from(what) % SAYINGS.len()];
    let all = saying.bytes.len();
    let start = all * usize::from(detail >> 3) / 32;
    let length = [1, 2, all / 32 + 1, all / 8 + 1, all / 4 + 1, all / 2 + 1, all, all][usize::from(detail & 7)];
    let packet = piece(saying, socket(&CLIENTS, who), u32::MAX - 20, start..all.min(start + length));
    let is_fragmented = who & 0x40 != 0 && packet[0] >> 4 == 4;
    if !is_fragmented {
        return packet;
    }
    let (header, segment) = packet.split_at(20);
    let half = if who & 0x20 == 0 { 0..24.min(segment.len()) } else { 24.min(segment.len())..segment.len() };
    let mut fragment = [header, &segment[half.clone()]].concat();
    fragment[2..4].copy_from_slice(&(20 + half.len() as u16).to_be_bytes());
    wire::fragment(&fragment, u16::from_be_bytes([what, detail]), half.start, half.start == 0)
}

/// Makes a frame from four bytes.
fn frame_of([kind, who, whom, detail]: [u8; 4]) -> Vec<u8> {
    let (client, server) = (socket(&CLIENTS, who), socket(&SERVERS, whom));
    let (from, to) = if detail & 1 == 0 { (client, server) } else { (server, client) };
    let resolver: SocketAddr = RESOLVER.parse().expect("an address and a port");
    let name = chosen(&NAMES, whom);
    let packet = match kind % 12 {
        0..=2 => {
            let flags = [SYN, SYN | ACK, ACK, PSH | ACK, FIN | ACK, RST, RST | ACK, SYN];
            let parts = Segment {
                sequence: u32::from(detail >> 5) * 1000,
                flags: chosen(&flags, detail >> 1),
                payload: &b"payload"[..usize::from(detail >> 5)],
                ..Segment::default()
            };
            wire::tcp(from, to, &parts)
        }
        3 => wire::udp(from, to, &b"payload"[..usize::from(detail >> 5)]),
        4 => wire::ip(from.ip(), to.ip(), chosen(&[wire::ICMP, wire::GRE], detail >> 1), b"\x08\0\0\0\0\x01\0\x01"),
        5 => wire::udp(client, resolver, &question(name, 0x0100, 0)),
        6 => {
            let first = usize::from(detail) % ANSWERS.len();
            let given = ANSWERS.iter().cycle().skip(first).take(usize::from(detail >> 4) % 4);
            let addresses: Vec<IpAddr> = given.map(|text| text.parse().expect("an address")).collect();
            wire::udp(resolver, client, &answer(name, chosen(&[0, 60, 7200], detail >> 3), &addresses))
        }
        7 => wire::ip(from.ip(), to.ip(), wire::TCP, &[detail; 3]),
        _ => spoken(who, whom, detail),
    };
    ethernet(packet)
}

impl Story {
    /// A story from any bytes: nine for the settings, then five for each frame.
    pub fn of(bytes: &[u8]) -> Self {
        let (head, rest) = bytes.split_first_chunk::<9>().unwrap_or((&[0; 9], &[]));
        let [window, a, b, c, d, e, f, g, h] = *head;
        let mut time = Timestamp::from_parts(1_795_000_000, 0);
        let mut frames = Vec::new();
        for [passed, what @ ..] in rest.as_chunks::<5>().0 {
            time = match *passed {
                // A wrong clock.
                254 => Timestamp::MAX,
                255 => Timestamp::MIN,
                _ => match chosen(&PASSED, *passed) {
                    back @ ..0 => time - Duration::from_secs(back.unsigned_abs()),
                    on => time + Duration::from_secs(on.unsigned_abs()),
                },
            };
            frames.push((time, frame_of(*what)));
        }
        let window = Duration::from_secs(chosen(&WINDOWS, window));
        Self { window, frames, lengths: [a, b, c, d], delays: [e, f, g, h] }
    }

    /// A story of these packets, one a millisecond, in Blocks of some frames.
    pub fn of_packets(packets: Vec<Vec<u8>>) -> Self {
        let start = Timestamp::from_parts(1_795_000_000, 0);
        let times = (0..).map(|number| start + Duration::from_millis(number));
        let frames = times.zip(packets.into_iter().map(ethernet)).collect();
        Self { window: Duration::from_secs(600), frames, lengths: [0, 7, 2, 4], delays: [0, 1, 7, 2] }
    }

    /// The story with so many answers before one of its frames that the tracker forgets what it
    /// learned first.
    pub fn with_flood_before(mut self, place: usize) -> Self {
        let (time, _) = self.frames[place];
        let answers = (0..66).map(|part| (time, flood(part, 250)));
        self.frames.splice(place..place, answers);
        self
    }

    /// Runs the story in these Blocks. Each scan knows the learned addresses of this many Blocks
    /// before.
    fn tell(&self, lengths: impl Fn(usize) -> usize, delays: impl Fn(usize) -> usize, notes: Notes) -> Told {
        self.tell_with(&EXCLUSIONS, lengths, delays, notes)
    }

    fn tell_with(
        &self,
        exclusions: &Arc<Exclusions>,
        lengths: impl Fn(usize) -> usize,
        delays: impl Fn(usize) -> usize,
        notes: Notes,
    ) -> Told {
        let exclusions = exclusions.clone();
        let settings = TrackSettings { repeat_window: self.window, exclusions, ..TrackSettings::default() };
        let mut tracker = Tracker::new(settings);
        tracker.keep_names();
        let mut findings = Findings::default();
        let mut told = Told::default();
        // The learned addresses that were published before each Block.
        let mut published = vec![Arc::new(LearnedAddresses::default())];
        let mut rest = &self.frames[..];
        let mut number = 0;
        while !rest.is_empty() {
            let (frames, after) = rest.split_at(lengths(number).min(rest.len()));
            rest = after;
            let block = block(number, frames);
            let known = published.len() - 1 - delays(number).min(published.len() - 1);
            let segments = match notes {
                Notes::AsWanted => tracker.wants_segments(),
                Notes::All => true,
                Notes::None => false,
                Notes::Some => number % 3 == 1,
            };
            let request = ScanRequest { names: true, segments, ..ScanRequest::default() };
            scan(&block, &published[known], request, &mut findings);
            tracker.take(&block, &findings, &mut |alert| told.alerts.push(alert));
            told.names.extend(tracker.names());
            let next = tracker.publish().map(Arc::new).or(published.last().cloned());
            published.extend(next);
            told.scanned.add(&findings.counts);
            number += 1;
        }
        tracker.finish(&mut |alert| told.alerts.push(alert));
        told.names.extend(tracker.names());
        told.counts = tracker.counts();
        told
    }

    /// Runs it in several ways and checks that the results are equal. Returns the result.
    pub fn check(&self) -> Told {
        let told = self.tell(|_| 1, |_| 0, Notes::AsWanted);
        let in_one = self.tell(|_| self.frames.len(), |_| 0, Notes::AsWanted);
        assert_same(&told, &in_one, "one Block for each frame, one for all");
        let never_told = self.tell(|_| 1, |_| usize::MAX, Notes::None);
        assert_same(&told, &never_told, "scans that know what was learned, and scans that do not");
        // A Block may be empty, but not every one.
        let length = |number: usize| usize::from(self.lengths[number % 4] % 16) + usize::from(number.is_multiple_of(4));
        let delay = |number: usize| usize::from(self.delays[number % 4] % 8);
        assert_same(&told, &self.tell(length, |_| 0, Notes::All), "Blocks of one and of several frames");
        let delayed = self.tell(length, delay, Notes::Some);
        assert_same(&told, &delayed, "scans that know what was learned some Blocks before");
        let without_rules = self.tell_with(&Arc::default(), |_| 1, |_| 0, Notes::AsWanted);
        assert_eq!(told.sums(), without_rules.sums(), "lines with those that rules suppress, and lines without rules");
        told
    }
}

fn block(number: usize, frames: &[(Timestamp, Vec<u8>)]) -> Block {
    let mut block = Block::new(Arc::new(Origin { name: "story".to_owned() }), INDICATORS.clone());
    block.number = number as u64;
    for (time, bytes) in frames {
        let length = bytes.len() as u32;
        let offset = block.bytes.len() as u32;
        block.bytes.extend(bytes);
        block.frames.push(Frame { time: *time, offset, captured: length, original: length, link: LinkType::ETHERNET });
    }
    block
}

fn assert_same(one: &Told, other: &Told, what: &str) {
    for (place, (one, other)) in one.alerts.iter().zip(&other.alerts).enumerate() {
        assert_eq!(one, other, "{what}: alert {place}");
    }
    assert_eq!(one.names, other.names, "{what}");
    assert_eq!(one.counts, other.counts, "{what}");
    assert_eq!(one.scanned, other.scanned, "{what}");
    assert_eq!(one, other, "{what}");
}
