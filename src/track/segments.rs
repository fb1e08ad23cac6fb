//! The TCP segments of a Block, for heads that are pending.
//!
//! A scanner notes them on its way where it was told that heads are pending. Mostly none are, and then noting them would be the most
//! that a packet costs; so where they were not noted and are wanted all the same, the Block is gone through once more.

use super::rescan::Place;
use crate::capture::Block;
use crate::scan::{Findings, Segment, segments};
use crate::units::Timestamp;

/// The segments that pending heads may want, in order.
pub(super) struct Segments<'a> {
    block: &'a Block,
    noted: Option<&'a [Segment]>,
    made: Option<Vec<Segment>>,
    next: usize,
    /// Segments of frames before this one are done.
    passed: u32,
    /// How many frames were looked at for the clock, and the highest time among them.
    frames: usize,
    clock: Timestamp,
    /// What was last asked for by time.
    first: usize,
}

impl<'a> Segments<'a> {
    pub(super) fn new(block: &'a Block, findings: &'a Findings) -> Self {
        let noted = findings.has_segments.then_some(findings.segments.as_slice());
        Self { block, noted, made: None, next: 0, passed: 0, frames: 0, clock: Timestamp::MIN, first: 0 }
    }

    /// All of them.
    pub(super) fn all(&mut self) -> &[Segment] {
        match self.noted {
            Some(noted) => noted,
            None => self.made.get_or_insert_with(|| segments(self.block)),
        }
    }

    /// The place and clock of the next segment that is wanted, if it comes before this frame. Those after it have to wait until it
    /// is known which are wanted then.
    pub(super) fn next(&mut self, before: u32, is_wanted: impl Fn(&Segment) -> bool) -> Option<(Place, Timestamp)> {
        let (mut next, passed) = (self.next, self.passed);
        let all = self.all();
        let rest = all.get(next..).unwrap_or_default();
        next += rest.partition_point(|segment| segment.frame < passed);
        let rest = all.get(next..).unwrap_or_default();
        next += rest.iter().position(|segment| segment.frame >= before || is_wanted(segment)).unwrap_or(rest.len());
        let found = all.get(next).map(|segment| segment.frame).filter(|frame| *frame < before);
        self.next = next;
        let frame = found?;
        let upto = (frame as usize + 1).min(self.block.frames.len());
        for frame in self.block.frames.get(self.frames..upto).unwrap_or_default() {
            self.clock = self.clock.max(frame.time);
        }
        self.frames = self.frames.max(upto);
        // After the contacts of its frame, before what is said in it.
        Some(((frame, true, 0), self.clock))
    }

    /// Takes the segment that `next` found.
    pub(super) fn take(&mut self) -> Option<Segment> {
        let next = self.next;
        self.next += 1;
        self.all().get(next).copied()
    }

    /// The first frame of the Block by which the clock stood at this time or later.
    ///
    /// To be asked in the order of time.
    pub(super) fn first_at(&mut self, time: Timestamp) -> u32 {
        let rest = self.block.frames.get(self.first..).unwrap_or_default();
        self.first += rest.iter().take_while(|frame| frame.time < time).count();
        self.first as u32
    }

    /// The frames before this one are done.
    pub(super) fn passed(&self) -> u32 {
        self.passed
    }

    /// The frames before this one are done.
    pub(super) fn pass(&mut self, frame: u32) {
        self.passed = self.passed.max(frame);
    }
}
