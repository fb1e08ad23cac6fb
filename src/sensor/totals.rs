//! The counts of a run, and the fill levels of its queues.

use crate::capture::CaptureCounts;
use crate::scan::ScanCounts;
use crate::track::TrackCounts;
use crate::units::Timestamp;

/// The counts of a run: so far, or of all of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Counts of the sources.
    pub capture: CaptureCounts,
    /// Counts of the scans.
    pub scan: ScanCounts,
    /// Counts of the tracker.
    pub track: TrackCounts,
    /// Alerts written.
    pub alerts_written: u64,
    /// Alerts that an output refused.
    pub alerts_lost: u64,
    /// The lowest and the highest time of all frames.
    pub span: Option<(Timestamp, Timestamp)>,
}

/// The fill levels of a running sensor's queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Queues {
    /// Blocks between being filled and being tracked.
    pub blocks: QueueLevel,
    /// Alerts that the output has not taken yet.
    pub alerts: QueueLevel,
}

/// The fill level of one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueLevel {
    /// Items in the queue.
    pub waiting: usize,
    /// Items that fit into the queue.
    pub capacity: usize,
}

/// A sensor that runs, for those who ask for its counts.
pub(super) trait Running: Send + Sync {
    /// The counts so far.
    fn totals(&self) -> Totals;

    /// The fill levels of the queues.
    fn queues(&self) -> Queues;
}
