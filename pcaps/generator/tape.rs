//! A capture being made: frames with their times, and conversations that add their frames to it.

use std::net::{IpAddr, SocketAddr};

use super::dns::Message;
use super::link::{self, Link};
use super::random::Random;
use super::wire::{self, ACK, FIN, PSH, RST, SYN, SYN_OPTIONS, Segment};
use super::write;

pub use super::write::Captured;

/// 2026-06-09T09:00:00Z in nanoseconds since the epoch: the start of the samples.
pub const START: u64 = 1_780_995_600_000_000_000;
/// The time between two frames unless stated otherwise, as in an office network.
const GAP: u64 = 120_000;
/// The travel time of a packet and its answer to hosts outside the office, in nanoseconds.
const ROUND_TRIP: u64 = 24_000_000;
/// The reaction time of a host, in nanoseconds.
const REACTION: u64 = 300_000;
/// The longest payload of a segment that fits Ethernet.
const LONGEST_PAYLOAD: usize = 1460;

/// Frames of one link type.
#[derive(Clone)]
pub struct Tape {
    /// The link type of its frames.
    pub link: Link,
    /// The frames, in the order in which they were made.
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

    /// Adds a frame as it is.
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

    /// Keeps only the packets of one host.
    pub fn only_from(&mut self, source: impl Into<IpAddr>) -> &mut Self {
        let source = Some(source.into());
        self.frames.retain(|frame| frame.source == source);
        self
    }

    /// Removes the first frames.
    pub fn skip(&mut self, count: usize) -> &mut Self {
        self.frames.drain(..count.min(self.frames.len()));
        self
    }

    /// Cuts each frame to this snap length.
    pub fn snap(&mut self, length: usize) -> &mut Self {
        for frame in &mut self.frames {
            frame.bytes.truncate(length);
        }
        self
    }

    /// Sorts the frames by time.
    pub fn sort(&mut self) -> &mut Self {
        self.frames.sort_by_key(|frame| frame.time);
        self
    }

    /// The tape as the most common kind of file: classic pcap, little-endian, microseconds.
    pub fn pcap(&self) -> Vec<u8> {
        write::Pcap::default().file(self.link.number, &self.frames)
    }
}

/// A TCP conversation.
pub struct Tcp {
    /// The client, which opens it.
    pub client: SocketAddr,
    /// The server.
    pub server: SocketAddr,
    /// The next sequence numbers of client and server.
    next: [u32; 2],
    /// True if the server sent the last segment.
    server_spoke: Option<bool>,
}

impl Tcp {
    /// A conversation before its first packet. Its initial sequence numbers are arbitrary, but the
    /// same each time.
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

    /// The client's SYN again, with the same sequence number.
    pub fn syn_again(&mut self, tape: &mut Tape) -> &mut Self {
        self.next[0] = self.next[0].wrapping_sub(1);
        self.syn(tape)
    }

    /// The server's reset, in answer to a SYN or at the end of a conversation.
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

    /// The client sends data.
    pub fn ask(&mut self, tape: &mut Tape, payload: &[u8]) -> &mut Self {
        self.say(tape, false, payload)
    }

    /// The client sends bytes that come `offset` bytes after what it has said so far, which stays
    /// where it was: see [`Tcp::asked`].
    pub fn ask_at(&mut self, tape: &mut Tape, offset: usize, payload: &[u8]) -> &mut Self {
        let here = self.next[0];
        self.next[0] = here.wrapping_add(offset as u32);
        self.send(tape, false, PSH | ACK, payload);
        self.next[0] = here;
        self
    }

    /// Advances the client's sequence number by the bytes sent with [`Tcp::ask_at`].
    pub fn asked(&mut self, length: usize) -> &mut Self {
        self.next[0] = self.next[0].wrapping_add(length as u32);
        self
    }

    /// The server sends data.
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

    /// A whole conversation: one request, one answer.
    pub fn whole(&mut self, tape: &mut Tape, asked: &[u8], answered: &[u8]) -> &mut Self {
        self.open(tape).ask(tape, asked).answer(tape, answered).acknowledge(tape).close(tape)
    }
}
