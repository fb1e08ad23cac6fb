//! The state that every stage shares with the others.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::control::Control;
use super::work_item::FreeItems;
use crate::indicator::LearnedAddresses;

/// The state that every stage shares with the others.
pub(super) struct Shared {
    pub(super) free: FreeItems,
    /// The learned addresses that scans look for. Only the tracker publishes them.
    learned: RwLock<Arc<LearnedAddresses>>,
    pub(super) control: Control,
    /// True if scans report all names, for a list of them.
    pub(super) wants_names: bool,
    /// Set while streams wait for segments, so that scans list the segments of their Blocks. It is
    /// only a hint: the alerts are the same without it.
    pub(super) wants_segments: AtomicBool,
    pub(super) alerts: AlertCounts,
    /// Set where the run has to end before its input does.
    stop: AtomicBool,
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
    pub(super) fn new(free: FreeItems, control: Control, wants_names: bool) -> Self {
        Self {
            free,
            learned: RwLock::default(),
            control,
            wants_names,
            wants_segments: AtomicBool::new(false),
            alerts: AlertCounts::default(),
            stop: AtomicBool::new(false),
        }
    }

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
        self.stop.load(Ordering::Relaxed) || self.control.is_canceled()
    }
}
