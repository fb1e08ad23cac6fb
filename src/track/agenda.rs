//! The agenda of a Block: its events in the order in which the tracker handles them.
//!
//! Four sources are merged: the findings of the scan; contacts that the scan could not find (the
//! [rescan](super::rescan)); segments that pending heads wait for; and timeouts of datagrams and
//! heads. The order is that of the frames, so that it does not depend on where Blocks begin and
//! end. A timeout comes before the first frame at which the clock has reached it.

use std::iter::Peekable;
use std::net::IpAddr;
use std::slice;

use super::block_segments::BlockSegments;
use super::rescan::{Rescan, Turn};
use super::resolved::ResolvedAddresses;
use super::streams::Streams;
use crate::capture::Block;
use crate::scan::{Finding, FindingKind, Findings, Segment};
use crate::units::Timestamp;

/// The events of a Block that have not had their turn.
pub(super) struct Agenda<'a> {
    block: &'a Block,
    findings: &'a Findings,
    scanned: Peekable<slice::Iter<'a, Finding>>,
    rescan: Rescan,
    segments: BlockSegments<'a>,
}

/// An event of a Block.
pub(super) enum Event<'a> {
    /// The oldest datagram or head has reached its timeout. It counts before this frame.
    Timeout {
        /// The time of the timeout.
        due: Timestamp,
        /// The index of the frame.
        before: u32,
    },
    /// A segment that a pending head may want.
    Segment {
        /// The index of its frame.
        frame: u32,
        /// The clock at that frame.
        clock: Timestamp,
    },
    /// A finding of the scan.
    Finding(&'a Finding),
    /// A contact that the scan could not find.
    LateContact(Finding),
}

impl Event<'_> {
    /// The frame from which on the rescan has to add contacts, if this event taught addresses;
    /// `None` for an event whose addresses the rescan knows already.
    pub(super) fn rescan_from(&self) -> Option<u32> {
        match self {
            Self::Timeout { before, .. } => Some(*before),
            Self::Segment { frame, .. } => Some(*frame + 1),
            Self::Finding(finding) => match finding.kind {
                FindingKind::Fragment | FindingKind::PartialHead(_) => Some(finding.frame + 1),
                _ => None,
            },
            Self::LateContact(_) => None,
        }
    }
}

/// The state of the tracker that the next event depends on.
pub(super) struct TrackerState<'a> {
    /// `None` before the first packet.
    pub(super) clock: Option<Timestamp>,
    /// The next timeout of a datagram or head.
    pub(super) timeout: Option<Timestamp>,
    pub(super) streams: &'a Streams,
}

impl<'a> Agenda<'a> {
    pub(super) fn new(block: &'a Block, findings: &'a Findings, resolved: &ResolvedAddresses) -> Self {
        Self {
            block,
            findings,
            scanned: findings.list.iter().peekable(),
            rescan: Rescan::new(block, findings, resolved),
            segments: BlockSegments::new(block, findings),
        }
    }

    /// The next event; `None` at the end of the Block.
    pub(super) fn next(&mut self, state: &TrackerState<'_>) -> Option<Event<'a>> {
        let scanned = self.scanned.peek().map(|finding| Turn::of(finding));
        let next = scanned.into_iter().chain(self.rescan.next_turn()).min();
        // Each timeout has its own turn, however far the clock jumps from one finding to the next.
        let clock = next.map(|next| next.clock).or(self.findings.latest)?;
        let clock = state.clock.map_or(clock, |latest| latest.max(clock));
        let due = state.timeout.filter(|due| *due <= clock);
        let before = match (due, next) {
            // At the end of time everything is due at once.
            (Some(due), _) if state.clock.is_some_and(|clock| clock >= due) => self.segments.passed(),
            (Some(due), _) => self.segments.first_frame_at(due),
            (None, Some(next)) => next.place.frame().saturating_add(1),
            (None, None) => u32::MAX,
        };
        if let Some(event) = self.segment(before, next, state.streams) {
            return Some(event);
        }
        if let Some(due) = due {
            self.segments.pass(before);
            return Some(Event::Timeout { due, before });
        }
        if scanned.is_some() && scanned == next {
            let finding = self.scanned.next()?;
            self.segments.pass(finding.frame);
            return Some(Event::Finding(finding));
        }
        self.rescan.take().map(Event::LateContact)
    }

    /// The next segment, if its turn comes before this frame and not after the next finding.
    fn segment(&mut self, before: u32, next: Option<Turn>, streams: &Streams) -> Option<Event<'a>> {
        if !streams.has_pending() {
            return None;
        }
        let turn = self.segments.next_turn(before, |segment| streams.may_want(segment))?;
        if next.is_some_and(|next| turn.place > next.place) {
            return None;
        }
        let segment = self.segments.take()?;
        Some(Event::Segment { frame: segment.frame, clock: turn.clock })
    }

    /// All segments of the Block.
    pub(super) fn segments(&mut self) -> &[Segment] {
        self.segments.all()
    }

    /// Adds contacts with addresses that an event taught: see [`Event::rescan_from`].
    pub(super) fn rescan(&mut self, addresses: impl Iterator<Item = IpAddr>, first_frame: u32) {
        self.rescan.add(addresses, first_frame, self.block, self.findings);
    }
}
