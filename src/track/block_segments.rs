//! The TCP segments of a Block, for pending heads.
//!
//! A scanner notes them while it was told that heads are pending. Mostly none are, and noting
//! segments would then be the largest cost of a packet. So if they were not noted and are wanted
//! all the same, the Block is read once more.

use super::rescan::{EventPlace, Turn};
use crate::capture::Block;
use crate::scan::{Findings, Segment, segments};
use crate::units::Timestamp;

/// The segments of a Block that pending heads may want, in order.
pub(super) struct BlockSegments<'a> {
    block: &'a Block,
    noted: Option<&'a [Segment]>,
    /// The segments of a Block whose scan did not note them.
    read: Option<Vec<Segment>>,
    /// The index of the next segment.
    next: usize,
    /// Segments of frames before this one have had their turn.
    passed: u32,
    /// The highest time of the frames before `clock_frames`.
    clock: Timestamp,
    clock_frames: usize,
    /// The last result of `first_frame_at`.
    first_at: usize,
}

impl<'a> BlockSegments<'a> {
    pub(super) fn new(block: &'a Block, findings: &'a Findings) -> Self {
        let noted = findings.segments();
        Self { block, noted, read: None, next: 0, passed: 0, clock: Timestamp::MIN, clock_frames: 0, first_at: 0 }
    }

    /// All segments.
    pub(super) fn all(&mut self) -> &[Segment] {
        match self.noted {
            Some(noted) => noted,
            None => self.read.get_or_insert_with(|| segments(self.block)),
        }
    }

    /// The turn of the next wanted segment, if it comes before this frame. Which of the segments
    /// after it are wanted is not known before its turn.
    pub(super) fn next_turn(&mut self, before: u32, is_wanted: impl Fn(&Segment) -> bool) -> Option<Turn> {
        let (mut next, passed) = (self.next, self.passed);
        let all = self.all();
        let rest = all.get(next..).unwrap_or_default();
        next += rest.partition_point(|segment| segment.frame < passed);
        let rest = all.get(next..).unwrap_or_default();
        next += rest.iter().position(|segment| segment.frame >= before || is_wanted(segment)).unwrap_or(rest.len());
        let found = all.get(next).map(|segment| segment.frame).filter(|frame| *frame < before);
        self.next = next;
        let frame = found?;
        Some(Turn { place: EventPlace::of_segment(frame), clock: self.clock_at(frame) })
    }

    /// Takes the segment that [`next_turn`](Self::next_turn) found.
    pub(super) fn take(&mut self) -> Option<Segment> {
        let next = self.next;
        self.next += 1;
        self.all().get(next).copied()
    }

    /// The highest time of the frames up to this one. Must be called in the order of frames.
    fn clock_at(&mut self, frame: u32) -> Timestamp {
        let end = (frame as usize + 1).min(self.block.frames.len());
        for frame in self.block.frames.get(self.clock_frames..end).unwrap_or_default() {
            self.clock = self.clock.max(frame.time);
        }
        self.clock_frames = self.clock_frames.max(end);
        self.clock
    }

    /// The first frame at which the clock has reached this time. Must be called in the order of
    /// time.
    pub(super) fn first_frame_at(&mut self, time: Timestamp) -> u32 {
        let rest = self.block.frames.get(self.first_at..).unwrap_or_default();
        self.first_at += rest.iter().take_while(|frame| frame.time < time).count();
        self.first_at as u32
    }

    /// The first frame whose segments have not had their turn.
    pub(super) fn passed(&self) -> u32 {
        self.passed
    }

    /// Notes that segments of frames before this one have had their turn.
    pub(super) fn pass(&mut self, frame: u32) {
        self.passed = self.passed.max(frame);
    }
}
