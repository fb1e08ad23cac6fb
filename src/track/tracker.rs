//! The tracker: handles the findings of each Block in order, and emits alerts.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::agenda::{Agenda, Event, TrackerState};
use super::contact_match::ContactEnds;
use super::contacts::Contacts;
use super::counts::TrackCounts;
use super::datagram::scan_datagram;
use super::defrag::{Defrag, Released};
use super::dns::DnsMessages;
use super::provenance::{Observed, Provenance};
use super::quic_reassembly::QuicReassembly;
use super::resolved::ResolvedAddresses;
use super::seen_names::{NameSeen, SeenNames};
use super::session::Sessions;
use super::sightings::Sightings;
use super::streams::{StreamFinding, Streams};
use super::{server_names, tools};
use crate::alert::exclusion::Exclusions;
use crate::alert::{Alert, Evidence, REPEAT_WINDOW};
use crate::capture::{Block, TrackerSnapshot};
use crate::decode::{Decoded, MOST_TUNNELS, decode};
use crate::indicator::{IndicatorSet, LearnedAddresses};
use crate::scan::{Finding, FindingKind, Findings, ScanCounts, ScanRequest, Segment};
use crate::units::Timestamp;

/// The settings of the tracker.
#[derive(Debug, Clone)]
pub struct TrackSettings {
    /// The length of a window in which repeats are gathered; zero to report each conversation by
    /// itself.
    pub repeat_window: Duration,
    /// The inside networks; empty for whatever is private by its kind.
    pub home: Vec<IpNet>,
    /// The sightings that are lawful use.
    pub exclusions: Arc<Exclusions>,
}

impl Default for TrackSettings {
    fn default() -> Self {
        Self { repeat_window: REPEAT_WINDOW, home: Vec::new(), exclusions: Arc::default() }
    }
}

/// The ordered stage: findings in, alerts out.
pub struct Tracker {
    /// The highest time seen; `None` before the first packet.
    clock: Option<Timestamp>,
    /// The indicators of the latest Block.
    indicators: Arc<IndicatorSet>,
    contacts: Contacts,
    resolved: ResolvedAddresses,
    dns: DnsMessages,
    sessions: Sessions,
    streams: Streams,
    quic: QuicReassembly,
    defrag: Defrag,
    /// The number of datagrams that are being handled, each reassembled from fragments inside the
    /// one before.
    nested_datagrams: usize,
    /// The counts of scans of reassembled datagrams.
    scan_counts: ScanCounts,
    sightings: Sightings,
    /// All names that were seen, if requested.
    names: Option<SeenNames>,
}

impl Tracker {
    /// A tracker without state.
    pub fn new(settings: TrackSettings) -> Self {
        let TrackSettings { repeat_window, home, exclusions } = settings;
        Self {
            clock: None,
            indicators: Arc::default(),
            contacts: Contacts::default(),
            resolved: ResolvedAddresses::default(),
            dns: DnsMessages::default(),
            sessions: Sessions::default(),
            streams: Streams::new(),
            quic: QuicReassembly::default(),
            defrag: Defrag::default(),
            nested_datagrams: 0,
            scan_counts: ScanCounts::default(),
            sightings: Sightings::new(home, exclusions, repeat_window),
            names: None,
        }
    }

    /// Keeps all names that are seen from now on, listed or not: see [`Tracker::names`]. Scans have
    /// to be asked for them, too.
    pub fn keep_names(&mut self) {
        self.names = Some(SeenNames::default());
        self.streams.report_all_names();
        self.quic.report_all_names();
    }

    /// The names that were seen since the last call, in the order of the capture. To be called
    /// after each Block, and at the end.
    pub fn names(&mut self) -> impl Iterator<Item = NameSeen> {
        self.names.as_mut().into_iter().flat_map(SeenNames::take)
    }

    /// Keeps the conversations that alerts are about, from now on.
    pub fn keep_evidence(&mut self) {
        self.sightings.keep_evidence();
    }

    /// The evidence that was kept, once the input has ended.
    pub fn take_evidence(&mut self) -> Option<Evidence> {
        self.sightings.take_evidence()
    }

    /// Replaces the exclusions: for the sightings of later Blocks, and for the traffic of earlier
    /// ones.
    pub fn set_exclusions(&mut self, exclusions: Arc<Exclusions>) {
        self.sightings.set_exclusions(exclusions);
    }

    /// The state that a tracker without state would lack, so that it would handle later packets
    /// differently.
    pub fn held(&self) -> TrackerSnapshot {
        let findings = self.clock.is_some_and(|now| {
            self.sightings.has_windows() || !self.resolved.have_expired(now) || !self.contacts.have_ended(now)
        });
        let pieces = self.defrag.next_timeout().is_some() || self.streams.has_pending() || !self.quic.is_empty();
        TrackerSnapshot { findings, pieces, clock: self.clock }
    }

    /// The counts so far.
    pub fn counts(&self) -> TrackCounts {
        let alerts = self.sightings.counts();
        TrackCounts {
            sightings: alerts.sightings,
            alerts: alerts.alerts,
            first_alerts: alerts.first_alerts,
            suppressed_lines: alerts.suppressed_lines,
            exclusions: self.sightings.exclusion_counts().to_vec(),
            contacts_forgotten: self.sightings.hosts_forgotten(),
            conversations_forgotten: self.contacts.forgotten(),
            windows_closed_early: self.sightings.windows_closed_early(),
            addresses_forgotten: self.resolved.forgotten(),
            addresses_refused: self.resolved.refused(),
            addresses_beyond: self.resolved.beyond(),
            fragments: self.defrag.counts(),
            heads: self.streams.counts(),
            hellos_given_up: self.quic.abandoned(),
            identities_forgotten: self.sightings.identities_forgotten(),
            sessions_forgotten: self.sessions.forgotten(),
        }
    }

    /// The counts of scans of reassembled datagrams. They hold no packets: the fragments were
    /// counted as such.
    pub fn scan_counts(&self) -> ScanCounts {
        ScanCounts { packets: 0, ..self.scan_counts }
    }

    /// Returns true if scans should note segments, since heads are pending. This only saves time.
    pub fn wants_segments(&self) -> bool {
        self.streams.has_pending()
    }

    /// The learned addresses for scans from now on, if they changed since the last call.
    pub fn publish(&mut self) -> Option<LearnedAddresses> {
        self.resolved.publish()
    }

    /// Handles the findings of the next Block.
    pub fn take(&mut self, block: &Block, findings: &Findings, emit: &mut dyn FnMut(Alert)) {
        self.indicators = block.indicators.clone();
        let mut agenda = Agenda::new(block, findings, &self.resolved);
        loop {
            let timeout = self.next_timeout();
            let state = TrackerState { clock: self.clock, timeout, streams: &self.streams };
            let Some(event) = agenda.next(&state) else { break };
            let learned = self.resolved.learned();
            self.handle(&event, block, &mut agenda, emit);
            if let Some(frame) = event.rescan_from().filter(|_| self.resolved.learned() > learned) {
                agenda.rescan(self.resolved.learned_since(learned), frame);
            }
        }
        if let Some(latest) = findings.latest {
            self.advance_clock(latest, emit);
        }
        self.streams.end_block(block);
    }

    /// Handles the end of the input: abandons what is incomplete, and closes all windows of
    /// repeats.
    pub fn finish(&mut self, emit: &mut dyn FnMut(Alert)) {
        while let Some(released) = self.defrag.next_unfinished() {
            self.datagram(released, emit);
        }
        let found = self.streams.finish(&self.indicators);
        self.stream_findings(found, emit);
        self.sightings.close_all(emit);
    }

    fn handle(&mut self, event: &Event<'_>, block: &Block, agenda: &mut Agenda<'_>, emit: &mut dyn FnMut(Alert)) {
        match event {
            Event::Timeout { due, before } => {
                self.streams.remember(block, *before);
                self.advance_clock(*due, emit);
                self.expire(*due, emit);
            }
            Event::Segment { frame, clock } => {
                self.advance_clock(*clock, emit);
                self.segment(block, *frame, emit);
            }
            Event::Finding(finding) if self.streams.is_in_body(block, finding) => {
                self.advance_clock(finding.clock, emit);
            }
            Event::Finding(finding) => match finding.kind {
                FindingKind::PartialHead(offset) => {
                    self.advance_clock(finding.clock, emit);
                    self.partial_head(block, finding, offset, agenda.segments(), emit);
                }
                FindingKind::Fragment => {
                    // A head may begin in the datagram.
                    self.streams.remember(block, finding.frame);
                    self.finding(block, finding, emit);
                }
                _ => self.finding(block, finding, emit),
            },
            Event::LateContact(finding) => self.finding(block, finding, emit),
        }
    }

    /// Handles a finding of a Block or of a reassembled datagram.
    fn finding(&mut self, block: &Block, finding: &Finding, emit: &mut dyn FnMut(Alert)) {
        self.advance_clock(finding.clock, emit);
        match finding.kind {
            FindingKind::Contact { source, destination } => {
                self.contact(ContactEnds { source, destination }, block, finding, emit);
            }
            FindingKind::Fragment => self.fragment(block, finding, emit),
            FindingKind::PartialHead(offset) => self.partial_head(block, finding, offset, &[], emit),
            FindingKind::PartialHello => {
                for finding in self.quic.add(block, finding, self.clock()) {
                    self.finding(block, &finding, emit);
                }
            }
            _ => self.content(Observed { finding, provenance: &Provenance::of_packet(block, finding) }, emit),
        }
    }

    /// Handles a finding in a head, in one packet or reassembled.
    fn content(&mut self, observed: Observed<'_>, emit: &mut dyn FnMut(Alert)) {
        let Self { dns, resolved, sessions, contacts, sightings, names, .. } = self;
        match &observed.finding.kind {
            FindingKind::Dns(sighting) => dns.report(sighting, observed, resolved, sessions, sightings, emit),
            FindingKind::ServerName(sighting) => server_names::report(sighting, observed, sessions, sightings, emit),
            FindingKind::Tool(sighting) => tools::report(sighting, observed, sessions, contacts, sightings, emit),
            FindingKind::Names(named) => {
                if let Some(names) = names {
                    names.add(named, observed);
                }
            }
            FindingKind::HostFact(fact) => sightings.identities().add(fact, observed.finding),
            _ => {}
        }
    }

    fn contact(&mut self, ends: ContactEnds, block: &Block, finding: &Finding, emit: &mut dyn FnMut(Alert)) {
        self.contacts.report(ends, block, finding, &self.resolved, &mut self.sightings, emit);
    }

    /// Handles a segment that may belong to a pending head.
    fn segment(&mut self, block: &Block, frame: u32, emit: &mut dyn FnMut(Alert)) {
        let found = self.streams.add_segment(block, frame, self.clock());
        self.stream_findings(found, emit);
    }

    /// Handles a head that begins in a segment and is not complete in it.
    fn partial_head(
        &mut self,
        block: &Block,
        finding: &Finding,
        offset: u32,
        segments: &[Segment],
        emit: &mut dyn FnMut(Alert),
    ) {
        let found = self.streams.begin_head(block, finding, offset, segments, self.clock());
        self.stream_findings(found, emit);
    }

    fn stream_findings(&mut self, found: Vec<StreamFinding>, emit: &mut dyn FnMut(Alert)) {
        for StreamFinding { finding, provenance } in &found {
            self.content(Observed { finding, provenance }, emit);
        }
    }

    fn fragment(&mut self, block: &Block, finding: &Finding, emit: &mut dyn FnMut(Alert)) {
        if self.nested_datagrams > MOST_TUNNELS {
            self.scan_counts.tunnels_too_deep += 1;
            return self.lone_fragment(block, finding, emit);
        }
        let frame = block.frames.get(finding.frame as usize);
        let decoded = frame.and_then(|frame| decode(frame.link, block.captured(frame), frame.original).ok());
        let Some(Decoded { fragment: Some(fragment), .. }) = decoded else { return };
        for released in self.defrag.add(block, finding, &fragment, self.clock()) {
            self.datagram(released, emit);
        }
    }

    /// Handles a reassembled datagram, or the remains of an abandoned one.
    fn datagram(&mut self, released: Released, emit: &mut dyn FnMut(Alert)) {
        let block = &released.block;
        if !block.frames.is_empty() {
            let request = ScanRequest { names: self.names.is_some(), ..ScanRequest::default() };
            let findings = scan_datagram(&released, &self.resolved, request, &mut self.scan_counts);
            let is_contact = |finding: &Finding| matches!(finding.kind, FindingKind::Contact { .. });
            let (contacts, content) = findings.split_at(findings.partition_point(is_contact));
            self.nested_datagrams += 1;
            for finding in contacts {
                self.finding(block, finding, emit);
            }
            if self.streams.has_pending() {
                self.segment(block, 0, emit);
            }
            for finding in content {
                if !self.streams.is_in_body(block, finding) {
                    self.finding(block, finding, emit);
                }
            }
            self.nested_datagrams -= 1;
        }
        for fragment in &released.lone_fragments {
            self.lone_fragment(block, fragment, emit);
        }
    }

    /// Handles a fragment that counts by itself: only its ends are known.
    fn lone_fragment(&mut self, block: &Block, finding: &Finding, emit: &mut dyn FnMut(Alert)) {
        self.contact(ContactEnds::of(finding, &block.indicators), block, finding, emit);
    }

    /// The next timeout of a datagram or head.
    fn next_timeout(&mut self) -> Option<Timestamp> {
        self.defrag.next_timeout().into_iter().chain(self.streams.next_timeout()).min()
    }

    /// Abandons the datagram or head that has reached its timeout.
    fn expire(&mut self, due: Timestamp, emit: &mut dyn FnMut(Alert)) {
        if self.defrag.next_timeout().is_some_and(|datagram| datagram <= due) {
            if let Some(released) = self.defrag.expire(due) {
                self.datagram(released, emit);
            }
        } else {
            let found = self.streams.expire(&self.indicators);
            self.stream_findings(found, emit);
        }
    }

    /// The clock. Every event sets it before anything else.
    fn clock(&self) -> Timestamp {
        self.clock.unwrap_or(Timestamp::MIN)
    }

    /// Sets the clock, unless it is later already. Time is packet time: a packet from the past
    /// never turns it back.
    fn advance_clock(&mut self, to: Timestamp, emit: &mut dyn FnMut(Alert)) {
        if self.clock.is_none_or(|clock| clock < to) {
            self.clock = Some(to);
            self.sightings.close_due(to, emit);
            self.contacts.expire(to);
        }
    }
}
