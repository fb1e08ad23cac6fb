//! Heads that lie in more than one TCP segment, put together.
//!
//! A scanner that meets the start of a head (a ClientHello, a request, a DNS message) whose end is not in the segment
//! reports it; from then on the tracker feeds every segment of that flow here, until the head is whole, turns out to be
//! something else, or is given up. Segments may come in any order, more than once, and overlap: the first copy of a byte
//! wins (what the receiver does with its copies cannot be known; that they differed is counted).
//!
//! Of a flow two heads may be pending: one that has begun, and one that begins within reach of it before all of the first has come. It may be
//! the one behind it, come early, or a part of it that only looks like a start. Both are fed, and which it was is known when the first is
//! whole. With one alone either the first would be lost to what only comes early, or what comes after a first that never ends.
//!
//! A head may also be expected: behind a body whose length is known, and which may end anywhere in a segment. Of the body nothing is
//! kept.
//!
//! Everything here is bounded. What is given up is counted by its reason, and what there is of it is looked at a last time.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use arrayvec::ArrayVec;
use foldhash::fast::RandomState;

use crate::flow::Flow;
use crate::units::Timestamp;

/// How long a head may be. Servers refuse longer ones: 8 KiB of HTTP head are usual, and a ClientHello with post-quantum keys
/// has 2 KiB.
pub(super) const LONGEST_HEAD: usize = 16 << 10;

/// What a head is given room for when it begins: a ClientHello with post-quantum keys then needs no more.
const USUAL_HEAD: usize = 2 << 10;

/// How many heads may be pending at a time. At twenty thousand new flows a second, this is what comes in a fifth of a second;
/// an honest client sends the rest of its head within a few milliseconds.
const MOST_PENDING: usize = 4096;

/// How many heads of a flow may be pending: see above. Those behind the second that come early are among the bytes of the first.
pub(super) const MOST_OF_FLOW: usize = 2;

/// How many bytes may be pending in all: a thousand heads of the longest kind.
const MOST_BYTES: usize = 16 << 20;

/// How many gaps a head may have. A burst of reordered segments has one or two; each costs a step for every later segment.
const MOST_GAPS: usize = 32;

/// How long a head may be pending, in packet time: longer than a sender waits to repeat what was lost, several times over.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How often a head is looked at whenever it has grown. After that only when it has grown by an eighth, so that a head sent byte by
/// byte is not read a thousand times over.
const FREE_LOOKS: u32 = 16;

/// What was given up or met on the way, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeadCounts {
    /// Heads that became whole only by being put together.
    pub assembled: u64,
    /// Longer than a head may be.
    pub too_long: u64,
    /// More gaps than a head may have.
    pub too_many_gaps: u64,
    /// Pending for too long.
    pub too_old: u64,
    /// The oldest, given up for a newer one.
    pub too_many: u64,
    /// Segments of which some bytes came before with another value.
    pub conflicts: u64,
}

/// A head in the making.
#[derive(Debug)]
struct Pending<T> {
    /// The tag of its flow.
    tag: u32,
    /// The sequence number of its first byte.
    start: u32,
    bytes: Vec<u8>,
    /// How many bytes of a body lie before it that came in other segments than the head before the body.
    body: usize,
    /// Which of `bytes` are there: sorted, not touching each other.
    ranges: Vec<(usize, usize)>,
    looks: u32,
    looked_at: usize,
    since: Timestamp,
    /// Its place in the queue: an entry there with another number is of a head that is gone.
    number: u64,
    /// What the caller wants to remember of the packet that it began in.
    context: T,
}

/// What came of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fed {
    /// Nothing pending on this flow, or the segment lies outside of it.
    Elsewhere,
    /// Taken in; there is nothing new to look at.
    Taken,
    /// Taken in, and [`Heads::look`] has more to show than before.
    Grown,
}

/// A head that is expected in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    /// How many bytes into the segment it begins.
    pub(super) offset: usize,
    /// How many bytes of a body lie before it.
    pub(super) body: usize,
    /// Nothing came of it yet.
    pub(super) is_first: bool,
}

/// Which pending head: its flow, and which of those of the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    flow: Flow,
    nth: usize,
}

/// The pending heads, by the direction that they are sent in.
#[derive(Debug)]
pub(super) struct Heads<T> {
    /// Mostly only the first has any: the second those whose flow has one there already.
    pending: [HashMap<Flow, Pending<T>, RandomState>; MOST_OF_FLOW],
    /// In the order in which they began.
    queue: VecDeque<(Key, u64)>,
    bytes: usize,
    next: u64,
    /// How many of the flows have a tag that begins with these bits.
    tags: Box<[u16; TAGS]>,
    counts: HeadCounts,
}

/// How many kinds of tags are told apart: enough that a segment of no pending flow seldom looks like one.
const TAGS: usize = 1 << 14;

fn place_of(tag: u32) -> usize {
    (tag >> 18) as usize
}

/// A head that was given up, with what there was of it.
#[derive(Debug)]
pub(super) struct GivenUp<T> {
    pub(super) bytes: Vec<u8>,
    /// The sequence number of the first of them.
    pub(super) start: u32,
    pub(super) context: T,
}

impl<T> Heads<T> {
    pub(super) fn new() -> Self {
        Self {
            pending: Default::default(),
            queue: VecDeque::new(),
            bytes: 0,
            next: 0,
            tags: Box::new([0; TAGS]),
            counts: HeadCounts::default(),
        }
    }

    pub(super) fn counts(&self) -> HeadCounts {
        self.counts
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.iter().all(HashMap::is_empty)
    }

    fn len(&self) -> usize {
        self.pending.iter().map(HashMap::len).sum()
    }

    fn get(&self, key: Key) -> Option<&Pending<T>> {
        self.pending.get(key.nth)?.get(&key.flow)
    }

    fn get_mut(&mut self, key: Key) -> Option<&mut Pending<T>> {
        self.pending.get_mut(key.nth)?.get_mut(&key.flow)
    }

    fn of_flow(&self, flow: &Flow) -> impl Iterator<Item = (Key, &Pending<T>)> {
        let tables = self.pending.iter().enumerate().filter(|(_, table)| !table.is_empty());
        tables.filter_map(|(nth, table)| Some((Key { flow: *flow, nth }, table.get(flow)?)))
    }

    /// Whether each flow has one at the most: nearly always.
    fn are_single(&self) -> bool {
        self.pending[1..].iter().all(HashMap::is_empty)
    }

    /// Those that a flow may have, in the order of its bytes.
    pub(super) fn keys(&self, flow: &Flow) -> ArrayVec<Key, MOST_OF_FLOW> {
        if self.are_single() {
            // Whether it has it, whoever asks for it will find.
            return [Key { flow: *flow, nth: 0 }].into_iter().collect();
        }
        let mut found: ArrayVec<_, MOST_OF_FLOW> =
            self.of_flow(flow).map(|(key, pending)| (key, pending.start)).collect();
        if let [(_, first), (_, second)] = found[..]
            && distance(first, second) < 0
        {
            found.swap(0, 1);
        }
        found.into_iter().map(|(key, _)| key).collect()
    }

    /// Whether a flow with this tag may have a head pending.
    #[inline]
    pub(super) fn may_want(&self, tag: u32) -> bool {
        self.tags[place_of(tag)] > 0
    }

    /// Whether a head pending on a flow has all its bytes up to this sequence number.
    pub(super) fn covers(&self, flow: &Flow, sequence: u32) -> bool {
        self.of_flow(flow).any(|(_, pending)| {
            usize::try_from(distance(pending.start, sequence)).is_ok_and(|offset| offset < pending.contiguous())
        })
    }

    /// Whether a segment with this sequence number belongs to the head, or comes soon after it.
    pub(super) fn goes_on_at(&self, key: Key, sequence: u32) -> bool {
        self.get(key).is_some_and(|pending| {
            usize::try_from(distance(pending.start, sequence)).is_ok_and(|offset| offset > 0 && offset < LONGEST_HEAD)
        })
    }

    /// Where in a segment, or right behind it, the head begins that is expected. None where it begins elsewhere, or has begun.
    pub(super) fn expected_in(&self, key: Key, sequence: u32, length: usize) -> Option<Expected> {
        let pending = self.get(key).filter(|pending| pending.body > 0 && pending.contiguous() == 0)?;
        let offset = pending.start.wrapping_sub(sequence) as usize;
        let is_first = pending.bytes.is_empty();
        (offset <= length).then_some(Expected { offset, body: pending.body, is_first })
    }

    /// Whether the byte with this sequence number is one of a body before a head pending on a flow.
    pub(super) fn is_body(&self, flow: &Flow, sequence: u32) -> bool {
        let before = |pending: &Pending<T>| pending.start.wrapping_sub(sequence) as usize;
        self.of_flow(flow).any(|(_, pending)| (1..=pending.body).contains(&before(pending)))
    }

    /// Whether there is more of the head than was looked at, without a segment that came just now.
    pub(super) fn is_unread(&self, key: Key) -> bool {
        self.get(key).is_some_and(|pending| pending.contiguous() > pending.looked_at)
    }

    /// What was remembered of the packet that the head began in.
    pub(super) fn context(&mut self, key: Key) -> Option<&mut T> {
        self.get_mut(key).map(|pending| &mut pending.context)
    }

    /// The tag of the head's flow, the sequence number of its first byte, and how many bytes of a body lie before that.
    pub(super) fn place(&self, key: Key) -> Option<(u32, u32, usize)> {
        self.get(key).map(|pending| (pending.tag, pending.start, pending.body))
    }

    /// A head is expected on a flow at this sequence number, behind so many bytes of a body. Returns it where it is not pending already.
    pub(super) fn expect(
        &mut self,
        (flow, tag): (Flow, u32),
        (sequence, body): (u32, usize),
        time: Timestamp,
        context: T,
        given_up: &mut dyn FnMut(GivenUp<T>),
    ) -> Option<Key> {
        let known = self.of_flow(&flow).find(|(_, pending)| pending.start == sequence).map(|(key, _)| key);
        let key = match known {
            Some(key) => key,
            None => self.begin((flow, tag), sequence, &[], time, context, given_up),
        };
        if let Some(pending) = self.get_mut(key) {
            pending.body = pending.body.max(body);
        }
        known.is_none().then_some(key)
    }

    /// A head begins on a flow with these bytes, the first of which has this sequence number. Heads that were pending on the flow
    /// are given up where they are too far away to be of the same bytes, and where there is no room: then the one that begins last.
    pub(super) fn begin(
        &mut self,
        (flow, tag): (Flow, u32),
        sequence: u32,
        bytes: &[u8],
        time: Timestamp,
        context: T,
        given_up: &mut dyn FnMut(GivenUp<T>),
    ) -> Key {
        let mut others = self.keys(&flow);
        others.retain(|other| {
            let Some(pending) = self.get(*other) else { return false };
            let is_near = (distance(pending.start, sequence).unsigned_abs() as usize) < LONGEST_HEAD;
            if !is_near {
                self.give_up(*other, given_up);
            }
            is_near
        });
        if others.is_full()
            && let Some(last) = others.pop()
        {
            self.give_up(last, given_up);
        }
        while self.len() >= MOST_PENDING || self.bytes + LONGEST_HEAD > MOST_BYTES {
            let Some((oldest, number)) = self.queue.pop_front() else { break };
            if self.get(oldest).is_some_and(|pending| pending.number == number) {
                self.counts.too_many += u64::from(self.give_up(oldest, given_up));
            }
        }
        if self.queue.len() > 2 * MOST_PENDING {
            let mut queue = std::mem::take(&mut self.queue);
            queue.retain(|(key, number)| self.get(*key).is_some_and(|pending| pending.number == *number));
            self.queue = queue;
        }
        let start = bytes.get(..LONGEST_HEAD).unwrap_or(bytes);
        let mut bytes = Vec::with_capacity(start.len().max(USUAL_HEAD));
        bytes.extend_from_slice(start);
        self.bytes += bytes.len();
        let number = self.next;
        self.next += 1;
        let ranges = vec![(0, bytes.len())];
        let looked_at = bytes.len();
        let pending =
            Pending { tag, start: sequence, bytes, body: 0, ranges, looks: 0, looked_at, since: time, number, context };
        self.tags[place_of(tag)] += 1;
        let nth = usize::from(others.iter().any(|other| other.nth == 0));
        let key = Key { flow, nth };
        self.pending[nth].insert(flow, pending);
        self.queue.push_back((key, number));
        key
    }

    /// Takes a segment with the sequence number of its first byte.
    pub(super) fn feed(
        &mut self,
        key: Key,
        sequence: u32,
        segment: &[u8],
        given_up: &mut dyn FnMut(GivenUp<T>),
    ) -> Fed {
        let Some(pending) = self.pending.get_mut(key.nth).and_then(|table| table.get_mut(&key.flow)) else {
            return Fed::Elsewhere;
        };
        let distance = distance(pending.start, sequence);
        let (skip, offset) = match usize::try_from(distance) {
            Ok(offset) => (0, offset),
            Err(_) => (distance.unsigned_abs() as usize, 0),
        };
        let segment = segment.get(skip..).unwrap_or_default();
        if segment.is_empty() || offset >= LONGEST_HEAD {
            return Fed::Elsewhere;
        }
        let segment = segment.get(..LONGEST_HEAD - offset).unwrap_or(segment);
        let before = pending.bytes.len();
        let conflict = pending.insert(offset, segment);
        self.bytes += pending.bytes.len() - before;
        self.counts.conflicts += u64::from(conflict);
        if pending.ranges.len() > MOST_GAPS {
            self.counts.too_many_gaps += 1;
            self.give_up(key, given_up);
            return Fed::Taken;
        }
        let whole = pending.contiguous();
        // The end of an HTTP head, even where it is sent byte by byte.
        let has_ended =
            pending.bytes.get(..whole).is_some_and(|bytes| bytes.ends_with(b"\n\r\n") || bytes.ends_with(b"\n\n"));
        let is_due = has_ended || pending.looks < FREE_LOOKS || whole >= pending.looked_at + pending.looked_at / 8;
        if whole > pending.looked_at && (is_due || whole >= LONGEST_HEAD) { Fed::Grown } else { Fed::Taken }
    }

    /// What there is of a head without a gap, and what was remembered of its first packet.
    pub(super) fn look(&mut self, key: Key) -> Option<(&[u8], &T)> {
        let pending = self.get_mut(key)?;
        let whole = pending.contiguous();
        pending.looks += 1;
        pending.looked_at = whole;
        Some((&pending.bytes[..whole], &pending.context))
    }

    /// The head is whole, with so many bytes of which no other head begins behind the first.
    pub(super) fn done(&mut self, key: Key, length: usize) {
        self.forget_within(key, length);
        if self.forget(key) {
            self.counts.assembled += 1;
        }
    }

    /// The head is whole, and another one begins so many bytes after its start, of which parts may be there already. What lies
    /// between the bytes that are there and that place is a body. Returns the other one.
    pub(super) fn go_on(&mut self, key: Key, after: usize, now: Timestamp) -> Key {
        self.forget_within(key, after);
        let number = self.next;
        let Some(pending) = self.get_mut(key) else { return key };
        let body = after.saturating_sub(pending.contiguous());
        pending.start = pending.start.wrapping_add(after as u32);
        let start = pending.start;
        let gone = after.min(pending.bytes.len());
        pending.bytes.drain(..gone);
        pending.ranges.retain_mut(|(start, end)| {
            (*start, *end) = (start.saturating_sub(after), end.saturating_sub(after));
            *end > 0
        });
        pending.body = body;
        // What came early behind a body was not looked at with the head before it.
        (pending.looks, pending.looked_at) = (0, if body > 0 { 0 } else { pending.contiguous() });
        (pending.since, pending.number) = (now, number);
        self.next += 1;
        self.bytes -= gone;
        self.counts.assembled += 1;
        if self.are_single() {
            self.queue.push_back((key, number));
            return key;
        }
        let early = self.of_flow(&key.flow).find(|(other, pending)| *other != key && pending.start == start);
        if let Some((early, _)) = early {
            self.merge(key, early);
            return early;
        }
        self.queue.push_back((key, number));
        key
    }

    /// Forgets what seemed to begin among so many bytes behind the first of a head.
    fn forget_within(&mut self, key: Key, length: usize) {
        if self.are_single() {
            return;
        }
        let Some((_, start, _)) = self.place(key) else { return };
        let is_within = |pending: &Pending<T>| (1..length).contains(&(pending.start.wrapping_sub(start) as usize));
        let false_start = self.of_flow(&key.flow).find(|(other, pending)| *other != key && is_within(pending));
        if let Some((false_start, _)) = false_start {
            self.forget(false_start);
        }
    }

    /// Two that begin at the same byte are one, which keeps what is remembered of the packet that it begins in.
    fn merge(&mut self, from: Key, into: Key) {
        let Some(gone) = self.remove(from) else { return };
        let Some(pending) = self.get_mut(into) else { return };
        let before = pending.bytes.len();
        for &(start, end) in &gone.ranges {
            if let Some(bytes) = gone.bytes.get(start..end).filter(|bytes| !bytes.is_empty()) {
                pending.insert(start, bytes);
            }
        }
        pending.body = pending.body.max(gone.body);
        let more = pending.bytes.len() - before;
        self.bytes += more;
    }

    /// The head is none, after all.
    pub(super) fn forget(&mut self, key: Key) -> bool {
        self.remove(key).is_some()
    }

    /// The head is as long as one may be, and still not whole.
    pub(super) fn too_long(&mut self, key: Key) {
        if self.forget(key) {
            self.counts.too_long += 1;
        }
    }

    /// When the head that has waited for longest is to be given up.
    pub(super) fn due(&mut self) -> Option<Timestamp> {
        while let Some(&(key, number)) = self.queue.front() {
            if let Some(pending) = self.get(key).filter(|pending| pending.number == number) {
                return Some(pending.since + LONGEST_WAIT);
            }
            self.queue.pop_front();
        }
        None
    }

    /// Gives up the head that has waited for longest: once it is [due](Self::due).
    pub(super) fn expire(&mut self, given_up: &mut dyn FnMut(GivenUp<T>)) {
        if let Some((key, _)) = self.queue.pop_front() {
            self.counts.too_old += u64::from(self.give_up(key, given_up));
        }
    }

    /// The input has ended: gives up all, in the order in which they began.
    pub(super) fn end(&mut self, given_up: &mut dyn FnMut(GivenUp<T>)) {
        while let Some((key, number)) = self.queue.pop_front() {
            if self.get(key).is_some_and(|pending| pending.number == number) {
                self.give_up(key, given_up);
            }
        }
    }

    fn remove(&mut self, key: Key) -> Option<Pending<T>> {
        let pending = self.pending.get_mut(key.nth)?.remove(&key.flow)?;
        self.bytes -= pending.bytes.len();
        self.tags[place_of(pending.tag)] -= 1;
        Some(pending)
    }

    /// False where nothing was lost: there was no head, or nothing came of the one that was expected.
    fn give_up(&mut self, key: Key, given_up: &mut dyn FnMut(GivenUp<T>)) -> bool {
        let Some(mut pending) = self.remove(key) else { return false };
        if pending.bytes.is_empty() {
            return false;
        }
        let whole = pending.contiguous();
        pending.bytes.truncate(whole);
        given_up(GivenUp { bytes: pending.bytes, start: pending.start, context: pending.context });
        true
    }
}

/// How far the second lies behind the first on the circle of sequence numbers, the nearer way round (RFC 9293 section 3.4).
fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from) as i32
}

impl<T> Pending<T> {
    fn contiguous(&self) -> usize {
        match self.ranges.first() {
            Some(&(0, end)) => end,
            _ => 0,
        }
    }

    /// Puts bytes in their place where nothing is yet. True where some were there with another value.
    fn insert(&mut self, start: usize, segment: &[u8]) -> bool {
        let end = start + segment.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let mut conflict = false;
        let mut place = start;
        // What is there already is compared, what lies between is filled.
        for &(known_start, known_end) in &self.ranges {
            if known_end <= place || known_start >= end {
                continue;
            }
            let (from, to) = (known_start.max(place), known_end.min(end));
            self.bytes[place..from].copy_from_slice(&segment[place - start..from - start]);
            conflict |= self.bytes[from..to] != segment[from - start..to - start];
            place = to;
        }
        self.bytes[place..end].copy_from_slice(&segment[place - start..]);
        self.add_range(start, end);
        conflict
    }

    fn add_range(&mut self, mut start: usize, mut end: usize) {
        self.ranges.retain(|&(known_start, known_end)| {
            let touches = known_start <= end && start <= known_end;
            if touches {
                (start, end) = (start.min(known_start), end.max(known_end));
            }
            !touches
        });
        let place = self.ranges.partition_point(|&(known_start, _)| known_start < start);
        self.ranges.insert(place, (start, end));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{End, Protocol};
    use proptest::prelude::*;

    fn flow(port: u16) -> Flow {
        let end = |last, port| End { address: [10, 0, 0, last].into(), port: Some(port) };
        Flow { source: end(1, port), destination: end(2, 443), protocol: Protocol::TCP }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    fn none(_: GivenUp<()>) {
        panic!("nothing is to be given up here");
    }

    /// The first head of a flow.
    fn first(port: u16) -> Key {
        Key { flow: flow(port), nth: 0 }
    }

    fn begun(start: u32, bytes: &[u8]) -> Heads<()> {
        let mut heads = Heads::new();
        heads.begin((flow(1), 7), start, bytes, at(0), (), &mut none);
        heads
    }

    fn whole(heads: &mut Heads<()>) -> Vec<u8> {
        heads.look(first(1)).unwrap().0.to_vec()
    }

    #[test]
    fn segments_in_any_order_over_the_wrap_make_one_head() {
        let start = u32::MAX - 2;
        let mut heads = begun(start, b"ab");
        assert_eq!(heads.feed(first(1), start.wrapping_add(4), b"ef", &mut none), Fed::Taken);
        assert_eq!(heads.feed(first(1), start.wrapping_add(2), b"cd", &mut none), Fed::Grown);
        assert_eq!(whole(&mut heads), b"abcdef");
    }

    #[test]
    fn the_first_copy_wins_and_a_conflict_is_counted_once_a_segment() {
        let mut heads = begun(0, b"abcd");
        assert_eq!(heads.feed(first(1), 2, b"XXef", &mut none), Fed::Grown);
        whole(&mut heads);
        assert_eq!(heads.feed(first(1), 0, b"abcd", &mut none), Fed::Taken);
        assert_eq!(whole(&mut heads), b"abcdef");
        assert_eq!(heads.counts().conflicts, 1);
    }

    #[test]
    fn a_segment_that_reaches_back_before_the_head_is_cut() {
        let mut heads = begun(100, b"ab");
        assert_eq!(heads.feed(first(1), 98, b"..abcd", &mut none), Fed::Grown);
        assert_eq!(whole(&mut heads), b"abcd");
        assert_eq!(heads.feed(first(1), 90, b"before", &mut none), Fed::Elsewhere);
        assert_eq!(heads.feed(first(2), 102, b"cd", &mut none), Fed::Elsewhere);
    }

    #[test]
    fn what_waits_too_long_is_given_up_with_what_there_is() {
        let mut heads = begun(0, b"ab");
        heads.feed(first(1), 5, b"gap", &mut none);
        assert_eq!(heads.due(), Some(at(60)));
        let mut given_up = Vec::new();
        heads.expire(&mut |gone| given_up.push(gone.bytes));
        assert_eq!(heads.due(), None);
        assert_eq!(given_up, [b"ab"]);
        assert_eq!((heads.counts().too_old, heads.bytes, heads.is_empty()), (1, 0, true));
    }

    #[test]
    fn a_flood_of_half_heads_is_bounded_and_the_newest_stay() {
        let mut heads = Heads::new();
        let mut gone = 0;
        for number in 0..3 * MOST_PENDING {
            let mut flow = flow(number as u16);
            flow.destination.port = Some((number >> 16) as u16);
            let key = heads.begin((flow, number as u32), 0, &[0; 1400], at(0), (), &mut |_| gone += 1);
            heads.feed(key, 9000, &[1; 1400], &mut |_| gone += 1);
        }
        assert!(heads.len() <= MOST_PENDING && heads.bytes <= MOST_BYTES);
        assert_eq!(heads.counts().too_many, gone);
        assert_eq!(heads.len() as u64 + gone, 3 * MOST_PENDING as u64);
        assert!(heads.queue.len() <= 2 * MOST_PENDING + 1);
    }

    #[test]
    fn what_came_early_of_the_next_head_is_kept() {
        let mut heads = begun(u32::MAX, b"ab");
        heads.feed(first(1), 7, b"ij", &mut none);
        heads.feed(first(1), 1, b"cdef", &mut none);
        heads.go_on(first(1), 4, at(5));
        assert_eq!((whole(&mut heads), heads.place(first(1))), (b"ef".to_vec(), Some((7, 3, 0))));
        assert_eq!(heads.feed(first(1), 5, b"gh", &mut none), Fed::Grown);
        assert_eq!((whole(&mut heads), heads.due()), (b"efghij".to_vec(), Some(at(65))));
        assert_eq!((heads.bytes, heads.counts().assembled), (6, 1));
        heads.expire(&mut |_| {});
        assert!(heads.is_empty() && heads.queue.is_empty() && heads.bytes == 0);
    }

    #[test]
    fn a_head_behind_a_body_is_expected_where_the_body_ends() {
        let start = u32::MAX - 4;
        let mut heads = Heads::new();
        heads.expect((flow(1), 7), (start, 10), at(0), (), &mut none);
        assert_eq!(heads.expected_in(first(1), start - 10, 9), None);
        let expected = |offset, is_first| Some(Expected { offset, body: 10, is_first });
        assert_eq!(heads.expected_in(first(1), start - 10, 10), expected(10, true));
        assert_eq!(heads.expected_in(first(1), start, 3), expected(0, true));
        assert!(heads.is_body(&flow(1), start - 10) && heads.is_body(&flow(1), start - 1));
        assert!(!heads.is_body(&flow(1), start - 11) && !heads.is_body(&flow(1), start));
        // Of the body nothing is kept; what comes early of the head is.
        assert_eq!(heads.feed(first(1), start - 10, b"body", &mut none), Fed::Elsewhere);
        assert_eq!(heads.feed(first(1), start.wrapping_add(6), b"gh", &mut none), Fed::Taken);
        assert_eq!(heads.expected_in(first(1), start - 2, 8), expected(2, false));
        assert_eq!(heads.feed(first(1), start - 2, b"..abcdef", &mut none), Fed::Grown);
        assert_eq!((whole(&mut heads), heads.expected_in(first(1), start - 2, 8)), (b"abcdefgh".to_vec(), None));
        // It is whole, with a body behind it, of which four bytes are missing; the next one came early.
        heads.feed(first(1), start.wrapping_add(12), b"next", &mut none);
        heads.go_on(first(1), 12, at(1));
        assert!(heads.is_unread(first(1)) && heads.is_body(&flow(1), start.wrapping_add(8)));
        assert_eq!(whole(&mut heads), b"next");
        // Nothing is lost where nothing came.
        assert!(heads.forget(first(1)) && heads.due().is_none());
        heads.expect((flow(1), 7), (500, 1), at(2), (), &mut |_| {});
        heads.expire(&mut none);
        assert!(heads.is_empty() && heads.bytes == 0 && heads.counts().too_old == 0);
    }

    fn held<T>(heads: &Heads<T>) -> usize {
        heads.pending.iter().flat_map(HashMap::values).map(|pending| pending.bytes.len()).sum()
    }

    #[test]
    fn two_heads_of_a_flow_are_pending_and_the_one_behind_the_first_stays() {
        let mut heads = Heads::new();
        let one = heads.begin((flow(1), 7), u32::MAX, b"ab", at(0), 1, &mut |_| panic!());
        let two = heads.begin((flow(1), 7), 5, b"gh", at(1), 2, &mut |_| panic!());
        assert_eq!((heads.keys(&flow(1)).to_vec(), heads.len(), heads.bytes), (vec![one, two], 2, 4));
        for key in [one, two] {
            heads.feed(key, 8, b"jk", &mut |_| panic!());
            heads.feed(key, 1, b"cdef", &mut |_| panic!());
        }
        // What came early went to both; where they meet they are one, which began in the packet of the second.
        assert_eq!(heads.go_on(one, 6, at(2)), two);
        assert_eq!((heads.keys(&flow(1)).to_vec(), heads.context(two).copied()), (vec![two], Some(2)));
        heads.feed(two, 7, b"i", &mut |_| panic!());
        assert_eq!(heads.look(two).unwrap().0, b"ghijk");
        heads.done(two, 5);
        assert!(heads.is_empty() && heads.bytes == 0 && heads.counts().assembled == 2);
    }

    #[test]
    fn what_seems_to_begin_within_a_head_goes_with_it() {
        let mut heads = Heads::new();
        let late = heads.begin((flow(1), 7), 4, b"ef", at(0), (), &mut none);
        let early = heads.begin((flow(1), 7), 0, b"ab", at(0), (), &mut none);
        assert_eq!(heads.keys(&flow(1)).to_vec(), [early, late]);
        heads.done(early, 5);
        assert!(heads.is_empty() && heads.bytes == 0);
    }

    #[test]
    fn a_third_head_takes_the_place_of_the_last_and_one_far_away_that_of_all() {
        let mut heads = Heads::new();
        let mut given_up = Vec::new();
        for start in [100, 300, 200, 200 + LONGEST_HEAD as u32] {
            let text = start.to_string();
            heads.begin((flow(1), 7), start, text.as_bytes(), at(0), (), &mut |gone| {
                given_up.push(String::from_utf8(gone.bytes).unwrap());
            });
            assert!(heads.keys(&flow(1)).len() <= MOST_OF_FLOW && heads.bytes == held(&heads));
        }
        assert_eq!(given_up, ["300", "100", "200"]);
    }

    #[test]
    fn a_head_of_holes_is_given_up() {
        let mut heads = begun(0, b"a");
        let mut given_up = 0;
        for hole in 1..=MOST_GAPS as u32 + 1 {
            heads.feed(first(1), hole * 2, b"x", &mut |_| given_up += 1);
        }
        assert_eq!((given_up, heads.counts().too_many_gaps), (1, 1));
    }

    #[test]
    fn a_head_sent_byte_by_byte_is_not_looked_at_for_each_byte() {
        let mut heads = begun(0, b"a");
        let mut looks = 0;
        for sequence in 1..LONGEST_HEAD as u32 {
            if heads.feed(first(1), sequence, b"x", &mut none) == Fed::Grown {
                heads.look(first(1)).unwrap();
                looks += 1;
            }
        }
        assert!(looks < 100, "{looks} looks");
        assert_eq!(whole(&mut heads).len(), LONGEST_HEAD);
    }

    proptest! {
        /// Any way to cut a stream, shuffle and repeat its pieces gives the same bytes.
        #[test]
        fn any_cut_and_order_gives_the_stream(
            stream in prop::collection::vec(any::<u8>(), 2..600),
            start in any::<u32>(),
            cuts in prop::collection::vec((0usize..600, 1usize..200), 0..25),
            seed in any::<u64>(),
        ) {
            let mut pieces: Vec<(usize, usize)> = cuts
                .into_iter()
                .map(|(from, length)| (from.min(stream.len() - 1), length))
                .map(|(from, length)| (from, (from + length).min(stream.len())))
                .collect();
            // Something has to cover the whole of it.
            let step = 1 + (seed % 97) as usize + stream.len() / 20;
            pieces.extend((0..stream.len()).step_by(step).map(|from| (from, (from + step).min(stream.len()))));
            let mut state = seed;
            for place in (1..pieces.len()).rev() {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
                pieces.swap(place, (state >> 33) as usize % (place + 1));
            }
            let mut heads = begun(start, &stream[..1]);
            for (from, to) in pieces {
                heads.feed(first(1), start.wrapping_add(from as u32), &stream[from..to], &mut none);
            }
            prop_assert_eq!(whole(&mut heads), stream);
            prop_assert_eq!(heads.counts().conflicts, 0);
        }

        #[test]
        fn any_segments_stay_within_bounds(
            segments in prop::collection::vec((any::<u32>(), 0usize..3000, any::<u8>()), 0..60),
        ) {
            let mut heads = begun(0, b"a");
            for (sequence, length, byte) in segments {
                heads.feed(first(1), sequence % 40_000, &vec![byte; length], &mut |_| {});
            }
            prop_assert!(heads.bytes <= LONGEST_HEAD);
            prop_assert_eq!(heads.bytes, held(&heads));
        }
    }
}
