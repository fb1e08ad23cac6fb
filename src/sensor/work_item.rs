//! Work items, which carry a Block from stage to stage.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::alert::exclusion::Exclusions;
use crate::capture::Block;
use crate::scan::Findings;

/// A Block on its way through the stages, with the findings of its scan.
pub(super) struct WorkItem {
    pub(super) block: Block,
    pub(super) findings: Findings,
    /// The exclusions that were in force when the Block was captured.
    pub(super) exclusions: Arc<Exclusions>,
}

/// Work items that no thread holds. Their number is fixed, so memory is bounded.
pub(super) struct FreeItems {
    sender: Sender<WorkItem>,
    receiver: Receiver<WorkItem>,
}

impl FreeItems {
    /// Room for this number of items; there are none yet.
    pub(super) fn new(capacity: usize) -> Self {
        let (sender, receiver) = bounded(capacity);
        Self { sender, receiver }
    }

    /// Waits for an item.
    pub(super) fn take(&self) -> Option<WorkItem> {
        self.receiver.recv().ok()
    }

    pub(super) fn give_back(&self, item: WorkItem) {
        // The channel has room for every item there is, and its receiver lives as long as `self`.
        let _ = self.sender.try_send(item);
    }

    /// The number of items that threads hold.
    pub(super) fn in_use(&self) -> usize {
        self.capacity().saturating_sub(self.sender.len())
    }

    pub(super) fn capacity(&self) -> usize {
        self.sender.capacity().unwrap_or_default()
    }
}
