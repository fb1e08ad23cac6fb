//! The ordered stage: findings in, alerts out.
//!
//! One tracker takes the findings of all Blocks in Block order, so it sees the capture as if one thread had read it. All
//! state lives here, and only for conversations that matter. Time is packet time, and the clock is the highest time seen:
//! a packet from the past never turns it back.
//!
//! Nothing that the tracker does depends on where one Block ends and the next begins, nor on what a scanner happened to
//! know of learned addresses when it scanned: whatever a scan could not know yet is looked for again here. So the alerts
//! are a function of the packets and the settings alone.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::alert::exclusion::Exclusions;
use crate::alert::{Alert, Evidence, REPEAT_WINDOW, Repeats, Signature, Traffic};
use crate::capture::{Block, Held};
use crate::decode::{Decoded, MOST_TUNNELS, decode};
use crate::flow::{End, Flow};
use crate::indicator::{AddressMatch, IndicatorCache, IndicatorId, IndicatorSet, Learned};
use crate::scan::{DnsSighting, Finding, FindingKind, Findings, ScanCounts, scan, scan_again};
use crate::units::{ByteCount, Timestamp};

mod address_match;
mod build_alert;
mod conversation;
mod defrag;
mod exclusion_policy;
mod names;
mod quic_hello;
mod recent_contacts;
mod rescan;
mod resolved;
mod segments;
mod session;
mod streams;
mod tcp_reassembly;

pub use defrag::{DefragCounts, GiveUp};
pub use exclusion_policy::ExclusionCounts;
pub use names::NameSeen;
pub use tcp_reassembly::HeadCounts;

use address_match::Match;
use build_alert::{of_conversation, of_dns};
use conversation::{Conversation, Conversations, Judged};
use defrag::{Defrag, Released};
use exclusion_policy::ExclusionPolicy;
use names::Names;
use rescan::{PacketsByAddress, Rescan, has_contact, place};
use resolved::Resolved;
use segments::Segments;
use streams::Provenance;

/// What the tracker is told to do.
#[derive(Debug, Clone)]
pub struct TrackSettings {
    /// How long repeats are gathered; zero for each conversation by itself.
    pub repeat_window: Duration,
    /// What is inside; empty for whatever is private by its kind.
    pub home: Vec<IpNet>,
    /// Which sightings are lawful use.
    pub exclusions: Arc<Exclusions>,
}

impl Default for TrackSettings {
    fn default() -> Self {
        Self { repeat_window: REPEAT_WINDOW, home: Vec::new(), exclusions: Arc::default() }
    }
}

/// What the tracker counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrackCounts {
    /// Sightings by signature, in the order of [`Signature::ALL`].
    pub sightings: [u64; Signature::ALL.len()],
    /// Alerts by signature, in the order of [`Signature::ALL`].
    pub alerts: [u64; Signature::ALL.len()],
    /// Lines that were not written since an exclusion suppresses them; their sightings are among `sightings`.
    pub suppressed_lines: u64,
    /// What became of sightings that exclusions match, rule by rule.
    pub exclusions: Vec<ExclusionCounts>,
    /// Hosts of which it was forgotten, for want of room, that they had contact with something listed.
    pub contacts_forgotten: u64,
    /// Conversations forgotten for want of room.
    pub conversations_forgotten: u64,
    /// Repeat windows closed early for want of room.
    pub windows_closed_early: u64,
    /// Learned addresses forgotten for want of room.
    pub addresses_forgotten: u64,
    /// Addresses in answers that were not learned because they are nobody's.
    pub addresses_refused: u64,
    /// Addresses in answers past the bound of one answer.
    pub addresses_beyond: u64,
    /// Fragments and what became of their datagrams.
    pub fragments: DefragCounts,
    /// Heads over several segments and what became of them.
    pub heads: HeadCounts,
    /// ClientHellos over several QUIC datagrams that never became whole.
    pub hellos_given_up: u64,
    /// Conversations of which what was said in them was forgotten for want of room.
    pub talks_forgotten: u64,
}

impl TrackCounts {
    fn count(counts: &mut [u64; Signature::ALL.len()], signature: Signature) {
        if let Some(place) = Signature::ALL.iter().position(|known| *known == signature) {
            counts[place] += 1;
        }
    }
}

/// The ordered stage.
pub struct Tracker {
    settings: TrackSettings,
    /// The highest time seen; `None` before the first packet.
    clock: Option<Timestamp>,
    conversations: Conversations,
    resolved: Resolved,
    repeats: Repeats,
    defrag: Defrag,
    /// How many datagrams are being looked at, each of which was put together from fragments that lay in the one before.
    nesting: usize,
    /// Those of the latest Block.
    indicators: Arc<IndicatorSet>,
    indicator_cache: IndicatorCache,
    counts: TrackCounts,
    scan_counts: ScanCounts,
    /// What is said in conversations.
    said: streams::Streams,
    /// All names that were seen, where they are wanted.
    names: Option<Names>,
    /// The DNS sighting before this one: one packet may hold several messages.
    last_dns: Option<(u64, u32, bool, IndicatorId)>,
    judge: ExclusionPolicy,
}

impl Tracker {
    /// A tracker that has seen nothing yet.
    pub fn new(settings: TrackSettings) -> Self {
        let repeats = Repeats::new(settings.repeat_window);
        let judge = ExclusionPolicy::new(settings.exclusions.clone());
        Self {
            settings,
            clock: None,
            conversations: Conversations::default(),
            resolved: Resolved::default(),
            repeats,
            defrag: Defrag::default(),
            nesting: 0,
            indicators: Arc::default(),
            indicator_cache: IndicatorCache::default(),
            counts: TrackCounts::default(),
            scan_counts: ScanCounts::default(),
            said: streams::Streams::new(),
            names: None,
            last_dns: None,
            judge,
        }
    }

    /// Keeps all names that are seen from now on, listed or not: see [`Tracker::names`]. Scans have to be told, too.
    pub fn keep_names(&mut self) {
        self.names = Some(Names::default());
    }

    /// Keeps which conversations the alerts tell of, from now on.
    pub fn keep_evidence(&mut self) {
        self.repeats.keep_evidence();
    }

    /// What was kept, once the input has ended.
    pub fn take_evidence(&mut self) -> Option<Evidence> {
        self.repeats.take_evidence()
    }

    /// The names that were seen since the last call, in the order of the capture. To be asked after each Block, and at the end.
    pub fn names(&mut self) -> impl Iterator<Item = NameSeen> {
        self.names.as_mut().into_iter().flat_map(Names::take)
    }

    /// What is held that would make what comes look different to a tracker that has seen nothing yet.
    pub fn held(&self) -> Held {
        let findings = self.clock.is_some_and(|now| {
            !(self.repeats.is_empty() && self.resolved.has_expired(now) && self.conversations.have_ended(now))
        });
        let pieces = self.defrag.due().is_some() || self.said.has_pieces();
        Held { findings, pieces, clock: self.clock }
    }

    /// What was counted so far.
    pub fn counts(&self) -> TrackCounts {
        let mut counts = TrackCounts {
            conversations_forgotten: self.conversations.forgotten(),
            windows_closed_early: self.repeats.closed_early(),
            addresses_forgotten: self.resolved.forgotten(),
            addresses_refused: self.resolved.refused(),
            fragments: self.defrag.counts(),
            exclusions: self.judge.counts().to_vec(),
            contacts_forgotten: self.judge.hosts_forgotten(),
            ..self.counts.clone()
        };
        self.said.count(&mut counts);
        counts
    }

    /// What was counted when datagrams put together from fragments were scanned. No packets: the fragments were counted as such.
    pub fn scan_counts(&self) -> ScanCounts {
        ScanCounts { packets: 0, ..self.scan_counts }
    }

    /// Takes other exclusions: for the sightings of the Blocks that come from now on, and for what follows earlier ones.
    pub fn set_exclusions(&mut self, exclusions: Arc<Exclusions>) {
        self.judge.set(exclusions);
    }

    /// Takes the findings of the next Block.
    pub fn take(&mut self, block: &Block, findings: &Findings, emit: &mut dyn FnMut(Alert)) {
        self.indicators = block.indicators.clone();
        let mut missed: Rescan =
            self.scan_for_newer(block, findings).into_iter().map(|found| (place(&found), found)).collect();
        let mut packets = None;
        let mut list = findings.list.iter().peekable();
        let mut segments = Segments::new(block, findings);
        loop {
            let listed = list.peek().map(|finding| (place(finding), finding.clock));
            let next = listed.into_iter().chain(missed.iter().next().map(|(place, found)| (*place, found.clock))).min();
            let Some(clock) = next.map(|(_, clock)| clock).or(findings.latest) else { return };
            let clock = self.clock.map_or(clock, |latest| latest.max(clock));
            // Each at the time when its turn came, however far the clock jumps from finding to finding.
            let due = self.defrag.due().into_iter().chain(self.said.due()).min().filter(|due| *due <= clock);
            let before = match (due, next) {
                // At the end of time all is due at once.
                (Some(due), _) if self.clock.is_some_and(|clock| clock >= due) => segments.passed(),
                (Some(due), _) => segments.first_at(due),
                (None, Some(((frame, ..), _))) => frame.saturating_add(1),
                (None, None) => u32::MAX,
            };
            let segment =
                if self.said.waits() { segments.next(before, |segment| self.said.may_want(segment)) } else { None };
            let segment = segment.filter(|(at, _)| next.is_none_or(|(place, _)| *at <= place));
            let learned = self.resolved.learned();
            if let Some(due) = due.filter(|_| segment.is_none()) {
                segments.pass(before);
                self.said.remember(block, before);
                self.set_clock(due, emit);
                self.give_up(due, &block.indicators, emit);
                self.catch_up(learned, (block, findings), &mut packets, &mut missed, |found| found.frame >= before);
                continue;
            }
            let clock = segment.map_or(clock, |(_, clock)| clock);
            let next = segment.or(next);
            match next {
                Some(_) if segment.is_some() => {
                    self.set_clock(clock, emit);
                    if let Some(segment) = segments.take() {
                        self.segment(block, &segment, emit);
                        let comes_later = |found: &Finding| found.frame > segment.frame;
                        self.catch_up(learned, (block, findings), &mut packets, &mut missed, comes_later);
                    }
                }
                Some(next) if Some(next) == listed => {
                    let Some(finding) = list.next() else { return };
                    segments.pass(finding.frame);
                    match finding.what {
                        _ if self.said.is_in_body(block, finding) => self.set_clock(finding.clock, emit),
                        FindingKind::HeadBegins(offset) => {
                            self.set_clock(finding.clock, emit);
                            self.head_begins(block, finding, offset, segments.all(), emit);
                        }
                        FindingKind::Fragment => {
                            // A head may begin in its datagram.
                            self.said.remember(block, finding.frame);
                            self.take_finding(block, finding, emit);
                        }
                        _ => self.take_finding(block, finding, emit),
                    }
                    if matches!(finding.what, FindingKind::Fragment | FindingKind::HeadBegins(_)) {
                        self.catch_up(learned, (block, findings), &mut packets, &mut missed, |found| {
                            found.frame > finding.frame
                        });
                    }
                }
                Some(_) => {
                    let Some((_, finding)) = missed.pop_first() else { return };
                    self.take_finding(block, &finding, emit);
                }
                None => {
                    self.set_clock(clock, emit);
                    return self.said.remember_all(block);
                }
            }
        }
    }

    /// Gives up what is due: a datagram, or a head.
    fn give_up(&mut self, due: Timestamp, indicators: &Arc<IndicatorSet>, emit: &mut dyn FnMut(Alert)) {
        if self.defrag.due().is_some_and(|datagram| datagram <= due) {
            if let Some((_, released)) = self.defrag.next_due(due) {
                self.released(released, emit);
            }
        } else {
            self.expire_head(indicators, emit);
        }
    }

    /// Finds contacts in the rest of a Block with addresses that a datagram put together on the way has taught: those that
    /// `comes_later` says so of.
    fn catch_up(
        &self,
        learned: u64,
        (block, findings): (&Block, &Findings),
        packets: &mut Option<PacketsByAddress>,
        missed: &mut Rescan,
        comes_later: impl Fn(&Finding) -> bool,
    ) {
        if self.resolved.learned() == learned {
            return;
        }
        let packets = packets.get_or_insert_with(|| PacketsByAddress::of(block));
        for found in self.resolved.learned_since(learned).flat_map(|address| packets.with(address)) {
            if comes_later(found) && !has_contact(findings, found.frame, found.depth()) {
                missed.entry(place(found)).or_insert_with(|| found.clone());
            }
        }
    }

    /// Whether scanners had better note the segments of their Blocks, since heads are pending.
    pub fn wants_segments(&self) -> bool {
        self.said.waits()
    }

    /// The learned addresses that scanners are to look for from now on, where they changed since the last call.
    pub fn publish(&mut self) -> Option<Learned> {
        self.resolved.publish()
    }

    /// The input has ended: tells what is still to be told.
    pub fn finish(&mut self, emit: &mut dyn FnMut(Alert)) {
        while let Some(released) = self.defrag.next_unfinished() {
            self.released(released, emit);
        }
        let indicators = self.indicators.clone();
        self.end_heads(&indicators, emit);
        self.repeats.close_all(&mut counted(&mut self.counts, emit));
    }

    /// Contacts that the scan of this Block could not find: with addresses learned since the generation that it knew, in
    /// Blocks before this one or by answers within it.
    fn scan_for_newer(&self, block: &Block, findings: &Findings) -> Vec<Finding> {
        let mut answered = findings.list.iter().filter_map(|finding| match &finding.what {
            FindingKind::Dns(sighting) if sighting.is_answer => Some(sighting),
            _ => None,
        });
        let first = answered.next();
        if first.is_none() && !self.resolved.has_newer_than(findings.learned) {
            return Vec::new();
        }
        let in_block = first.into_iter().chain(answered).flat_map(|sighting| sighting.facts.addresses.iter().copied());
        let newer: HashSet<IpAddr> = in_block.chain(self.resolved.newer_than(findings.learned)).collect();
        let newer = Learned::new(0, newer);
        scan_again(block, |frame, depth, source, destination| {
            (newer.contains(source) || newer.contains(destination)) && !has_contact(findings, frame, depth)
        })
    }

    fn take_finding(&mut self, block: &Block, finding: &Finding, emit: &mut dyn FnMut(Alert)) {
        self.set_clock(finding.clock, emit);
        match &finding.what {
            FindingKind::Contact { source, destination } => self.contact(block, finding, *source, *destination, emit),
            FindingKind::Dns(sighting) => {
                self.dns(Provenance::in_packet(block, finding, streams::end_of(finding)), finding, sighting, emit);
            }
            FindingKind::Fragment => self.fragment(block, finding, emit),
            FindingKind::Names(all) => {
                if let Some(names) = &mut self.names {
                    names.see(finding, streams::end_of(finding), (block.number, finding.frame), all);
                }
            }
            FindingKind::Name(_) | FindingKind::NetSupport(_) => {
                self.said(Provenance::in_packet(block, finding, streams::end_of(finding)), finding, emit);
            }
            FindingKind::HeadBegins(offset) => self.head_begins(block, finding, *offset, &[], emit),
            FindingKind::QuicPart => self.quic_part(block, finding, emit),
        }
    }

    fn set_clock(&mut self, to: Timestamp, emit: &mut dyn FnMut(Alert)) {
        if self.clock.is_none_or(|clock| clock < to) {
            self.clock = Some(to);
            self.repeats.close_due(to, &mut counted(&mut self.counts, emit));
            self.conversations.expire(to);
        }
    }

    fn fragment(&mut self, block: &Block, finding: &Finding, emit: &mut dyn FnMut(Alert)) {
        if self.nesting > MOST_TUNNELS {
            self.scan_counts.tunnels_too_deep += 1;
            return self.lone(block, finding, emit);
        }
        let frame = block.frames.get(finding.frame as usize);
        let decoded = frame.and_then(|frame| decode(frame.link, block.captured(frame), frame.original).ok());
        let Some(Decoded { fragment: Some(fragment), .. }) = decoded else { return };
        let now = self.clock.unwrap_or(finding.time);
        for released in self.defrag.take(block, finding, &fragment, now) {
            self.released(released, emit);
        }
    }

    /// Looks at a datagram that was put together, or at what is left of one.
    fn released(&mut self, released: Released, emit: &mut dyn FnMut(Alert)) {
        let Released { block, lone, length, packets, macs, vlans, outer } = released;
        if !block.frames.is_empty() {
            let mut findings = Findings { wants_names: self.names.is_some(), ..Findings::default() };
            scan(&block, &self.learned_among(&block), &mut findings);
            self.scan_counts.add(&findings.counts);
            self.nesting += 1;
            let mut is_fed = false;
            for mut finding in findings.list {
                if !is_fed && !matches!(finding.what, FindingKind::Contact { .. }) {
                    is_fed = true;
                    self.datagram_segment(&block, emit);
                }
                if finding.depth() == 0 {
                    finding.length = length;
                }
                finding.packets = packets;
                finding.macs = finding.macs.or(macs);
                if finding.vlans.is_empty() {
                    finding.vlans.clone_from(&vlans);
                }
                if let Some(around) = &outer {
                    let inner = finding.outer.as_deref().unwrap_or_default();
                    finding.outer = Some(around.iter().chain(inner).copied().collect());
                }
                if !self.said.is_in_body(&block, &finding) {
                    self.take_finding(&block, &finding, emit);
                }
            }
            if !is_fed {
                self.datagram_segment(&block, emit);
            }
            self.nesting -= 1;
        }
        for finding in lone {
            self.lone(&block, &finding, emit);
        }
    }

    /// A fragment that counts by itself: only its ends are known.
    fn lone(&mut self, block: &Block, finding: &Finding, emit: &mut dyn FnMut(Alert)) {
        let listed = |end: End| block.indicators.find_address(end.address, end.port);
        let (source, destination) = (listed(finding.flow.source), listed(finding.flow.destination));
        self.contact(block, finding, source, destination, emit);
    }

    /// Those learned addresses that occur in a Block of few frames.
    fn learned_among(&self, block: &Block) -> Learned {
        let mut found = Vec::new();
        for frame in &block.frames {
            let Ok(decoded) = decode(frame.link, block.captured(frame), frame.original) else { continue };
            let flows = decoded.outer.iter().map(|outer| outer.flow).chain([decoded.packet.flow()]);
            let addresses = flows.flat_map(|flow| [flow.source.address, flow.destination.address]);
            found.extend(addresses.filter(|address| self.resolved.find(*address, frame.time).is_some()));
        }
        Learned::new(0, found)
    }

    fn contact(
        &mut self,
        block: &Block,
        finding: &Finding,
        source: Option<AddressMatch>,
        destination: Option<AddressMatch>,
        emit: &mut dyn FnMut(Alert),
    ) {
        let Flow { source: sender, destination: receiver, .. } = finding.flow;
        let is_listed = source.is_some() || destination.is_some();
        // What was forgotten since the scan's publication is nobody's contact, not even a known conversation's.
        if !is_listed && !self.resolved.holds(sender.address) && !self.resolved.holds(receiver.address) {
            return;
        }
        let unpack = |id| self.indicator_cache.get(&block.indicators, id);
        let found = Match::of(finding, source, destination, unpack, &self.resolved);
        let mut emit = counted(&mut self.counts, emit);
        let is_new_statement;
        let conversation = match self.conversations.find(finding) {
            Some(known) => {
                let stronger = found.filter(|found| found.strength() > known.matched.strength());
                is_new_statement = stronger.is_some();
                if let Some(stronger) = stronger {
                    known.matched = stronger;
                    known.window = None;
                }
                known
            }
            None => {
                let Some(found) = found else { return };
                is_new_statement = true;
                let both = source.is_some() && destination.is_some();
                let client_sent = address_match::is_client_sender(finding, &found, both);
                let new = Conversation::new(finding, block.origin.clone(), found, client_sent);
                self.conversations.insert(finding.flow, new)
            }
        };
        let (sent, received) = conversation.add(finding);
        let place = (finding.flow.either_way(), conversation.silence());
        let (packets, home) = (finding.packets, &self.settings.home);
        let alert = |conversation: &Conversation| of_conversation(conversation, (sent, received), packets, home);
        if is_new_statement {
            let mut alert = alert(conversation);
            self.judge.sighting(&mut alert, finding.time);
            self.repeats.lay_in(&alert, finding.outer.as_deref());
            conversation.judged = Judged::new(alert.exclusion.clone(), finding.time);
            conversation.window = self.repeats.sighting(alert, Some(place), false, &mut emit);
            let signature = conversation.matched.signature;
            drop(emit);
            TrackCounts::count(&mut self.counts.sightings, signature);
            return;
        }
        if conversation.judged.is_due(finding.time, self.judge.has_rules()) {
            let verdict = self.judge.verdict(&alert(conversation), finding.time);
            if !conversation.judged.says(verdict.as_ref()) {
                conversation.window = None;
            }
            conversation.judged = Judged::new(verdict, finding.time);
        }
        let alert = |conversation: &Conversation| conversation.judged.put_on(alert(conversation));
        let traffic = Traffic {
            start: conversation.first,
            time: finding.time,
            sent,
            received,
            packets,
            tcp_outcome: conversation.tcp_outcome,
        };
        let window = self.repeats.traffic(conversation.window, traffic, place, || alert(conversation), &mut emit);
        conversation.window = window;
    }

    fn dns(&mut self, heard: Provenance<'_>, finding: &Finding, sighting: &DnsSighting, emit: &mut dyn FnMut(Alert)) {
        let Some(indicator) = self.indicator_cache.get(heard.indicators, sighting.indicator) else { return };
        if sighting.is_answer {
            let name: Arc<[u8]> = sighting.facts.name.as_slice().into();
            for (address, lifetime) in sighting.facts.addresses.iter().zip(&sighting.lifetimes) {
                self.resolved.learn(*address, *lifetime, &indicator, &name, finding.time);
            }
            self.counts.addresses_beyond += sighting.more_addresses;
        }
        // TCP sends a lost segment again; who asks again over UDP asks again.
        if heard.end.is_some() && !self.said.is_new(finding, heard.end, heard.at) {
            return;
        }
        // The bytes of a packet count once, however many messages of it say the same.
        let (block, frame) = heard.at;
        let this = (block, frame, sighting.is_answer, sighting.indicator);
        let is_counted = self.last_dns.replace(this) == Some(this);
        let length = ByteCount(if is_counted { 0 } else { finding.length.into() });
        let mut alert = of_dns(finding, sighting, &indicator, heard.origin, length, &self.settings.home);
        self.judge.sighting(&mut alert, finding.time);
        self.repeats.lay_in(&alert, finding.outer.as_deref());
        TrackCounts::count(&mut self.counts.sightings, alert.signature);
        self.repeats.sighting(alert, None, false, &mut counted(&mut self.counts, emit));
    }
}

fn counted<'a>(counts: &'a mut TrackCounts, emit: &'a mut dyn FnMut(Alert)) -> impl FnMut(Alert) {
    |alert: Alert| {
        match alert.is_suppressed() {
            true => counts.suppressed_lines += 1,
            false => TrackCounts::count(&mut counts.alerts, alert.signature),
        }
        emit(alert);
    }
}
