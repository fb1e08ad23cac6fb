//! Streams: reassembles heads that lie in several TCP segments, and returns the findings in them.
//!
//! The scanner reports where a head begins that is not complete in its segment. This part then
//! decides whether that is a head at all (it may be a part of a pending one, a retransmission, or
//! text in a body), collects its segments, reads it whenever it has grown, and goes on with the
//! head behind it.

use std::collections::VecDeque;
use std::sync::Arc;

use arrayvec::ArrayVec;

use super::provenance::{PacketPlace, Provenance, payload_sequence};
use super::recent_segments::{LOOKBACK, RecentSegments, TcpSegment};
use super::tcp_reassembly::{
    AbandonedHead, ExpectedHead, HeadId, HeadPlace, LONGEST_HEAD, MOST_OF_FLOW, ReassemblyCounts, SegmentOutcome,
    StreamPosition, TcpReassembly,
};
use crate::capture::{Block, Origin, PacketRange};
use crate::flow::Flow;
use crate::indicator::IndicatorSet;
use crate::scan::{AppLayer, Finding, FindingKind, HeadSink, ScanCounts, Segment, Stream, StreamKind, StreamParse};
use crate::tools::{MessageKind, recognize_segment};
use crate::units::Timestamp;

/// The bytes that a segment needs at least to begin a head where it may be a part of a pending one:
/// a method and the start of a target, or the start of a ClientHello.
const SURE_START: usize = 6;

/// Reassembles the heads of all streams.
pub(super) struct Streams {
    reassembly: TcpReassembly<HeadContext>,
    recent: RecentSegments,
    /// The latest packet that continued a pending head.
    continued_in: Option<PacketPlace>,
    /// The latest packet that begins inside a body before a head that is expected in it or right
    /// after it.
    in_body: Option<PacketPlace>,
    /// The latest reassembled heads and their bodies, to recognize retransmissions of their parts.
    read_ranges: VecDeque<ReadRange>,
    /// Report all names, not only those that are listed.
    all_names: bool,
}

/// Bytes of a flow that were read, or that belong to a body: no other head begins among them,
/// except at the first.
struct ReadRange {
    tag: u32,
    flow: Flow,
    start: u32,
    length: u32,
}

/// The context of a pending head.
#[derive(Debug, Clone)]
struct HeadContext {
    /// The finding by which the scanner reported it, with the length and numbers of all its
    /// packets.
    finding: Finding,
    origin: Arc<Origin>,
    packet: PacketPlace,
    /// The packet in which the head begins that is pending now: another one if it lay behind a
    /// body.
    begins_in: PacketPlace,
    stream: StreamKind,
}

impl HeadContext {
    fn add_packets(&mut self, length: u32, packets: Option<PacketRange>) {
        self.finding.length = self.finding.length.saturating_add(length);
        self.finding.packets = PacketRange::joined(self.finding.packets, packets);
    }
}

/// A finding in a reassembled head.
pub(super) struct StreamFinding {
    pub(super) finding: Finding,
    pub(super) provenance: Provenance,
}

/// The result of reading the bytes of a head.
struct HeadContent {
    result: StreamParse,
    findings: Vec<HeadFinding>,
}

/// A finding, and the offset behind the head that it comes from.
struct HeadFinding {
    end: usize,
    kind: FindingKind,
}

impl Streams {
    pub(super) fn new() -> Self {
        Self {
            reassembly: TcpReassembly::new(),
            recent: RecentSegments::default(),
            continued_in: None,
            in_body: None,
            read_ranges: VecDeque::new(),
            all_names: false,
        }
    }

    /// Reports all names from now on, not only those that are listed.
    pub(super) fn report_all_names(&mut self) {
        self.all_names = true;
    }

    pub(super) fn counts(&self) -> ReassemblyCounts {
        self.reassembly.counts()
    }

    /// Returns true if a head is pending, so that segments are of interest.
    pub(super) fn has_pending(&self) -> bool {
        !self.reassembly.is_empty()
    }

    /// Returns true if a segment may belong to a pending head.
    pub(super) fn may_want(&self, segment: &Segment) -> bool {
        self.reassembly.may_want(segment.tag)
    }

    /// The time at which the next pending head reaches its timeout.
    pub(super) fn next_timeout(&mut self) -> Option<Timestamp> {
        self.reassembly.next_timeout()
    }

    /// Remembers the last segments of a Block's frames before this one.
    pub(super) fn remember(&mut self, block: &Block, before: u32) {
        self.recent.remember(block, before);
    }

    /// Remembers the last segments of a Block, after all of its events.
    pub(super) fn end_block(&mut self, block: &Block) {
        self.recent.end_block(block);
    }

    /// Returns true if a finding comes from text in a body that looks like a head: in a packet that
    /// begins inside a body.
    pub(super) fn is_in_body(&self, block: &Block, finding: &Finding) -> bool {
        let is_head = match &finding.kind {
            FindingKind::ServerName(_) | FindingKind::Names(_) | FindingKind::PartialHead(_) => true,
            FindingKind::Tool(sighting) => sighting.recognized.message.kind != MessageKind::Body,
            _ => false,
        };
        is_head
            && finding.tcp.is_some_and(|tcp| {
                self.in_body == Some(PacketPlace::of(block, finding.frame))
                    || self.reassembly.is_body(&finding.flow, payload_sequence(tcp))
            })
    }

    /// Adds a segment that may belong to a pending head.
    pub(super) fn add_segment(&mut self, block: &Block, frame: u32, now: Timestamp) -> Vec<StreamFinding> {
        let mut found = Vec::new();
        let Some(segment) = TcpSegment::of(block, frame) else { return found };
        let mut grown = ArrayVec::<HeadId, MOST_OF_FLOW>::new();
        for id in self.reassembly.ids(&segment.packet.flow()) {
            if self.add_to_head(id, block, frame, &segment) == SegmentOutcome::Grown {
                grown.push(id);
            }
        }
        // In the order of their bytes: a head that only seems to begin inside the first one is gone
        // once the first one is complete.
        for id in grown {
            self.read_heads(id, &block.indicators, now, &mut found);
        }
        self.read_abandoned(&block.indicators, &mut found);
        found
    }

    /// Adds a segment to one pending head.
    fn add_to_head(&mut self, id: HeadId, block: &Block, frame: u32, segment: &TcpSegment<'_>) -> SegmentOutcome {
        let TcpSegment { packet, sequence } = segment;
        let place = PacketPlace::of(block, frame);
        let length = packet.payload.len();
        if let Some(ExpectedHead { offset, body_length, is_first }) = self.reassembly.expected_in(id, *sequence, length)
        {
            if offset > 0 {
                self.in_body = Some(place);
            }
            // The scanner reads a head that begins with a segment.
            if is_first && (offset == 0 || offset == length) {
                self.reassembly.discard(id);
                self.note_body(packet.flow_hash(), packet.flow(), sequence.wrapping_add(offset as u32), body_length);
                return SegmentOutcome::Outside;
            }
            if offset < length
                && let Some(context) = self.reassembly.context(id)
            {
                // The bytes of a packet count once: for the tool's message that it begins with, or
                // for the head in it.
                let is_counted = offset > 0 && recognize_segment(packet.payload).is_some();
                context.finding.length = if is_counted { 0 } else { packet.length };
                context.finding.packets = block.packet(frame);
                let frame = block.frames.get(frame as usize);
                context.finding.time = frame.map_or(context.finding.time, |frame| frame.time);
                context.begins_in = place;
            }
        } else if self.reassembly.continues_at(id, *sequence) {
            self.continued_in = Some(place);
        }
        let outcome = self.reassembly.add_segment(id, *sequence, packet.payload);
        if outcome != SegmentOutcome::Outside
            && let Some(context) = self.reassembly.context(id)
            && context.begins_in != place
        {
            context.add_packets(packet.length, block.packet(frame));
        }
        outcome
    }

    /// Begins the head that a [`FindingKind::PartialHead`] reports. `segments` are those of the
    /// Block.
    pub(super) fn begin_head(
        &mut self,
        block: &Block,
        finding: &Finding,
        offset: u32,
        segments: &[Segment],
        now: Timestamp,
    ) -> Vec<StreamFinding> {
        let mut found = Vec::new();
        let Some(TcpSegment { packet, sequence }) = TcpSegment::of(block, finding.frame) else { return found };
        let position =
            StreamPosition { flow: finding.flow, tag: packet.flow_hash(), sequence: sequence.wrapping_add(offset) };
        let offset = offset as usize;
        let bytes = packet.payload.get(offset..).unwrap_or_default();
        let body_length = offset.saturating_sub(packet.payload.len());
        // A part of the pending head, or a retransmission.
        if self.reassembly.covers(&position.flow, position.sequence) || self.was_read(&position) {
            return found;
        }
        // A segment that continues a pending head may look like the start of one.
        let place = PacketPlace::of(block, finding.frame);
        let stream = StreamKind::of(&packet);
        let is_unsure = stream.is_known_by_port() || bytes.len() < SURE_START;
        if body_length == 0 && self.continued_in == Some(place) && is_unsure {
            return found;
        }
        let origin = block.origin.clone();
        let context = HeadContext { finding: finding.clone(), origin, packet: place, begins_in: place, stream };
        let id = if body_length > 0 {
            self.reassembly.expect(position, body_length, now, context)
        } else {
            Some(self.reassembly.begin(position, bytes, now, context))
        };
        let Some(id) = id else { return found };
        if self.add_early_segments(id, position, block, finding.frame, segments) {
            self.read_heads(id, &block.indicators, now, &mut found);
        }
        self.read_abandoned(&block.indicators, &mut found);
        found
    }

    /// Adds the segments to a new head that came before it. Returns true if it has to be read.
    fn add_early_segments(
        &mut self,
        id: HeadId,
        position: StreamPosition,
        block: &Block,
        frame: u32,
        segments: &[Segment],
    ) -> bool {
        let StreamPosition { flow, tag, .. } = position;
        let first = segments.partition_point(|segment| segment.frame < self.recent.frames());
        let before = segments.partition_point(|segment| segment.frame < frame).max(first);
        let in_block = &segments[before.saturating_sub(LOOKBACK).max(first)..before];
        let mut has_grown = false;
        let mut length = 0u32;
        let mut packets = None;
        let mut note = |outcome: SegmentOutcome, segment_length: u32, number: Option<PacketRange>| {
            if outcome != SegmentOutcome::Outside {
                length = length.saturating_add(segment_length);
                packets = PacketRange::joined(packets, number);
            }
            has_grown |= outcome == SegmentOutcome::Grown;
        };
        let earlier = self.recent.latest(LOOKBACK - in_block.len());
        for segment in earlier.filter(|segment| segment.tag == tag && segment.flow == flow) {
            let outcome = self.reassembly.add_segment(id, segment.sequence, &segment.payload);
            note(outcome, segment.length, segment.packets);
        }
        for segment in in_block.iter().filter(|segment| segment.tag == tag) {
            let Some(TcpSegment { packet, sequence }) = TcpSegment::of(block, segment.frame) else { continue };
            if packet.flow() == flow {
                let outcome = self.reassembly.add_segment(id, sequence, packet.payload);
                note(outcome, packet.length, block.packet(segment.frame));
            }
        }
        if length > 0
            && let Some(context) = self.reassembly.context(id)
        {
            context.add_packets(length, packets);
        }
        has_grown
    }

    /// Abandons the head that has reached its [timeout](Self::next_timeout).
    pub(super) fn expire(&mut self, indicators: &Arc<IndicatorSet>) -> Vec<StreamFinding> {
        let mut found = Vec::new();
        self.reassembly.expire_oldest();
        self.read_abandoned(indicators, &mut found);
        found
    }

    /// Abandons all heads, since the input has ended.
    pub(super) fn finish(&mut self, indicators: &Arc<IndicatorSet>) -> Vec<StreamFinding> {
        let mut found = Vec::new();
        self.reassembly.abandon_all();
        self.read_abandoned(indicators, &mut found);
        found
    }

    /// Reads a pending head, and the heads behind it as far as they came early.
    fn read_heads(
        &mut self,
        id: HeadId,
        indicators: &Arc<IndicatorSet>,
        now: Timestamp,
        found: &mut Vec<StreamFinding>,
    ) {
        let mut next = self.read_head(id, indicators, now, found);
        while let Some(id) = next.filter(|id| self.reassembly.is_unread(*id)) {
            next = self.read_head(id, indicators, now, found);
        }
    }

    /// Reads one pending head. Returns the one behind it if this one is complete.
    fn read_head(
        &mut self,
        id: HeadId,
        indicators: &Arc<IndicatorSet>,
        now: Timestamp,
        found: &mut Vec<StreamFinding>,
    ) -> Option<HeadId> {
        let HeadPlace { tag, start, body_length } = self.reassembly.place(id)?;
        let (bytes, context) = self.reassembly.read_bytes(id)?;
        let context = context.clone();
        let mut content = read(indicators, context.stream.stream(bytes), self.all_names);
        let available = bytes.len();
        let mut next = None;
        let length = match content.result {
            // A reader takes a head that is too long for something else.
            StreamParse::Partial(0) | StreamParse::Other if available >= LONGEST_HEAD => {
                content.findings.extend(read_so_far(indicators, &context, bytes, 0, self.all_names));
                self.reassembly.discard_too_long(id);
                available
            }
            StreamParse::Partial(0) => return None,
            StreamParse::Other => {
                self.reassembly.discard(id);
                return None;
            }
            // The head is complete; another one begins behind it.
            StreamParse::Partial(offset) => {
                let later = self.reassembly.advance(id, offset, now);
                if later == id
                    && let Some(context) = self.reassembly.context(later)
                {
                    context.finding.length = 0;
                    // `packets` stays: the packet that this head begins in is not known, and
                    // evidence had better hold too much.
                }
                next = Some(later);
                offset.min(available)
            }
            StreamParse::Whole => {
                self.reassembly.complete(id, available);
                available
            }
        };
        let flow = context.finding.flow;
        self.note_body(tag, flow, start, body_length);
        self.note_read(tag, flow, start, length);
        found.extend(content.findings.into_iter().map(|head| context.finding_at(head, start, indicators)));
        next
    }

    /// Reads abandoned heads one last time.
    fn read_abandoned(&mut self, indicators: &Arc<IndicatorSet>, found: &mut Vec<StreamFinding>) {
        for AbandonedHead { bytes, start, context } in self.reassembly.take_abandoned() {
            let mut content = read(indicators, context.stream.stream(&bytes), self.all_names);
            if let StreamParse::Partial(offset) = content.result {
                content.findings.extend(read_so_far(indicators, &context, &bytes, offset, self.all_names));
            }
            found.extend(content.findings.into_iter().map(|head| context.finding_at(head, start, indicators)));
        }
    }

    /// Returns true if a position lies inside a head that was read lately, or inside its body.
    fn was_read(&self, position: &StreamPosition) -> bool {
        self.read_ranges.iter().any(|range| {
            let offset = position.sequence.wrapping_sub(range.start);
            range.tag == position.tag && range.flow == position.flow && (1..range.length).contains(&offset)
        })
    }

    fn note_read(&mut self, tag: u32, flow: Flow, start: u32, length: usize) {
        // As many as segments are searched for early parts.
        if self.read_ranges.len() >= LOOKBACK {
            self.read_ranges.pop_front();
        }
        self.read_ranges.push_back(ReadRange { tag, flow, start, length: length as u32 });
    }

    /// Notes a body of this length before `end`. No head begins at its first byte either.
    fn note_body(&mut self, tag: u32, flow: Flow, end: u32, length: usize) {
        if length > 0 {
            self.note_read(tag, flow, end.wrapping_sub(length as u32 + 1), length + 1);
        }
    }
}

impl HeadContext {
    /// A finding in the head that begins at this sequence number.
    fn finding_at(&self, head: HeadFinding, start: u32, indicators: &Arc<IndicatorSet>) -> StreamFinding {
        StreamFinding {
            finding: Finding { kind: head.kind, ..self.finding.clone() },
            provenance: Provenance {
                origin: self.origin.clone(),
                indicators: indicators.clone(),
                packet: self.packet,
                head_end: Some(start.wrapping_add(head.end as u32)),
            },
        }
    }
}

/// Reads the complete heads of a stream, as the scanner does.
fn read(indicators: &IndicatorSet, stream: Stream<'_>, all_names: bool) -> HeadContent {
    let mut findings = Vec::new();
    let mut counts = ScanCounts::default();
    let mut report = |end, kind| findings.push(HeadFinding { end, kind });
    let result = AppLayer::new(indicators, all_names).read(stream, &mut HeadSink::new(&mut counts, &mut report));
    HeadContent { result, findings }
}

/// Reads the part of a head that is there, of which no more will come. It begins at this offset,
/// and ends with the bytes.
fn read_so_far(
    indicators: &IndicatorSet,
    context: &HeadContext,
    bytes: &[u8],
    offset: usize,
    all_names: bool,
) -> Vec<HeadFinding> {
    let mut findings = Vec::new();
    let stream = context.stream.stream(bytes.get(offset..).unwrap_or_default());
    let mut report = |kind| findings.push(HeadFinding { end: bytes.len(), kind });
    AppLayer::new(indicators, all_names).read_so_far(stream, &mut report);
    findings
}
