//! The stages of a running sensor: its sources, the tracker, and what they share.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use crossbeam_channel::Receiver;

use super::intake::Intake;
use super::lock::locked;
use super::shared::Shared;
use super::totals::{QueueLevel, Queues, Running, Totals};
use super::tracking::Tracking;
use super::writer::OutputMessage;
use crate::capture::CaptureCounts;
use crate::carve::BlockIndex;

/// The stages of a running sensor, which its threads share.
pub(super) struct Stages {
    /// One for each source.
    pub(super) intakes: Vec<Mutex<Intake>>,
    /// Filling a Block may take long.
    pub(super) may_block: bool,
    /// The counts of each source, as of its latest Block.
    pub(super) captured: Vec<Mutex<CaptureCounts>>,
    /// The number of the next Block.
    pub(super) next_number: AtomicU64,
    pub(super) tracking: Mutex<Tracking>,
    /// The index for carving, which notes every Block.
    pub(super) carve_index: Option<Arc<BlockIndex>>,
    /// The queue in front of the output, to read its fill level.
    pub(super) output_queue: Receiver<OutputMessage>,
    pub(super) shared: Shared,
}

impl Running for Stages {
    fn totals(&self) -> Totals {
        let tracking = locked(&self.tracking);
        let mut capture = CaptureCounts::default();
        self.captured.iter().for_each(|counts| capture.add(&locked(counts)));
        Totals {
            capture,
            scan: tracking.scan_counts(),
            track: tracking.track_counts(),
            alerts_written: self.shared.alerts.written(),
            alerts_lost: self.shared.alerts.lost(),
            span: tracking.span(),
        }
    }

    fn queues(&self) -> Queues {
        let free = &self.shared.free;
        Queues {
            blocks: QueueLevel { waiting: free.in_use(), capacity: free.capacity() },
            alerts: QueueLevel {
                waiting: self.output_queue.len(),
                capacity: self.output_queue.capacity().unwrap_or_default(),
            },
        }
    }
}
