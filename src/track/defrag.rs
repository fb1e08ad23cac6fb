//! Defragmentation: reassembles IP datagrams within bounds.
//!
//! The content of a datagram is known when all of its fragments have come. So a fragment gives no
//! finding by itself: the whole datagram is scanned like any other packet, at the place and time of
//! the fragment that completed it. If that one never comes, nothing must be lost: the first
//! fragment, the only one with ports and the beginning of a message, is then scanned as a packet,
//! and the others count as contacts between the same ends.
//!
//! Overlapping fragments are a way to smuggle packets past sensors, and hosts disagree about which
//! bytes count. A datagram with any is refused, as RFC 5722 demands for IPv6; only exact copies are
//! tolerated (RFC 8200 section 4.5).

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::capture::{Block, Frame, LinkType, Origin, PacketRange};
use crate::decode::{Encapsulation, Fragment};
use crate::flow::{Endpoint, Flow, MacAddress, Protocol, Vlans};
use crate::indicator::IndicatorSet;
use crate::scan::{Finding, FindingKind};
use crate::units::Timestamp;

/// The most datagrams, including those that are whole and remembered because of late copies. A
/// network that fragments all its DNS answers has a few hundred at a time. Past this number the
/// oldest is abandoned.
const MOST_DATAGRAMS: usize = 4096;

/// The most bytes in all: 128 datagrams of the largest size, twice as much as Linux allows itself.
/// Past this number the oldest datagram is abandoned.
const MOST_BYTES: usize = 8 << 20;

/// The most fragments of a datagram: those of the largest one over links of 576 bytes, which every
/// link must carry (RFC 791).
const MOST_FRAGMENTS: usize = 128;

/// The memory of a fragment beside its bytes.
const FRAGMENT_OVERHEAD: usize = size_of::<StoredFragment>();

/// The timeout of a datagram, from its first fragment on (RFC 8200 section 4.5).
const TIMEOUT: Duration = Duration::from_secs(60);

/// The reasons for which a datagram is abandoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AbandonReason {
    /// Some fragments did not come in time.
    Aged,
    /// There were too many other datagrams.
    Evicted,
    /// Fragments overlap or contradict each other.
    Overlapping,
    /// It has more fragments than any link needs.
    TooMany,
    /// A fragment ends beyond the largest datagram, or where none can end.
    Malformed,
    /// All fragments came, but the capture cut some of them.
    Cut,
    /// The input ended before it was whole.
    Unfinished,
}

impl AbandonReason {
    /// All reasons, each at the index of its number.
    pub const ALL: [Self; 7] =
        [Self::Aged, Self::Evicted, Self::Overlapping, Self::TooMany, Self::Malformed, Self::Cut, Self::Unfinished];

    /// The text in a summary.
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

/// The counts of fragments and datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DefragCounts {
    /// Fragments.
    pub fragments: u64,
    /// Datagrams that were reassembled.
    pub whole: u64,
    /// Abandoned datagrams, by the index of the reason in [`AbandonReason::ALL`].
    pub abandoned: [u64; AbandonReason::ALL.len()],
}

/// A datagram to be scanned: a whole one, or the remains of an abandoned one.
pub(super) struct Released {
    /// Holds the datagram as one frame, or the beginning of an abandoned one, or no frame.
    pub(super) block: Block,
    /// Fragments that count by themselves, as contacts.
    pub(super) lone_fragments: Vec<Finding>,
    /// The IP bytes on the wire of the fragments in the frame.
    pub(super) length: u32,
    /// The numbers of their packets.
    pub(super) packets: Option<PacketRange>,
    /// The hardware addresses, VLANs and tunnels of the first fragment that came.
    pub(super) macs: Option<(MacAddress, MacAddress)>,
    pub(super) vlans: Vlans,
    pub(super) tunnels: Option<Box<[Encapsulation]>>,
}

/// The identity of a datagram, which its fragments share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct DatagramKey {
    source: IpAddr,
    destination: IpAddr,
    id: u32,
    /// Part of the identity in IPv4 alone (RFC 791 section 3.2).
    protocol: Option<Protocol>,
}

/// A fragment that was stored.
#[derive(Debug)]
struct StoredFragment {
    /// Its first byte in the datagram, and the byte after its last one.
    start: u32,
    end: u32,
    /// The captured bytes; empty once the datagram was released.
    data: Vec<u8>,
    /// The hash of `data`, by which late copies are recognized.
    hash: u64,
    /// The IP bytes on the wire, including those of its exact copies.
    length: u32,
    packets: Option<PacketRange>,
    time: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Incomplete,
    /// Released. Kept so that a late copy of a fragment does not begin another datagram.
    Whole,
    /// Abandoned before its timeout. Kept so that its later fragments do not begin another datagram
    /// (RFC 5722).
    Refused,
}

#[derive(Debug)]
struct Datagram {
    /// Distinguishes it from others with the same key, before and after it.
    serial: u64,
    origin: Arc<Origin>,
    indicators: Arc<IndicatorSet>,
    macs: Option<(MacAddress, MacAddress)>,
    vlans: Vlans,
    tunnels: Option<Box<[Encapsulation]>>,
    /// That of the first fragment (RFC 8200 section 4.5); until it comes, that of any.
    protocol: Protocol,
    /// Known once the first fragment has come.
    ports: Option<(u16, u16)>,
    /// In the order of their bytes.
    fragments: Vec<StoredFragment>,
    /// The sum of their lengths.
    received: u32,
    /// The length of the datagram; known once the last fragment has come.
    total: Option<u32>,
    state: State,
}

/// The outcome of adding a fragment.
enum AddOutcome {
    Incomplete,
    /// The datagram is complete.
    Complete,
    /// The fragment counts by itself: its datagram was released before.
    Lone,
    /// The fragment contradicts those before it.
    Refused(AbandonReason),
}

/// The datagrams whose fragments are being collected, or may still come.
#[derive(Default)]
pub(super) struct Defrag {
    table: HashMap<DatagramKey, Datagram, RandomState>,
    /// Each datagram once, in the order in which they began, with its timeout. An entry whose
    /// datagram was replaced stays until its turn, so this is never shorter than the table.
    queue: VecDeque<(Timestamp, DatagramKey, u64)>,
    /// The memory of all stored fragments.
    bytes: usize,
    serial: u64,
    hasher: RandomState,
    counts: DefragCounts,
}

impl Defrag {
    pub(super) fn counts(&self) -> DefragCounts {
        self.counts
    }

    /// Adds a fragment that came at `now`. Returns the datagrams to be scanned now, in order.
    pub(super) fn add(
        &mut self,
        block: &Block,
        finding: &Finding,
        fragment: &Fragment<'_>,
        now: Timestamp,
    ) -> Vec<Released> {
        self.counts.fragments += 1;
        let fragment = &without_odd_end(finding, *fragment);
        let mut released = Vec::new();
        let key = DatagramKey::of(&finding.flow, fragment);
        let hash = self.hasher.hash_one(fragment.data);
        if self.table.get(&key).is_some_and(|known| known.state == State::Whole && !known.has_copy(fragment, hash)) {
            // The sender uses the number again: another datagram.
            self.forget(key);
        }
        if !self.table.contains_key(&key) {
            while self.queue.len() >= MOST_DATAGRAMS {
                released.extend(self.abandon_oldest(AbandonReason::Evicted));
            }
            self.serial += 1;
            self.table.insert(key, Datagram::new(self.serial, block, finding, fragment));
            self.queue.push_back((now + TIMEOUT, key, self.serial));
        }
        let Some(datagram) = self.table.get_mut(&key) else { return released };
        let before = datagram.memory();
        let outcome = datagram.add(finding, fragment, hash);
        match outcome {
            AddOutcome::Incomplete => {}
            AddOutcome::Lone => released.push(datagram.lone_fragment(key, finding)),
            AddOutcome::Complete => {
                if datagram.is_cut() {
                    self.counts.abandoned[AbandonReason::Cut as usize] += 1;
                    released.push(datagram.abandon(key));
                } else {
                    self.counts.whole += 1;
                    released.push(datagram.reassemble(key));
                }
            }
            AddOutcome::Refused(reason) => {
                self.counts.abandoned[reason as usize] += 1;
                released.push(datagram.abandon(key));
                released.push(datagram.lone_fragment(key, finding));
            }
        }
        self.bytes = self.bytes + datagram.memory() - before;
        while self.bytes > MOST_BYTES && !self.queue.is_empty() {
            released.extend(self.abandon_oldest(AbandonReason::Evicted));
        }
        released
    }

    /// The time of the next timeout, or an earlier one.
    pub(super) fn next_timeout(&self) -> Option<Timestamp> {
        self.queue.front().map(|&(due, ..)| due)
    }

    /// Abandons the next datagram that has reached its timeout at `now`.
    pub(super) fn expire(&mut self, now: Timestamp) -> Option<Released> {
        while self.next_timeout().is_some_and(|due| due <= now) {
            let released = self.abandon_oldest(AbandonReason::Aged);
            if released.is_some() {
                return released;
            }
        }
        None
    }

    /// Abandons the next datagram that is incomplete when the input ends.
    pub(super) fn next_unfinished(&mut self) -> Option<Released> {
        while !self.queue.is_empty() {
            if let Some(released) = self.abandon_oldest(AbandonReason::Unfinished) {
                return Some(released);
            }
        }
        None
    }

    /// Forgets the oldest datagram. Returns its remains, unless it was released before.
    fn abandon_oldest(&mut self, reason: AbandonReason) -> Option<Released> {
        let (_, key, serial) = self.queue.pop_front()?;
        if self.table.get(&key)?.serial != serial {
            return None;
        }
        let mut datagram = self.forget(key)?;
        if datagram.state != State::Incomplete {
            return None;
        }
        self.counts.abandoned[reason as usize] += 1;
        Some(datagram.abandon(key))
    }

    fn forget(&mut self, key: DatagramKey) -> Option<Datagram> {
        let datagram = self.table.remove(&key)?;
        self.bytes -= datagram.memory();
        Some(datagram)
    }
}

impl DatagramKey {
    fn of(flow: &Flow, fragment: &Fragment<'_>) -> Self {
        let (source, destination) = (flow.source.address, flow.destination.address);
        let protocol = source.is_ipv4().then_some(fragment.protocol);
        Self { source, destination, id: fragment.id, protocol }
    }

    /// The greatest length of a datagram without its header: the length fields have sixteen bits.
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
            tunnels: finding.tunnels.clone(),
            protocol: fragment.protocol,
            ports: None,
            fragments: Vec::new(),
            received: 0,
            total: None,
            state: State::Incomplete,
        }
    }

    fn add(&mut self, finding: &Finding, fragment: &Fragment<'_>, hash: u64) -> AddOutcome {
        if self.state != State::Incomplete {
            return AddOutcome::Lone;
        }
        let &Fragment { offset: start, length, more, data, .. } = fragment;
        let end = start.saturating_add(length);
        if start == 0 {
            self.protocol = fragment.protocol;
            self.ports = finding.flow.source.port.zip(finding.flow.destination.port);
        }
        if length == 0 || end > DatagramKey::of(&finding.flow, fragment).longest() || (more && length % 8 != 0) {
            return AddOutcome::Refused(AbandonReason::Malformed);
        }
        let place = self.fragments.partition_point(|known| known.start < start);
        if let Some(known) = self.fragments.get_mut(place)
            && (known.start, known.end) == (start, end)
            && known.data == data
            && more == (self.total != Some(end))
        {
            known.length = known.length.saturating_add(finding.length);
            known.packets = PacketRange::joined(known.packets, finding.packets);
            return AddOutcome::Incomplete;
        }
        let (before, after) = self.fragments.split_at(place);
        let last_end = self.fragments.last().map_or(0, |known| known.end);
        let contradicts = match self.total {
            Some(total) => end > total || (more && end == total) || (!more && end != total),
            None => !more && last_end > end,
        };
        let overlaps = before.last().is_some_and(|known| known.end > start)
            || after.first().is_some_and(|known| known.start < end);
        if contradicts || overlaps {
            return AddOutcome::Refused(AbandonReason::Overlapping);
        }
        if self.fragments.len() >= MOST_FRAGMENTS {
            return AddOutcome::Refused(AbandonReason::TooMany);
        }
        if !more {
            self.total = Some(end);
        }
        let Finding { length: bytes, packets, time, .. } = *finding;
        let known = StoredFragment { start, end, data: data.to_vec(), hash, length: bytes, packets, time };
        self.fragments.insert(place, known);
        self.received += length;
        if self.total == Some(self.received) { AddOutcome::Complete } else { AddOutcome::Incomplete }
    }

    /// The memory of its fragments.
    fn memory(&self) -> usize {
        self.fragments.iter().map(|known| known.data.len() + FRAGMENT_OVERHEAD).sum()
    }

    fn is_cut(&self) -> bool {
        self.fragments.iter().any(|known| known.data.len() < (known.end - known.start) as usize)
    }

    fn has_copy(&self, fragment: &Fragment<'_>, hash: u64) -> bool {
        let is_copy = |known: &StoredFragment| {
            known.start == fragment.offset && known.end - known.start == fragment.length && known.hash == hash
        };
        self.fragments.iter().any(is_copy)
    }

    /// The datagram as one packet.
    fn reassemble(&mut self, key: DatagramKey) -> Released {
        self.state = State::Whole;
        let length = self.fragments.iter().map(|known| known.length).fold(0, u32::saturating_add);
        let time = self.fragments.iter().map(|known| known.time).max();
        let packets = self.fragments.iter().map(|known| known.packets).fold(None, PacketRange::joined);
        let payload: Vec<u8> = self.fragments.iter_mut().flat_map(|known| std::mem::take(&mut known.data)).collect();
        let mut released = self.released(length, packets);
        if let Some(time) = time {
            push_packet(&mut released.block, key, self.protocol, payload.len() as u32, &payload, time);
        }
        released
    }

    /// The first fragment as a packet, the others as contacts.
    fn abandon(&mut self, key: DatagramKey) -> Released {
        self.state = State::Refused;
        let fragments = std::mem::take(&mut self.fragments);
        let mut released = self.released(0, fragments.first().and_then(|known| known.packets));
        for known in fragments {
            if known.start == 0 {
                released.length = known.length;
                let length = known.end - known.start;
                push_packet(&mut released.block, key, self.protocol, length, &known.data, known.time);
            } else {
                released.lone_fragments.push(self.contact(key, known.length, known.packets, known.time));
            }
        }
        released
    }

    /// A fragment that counts by itself.
    fn lone_fragment(&self, key: DatagramKey, finding: &Finding) -> Released {
        let mut released = self.released(0, None);
        released.lone_fragments.push(self.contact(key, finding.length, finding.packets, finding.time));
        released
    }

    fn released(&self, length: u32, packets: Option<PacketRange>) -> Released {
        let mut block = Block::new(self.origin.clone(), self.indicators.clone());
        block.first_packet = packets.map(|packets| packets.first);
        // A number that no Block of the capture has.
        block.number = u64::MAX - self.serial;
        let (vlans, tunnels) = (self.vlans.clone(), self.tunnels.clone());
        Released { block, lone_fragments: Vec::new(), length, packets, macs: self.macs, vlans, tunnels }
    }

    fn contact(&self, key: DatagramKey, length: u32, packets: Option<PacketRange>, time: Timestamp) -> Finding {
        let (from, to) = self.ports.unzip();
        let flow = Flow {
            source: Endpoint { address: key.source, port: from },
            destination: Endpoint { address: key.destination, port: to },
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
            tunnels: self.tunnels.clone(),
            head_end: 0,
            kind: FindingKind::Contact { source: None, destination: None },
        }
    }
}

/// Cuts a fragment to a multiple of eight bytes if others follow it. One of another length is
/// refused in IPv6 (RFC 8200 section 4.5). In IPv4 hosts drop the odd bytes and go on, Linux among
/// them, and the sensor must see what they see.
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
/// The hop limit of the packets that are made here. Nothing reads it.
const HOPS: u8 = 64;

/// Adds a frame with one IP packet that is no fragment. `length` is that of its payload on the
/// wire.
fn push_packet(block: &mut Block, key: DatagramKey, protocol: Protocol, length: u32, payload: &[u8], time: Timestamp) {
    let offset = block.bytes.len() as u32;
    // It fits into sixteen bits: `add` refuses longer datagrams.
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
        // A packet never has addresses of both versions.
        _ => return,
    };
    block.bytes.extend(payload);
    let captured = (header + payload.len()) as u32;
    block.frames.push(Frame { time, offset, captured, original: header as u32 + length, link });
}

#[cfg(test)]
mod tests;
