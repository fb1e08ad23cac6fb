//! Work items, which carry a Block from stage to stage.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::lock::locked;
use crate::alert::exclusion::Exclusions;
use crate::capture::Block;
use crate::indicator::IndicatorSet;
use crate::scan::Findings;

/// A Block on its way through the stages, with the findings of its scan.
pub(super) struct WorkItem {
    pub(super) block: Block,
    pub(super) findings: Findings,
    /// The exclusions that were in force when the Block was captured.
    pub(super) exclusions: Arc<Exclusions>,
}

/// Work items that no thread holds. Their number is fixed, so memory is bounded.
///
/// The item that was returned last is taken first: its memory is still in a cache, and items that
/// are never needed never take memory.
pub(super) struct FreeItems {
    items: Mutex<Vec<WorkItem>>,
    returned: Condvar,
    capacity: usize,
    /// For the items that wait here: one that is seldom taken must not keep a replaced list alive.
    no_indicators: Arc<IndicatorSet>,
    no_exclusions: Arc<Exclusions>,
}

impl FreeItems {
    /// Room for this number of items; there are none yet.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            items: Mutex::new(Vec::with_capacity(capacity)),
            returned: Condvar::new(),
            capacity,
            no_indicators: Arc::default(),
            no_exclusions: Arc::default(),
        }
    }

    /// Waits for an item.
    pub(super) fn take(&self) -> WorkItem {
        let mut items = locked(&self.items);
        loop {
            match items.pop() {
                Some(item) => return item,
                None => items = self.returned.wait(items).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    pub(super) fn give_back(&self, mut item: WorkItem) {
        item.block.indicators.clone_from(&self.no_indicators);
        item.exclusions.clone_from(&self.no_exclusions);
        locked(&self.items).push(item);
        self.returned.notify_one();
    }

    /// The number of items that threads hold.
    pub(super) fn in_use(&self) -> usize {
        self.capacity.saturating_sub(locked(&self.items).len())
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }
}
