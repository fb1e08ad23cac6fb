//! The interface of every source of frames.

use std::sync::Arc;

use crate::capture::block::Block;
use crate::capture::counts::CaptureCounts;
use crate::capture::error::CaptureError;
use crate::indicator::{IndicatorSet, LearnedAddresses};

/// A source of frames.
pub trait Source: Send {
    /// Fills a Block with the next frames.
    ///
    /// The capture thread calls this repeatedly, each time with a used Block whose `frames` and
    /// `bytes` still hold old values. The source sets `origin`, `bytes` and `frames`, and
    /// `first_packet` and `packet_offsets` if its packets are numbered. All frames of one call have
    /// the same origin. Errors are passed to `report` as they occur. They do not end the source.
    fn fill(&mut self, block: &mut Block, report: &mut dyn FnMut(CaptureError)) -> FillStatus;

    /// The counters of everything read so far.
    fn counts(&self) -> CaptureCounts;

    /// Names what is looked for from now on, for a source that leaves out packets that cannot
    /// matter.
    fn look_for(&mut self, _indicators: &Arc<IndicatorSet>, _learned: &LearnedAddresses) {}

    /// The interface that it captures from, if it is live. A thread of its own then fills Blocks.
    fn interface(&self) -> Option<&str> {
        None
    }

    /// Returns true if `fill` may block for long until packets arrive. Other threads that want to
    /// call it should then sleep rather than poll.
    fn may_block(&self) -> bool {
        false
    }
}

/// The result of [`Source::fill`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FillStatus {
    /// The Block holds frames, or none if all were filtered out.
    Filled,
    /// The source has ended. The Block holds no frames.
    End,
}
