//! The threads of a live sensor, one kind for each stage.
//!
//! A capture thread does nothing but move packets from the kernel's ring into Blocks. So a reload,
//! a slow tracker or a burst of alerts delays reading only once all Blocks wait. Then the ring
//! takes the rest of the burst, and the kernel counts the packets that it drops.

use crossbeam_channel::{Receiver, Sender};

use super::lock::locked;
use super::stages::Stages;
use super::work_item::WorkItem;
use super::worker::{fill, scan_item};

/// The number of Blocks for each interface.
///
/// They hold 48 MiB, nearly as much as the kernel's ring by default, and prolong accordingly the
/// burst that is survived while the tracker waits. A Block takes memory only once it is needed:
/// with a tracker that keeps up, three or four are.
pub(super) const BLOCKS_PER_INTERFACE: usize = 64;

/// Fills Blocks from one source until it has ended.
pub(super) fn capture_blocks(stages: &Stages, source: usize, captured: &Sender<WorkItem>) {
    let shared = &stages.shared;
    let free = &shared.free;
    loop {
        let mut item = free.take();
        if let Some(intake) = stages.intakes.get(source) {
            locked(intake).source.look_for(&shared.control.in_force().indicators, &shared.learned());
        }
        if !fill(stages, source, &mut item) {
            return free.give_back(item);
        }
        // There is room for all items, and the workers receive until the last capture has ended.
        let _ = captured.send(item);
    }
}

/// Scans captured Blocks until all captures have ended.
pub(super) fn scan_blocks(stages: &Stages, captured: &Receiver<WorkItem>, scanned: &Sender<WorkItem>) {
    for mut item in captured {
        scan_item(stages, &mut item);
        let _ = scanned.send(item);
    }
}

/// Tracks scanned Blocks, in their order, until all workers have ended.
pub(super) fn track_blocks(stages: &Stages, scanned: &Receiver<WorkItem>) {
    let shared = &stages.shared;
    for item in scanned {
        let tracked = locked(&stages.tracking).take(item, shared);
        if let Some(item) = tracked {
            shared.free.give_back(item);
        }
    }
}
