//! TCP reassembly of heads that lie in more than one segment.
//!
//! When a scanner meets the start of a head (a ClientHello, a request, a DNS message) whose end is
//! not in the same segment, the head becomes *pending* here. From then on every segment of its flow
//! is added, until the head is complete, turns out to be something else, or is abandoned. Segments
//! may come in any order, more than once, and overlap. The first copy of a byte counts: nobody can
//! know which copy the receiver used. Copies that differ are counted as conflicts.
//!
//! A flow may have two pending heads: one that has begun, and one that begins soon after it, before
//! all of the first has come. The second one is either the next head, which came early, or a part
//! of the first that only looks like the start of a head. Segments are added to both; which of the
//! two it was is known when the first head is complete. With one pending head alone, either the
//! first would be lost to something that came early, or the second to a first one that never ends.
//!
//! A head may also be expected: behind a body of known length, which may end anywhere in a segment.
//! Of the body nothing is stored.
//!
//! Everything here is bounded. Abandoned heads are counted by reason, and their bytes are read one
//! last time.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use arrayvec::ArrayVec;
use foldhash::fast::RandomState;

use super::segment_buffer::SegmentBuffer;
use crate::flow::Flow;
use crate::units::Timestamp;

/// The longest head. Servers refuse longer ones: 8 KiB of HTTP header section are usual, and a
/// ClientHello with post-quantum keys has 2 KiB.
pub(super) const LONGEST_HEAD: usize = 16 << 10;

/// The capacity of a new head: enough for a ClientHello with post-quantum keys.
const USUAL_HEAD: usize = 2 << 10;

/// The most pending heads. At twenty thousand new flows a second this is what comes in a fifth of a
/// second; an honest client sends the rest of its head within a few milliseconds.
const MOST_PENDING: usize = 4096;

/// The most pending heads of one flow: see the module. A third one that comes early is among the
/// bytes of the first.
pub(super) const MOST_OF_FLOW: usize = 2;

/// The most pending bytes: a thousand heads of the longest kind.
const MOST_BYTES: usize = 16 << 20;

/// The most gaps in a head. A burst of reordered segments leaves one or two; each costs a step for
/// every later segment.
const MOST_GAPS: usize = 32;

/// The timeout of a pending head, in packet time: several times longer than a sender waits before a
/// retransmission.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The number of times that a head is read each time it grows. After that it is read only when it
/// has grown by an eighth, so that a head sent byte by byte is not read a thousand times.
const FREE_READS: u32 = 16;

/// Counts of reassembly: abandoned heads by reason, and what happened on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReassemblyCounts {
    /// Heads that became complete by reassembly.
    pub assembled: u64,
    /// Heads longer than the longest head.
    pub too_long: u64,
    /// Heads with too many gaps.
    pub too_many_gaps: u64,
    /// Heads that reached their timeout.
    pub too_old: u64,
    /// The oldest heads, abandoned in favor of newer ones.
    pub too_many: u64,
    /// Segments with bytes that came before with another value.
    pub conflicts: u64,
}

/// A pending head.
#[derive(Debug)]
struct PendingHead<T> {
    /// The tag of its flow.
    tag: u32,
    /// The sequence number of its first byte.
    start: u32,
    buffer: SegmentBuffer,
    /// The length of the body before it, as far as that came in other segments than the head before
    /// the body.
    body_length: usize,
    /// The number of times it was read.
    reads: u32,
    /// The length that was read last.
    read_length: usize,
    since: Timestamp,
    /// Its number in the queue. An entry there with another number belongs to a head that is gone.
    number: u64,
    /// The caller's notes about the packet that the head begins in.
    context: T,
}

impl<T> PendingHead<T> {
    /// Returns true if it has to be read: it has grown, and by enough.
    fn is_due(&self) -> bool {
        let bytes = self.buffer.contiguous();
        // The end of an HTTP header section, also if it is sent byte by byte.
        let has_ended = bytes.ends_with(b"\n\r\n") || bytes.ends_with(b"\n\n");
        bytes.len() > self.read_length
            && (has_ended
                || self.reads < FREE_READS
                || bytes.len() >= self.read_length + self.read_length / 8
                || bytes.len() >= LONGEST_HEAD)
    }
}

/// The effect of a segment on a pending head.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SegmentOutcome {
    /// No head is pending, or the segment lies outside of it.
    Outside,
    /// The segment was stored; there is no reason to read the head now.
    Stored,
    /// The segment was stored, and [`TcpReassembly::read_bytes`] returns more than before.
    Grown,
}

/// A head that is expected in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ExpectedHead {
    /// The offset in the segment at which it begins.
    pub(super) offset: usize,
    /// The length of the body before it.
    pub(super) body_length: usize,
    /// None of its bytes have come yet.
    pub(super) is_first: bool,
}

/// A pending head: its flow, and which one of the flow's heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeadId {
    flow: Flow,
    nth: usize,
}

/// A place in a stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct StreamPosition {
    pub(super) flow: Flow,
    /// The [`tag`](crate::decode::Packet::flow_hash) of the flow.
    pub(super) tag: u32,
    pub(super) sequence: u32,
}

/// The place of a pending head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeadPlace {
    /// The tag of its flow.
    pub(super) tag: u32,
    /// The sequence number of its first byte.
    pub(super) start: u32,
    /// The length of the body before that.
    pub(super) body_length: usize,
}

/// An abandoned head, with the bytes that came without a gap.
#[derive(Debug)]
pub(super) struct AbandonedHead<T> {
    pub(super) bytes: Vec<u8>,
    /// The sequence number of the first byte.
    pub(super) start: u32,
    pub(super) context: T,
}

/// The pending heads, by the direction of their flow.
#[derive(Debug)]
pub(super) struct TcpReassembly<T> {
    /// The first table holds nearly all heads; the second one those whose flow has one in the
    /// first.
    pending: [HashMap<Flow, PendingHead<T>, RandomState>; MOST_OF_FLOW],
    /// The heads in the order in which they began.
    queue: VecDeque<(HeadId, u64)>,
    abandoned: Vec<AbandonedHead<T>>,
    bytes: usize,
    next_number: u64,
    /// The number of pending heads by the highest bits of their tag.
    tags: Box<[u16; TAGS]>,
    counts: ReassemblyCounts,
}

/// The number of kinds of tags: enough that a segment of another flow seldom looks wanted.
const TAGS: usize = 1 << 14;

fn tag_index(tag: u32) -> usize {
    (tag >> 18) as usize
}

impl<T> TcpReassembly<T> {
    pub(super) fn new() -> Self {
        Self {
            pending: Default::default(),
            queue: VecDeque::new(),
            abandoned: Vec::new(),
            bytes: 0,
            next_number: 0,
            tags: Box::new([0; TAGS]),
            counts: ReassemblyCounts::default(),
        }
    }

    pub(super) fn counts(&self) -> ReassemblyCounts {
        self.counts
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.iter().all(HashMap::is_empty)
    }

    /// The heads that were abandoned since the last call.
    pub(super) fn take_abandoned(&mut self) -> Vec<AbandonedHead<T>> {
        std::mem::take(&mut self.abandoned)
    }

    fn len(&self) -> usize {
        self.pending.iter().map(HashMap::len).sum()
    }

    fn get(&self, id: HeadId) -> Option<&PendingHead<T>> {
        self.pending.get(id.nth)?.get(&id.flow)
    }

    fn get_mut(&mut self, id: HeadId) -> Option<&mut PendingHead<T>> {
        self.pending.get_mut(id.nth)?.get_mut(&id.flow)
    }

    fn of_flow(&self, flow: &Flow) -> impl Iterator<Item = (HeadId, &PendingHead<T>)> {
        let tables = self.pending.iter().enumerate().filter(|(_, table)| !table.is_empty());
        tables.filter_map(|(nth, table)| Some((HeadId { flow: *flow, nth }, table.get(flow)?)))
    }

    /// Returns true if no flow has more than one head: nearly always.
    fn are_single(&self) -> bool {
        self.pending[1..].iter().all(HashMap::is_empty)
    }

    /// The heads that a flow may have, in the order of its bytes.
    pub(super) fn ids(&self, flow: &Flow) -> ArrayVec<HeadId, MOST_OF_FLOW> {
        if self.are_single() {
            // The caller's look-up will tell whether this one exists.
            return [HeadId { flow: *flow, nth: 0 }].into_iter().collect();
        }
        let mut found: ArrayVec<_, MOST_OF_FLOW> =
            self.of_flow(flow).map(|(id, pending)| (id, pending.start)).collect();
        if let [(_, first), (_, second)] = found[..]
            && distance(first, second) < 0
        {
            found.swap(0, 1);
        }
        found.into_iter().map(|(id, _)| id).collect()
    }

    /// Returns true if a flow with this tag may have a pending head.
    #[inline]
    pub(super) fn may_want(&self, tag: u32) -> bool {
        self.tags[tag_index(tag)] > 0
    }

    /// Returns true if a pending head of the flow has all its bytes up to this sequence number.
    pub(super) fn covers(&self, flow: &Flow, sequence: u32) -> bool {
        self.of_flow(flow).any(|(_, pending)| {
            usize::try_from(distance(pending.start, sequence))
                .is_ok_and(|offset| offset < pending.buffer.contiguous().len())
        })
    }

    /// Returns true if a segment with this sequence number continues the head, or comes soon after
    /// it.
    pub(super) fn continues_at(&self, id: HeadId, sequence: u32) -> bool {
        self.get(id).is_some_and(|pending| {
            usize::try_from(distance(pending.start, sequence)).is_ok_and(|offset| offset > 0 && offset < LONGEST_HEAD)
        })
    }

    /// The place in a segment, or right behind it, at which an expected head begins. `None` if it
    /// begins elsewhere, or has begun.
    pub(super) fn expected_in(&self, id: HeadId, sequence: u32, length: usize) -> Option<ExpectedHead> {
        let pending =
            self.get(id).filter(|pending| pending.body_length > 0 && pending.buffer.contiguous().is_empty())?;
        let offset = pending.start.wrapping_sub(sequence) as usize;
        let (body_length, is_first) = (pending.body_length, pending.buffer.is_empty());
        (offset <= length).then_some(ExpectedHead { offset, body_length, is_first })
    }

    /// Returns true if the byte with this sequence number belongs to a body before a pending head
    /// of the flow.
    pub(super) fn is_body(&self, flow: &Flow, sequence: u32) -> bool {
        let before = |pending: &PendingHead<T>| pending.start.wrapping_sub(sequence) as usize;
        self.of_flow(flow).any(|(_, pending)| (1..=pending.body_length).contains(&before(pending)))
    }

    /// Returns true if the head has more bytes than were read, from segments that came early.
    pub(super) fn is_unread(&self, id: HeadId) -> bool {
        self.get(id).is_some_and(|pending| pending.buffer.contiguous().len() > pending.read_length)
    }

    /// The caller's context of the head.
    pub(super) fn context(&mut self, id: HeadId) -> Option<&mut T> {
        self.get_mut(id).map(|pending| &mut pending.context)
    }

    /// The place of the head.
    pub(super) fn place(&self, id: HeadId) -> Option<HeadPlace> {
        let PendingHead { tag, start, body_length, .. } = *self.get(id)?;
        Some(HeadPlace { tag, start, body_length })
    }

    /// Expects a head at this position, behind a body of this length. Returns it unless it was
    /// pending already.
    pub(super) fn expect(
        &mut self,
        position: StreamPosition,
        body_length: usize,
        time: Timestamp,
        context: T,
    ) -> Option<HeadId> {
        let mut heads = self.of_flow(&position.flow);
        let known = heads.find(|(_, pending)| pending.start == position.sequence).map(|(id, _)| id);
        drop(heads);
        let id = match known {
            Some(id) => id,
            None => self.begin(position, &[], time, context),
        };
        if let Some(pending) = self.get_mut(id) {
            pending.body_length = pending.body_length.max(body_length);
        }
        known.is_none().then_some(id)
    }

    /// Begins a head at this position with these bytes. Other heads of the flow are abandoned if
    /// they are too far away to be of the same bytes; and the last one of them, if there is no
    /// room.
    pub(super) fn begin(&mut self, position: StreamPosition, bytes: &[u8], time: Timestamp, context: T) -> HeadId {
        let StreamPosition { flow, tag, sequence } = position;
        let mut others = self.ids(&flow);
        others.retain(|other| {
            let Some(pending) = self.get(*other) else { return false };
            let is_near = (distance(pending.start, sequence).unsigned_abs() as usize) < LONGEST_HEAD;
            if !is_near {
                self.abandon(*other);
            }
            is_near
        });
        if others.is_full()
            && let Some(last) = others.pop()
        {
            self.abandon(last);
        }
        self.make_room();
        let first_bytes = bytes.get(..LONGEST_HEAD).unwrap_or(bytes);
        self.bytes += first_bytes.len();
        let number = self.next_number;
        self.next_number += 1;
        let pending = PendingHead {
            tag,
            start: sequence,
            buffer: SegmentBuffer::new(first_bytes, USUAL_HEAD),
            body_length: 0,
            reads: 0,
            read_length: first_bytes.len(),
            since: time,
            number,
            context,
        };
        self.tags[tag_index(tag)] += 1;
        let nth = usize::from(others.iter().any(|other| other.nth == 0));
        let id = HeadId { flow, nth };
        self.pending[nth].insert(flow, pending);
        self.queue.push_back((id, number));
        id
    }

    /// Abandons the oldest heads until there is room for another one.
    fn make_room(&mut self) {
        while self.len() >= MOST_PENDING || self.bytes + LONGEST_HEAD > MOST_BYTES {
            let Some((oldest, number)) = self.queue.pop_front() else { break };
            if self.get(oldest).is_some_and(|pending| pending.number == number) {
                self.counts.too_many += u64::from(self.abandon(oldest));
            }
        }
        if self.queue.len() > 2 * MOST_PENDING {
            let mut queue = std::mem::take(&mut self.queue);
            queue.retain(|(id, number)| self.get(*id).is_some_and(|pending| pending.number == *number));
            self.queue = queue;
        }
    }

    /// Adds a segment whose first byte has this sequence number.
    pub(super) fn add_segment(&mut self, id: HeadId, sequence: u32, segment: &[u8]) -> SegmentOutcome {
        let Some(pending) = self.pending.get_mut(id.nth).and_then(|table| table.get_mut(&id.flow)) else {
            return SegmentOutcome::Outside;
        };
        let distance = distance(pending.start, sequence);
        let (skip, offset) = match usize::try_from(distance) {
            Ok(offset) => (0, offset),
            Err(_) => (distance.unsigned_abs() as usize, 0),
        };
        let segment = segment.get(skip..).unwrap_or_default();
        if segment.is_empty() || offset >= LONGEST_HEAD {
            return SegmentOutcome::Outside;
        }
        let segment = segment.get(..LONGEST_HEAD - offset).unwrap_or(segment);
        let before = pending.buffer.len();
        let conflict = pending.buffer.insert(offset, segment);
        self.bytes += pending.buffer.len() - before;
        self.counts.conflicts += u64::from(conflict);
        if pending.buffer.range_count() > MOST_GAPS {
            self.counts.too_many_gaps += 1;
            self.abandon(id);
            return SegmentOutcome::Stored;
        }
        if pending.is_due() { SegmentOutcome::Grown } else { SegmentOutcome::Stored }
    }

    /// The bytes of a head before its first gap, and its context. They count as read.
    pub(super) fn read_bytes(&mut self, id: HeadId) -> Option<(&[u8], &T)> {
        let pending = self.get_mut(id)?;
        let bytes = pending.buffer.contiguous();
        pending.reads += 1;
        pending.read_length = bytes.len();
        Some((bytes, &pending.context))
    }

    /// Ends a complete head. No other head begins among its first `length` bytes, except at the
    /// first.
    pub(super) fn complete(&mut self, id: HeadId, length: usize) {
        self.discard_within(id, length);
        if self.discard(id) {
            self.counts.assembled += 1;
        }
    }

    /// Ends a complete head, and continues with the one that begins `offset` bytes after its start,
    /// parts of which may have come. Everything between the bytes that are there and that place is
    /// a body. Returns the next head.
    pub(super) fn advance(&mut self, id: HeadId, offset: usize, now: Timestamp) -> HeadId {
        self.discard_within(id, offset);
        let number = self.next_number;
        let Some(pending) = self.get_mut(id) else { return id };
        let before = pending.buffer.len();
        let body_length = offset.saturating_sub(pending.buffer.contiguous().len());
        pending.start = pending.start.wrapping_add(offset as u32);
        let start = pending.start;
        pending.buffer.remove_front(offset);
        let removed = before - pending.buffer.len();
        pending.body_length = body_length;
        pending.reads = 0;
        // Bytes that came early behind a body were not read with the head before it.
        pending.read_length = if body_length > 0 { 0 } else { pending.buffer.contiguous().len() };
        (pending.since, pending.number) = (now, number);
        self.next_number += 1;
        self.bytes -= removed;
        self.counts.assembled += 1;
        if !self.are_single() {
            let early = self.of_flow(&id.flow).find(|(other, pending)| *other != id && pending.start == start);
            if let Some((early, _)) = early {
                self.merge(id, early);
                return early;
            }
        }
        self.queue.push_back((id, number));
        id
    }

    /// Discards another head of the flow that seemed to begin within the first `length` bytes of a
    /// head.
    fn discard_within(&mut self, id: HeadId, length: usize) {
        if self.are_single() {
            return;
        }
        let Some(HeadPlace { start, .. }) = self.place(id) else { return };
        let is_within = |pending: &PendingHead<T>| (1..length).contains(&(pending.start.wrapping_sub(start) as usize));
        let false_start = self.of_flow(&id.flow).find(|(other, pending)| *other != id && is_within(pending));
        if let Some((false_start, _)) = false_start {
            self.discard(false_start);
        }
    }

    /// Merges two heads that begin at the same byte. The result has the context of `into`.
    fn merge(&mut self, from: HeadId, into: HeadId) {
        let Some(removed) = self.remove(from) else { return };
        let Some(pending) = self.get_mut(into) else { return };
        let before = pending.buffer.len();
        pending.buffer.merge(&removed.buffer);
        pending.body_length = pending.body_length.max(removed.body_length);
        let added = pending.buffer.len() - before;
        self.bytes += added;
    }

    /// Discards what turned out to be no head.
    pub(super) fn discard(&mut self, id: HeadId) -> bool {
        self.remove(id).is_some()
    }

    /// Discards a head that has the greatest length and is still not complete.
    pub(super) fn discard_too_long(&mut self, id: HeadId) {
        if self.discard(id) {
            self.counts.too_long += 1;
        }
    }

    /// The time at which the oldest head reaches its timeout.
    pub(super) fn next_timeout(&mut self) -> Option<Timestamp> {
        while let Some(&(id, number)) = self.queue.front() {
            if let Some(pending) = self.get(id).filter(|pending| pending.number == number) {
                return Some(pending.since + TIMEOUT);
            }
            self.queue.pop_front();
        }
        None
    }

    /// Abandons the oldest head. To be called once it has reached its
    /// [timeout](Self::next_timeout).
    pub(super) fn expire_oldest(&mut self) {
        if let Some((id, _)) = self.queue.pop_front() {
            self.counts.too_old += u64::from(self.abandon(id));
        }
    }

    /// Abandons all heads, in the order in which they began.
    pub(super) fn abandon_all(&mut self) {
        while let Some((id, number)) = self.queue.pop_front() {
            if self.get(id).is_some_and(|pending| pending.number == number) {
                self.abandon(id);
            }
        }
    }

    fn remove(&mut self, id: HeadId) -> Option<PendingHead<T>> {
        let pending = self.pending.get_mut(id.nth)?.remove(&id.flow)?;
        self.bytes -= pending.buffer.len();
        self.tags[tag_index(pending.tag)] -= 1;
        Some(pending)
    }

    /// Returns false if nothing was lost: there was no such head, or none of its bytes had come.
    fn abandon(&mut self, id: HeadId) -> bool {
        let Some(PendingHead { buffer, start, context, .. }) = self.remove(id) else { return false };
        if buffer.is_empty() {
            return false;
        }
        self.abandoned.push(AbandonedHead { bytes: buffer.into_contiguous(), start, context });
        true
    }
}

/// The signed distance between two sequence numbers, the shorter way round (RFC 9293 section 3.4).
fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from) as i32
}

#[cfg(test)]
mod tests;
