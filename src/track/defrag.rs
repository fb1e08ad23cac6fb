//! IP fragments, put together again within bounds.
//!
//! What a datagram says is known when all of it is there. So nothing is told of a fragment by itself: the whole datagram is
//! scanned like any other packet, at the place and time of the fragment that completed it. Where that never comes, nothing
//! may be lost: the first fragment, which alone has ports and the beginning of a message, is then scanned as a packet, and
//! the others count as contacts between the same ends.
//!
//! Fragments that overlap are how packets are smuggled past sensors, and hosts disagree about which bytes count. A datagram
//! with any is refused whole, as RFC 5722 demands for IPv6; only exact copies are tolerated (RFC 8200 section 4.5).

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::capture::{Block, Frame, LinkType, Origin, Packets};
use crate::decode::{Encapsulation, Fragment};
use crate::flow::{End, Flow, Mac, Protocol, Vlans};
use crate::indicator::IndicatorSet;
use crate::scan::{Finding, FindingKind};
use crate::units::Timestamp;

/// How many datagrams are known at a time, those included that are whole and remembered for the sake of late copies. A
/// network that fragments all its DNS answers has a few hundred under way. Past this number the oldest goes.
const MOST_DATAGRAMS: usize = 4096;

/// How many bytes are held in all: 128 datagrams of the largest size, twice what Linux allows itself. Past this number the
/// oldest datagram goes.
const MOST_BYTES: usize = 8 << 20;

/// How many fragments a datagram may have: the largest one over links of 576 bytes, which every link must carry (RFC 791).
const MOST_FRAGMENTS: usize = 128;

/// What a fragment takes beside its bytes.
const BYTES_BESIDE: usize = size_of::<Piece>();

/// How long a datagram is waited for, from its first fragment on (RFC 8200 section 4.5).
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Why a datagram was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GiveUp {
    /// Not all of it came in time.
    Aged,
    /// There were too many others.
    Evicted,
    /// Fragments overlap or contradict each other.
    Overlapping,
    /// More fragments than any link needs.
    TooMany,
    /// A fragment ends beyond the largest datagram, or where none can end.
    Malformed,
    /// All of it came, but the capture cut some of it.
    Cut,
    /// The input ended before.
    Unfinished,
}

impl GiveUp {
    /// All reasons, each at the place of its number.
    pub const ALL: [Self; 7] =
        [Self::Aged, Self::Evicted, Self::Overlapping, Self::TooMany, Self::Malformed, Self::Cut, Self::Unfinished];

    /// What it is called in a summary.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Aged => "not all of it came",
            Self::Evicted => "too many at a time",
            Self::Overlapping => "overlapping fragments",
            Self::TooMany => "too many fragments",
            Self::Malformed => "malformed fragment",
            Self::Cut => "cut by the capture",
            Self::Unfinished => "the input ended before",
        }
    }
}

/// What is counted of fragments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DefragCounts {
    /// Fragments.
    pub fragments: u64,
    /// Datagrams put together.
    pub whole: u64,
    /// Datagrams given up, by the number of the reason in [`GiveUp::ALL`].
    pub given_up: [u64; GiveUp::ALL.len()],
}

/// What is to be looked at now: a whole datagram, or what is left of one.
pub(super) struct Released {
    /// Holds the datagram as one frame, or the beginning of one that was given up, or no frame.
    pub(super) block: Block,
    /// Fragments that count by themselves.
    pub(super) lone: Vec<Finding>,
    /// The IP bytes, on the wire, of the fragments that the frame stands for.
    pub(super) length: u32,
    /// The packets that these came in.
    pub(super) packets: Option<Packets>,
    /// Of the first fragment that came.
    pub(super) macs: Option<(Mac, Mac)>,
    /// See `macs`.
    pub(super) vlans: Vlans,
    /// See `macs`.
    pub(super) outer: Option<Box<[Encapsulation]>>,
}

/// What fragments of one datagram share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    id: u32,
    /// Part of the identity in IPv4 alone (RFC 791 section 3.2).
    protocol: Option<Protocol>,
}

/// A fragment that was taken.
#[derive(Debug)]
struct Piece {
    /// Where it begins and ends in the datagram.
    start: u32,
    end: u32,
    /// As far as captured; empty once the datagram is no longer gathered.
    data: Vec<u8>,
    /// Of `data`: what late copies are told by.
    hash: u64,
    /// IP bytes on the wire, those of its exact copies with them.
    length: u32,
    packets: Option<Packets>,
    time: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Gathering,
    /// Released. Kept so that a late copy of a fragment does not begin another datagram.
    Whole,
    /// Given up before its time. Kept so that what still comes of it is not taken for another datagram (RFC 5722).
    Refused,
}

#[derive(Debug)]
struct Datagram {
    /// Tells it from others with the same key, before and after it.
    serial: u64,
    origin: Arc<Origin>,
    indicators: Arc<IndicatorSet>,
    macs: Option<(Mac, Mac)>,
    vlans: Vlans,
    outer: Option<Box<[Encapsulation]>>,
    /// As the first fragment says (RFC 8200 section 4.5), before it came: as any says.
    protocol: Protocol,
    /// Known once the first fragment came.
    ports: Option<(u16, u16)>,
    /// In the order of their bytes.
    pieces: Vec<Piece>,
    /// The sum of the pieces' lengths.
    gathered: u32,
    /// How long it is; known once the last fragment came.
    total: Option<u32>,
    state: State,
}

/// What adding a fragment led to.
enum Step {
    Waits,
    /// All of it came.
    Complete,
    /// It counts by itself: the datagram is no longer gathered.
    Lone,
    /// It does not go with those that came before.
    Refused(GiveUp),
}

/// The datagrams under way.
#[derive(Default)]
pub(super) struct Defrag {
    table: HashMap<Key, Datagram, RandomState>,
    /// Each datagram once, in the order in which they began, with the time up to which it is known. An entry whose datagram
    /// was replaced stays until its turn, so this is never shorter than the table.
    queue: VecDeque<(Timestamp, Key, u64)>,
    /// Of pieces that are held.
    bytes: usize,
    serial: u64,
    hasher: RandomState,
    counts: DefragCounts,
}

impl Defrag {
    pub(super) fn counts(&self) -> DefragCounts {
        self.counts
    }

    /// Takes a fragment that came at `now`. Returns what is to be looked at now, in order.
    pub(super) fn take(
        &mut self,
        block: &Block,
        finding: &Finding,
        fragment: &Fragment<'_>,
        now: Timestamp,
    ) -> Vec<Released> {
        self.counts.fragments += 1;
        let fragment = &without_odd_end(finding, *fragment);
        let mut released = Vec::new();
        let key = Key::of(&finding.flow, fragment);
        let hash = self.hasher.hash_one(fragment.data);
        if self.table.get(&key).is_some_and(|known| known.state == State::Whole && !known.has_copy(fragment, hash)) {
            // The sender counts round its numbers: another datagram.
            self.forget(key);
        }
        if !self.table.contains_key(&key) {
            while self.queue.len() >= MOST_DATAGRAMS {
                released.extend(self.give_up_oldest(GiveUp::Evicted));
            }
            self.serial += 1;
            self.table.insert(key, Datagram::new(self.serial, block, finding, fragment));
            self.queue.push_back((now + LONGEST_WAIT, key, self.serial));
        }
        let Some(datagram) = self.table.get_mut(&key) else { return released };
        let held = datagram.held();
        let step = datagram.add(finding, fragment, hash);
        match step {
            Step::Waits => {}
            Step::Lone => released.push(datagram.lone(key, finding)),
            Step::Complete => {
                let is_cut = datagram.is_cut();
                let given_up = &mut self.counts.given_up[GiveUp::Cut as usize];
                *(if is_cut { given_up } else { &mut self.counts.whole }) += 1;
                released.push(if is_cut { datagram.give_up(key) } else { datagram.put_together(key) });
            }
            Step::Refused(reason) => {
                self.counts.given_up[reason as usize] += 1;
                released.push(datagram.give_up(key));
                released.push(datagram.lone(key, finding));
            }
        }
        self.bytes = self.bytes + datagram.held() - held;
        while self.bytes > MOST_BYTES && !self.queue.is_empty() {
            released.extend(self.give_up_oldest(GiveUp::Evicted));
        }
        released
    }

    /// When the next datagram will have been waited for long enough, or earlier.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.queue.front().map(|&(due, ..)| due)
    }

    /// The next datagram that was waited for long enough, and the time at which its turn came.
    pub(super) fn next_due(&mut self, now: Timestamp) -> Option<(Timestamp, Released)> {
        while let Some(&(due, ..)) = self.queue.front()
            && due <= now
        {
            if let Some(released) = self.give_up_oldest(GiveUp::Aged) {
                return Some((due, released));
            }
        }
        None
    }

    /// The next datagram that is still under way when the input ends.
    pub(super) fn next_unfinished(&mut self) -> Option<Released> {
        while !self.queue.is_empty() {
            if let Some(released) = self.give_up_oldest(GiveUp::Unfinished) {
                return Some(released);
            }
        }
        None
    }

    /// Forgets the oldest datagram. `None` where nobody waited for it.
    fn give_up_oldest(&mut self, reason: GiveUp) -> Option<Released> {
        let (_, key, serial) = self.queue.pop_front()?;
        if self.table.get(&key)?.serial != serial {
            return None;
        }
        let mut datagram = self.forget(key)?;
        if datagram.state != State::Gathering {
            return None;
        }
        self.counts.given_up[reason as usize] += 1;
        Some(datagram.give_up(key))
    }

    fn forget(&mut self, key: Key) -> Option<Datagram> {
        let datagram = self.table.remove(&key)?;
        self.bytes -= datagram.held();
        Some(datagram)
    }
}

impl Key {
    fn of(flow: &Flow, fragment: &Fragment<'_>) -> Self {
        let (source, destination) = (flow.source.address, flow.destination.address);
        let protocol = source.is_ipv4().then_some(fragment.protocol);
        Self { source, destination, id: fragment.id, protocol }
    }

    /// The longest datagram, without its header: the fields for lengths have sixteen bits.
    fn longest(&self) -> u32 {
        if self.source.is_ipv4() { 65_535 - IPV4_HEADER as u32 } else { 65_535 }
    }
}

impl Datagram {
    fn new(serial: u64, block: &Block, finding: &Finding, fragment: &Fragment<'_>) -> Self {
        Self {
            serial,
            origin: block.origin.clone(),
            indicators: block.indicators.clone(),
            macs: finding.macs,
            vlans: finding.vlans.clone(),
            outer: finding.outer.clone(),
            protocol: fragment.protocol,
            ports: None,
            pieces: Vec::new(),
            gathered: 0,
            total: None,
            state: State::Gathering,
        }
    }

    fn add(&mut self, finding: &Finding, fragment: &Fragment<'_>, hash: u64) -> Step {
        if self.state != State::Gathering {
            return Step::Lone;
        }
        let &Fragment { offset: start, length, more, data, .. } = fragment;
        let end = start.saturating_add(length);
        if start == 0 {
            self.protocol = fragment.protocol;
            self.ports = finding.flow.source.port.zip(finding.flow.destination.port);
        }
        if length == 0 || end > Key::of(&finding.flow, fragment).longest() || (more && length % 8 != 0) {
            return Step::Refused(GiveUp::Malformed);
        }
        let place = self.pieces.partition_point(|piece| piece.start < start);
        if let Some(piece) = self.pieces.get_mut(place)
            && (piece.start, piece.end) == (start, end)
            && piece.data == data
            && more == (self.total != Some(end))
        {
            piece.length = piece.length.saturating_add(finding.length);
            piece.packets = Packets::joined(piece.packets, finding.packets);
            return Step::Waits;
        }
        let (before, after) = self.pieces.split_at(place);
        let last_end = self.pieces.last().map_or(0, |piece| piece.end);
        let contradicts = match self.total {
            Some(total) => end > total || (more && end == total) || (!more && end != total),
            None => !more && last_end > end,
        };
        let overlaps = before.last().is_some_and(|piece| piece.end > start)
            || after.first().is_some_and(|piece| piece.start < end);
        if contradicts || overlaps {
            return Step::Refused(GiveUp::Overlapping);
        }
        if self.pieces.len() >= MOST_FRAGMENTS {
            return Step::Refused(GiveUp::TooMany);
        }
        if !more {
            self.total = Some(end);
        }
        let Finding { length: bytes, packets, time, .. } = *finding;
        let piece = Piece { start, end, data: data.to_vec(), hash, length: bytes, packets, time };
        self.pieces.insert(place, piece);
        self.gathered += length;
        if self.total == Some(self.gathered) { Step::Complete } else { Step::Waits }
    }

    /// What the pieces hold of memory.
    fn held(&self) -> usize {
        self.pieces.iter().map(|piece| piece.data.len() + BYTES_BESIDE).sum()
    }

    fn is_cut(&self) -> bool {
        self.pieces.iter().any(|piece| piece.data.len() < (piece.end - piece.start) as usize)
    }

    fn has_copy(&self, fragment: &Fragment<'_>, hash: u64) -> bool {
        let is_copy = |piece: &Piece| {
            piece.start == fragment.offset && piece.end - piece.start == fragment.length && piece.hash == hash
        };
        self.pieces.iter().any(is_copy)
    }

    /// All of it as one packet.
    fn put_together(&mut self, key: Key) -> Released {
        self.state = State::Whole;
        let length = self.pieces.iter().map(|piece| piece.length).fold(0, u32::saturating_add);
        let time = self.pieces.iter().map(|piece| piece.time).max();
        let packets = self.pieces.iter().map(|piece| piece.packets).fold(None, Packets::joined);
        let payload: Vec<u8> = self.pieces.iter_mut().flat_map(|piece| std::mem::take(&mut piece.data)).collect();
        let mut released = self.released(length, packets);
        if let Some(time) = time {
            push_packet(&mut released.block, key, self.protocol, payload.len() as u32, &payload, time);
        }
        released
    }

    /// Its beginning as a packet, the rest as contacts.
    fn give_up(&mut self, key: Key) -> Released {
        self.state = State::Refused;
        let pieces = std::mem::take(&mut self.pieces);
        let mut released = self.released(0, pieces.first().and_then(|piece| piece.packets));
        for piece in pieces {
            if piece.start == 0 {
                released.length = piece.length;
                let length = piece.end - piece.start;
                push_packet(&mut released.block, key, self.protocol, length, &piece.data, piece.time);
            } else {
                released.lone.push(self.contact(key, piece.length, piece.packets, piece.time));
            }
        }
        released
    }

    /// A fragment that counts by itself.
    fn lone(&self, key: Key, finding: &Finding) -> Released {
        let mut released = self.released(0, None);
        released.lone.push(self.contact(key, finding.length, finding.packets, finding.time));
        released
    }

    fn released(&self, length: u32, packets: Option<Packets>) -> Released {
        let mut block = Block::new(self.origin.clone(), self.indicators.clone());
        block.first_packet = packets.map(|packets| packets.first);
        // Unlike that of any Block of the capture.
        block.number = u64::MAX - self.serial;
        let (vlans, outer) = (self.vlans.clone(), self.outer.clone());
        Released { block, lone: Vec::new(), length, packets, macs: self.macs, vlans, outer }
    }

    fn contact(&self, key: Key, length: u32, packets: Option<Packets>, time: Timestamp) -> Finding {
        let (from, to) = self.ports.unzip();
        let flow = Flow {
            source: End { address: key.source, port: from },
            destination: End { address: key.destination, port: to },
            protocol: self.protocol,
        };
        Finding {
            frame: 0,
            packets,
            time,
            clock: time,
            flow,
            length,
            tcp: None,
            macs: self.macs,
            vlans: self.vlans.clone(),
            outer: self.outer.clone(),
            end: 0,
            what: FindingKind::Contact { source: None, destination: None },
        }
    }
}

/// Fragments that others follow end at a multiple of eight bytes. One that does not is refused in IPv6 (RFC 8200 section
/// 4.5); in IPv4 hosts leave the odd bytes out and go on, Linux among them, so what they see must be seen here.
fn without_odd_end<'a>(finding: &Finding, fragment: Fragment<'a>) -> Fragment<'a> {
    if !fragment.more || finding.flow.source.address.is_ipv6() {
        return fragment;
    }
    let length = fragment.length & !7;
    let data = fragment.data.get(..length as usize).unwrap_or(fragment.data);
    Fragment { length, data, ..fragment }
}

/// The IPv4 header without options, in bytes.
const IPV4_HEADER: usize = 20;
/// The IPv6 header, in bytes.
const IPV6_HEADER: usize = 40;
/// The hop limit of packets that are made here: what no sensor looks at.
const HOPS: u8 = 64;

/// Adds a frame with one IP packet that is no fragment. `length` is its payload's on the wire.
fn push_packet(block: &mut Block, key: Key, protocol: Protocol, length: u32, payload: &[u8], time: Timestamp) {
    let offset = block.bytes.len() as u32;
    // Within sixteen bits: each fragment was held against the longest datagram.
    let (link, header) = match (key.source, key.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let [_, _, high, low] = (length + IPV4_HEADER as u32).to_be_bytes();
            block.bytes.extend([0x45, 0, high, low, 0, 0, 0, 0, HOPS, protocol.0, 0, 0]);
            block.bytes.extend(source.octets());
            block.bytes.extend(destination.octets());
            (LinkType::IPV4, IPV4_HEADER)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let [_, _, high, low] = length.to_be_bytes();
            block.bytes.extend([0x60, 0, 0, 0, high, low, protocol.0, HOPS]);
            block.bytes.extend(source.octets());
            block.bytes.extend(destination.octets());
            (LinkType::IPV6, IPV6_HEADER)
        }
        // No packet has addresses of two versions.
        _ => return,
    };
    block.bytes.extend(payload);
    let captured = (header + payload.len()) as u32;
    block.frames.push(Frame { time, offset, captured, original: header as u32 + length, link });
}

#[cfg(test)]
mod tests;
