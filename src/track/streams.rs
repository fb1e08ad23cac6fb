//! What is said in conversations: heads put together, names, and the NetSupport protocol.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use arrayvec::ArrayVec;

use super::build_alert::{netsupport_sentence, of_packet};
use super::quic_hello::QuicHellos;
use super::session::{At, Sessions};
use super::tcp_reassembly::{Expected, Fed, GivenUp, Heads, Key, LONGEST_HEAD, MOST_OF_FLOW};
use super::{TrackCounts, Tracker, address_match, counted};
use crate::alert::{Alert, MatchBasis, Signature, Traffic, sanitize};
use crate::capture::{Block, Origin, Packets};
use crate::decode::{Decoded, Packet, Tcp, decode};
use crate::flow::Flow;
use crate::indicator::{Closeness, IndicatorSet};
use crate::protocol::netsupport;
use crate::protocol::parse_result::ParseResult;
use crate::scan::{
    AppLayer, Finding, FindingKind, NameSighting, NetSupport, NetSupportSighting, Reading, ScanCounts, Segment, Stream,
};
use crate::units::Timestamp;

/// How many segments before a head are looked through for parts of it that came too early. Segments are reordered by a few places,
/// also where the packets of a busy link lie between them.
const LOOKBACK: usize = 64;

/// How many bytes of a segment have to look like the start of a head to be one even where they may be a part of the head that is
/// pending: a method and the start of a target, or the start of a hello.
const SURE_START: usize = 6;

/// How long a conversation that speaks NetSupport may be silent: an open TCP connection (RFC 5382, REQ-5).
const SILENCE: Duration = Duration::from_secs(2 * 3600 + 4 * 60);

/// All that the tracker keeps of what is said.
pub(super) struct Streams {
    heads: Heads<Begun>,
    hellos: QuicHellos,
    talks: Sessions,
    /// The latest TCP segments with a payload of the Blocks before this one, and of its first frames.
    recent: VecDeque<Recent>,
    /// How many frames of this Block are among those.
    remembered: u32,
    /// The latest packet that a pending head went on in.
    went_on: Option<At>,
    /// The latest packet that begins within a body behind which a head is expected in it or right after it.
    in_body: Option<At>,
    given_up: Vec<GivenUp<Begun>>,
    /// The latest heads that were put together, to tell their parts when they come again: as many as segments are looked through.
    read: VecDeque<Stretch>,
}

/// Bytes of a flow that were read, or that are a body: no other head begins behind the first of them.
struct Stretch {
    tag: u32,
    flow: Flow,
    start: u32,
    length: u32,
}

/// What is remembered of the packet that a head began in.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    finding: Finding,
    origin: Arc<Origin>,
    at: At,
    /// The packet in which the head begins that is pending now: another one where it lay behind a body.
    in_packet: At,
    is_dns: bool,
}

impl Begun {
    /// Bytes of its flow, from the start of a head on.
    fn stream<'a>(&self, bytes: &'a [u8]) -> Stream<'a> {
        Stream { bytes, destination: self.finding.flow.destination.address, is_dns: self.is_dns }
    }
}

/// What is known of something that was said, beside what it was.
#[derive(Clone, Copy)]
pub(super) struct Provenance<'a> {
    pub(super) origin: &'a Arc<Origin>,
    pub(super) at: At,
    pub(super) indicators: &'a Arc<IndicatorSet>,
    /// The sequence number at which it ends, over TCP: by that it is known when it is sent again.
    pub(super) end: Option<u32>,
}

impl<'a> Provenance<'a> {
    /// Of what one packet of a Block says.
    pub(super) fn in_packet(block: &'a Block, finding: &Finding, end: Option<u32>) -> Self {
        Self { origin: &block.origin, at: (block.number, finding.frame), indicators: &block.indicators, end }
    }
}

/// A segment that is remembered.
struct Recent {
    tag: u32,
    flow: Flow,
    sequence: u32,
    /// What the packet counts for.
    length: u32,
    packets: Option<Packets>,
    payload: Vec<u8>,
}

impl Streams {
    pub(super) fn new() -> Self {
        Self {
            heads: Heads::new(),
            hellos: QuicHellos::default(),
            talks: Sessions::default(),
            recent: VecDeque::new(),
            remembered: 0,
            went_on: None,
            in_body: None,
            given_up: Vec::new(),
            read: VecDeque::new(),
        }
    }

    pub(super) fn count(&self, counts: &mut TrackCounts) {
        counts.heads = self.heads.counts();
        counts.hellos_given_up = self.hellos.given_up();
        counts.talks_forgotten = self.talks.forgotten();
    }

    /// Whether a head or a hello is pending.
    pub(super) fn has_pieces(&self) -> bool {
        !self.heads.is_empty() || !self.hellos.is_empty()
    }

    /// Whether any segment is of interest at all.
    pub(super) fn waits(&self) -> bool {
        !self.heads.is_empty()
    }

    /// Whether a segment may be a part of a pending head.
    pub(super) fn may_want(&self, segment: &Segment) -> bool {
        self.heads.may_want(segment.tag)
    }

    /// Whether what a head that ends at `end` says was not said before.
    pub(super) fn is_new(&mut self, finding: &Finding, end: Option<u32>, at: At) -> bool {
        self.talks.heard(&finding.flow, end, at, finding.time).is_some()
    }

    /// Whether a finding tells of a head where there is a body: in a packet that begins within one.
    pub(super) fn is_in_body(&self, block: &Block, finding: &Finding) -> bool {
        let is_head = match &finding.what {
            FindingKind::Name(_) | FindingKind::Names(_) | FindingKind::HeadBegins(_) => true,
            FindingKind::NetSupport(sighting) => sighting.kind != NetSupport::Body,
            _ => false,
        };
        is_head
            && finding.tcp.is_some_and(|tcp| {
                self.in_body == Some((block.number, finding.frame))
                    || self.heads.is_body(&finding.flow, first_byte(tcp))
            })
    }

    /// Whether a head that was put together lately has this sequence number behind its first.
    fn was_read(&self, tag: u32, flow: &Flow, sequence: u32) -> bool {
        let holds = |stretch: &Stretch| (1..stretch.length).contains(&sequence.wrapping_sub(stretch.start));
        self.read.iter().any(|stretch| stretch.tag == tag && stretch.flow == *flow && holds(stretch))
    }

    /// A head of this length was read.
    fn note_read(&mut self, tag: u32, flow: Flow, start: u32, length: usize) {
        if self.read.len() >= LOOKBACK {
            self.read.pop_front();
        }
        self.read.push_back(Stretch { tag, flow, start, length: length as u32 });
    }

    /// A body of this length lies before `end`: no head begins at its first byte either.
    fn note_body(&mut self, tag: u32, flow: Flow, end: u32, length: usize) {
        if length > 0 {
            self.note_read(tag, flow, end.wrapping_sub(length as u32 + 1), length + 1);
        }
    }

    /// Feeds one pending head with a segment of its flow, and notes where that lies beside it.
    fn feed(&mut self, key: Key, block: &Block, frame: u32, (packet, sequence): (&Packet<'_>, u32)) -> Fed {
        let at = (block.number, frame);
        let length = packet.payload.len();
        if let Some(expected) = self.heads.expected_in(key, sequence, length) {
            let Expected { offset, body, is_first } = expected;
            if offset > 0 {
                self.in_body = Some(at);
            }
            // A head that begins with a segment is the scanner's to read.
            if is_first && (offset == 0 || offset == length) {
                self.heads.forget(key);
                self.note_body(packet.tag(), packet.flow(), sequence.wrapping_add(offset as u32), body);
                return Fed::Elsewhere;
            }
            if offset < length
                && let Some(begun) = self.heads.context(key)
            {
                // The bytes of a packet count once: for the command that it begins with, or for the head in it.
                let is_counted = offset > 0 && netsupport::body(packet.payload).is_some();
                let length = if is_counted { 0 } else { packet.length };
                begun.finding.packets = block.packet(frame);
                let frame = block.frames.get(frame as usize);
                begun.finding.time = frame.map_or(begun.finding.time, |frame| frame.time);
                (begun.finding.length, begun.in_packet) = (length, at);
            }
        } else if self.heads.goes_on_at(key, sequence) {
            self.went_on = Some(at);
        }
        let given_up = &mut self.given_up;
        let fed = self.heads.feed(key, sequence, packet.payload, &mut |gone| given_up.push(gone));
        if fed != Fed::Elsewhere
            && let Some(begun) = self.heads.context(key)
            && begun.in_packet != at
        {
            begun.finding.length = begun.finding.length.saturating_add(packet.length);
            begun.finding.packets = Packets::joined(begun.finding.packets, block.packet(frame));
        }
        fed
    }

    /// When the next head is to be given up.
    pub(super) fn due(&mut self) -> Option<Timestamp> {
        self.heads.due()
    }

    /// Keeps the last segments of a Block that is done.
    pub(super) fn remember_all(&mut self, block: &Block) {
        self.remember(block, block.frames.len() as u32);
        self.remembered = 0;
    }

    /// Keeps the last segments of a Block's frames before this one.
    pub(super) fn remember(&mut self, block: &Block, before: u32) {
        let frames = (self.remembered..before).rev();
        self.remembered = self.remembered.max(before);
        let last: ArrayVec<_, LOOKBACK> =
            frames.filter_map(|frame| Some((frame, segment_of(block, frame)?))).take(LOOKBACK).collect();
        for (frame, (packet, sequence)) in last.into_iter().rev() {
            // Its memory serves again.
            let spare = if self.recent.len() >= LOOKBACK { self.recent.pop_front() } else { None };
            let mut payload = spare.map(|spare| spare.payload).unwrap_or_default();
            payload.clear();
            // Whole, however long: where a head begins in it is not known yet.
            payload.extend_from_slice(packet.payload);
            let (tag, flow, length) = (packet.tag(), packet.flow(), packet.length);
            self.recent.push_back(Recent { tag, flow, sequence, length, packets: block.packet(frame), payload });
        }
    }
}

/// A TCP segment of a Block, with the sequence number of its first byte.
fn segment_of(block: &Block, frame: u32) -> Option<(Packet<'_>, u32)> {
    let frame = block.frames.get(frame as usize)?;
    let Decoded { packet, fragment, .. } = decode(frame.link, block.captured(frame), frame.original).ok()?;
    let tcp = packet.tcp.filter(|_| fragment.is_none() && !packet.payload.is_empty())?;
    Some((packet, first_byte(tcp)))
}

impl Tracker {
    /// A segment that may be a part of a pending head.
    pub(super) fn segment(&mut self, block: &Block, segment: &Segment, emit: &mut dyn FnMut(Alert)) {
        let Some((packet, sequence)) = segment_of(block, segment.frame) else { return };
        let flow = packet.flow();
        let mut grown = ArrayVec::<Key, MOST_OF_FLOW>::new();
        for key in self.said.heads.keys(&flow) {
            if self.said.feed(key, block, segment.frame, (&packet, sequence)) == Fed::Grown {
                grown.push(key);
            }
        }
        // In the order of their bytes: what only seems to begin within the first is gone once that is whole.
        for key in grown {
            self.look(key, &block.indicators, emit);
        }
        self.last_looks(&block.indicators, emit);
    }

    /// A datagram that was put together may be a segment with a part of a pending head.
    pub(super) fn datagram_segment(&mut self, block: &Block, emit: &mut dyn FnMut(Alert)) {
        if self.said.waits() {
            self.segment(block, &Segment { tag: 0, frame: 0 }, emit);
        }
    }

    /// A head begins in a segment that does not hold all of it.
    pub(super) fn head_begins(
        &mut self,
        block: &Block,
        finding: &Finding,
        offset: u32,
        segments: &[Segment],
        emit: &mut dyn FnMut(Alert),
    ) {
        let Some((packet, start)) = segment_of(block, finding.frame) else { return };
        let flow = finding.flow;
        let sequence = start.wrapping_add(offset);
        let at = (block.number, finding.frame);
        let offset = offset as usize;
        let bytes = packet.payload.get(offset..).unwrap_or_default();
        let body = offset.saturating_sub(packet.payload.len());
        // A part of the head that is pending, or the same head once more.
        if self.said.heads.covers(&flow, sequence) {
            return;
        }
        let tag = packet.tag();
        if self.said.was_read(tag, &flow, sequence) {
            return;
        }
        // A part of a head in a segment of its own may look like the start of one.
        let is_dns = Stream::of(&packet).is_dns;
        if body == 0 && self.said.went_on == Some(at) && (is_dns || bytes.len() < SURE_START) {
            return;
        }
        let begun = Begun { finding: finding.clone(), origin: block.origin.clone(), at, in_packet: at, is_dns };
        let now = self.clock.unwrap_or(finding.time);
        let Streams { heads, given_up, recent, remembered, .. } = &mut self.said;
        let key = if body > 0 {
            heads.expect((flow, tag), (sequence, body), now, begun, &mut |gone| given_up.push(gone))
        } else {
            Some(heads.begin((flow, tag), sequence, bytes, now, begun, &mut |gone| given_up.push(gone)))
        };
        let Some(key) = key else { return };
        // Parts that came before it.
        let first = segments.partition_point(|segment| segment.frame < *remembered);
        let before = segments.partition_point(|segment| segment.frame < finding.frame).max(first);
        let in_block = &segments[before.saturating_sub(LOOKBACK).max(first)..before];
        let mut has_grown = false;
        let mut length = 0u32;
        let mut packets = None;
        let earlier = recent.len().saturating_sub(LOOKBACK - in_block.len());
        for segment in recent.iter().skip(earlier).filter(|segment| segment.tag == tag && segment.flow == flow) {
            let fed = heads.feed(key, segment.sequence, &segment.payload, &mut |gone| given_up.push(gone));
            if fed != Fed::Elsewhere {
                length = length.saturating_add(segment.length);
                packets = Packets::joined(packets, segment.packets);
            }
            has_grown |= fed == Fed::Grown;
        }
        for segment in in_block.iter().filter(|segment| segment.tag == tag) {
            let Some((packet, sequence)) = segment_of(block, segment.frame) else { continue };
            if packet.flow() == flow {
                let fed = heads.feed(key, sequence, packet.payload, &mut |gone| given_up.push(gone));
                if fed != Fed::Elsewhere {
                    length = length.saturating_add(packet.length);
                    packets = Packets::joined(packets, block.packet(segment.frame));
                }
                has_grown |= fed == Fed::Grown;
            }
        }
        if length > 0
            && let Some(begun) = heads.context(key)
        {
            begun.finding.length = begun.finding.length.saturating_add(length);
            begun.finding.packets = Packets::joined(begun.finding.packets, packets);
        }
        if has_grown {
            self.look(key, &block.indicators, emit);
        }
        self.last_looks(&block.indicators, emit);
    }

    /// Reads what there is of a head, and of what came early of those behind it.
    fn look(&mut self, key: Key, indicators: &Arc<IndicatorSet>, emit: &mut dyn FnMut(Alert)) {
        let mut next = self.look_once(key, indicators, emit);
        while let Some(key) = next.filter(|key| self.said.heads.is_unread(*key)) {
            next = self.look_once(key, indicators, emit);
        }
    }

    /// Returns the head behind one that was whole.
    fn look_once(&mut self, key: Key, indicators: &Arc<IndicatorSet>, emit: &mut dyn FnMut(Alert)) -> Option<Key> {
        let (tag, start, body) = self.said.heads.place(key)?;
        let (bytes, begun) = self.said.heads.look(key)?;
        let begun = begun.clone();
        let (mut heard, reading) = read(indicators, bytes, &begun, self.names.is_some());
        let all = bytes.len();
        let mut next = None;
        let length = match reading {
            // The readers call it something else where it is too long.
            Reading::Begins(0) | Reading::Other if all >= LONGEST_HEAD => {
                read_so_far(indicators, (bytes, 0), &begun, self.names.is_some(), &mut heard);
                self.said.heads.too_long(key);
                all
            }
            Reading::Begins(0) => return None,
            Reading::Other => {
                self.said.heads.forget(key);
                return None;
            }
            // What came before is whole; another head begins behind it.
            Reading::Begins(behind) => {
                let now = self.clock.unwrap_or(begun.finding.time);
                let later = self.said.heads.go_on(key, behind, now);
                if later == key
                    && let Some(later) = self.said.heads.context(key)
                {
                    later.finding.length = 0;
                    // `packets` stays: where in them this head begins was not kept, and evidence had better hold too much.
                }
                next = Some(later);
                behind.min(all)
            }
            Reading::Whole => {
                self.said.heads.done(key, all);
                all
            }
        };
        self.said.note_body(tag, begun.finding.flow, start, body);
        self.said.note_read(tag, begun.finding.flow, start, length);
        self.hear(heard, &begun, start, indicators, emit);
        next
    }

    /// Reads a last time what was given up.
    fn last_looks(&mut self, indicators: &Arc<IndicatorSet>, emit: &mut dyn FnMut(Alert)) {
        for gone in std::mem::take(&mut self.said.given_up) {
            let wants_names = self.names.is_some();
            let (mut heard, reading) = read(indicators, &gone.bytes, &gone.context, wants_names);
            if let Reading::Begins(begins) = reading {
                read_so_far(indicators, (&gone.bytes, begins), &gone.context, wants_names, &mut heard);
            }
            self.hear(heard, &gone.context, gone.start, indicators, emit);
        }
    }

    /// Gives up the head that is [due](Streams::due).
    pub(super) fn expire_head(&mut self, indicators: &Arc<IndicatorSet>, emit: &mut dyn FnMut(Alert)) {
        let Streams { heads, given_up, .. } = &mut self.said;
        heads.expire(&mut |gone| given_up.push(gone));
        self.last_looks(indicators, emit);
    }

    /// The input has ended: gives up all.
    pub(super) fn end_heads(&mut self, indicators: &Arc<IndicatorSet>, emit: &mut dyn FnMut(Alert)) {
        let Streams { heads, given_up, .. } = &mut self.said;
        heads.end(&mut |gone| given_up.push(gone));
        self.last_looks(indicators, emit);
    }

    fn hear(
        &mut self,
        heard: Vec<(usize, FindingKind)>,
        begun: &Begun,
        start: u32,
        indicators: &Arc<IndicatorSet>,
        emit: &mut dyn FnMut(Alert),
    ) {
        for (end, what) in heard {
            let finding = Finding { what, ..begun.finding.clone() };
            let end = Some(start.wrapping_add(end as u32));
            let heard = Provenance { origin: &begun.origin, at: begun.at, indicators, end };
            match &finding.what {
                FindingKind::Dns(sighting) => self.dns(heard, &finding, sighting, emit),
                FindingKind::Names(all) => {
                    if let Some(names) = &mut self.names {
                        names.see(&finding, end, begun.at, all);
                    }
                }
                _ => self.said(heard, &finding, emit),
            }
        }
    }

    /// A part of a ClientHello in a QUIC datagram.
    pub(super) fn quic_part(&mut self, block: &Block, finding: &Finding, emit: &mut dyn FnMut(Alert)) {
        let frame = block.frames.get(finding.frame as usize);
        let decoded = frame.and_then(|frame| decode(frame.link, block.captured(frame), frame.original).ok());
        let Some(Decoded { packet, .. }) = decoded else { return };
        let now = self.clock.unwrap_or(finding.time);
        let datagram = (packet.payload, packet.length, finding.packets);
        let Some((stream, length, packets)) = self.said.hellos.take(finding.flow, datagram, now) else { return };
        let mut heard = Vec::new();
        match stream.client_hello() {
            ParseResult::Partial => return,
            ParseResult::Whole(hello, _) => AppLayer::new(&block.indicators, self.names.is_some()).hello(
                &hello,
                MatchBasis::QuicServerName,
                packet.destination,
                &mut |what| heard.push(what),
            ),
            ParseResult::Other => {}
        }
        self.said.hellos.done(&finding.flow);
        for what in heard {
            let finding = Finding { what, length, packets, ..finding.clone() };
            self.take_finding(block, &finding, emit);
        }
    }

    /// Something was said: in one packet, or in several that were put together.
    pub(super) fn said(&mut self, heard: Provenance<'_>, finding: &Finding, emit: &mut dyn FnMut(Alert)) {
        match &finding.what {
            FindingKind::Name(sighting) => self.name(heard, finding, sighting, emit),
            FindingKind::NetSupport(sighting) => self.netsupport(heard, finding, sighting, emit),
            _ => {}
        }
    }

    fn name(&mut self, heard: Provenance<'_>, finding: &Finding, sighting: &NameSighting, emit: &mut dyn FnMut(Alert)) {
        let Some(indicator) = self.indicator_cache.get(heard.indicators, sighting.indicator) else { return };
        let Some(talk) = self.said.talks.heard(&finding.flow, heard.end, heard.at, finding.time) else { return };
        talk.indicator = Some(indicator.clone());
        let flow = finding.flow;
        let host = sanitize(&sighting.host);
        let port = sighting.port.map(|port| format!(":{port}")).unwrap_or_default();
        let how = match sighting.basis {
            MatchBasis::TlsServerName => "in TLS",
            MatchBasis::QuicServerName => "in QUIC",
            MatchBasis::Socks => "as a SOCKS proxy",
            MatchBasis::HttpConnect => "as an HTTP proxy",
            _ => "in HTTP",
        };
        let mut alert = of_packet(finding, heard.origin, &self.settings.home, true);
        alert.signature = Signature::C2ServerName;
        alert.severity = Signature::C2ServerName.severity(sighting.closeness, indicator.confidence);
        alert.application = Some(match sighting.basis {
            MatchBasis::TlsServerName => "TLS",
            MatchBasis::QuicServerName => "QUIC",
            MatchBasis::Socks => "SOCKS",
            _ => "HTTP",
        });
        alert.server_name = sighting.is_name.then(|| sighting.host.clone());
        alert.http = sighting.http.clone();
        alert.indicator = Some(indicator.clone());
        alert.basis = sighting.basis;
        alert.message = format!(
            "{} asked {} {how} for {host}{port}, listed for {}{}{}",
            flow.source.address,
            flow.destination,
            indicator.family,
            indicator.remark(),
            address_match::within(finding.outer.as_deref())
        );
        self.judge.sighting(&mut alert, finding.time);
        self.repeats.lay_in(&alert, finding.outer.as_deref());
        TrackCounts::count(&mut self.counts.sightings, alert.signature);
        self.repeats.sighting(alert, None, false, &mut counted(&mut self.counts, emit));
    }

    fn netsupport(
        &mut self,
        heard: Provenance<'_>,
        finding: &Finding,
        sighting: &NetSupportSighting,
        emit: &mut dyn FnMut(Alert),
    ) {
        let flow = finding.flow;
        // A body alone is no evidence: it counts where the protocol was met before.
        if sighting.kind == NetSupport::Body && self.said.talks.find(&flow).is_none_or(|talk| talk.window.is_none()) {
            return;
        }
        let contacted = self.conversations.find(finding).map(|known| known.matched.indicator.clone());
        let Some(talk) = self.said.talks.heard(&flow, heard.end, heard.at, finding.time) else { return };
        let is_named = contacted.is_none();
        let indicator = contacted.or_else(|| talk.indicator.clone());
        talk.command = sighting.command.clone().or(talk.command.take());
        talk.version = sighting.version.clone().or(talk.version.take());
        let is_request = matches!(sighting.kind, NetSupport::Request | NetSupport::Geolocation);
        match sighting.kind {
            NetSupport::Request | NetSupport::Geolocation => talk.client = Some(flow.source),
            NetSupport::Answer => talk.client = Some(flow.destination),
            NetSupport::Body => {}
        }
        let from_client = talk.client == Some(flow.source);
        let mut alert = of_packet(finding, heard.origin, &self.settings.home, from_client);
        alert.http = sighting.http.clone();
        if sighting.kind == NetSupport::Geolocation {
            alert.signature = Signature::NetsupportGeolocation;
            alert.severity = alert.signature.severity(Closeness::Endpoint, 0);
            alert.application = Some("HTTP");
            alert.basis = MatchBasis::HttpHost;
            alert.message = format!(
                "A NetSupport client starts on {}: it asks where it is{}",
                alert.client.address,
                address_match::within(finding.outer.as_deref())
            );
            self.judge.sighting(&mut alert, finding.time);
            self.repeats.lay_in(&alert, finding.outer.as_deref());
            TrackCounts::count(&mut self.counts.sightings, alert.signature);
            self.repeats.sighting(alert, None, false, &mut counted(&mut self.counts, emit));
            return;
        }
        alert.application = Some("NetSupport");
        alert.basis = if is_request { MatchBasis::NetsupportRequest } else { MatchBasis::NetsupportAnswer };
        alert.start = talk.start.unwrap_or(finding.time);
        alert.signature = if indicator.is_some() { Signature::NetsupportSession } else { Signature::NetsupportGateway };
        alert.severity = alert.signature.severity(Closeness::Endpoint, 0);
        alert.message = netsupport_sentence(
            &alert,
            (indicator.as_deref(), is_named),
            talk.command.as_deref(),
            talk.version.as_deref(),
        ) + &address_match::within(finding.outer.as_deref());
        alert.indicator = indicator;
        let is_sighting = is_request || (sighting.kind == NetSupport::Answer && !talk.has_requests);
        talk.has_requests |= is_request;
        let place = (flow.either_way(), SILENCE);
        let mut emit = counted(&mut self.counts, emit);
        if is_sighting {
            let signature = alert.signature;
            self.judge.sighting(&mut alert, finding.time);
            self.repeats.lay_in(&alert, finding.outer.as_deref());
            talk.verdict.clone_from(&alert.exclusion);
            talk.window = self.repeats.sighting(alert, Some(place), talk.window.is_some(), &mut emit);
            drop(emit);
            TrackCounts::count(&mut self.counts.sightings, signature);
        } else {
            let traffic = Traffic {
                start: alert.start,
                time: finding.time,
                sent: alert.sent,
                received: alert.received,
                packets: alert.packets,
                tcp_outcome: None,
            };
            let message = alert.message.clone();
            if let Some(verdict) = talk.verdict.clone() {
                alert.set_exclusion(verdict);
            }
            talk.window = self.repeats.traffic(talk.window, traffic, place, || alert, &mut emit);
            drop(emit);
            self.repeats.reword(talk.window, message);
        }
    }
}

/// The sequence number at which a head ends that is whole in its segment.
pub(super) fn end_of(finding: &Finding) -> Option<u32> {
    finding.tcp.map(|tcp| first_byte(tcp).wrapping_add(finding.end))
}

/// The sequence number of a segment's first byte of payload.
fn first_byte(tcp: Tcp) -> u32 {
    // A SYN takes a number of its own (RFC 9293 section 3.4), also where data come with it (RFC 7413).
    tcp.sequence.wrapping_add(u32::from(tcp.opens() || tcp.accepts()))
}

/// Reads the bytes of a head as the scanner does.
fn read(
    indicators: &IndicatorSet,
    bytes: &[u8],
    begun: &Begun,
    wants_names: bool,
) -> (Vec<(usize, FindingKind)>, Reading) {
    let mut heard = Vec::new();
    let stream = begun.stream(bytes);
    let mut speech = AppLayer::new(indicators, wants_names);
    let reading = speech.read(stream, &mut ScanCounts::default(), &mut |end, what| heard.push((end, what)));
    (heard, reading)
}

/// Adds what there is of a head of which no more will come, and which begins so many bytes into those: it ends where they do.
fn read_so_far(
    indicators: &IndicatorSet,
    (bytes, begins): (&[u8], usize),
    begun: &Begun,
    wants_names: bool,
    heard: &mut Vec<(usize, FindingKind)>,
) {
    let end = bytes.len();
    let bytes = bytes.get(begins..).unwrap_or_default();
    let mut speech = AppLayer::new(indicators, wants_names);
    speech.read_so_far(begun.stream(bytes), &mut |what| heard.push((end, what)));
}
