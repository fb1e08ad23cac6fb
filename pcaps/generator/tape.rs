//! A capture in the making: frames with their times, and conversations that write themselves onto it.

use std::net::{IpAddr, SocketAddr};

use super::dns::Message;
use super::link::{self, Link};
use super::random::Random;
use super::wire::{self, ACK, FIN, PSH, RST, SYN, SYN_OPTIONS, Segment};
use super::write;

pub use super::write::Captured;

/// 2026-06-09T09:00:00Z in nanoseconds since the epoch: when samples begin.
pub const START: u64 = 1_780_995_600_000_000_000;
/// Between two frames where nothing else is said: an office network's pace.
const GAP: u64 = 120_000;
/// How long a packet and its answer are under way, for hosts beyond the office: nanoseconds.
const ROUND_TRIP: u64 = 24_000_000;
/// How long a host takes to react: nanoseconds.
const REACTION: u64 = 300_000;
/// The longest payload of a segment that fits Ethernet.
const LONGEST_PAYLOAD: usize = 1460;

/// Frames of one link type.
#[derive(Clone)]
pub struct Tape {
    /// What its frames are.
    pub link: Link,
    /// The frames, in the order of their making.
    pub frames: Vec<Captured>,
    now: u64,
}

impl Tape {
    /// An empty tape of Ethernet frames.
    pub fn new() -> Self {
        Self::on(link::ETHERNET)
    }

    /// An empty tape of a given link type.
    pub fn on(link: Link) -> Self {
        Self { link, frames: Vec::new(), now: START }
    }

    /// Sets the clock to milliseconds after the start.
    pub fn at(&mut self, milliseconds: u64) -> &mut Self {
        self.now = START + milliseconds * 1_000_000;
        self
    }

    /// Lets milliseconds pass.
    pub fn wait(&mut self, milliseconds: u64) -> &mut Self {
        self.now += milliseconds * 1_000_000;
        self
    }

    /// Milliseconds since the start.
    pub fn elapsed(&self) -> u64 {
        (self.now - START) / 1_000_000
    }

    /// Puts an IP packet on the link.
    pub fn packet(&mut self, packet: &[u8]) -> &mut Self {
        self.frame((self.link.frame)(packet));
        if let Some(frame) = self.frames.last_mut() {
            frame.source = Some(wire::addresses(packet).0);
        }
        self
    }

    /// Puts a frame there as it is.
    pub fn frame(&mut self, bytes: Vec<u8>) -> &mut Self {
        let original = bytes.len() as u32;
        self.frames.push(Captured { time: self.now, bytes, original, source: None });
        self.now += GAP;
        self
    }

    /// A UDP datagram.
    pub fn udp(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> &mut Self {
        self.packet(&wire::udp(from, to, payload))
    }

    /// A DNS question, and the answer some milliseconds later.
    pub fn resolve(&mut self, from: SocketAddr, resolver: SocketAddr, query: &Message, answer: &Message) -> &mut Self {
        self.udp(from, resolver, &query.bytes());
        self.wait(14);
        self.udp(resolver, from, &answer.bytes())
    }

    /// Keeps only what one host sent.
    pub fn only_from(&mut self, source: impl Into<IpAddr>) -> &mut Self {
        let source = Some(source.into());
        self.frames.retain(|frame| frame.source == source);
        self
    }

    /// Forgets the first frames.
    pub fn skip(&mut self, count: usize) -> &mut Self {
        self.frames.drain(..count.min(self.frames.len()));
        self
    }

    /// Cuts each frame as a capture with this snap length does.
    pub fn snap(&mut self, length: usize) -> &mut Self {
        for frame in &mut self.frames {
            frame.bytes.truncate(length);
        }
        self
    }

    /// Puts the frames into the order of their times.
    pub fn sort(&mut self) -> &mut Self {
        self.frames.sort_by_key(|frame| frame.time);
        self
    }

    /// The tape as the commonest of files: classic pcap, little-endian, microseconds.
    pub fn pcap(&self) -> Vec<u8> {
        write::Pcap::default().file(self.link.number, &self.frames)
    }
}

/// A TCP conversation.
pub struct Tcp {
    /// Who opens it.
    pub client: SocketAddr,
    /// Who is called.
    pub server: SocketAddr,
    /// The next sequence number of client and server.
    next: [u32; 2],
    /// Whether the last segment was the server's.
    server_spoke: Option<bool>,
}

impl Tcp {
    /// A conversation that has not begun. Its sequence numbers start anywhere, but at the same place each time.
    pub fn new(client: SocketAddr, server: SocketAddr) -> Self {
        let mut random = Random::new(u64::from(client.port()) << 16 | u64::from(server.port()));
        Self { client, server, next: [random.next() as u32, random.next() as u32], server_spoke: None }
    }

    /// With another sequence number for the client's SYN.
    pub fn beginning_at(mut self, first: u32) -> Self {
        self.next[0] = first;
        self
    }

    fn send(&mut self, tape: &mut Tape, by_server: bool, flags: u8, payload: &[u8]) -> &mut Self {
        if self.server_spoke.is_some_and(|spoke| spoke != by_server) {
            tape.now += if by_server { ROUND_TRIP } else { REACTION };
        }
        self.server_spoke = Some(by_server);
        let (from, to) = if by_server { (self.server, self.client) } else { (self.client, self.server) };
        let mine = usize::from(by_server);
        let parts = Segment {
            sequence: self.next[mine],
            acknowledged: if flags & ACK != 0 { self.next[1 - mine] } else { 0 },
            flags,
            options: if flags & SYN != 0 { &SYN_OPTIONS } else { &[] },
            payload,
        };
        tape.packet(&wire::tcp(from, to, &parts));
        let advance = payload.len() as u32 + u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
        self.next[mine] = self.next[mine].wrapping_add(advance);
        self
    }

    /// The client's SYN.
    pub fn syn(&mut self, tape: &mut Tape) -> &mut Self {
        self.send(tape, false, SYN, &[])
    }

    /// The client's SYN once more, with the sequence number of the first.
    pub fn syn_again(&mut self, tape: &mut Tape) -> &mut Self {
        self.next[0] = self.next[0].wrapping_sub(1);
        self.syn(tape)
    }

    /// The server's reset, which answers a SYN or ends a conversation.
    pub fn refuse(&mut self, tape: &mut Tape) -> &mut Self {
        self.send(tape, true, RST | ACK, &[])
    }

    /// The three segments that open it.
    pub fn open(&mut self, tape: &mut Tape) -> &mut Self {
        self.syn(tape).send(tape, true, SYN | ACK, &[]).send(tape, false, ACK, &[])
    }

    fn say(&mut self, tape: &mut Tape, by_server: bool, payload: &[u8]) -> &mut Self {
        for part in payload.chunks(LONGEST_PAYLOAD) {
            self.send(tape, by_server, PSH | ACK, part);
        }
        self
    }

    /// The client says something.
    pub fn ask(&mut self, tape: &mut Tape, payload: &[u8]) -> &mut Self {
        self.say(tape, false, payload)
    }

    /// The client sends bytes that come `offset` bytes after what it has said so far, which stays where it was: see [`Tcp::asked`].
    pub fn ask_at(&mut self, tape: &mut Tape, offset: usize, payload: &[u8]) -> &mut Self {
        let here = self.next[0];
        self.next[0] = here.wrapping_add(offset as u32);
        self.send(tape, false, PSH | ACK, payload);
        self.next[0] = here;
        self
    }

    /// The client has said this many bytes by [`Tcp::ask_at`].
    pub fn asked(&mut self, length: usize) -> &mut Self {
        self.next[0] = self.next[0].wrapping_add(length as u32);
        self
    }

    /// The server says something.
    pub fn answer(&mut self, tape: &mut Tape, payload: &[u8]) -> &mut Self {
        self.say(tape, true, payload)
    }

    /// A bare acknowledgement by the client.
    pub fn acknowledge(&mut self, tape: &mut Tape) -> &mut Self {
        self.send(tape, false, ACK, &[])
    }

    /// A bare acknowledgement by the server.
    pub fn acknowledge_by_server(&mut self, tape: &mut Tape) -> &mut Self {
        self.send(tape, true, ACK, &[])
    }

    /// Both sides close, the client first.
    pub fn close(&mut self, tape: &mut Tape) -> &mut Self {
        self.send(tape, false, FIN | ACK, &[]).send(tape, true, FIN | ACK, &[]).send(tape, false, ACK, &[])
    }

    /// A whole conversation: one thing asked, one thing answered.
    pub fn whole(&mut self, tape: &mut Tape, asked: &[u8], answered: &[u8]) -> &mut Self {
        self.open(tape).ask(tape, asked).answer(tape, answered).acknowledge(tape).close(tape)
    }
}
