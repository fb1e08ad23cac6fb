//! The ordinary traffic of the large captures.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::generator::cast::{RESOLVER, v4};
use crate::generator::dns::{A, AAAA, HTTPS, address, alias, query};
use crate::generator::random::Random;
use crate::generator::speech;
use crate::generator::wire::{self, ACK, FIN, PSH, SYN, SYN_OPTIONS, Segment};

/// The payload of a frame of 570 bytes.
const MEDIUM: usize = 516;
/// The payload of a full frame.
const FULL: usize = 1460;
/// One flow in this many has more than one round of data.
const LONG_FLOWS: u64 = 40;
/// The number of questions that wait for their answer.
const WAITING: usize = 40;

/// First bytes of networks with many web servers; no listed address is in them.
const NETWORKS: [u8; 8] = [13, 18, 23, 34, 52, 104, 142, 151];

/// Client and server of the flow with this number, the same each time.
pub fn ends(number: u32) -> (SocketAddr, SocketAddr) {
    let mut random = Random::new(u64::from(number) | 1 << 40);
    let host = random.below(4000);
    let client = v4([10, 20, 30 + (host / 250) as u8, 2 + (host % 250) as u8], 49_152 + (number % 16_000) as u16);
    let server = random.below(20_000);
    let port = [443, 443, 443, 443, 80, 80, 8080, 8443][random.below(8) as usize];
    let mut place = Random::new(server);
    let [a, b, c, ..] = place.next().to_be_bytes();
    (client, v4([NETWORKS[(server % 8) as usize], a, b, 1 + c % 250], port))
}

/// The sender of a segment, its flags, and the length of its payload.
type Step = (bool, u8, usize);

/// The segments from SYN to FIN: seven small ones, four medium ones, a full one.
const OPENING: [Step; 3] = [(false, SYN, 0), (true, SYN | ACK, 0), (false, ACK, 0)];
const DATA: [Step; 6] = [
    (false, PSH | ACK, MEDIUM),
    (true, PSH | ACK, MEDIUM),
    (true, PSH | ACK, FULL),
    (true, PSH | ACK, MEDIUM),
    (false, ACK, 0),
    (false, PSH | ACK, MEDIUM),
];
const CLOSING: [Step; 3] = [(true, FIN | ACK, 0), (false, FIN | ACK, 0), (true, ACK, 0)];

/// A TCP conversation on its way.
pub struct Flow {
    client: SocketAddr,
    server: SocketAddr,
    sequence: [u32; 2],
    step: usize,
    rounds: usize,
    number: u32,
}

impl Flow {
    /// A conversation before its first packet.
    pub fn new(number: u32, random: &mut Random) -> Self {
        let (client, server) = ends(number);
        let rounds = if random.below(LONG_FLOWS) == 0 { 2 + random.below(6) as usize } else { 1 };
        Self { client, server, sequence: [random.next() as u32, random.next() as u32], step: 0, rounds, number }
    }

    /// The next packet; none after the last.
    pub fn next(&mut self, random: &mut Random) -> Option<Vec<u8>> {
        let data = self.rounds * DATA.len();
        let (by_server, flags, length) = match self.step {
            step if step < 3 => OPENING[step],
            step if step < 3 + data => DATA[(step - 3) % DATA.len()],
            step => *CLOSING.get(step - 3 - data)?,
        };
        let payload = self.payload(by_server, length, random);
        self.step += 1;
        let (from, to) = if by_server { (self.server, self.client) } else { (self.client, self.server) };
        let mine = usize::from(by_server);
        let parts = Segment {
            sequence: self.sequence[mine],
            acknowledged: if flags & ACK == 0 { 0 } else { self.sequence[1 - mine] },
            flags,
            options: if flags & SYN == 0 { &[] } else { &SYN_OPTIONS },
            payload: &payload,
        };
        let advance = payload.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
        self.sequence[mine] = self.sequence[mine].wrapping_add(advance);
        Some(wire::tcp(from, to, &parts))
    }

    /// The first data of each side is a head; what follows is noise.
    fn payload(&self, by_server: bool, length: usize, random: &mut Random) -> Vec<u8> {
        if length == 0 {
            return Vec::new();
        }
        let secure = matches!(self.server.port(), 443 | 8443);
        let mut payload = match (self.step, by_server, secure) {
            (3, _, true) => speech::client_hello(&name(self.number), random),
            (3, _, false) => speech::http_get(&name(self.number), &format!("/static/{:x}.js", random.next())),
            (4, _, true) => speech::server_hello(random),
            (4, _, false) => speech::http_ok("application/javascript", &random.bytes(MEDIUM)),
            (_, _, true) => speech::tls_data(length.saturating_sub(5), random),
            (_, _, false) => Vec::new(),
        };
        if payload.len() < length {
            let missing = length - payload.len();
            payload.extend(random.bytes(missing));
        }
        payload.truncate(length);
        payload
    }
}

/// A plausible name, the same for the same number.
pub fn name(number: u32) -> String {
    const HOSTS: [&str; 12] =
        ["www", "cdn", "api", "static", "img", "login", "mail", "edge", "assets", "updates", "telemetry", "m"];
    const SITES: [&str; 12] = [
        "contoso",
        "fabrikam",
        "northwind",
        "adatum",
        "litware",
        "proseware",
        "tailspin",
        "wingtip",
        "woodgrove",
        "relecloud",
        "alpineski",
        "margies",
    ];
    const ENDS: [&str; 6] = ["com", "net", "org", "io", "de", "co.uk"];
    let pick = |words: &[&'static str], number: u32| words[number as usize % words.len()];
    let site = number % 5000;
    format!("{}.{}{}.{}", pick(&HOSTS, number), pick(&SITES, site), site / 12, pick(&ENDS, site / 7))
}

/// DNS questions and their answers, an equal number of both.
#[derive(Default)]
pub struct Lookups {
    waiting: VecDeque<Vec<u8>>,
    asked: u32,
}

impl Lookups {
    /// The next message's packet.
    pub fn next(&mut self, random: &mut Random) -> Vec<u8> {
        if (self.waiting.len() >= WAITING || random.below(2) == 0)
            && let Some(answer) = self.waiting.pop_front()
        {
            return answer;
        }
        self.asked += 1;
        let (client, server) = ends(random.below(200_000) as u32);
        let name = name(random.below(60_000) as u32);
        let kind = [A, A, A, AAAA, HTTPS][random.below(5) as usize];
        let mut question = query(&name, kind);
        question.id = random.next() as u16;
        let ttl = 30 + random.below(600) as u32;
        let records = match (kind, random.below(3), server.ip()) {
            (A, 0, ip) => {
                vec![alias(&name, ttl, "d1234.edge.example.net"), address("d1234.edge.example.net", ttl, ip)]
            }
            (A, _, IpAddr::V4(ip)) => {
                let near = |step: u32| Ipv4Addr::from(u32::from(ip) ^ step);
                (0..1 + random.below(4) as u32).map(|step| address(&name, ttl, near(step))).collect()
            }
            (AAAA, _, IpAddr::V4(ip)) => {
                let [a, b, c, d] = ip.octets().map(u16::from);
                vec![address(&name, ttl, Ipv6Addr::new(0x2600, 0x9000, 0x2000 + b, a << 8 | c, 0, 0, 0, d))]
            }
            _ => Vec::new(),
        };
        let from = (client.ip(), 32_768 + (self.asked % 28_000) as u16).into();
        self.waiting.push_back(wire::udp(RESOLVER, from, &question.answer(records).bytes()));
        wire::udp(from, RESOLVER, &question.bytes())
    }
}
