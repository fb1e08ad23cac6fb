//! The state that all threads of a sensor share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crossbeam_channel::{Receiver, Sender};

use super::control::Control;
use super::totals::{QueueLevel, Queues, Totals};
use super::tracking::Tracking;
use super::worker::Intake;
use super::writer::OutputMessage;
use crate::alert::exclusion::Exclusions;
use crate::capture::{Block, CaptureCounts};
use crate::carve::BlockIndex;
use crate::indicator::LearnedAddresses;
use crate::scan::Findings;

/// A Block on its way through the stages, with the findings of its scan.
pub(super) struct WorkItem {
    pub(super) block: Block,
    pub(super) findings: Findings,
    /// The exclusions that were in force when the Block was captured.
    pub(super) exclusions: Arc<Exclusions>,
}

/// The state that all threads of a sensor share.
pub(super) struct Shared {
    /// One for each source.
    pub(super) intakes: Vec<Mutex<Intake>>,
    /// The counts of each source, as of its latest Block.
    pub(super) captured: Vec<Mutex<CaptureCounts>>,
    /// The number of the next Block.
    pub(super) next_number: AtomicU64,
    pub(super) tracking: Mutex<Tracking>,
    pub(super) free: FreeItems,
    /// The learned addresses that scans look for. Only the tracker publishes them.
    pub(super) learned: RwLock<Arc<LearnedAddresses>>,
    pub(super) control: Control,
    /// True if scans report all names, for a list of them.
    pub(super) wants_names: bool,
    /// The index for carving, which notes every Block.
    pub(super) carve_index: Option<Arc<BlockIndex>>,
    pub(super) alerts: AlertCounts,
    /// The queue in front of the output, to read its fill level.
    pub(super) output_queue: Receiver<OutputMessage>,
    /// Set while streams wait for segments, so that scans list the segments of their Blocks. It is
    /// only a hint: the alerts are the same without it.
    pub(super) wants_segments: AtomicBool,
    /// Set where the run has to end before its input does.
    pub(super) stop: AtomicBool,
}

/// Work items that no thread holds. Their number is fixed, so memory is bounded.
pub(super) struct FreeItems {
    pub(super) give: Sender<WorkItem>,
    pub(super) take: Receiver<WorkItem>,
}

/// The counts of alerts that reached the output thread.
#[derive(Default)]
pub(super) struct AlertCounts {
    written: AtomicU64,
    lost: AtomicU64,
}

impl AlertCounts {
    pub(super) fn add_written(&self, count: u64) {
        self.written.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn add_lost(&self, count: u64) {
        self.lost.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Shared {
    pub(super) fn learned(&self) -> Arc<LearnedAddresses> {
        self.learned.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn publish(&self, learned: LearnedAddresses) {
        *self.learned.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(learned);
    }

    pub(super) fn end_early(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(super) fn ends_early(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The counts so far.
    pub(super) fn totals(&self) -> Totals {
        let tracking = locked(&self.tracking);
        let mut capture = CaptureCounts::default();
        self.captured.iter().for_each(|counts| capture.add(&locked(counts)));
        Totals {
            capture,
            scan: tracking.scan_counts(),
            track: tracking.track_counts(),
            alerts_written: self.alerts.written(),
            alerts_lost: self.alerts.lost(),
            span: tracking.span(),
        }
    }

    pub(super) fn queues(&self) -> Queues {
        let items = self.free.give.capacity().unwrap_or_default();
        Queues {
            blocks: QueueLevel { waiting: items.saturating_sub(self.free.give.len()), capacity: items },
            alerts: QueueLevel {
                waiting: self.output_queue.len(),
                capacity: self.output_queue.capacity().unwrap_or_default(),
            },
        }
    }

    pub(super) fn give_back(&self, item: WorkItem) {
        // The channel has room for every item there is, and its receiver lives as long as `self`.
        let _ = self.free.give.try_send(item);
    }
}

/// Locks a mutex. A panic elsewhere does not poison it: the program ends with a panic anyway.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
