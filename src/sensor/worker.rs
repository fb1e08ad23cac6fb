//! Workers of a replay: each takes Blocks from the source all the way to the tracker.

use std::sync::atomic::Ordering;

use super::lock::{locked, locked_soon};
use super::stages::Stages;
use super::work_item::WorkItem;
use crate::scan::{ScanRequest, scan};

/// Takes Blocks of one source all the way until the source has ended: fill, scan, track.
pub(super) fn work(stages: &Stages, source: usize) {
    let shared = &stages.shared;
    let mut own = None;
    loop {
        let mut item = own.take().unwrap_or_else(|| shared.free.take());
        if !fill(stages, source, &mut item) {
            return shared.free.give_back(item);
        }
        scan_item(stages, &mut item);
        own = locked(&stages.tracking).take(item, shared);
    }
}

/// Fills the Block of a work item from a source. Returns false once the source has ended.
pub(super) fn fill(stages: &Stages, source: usize, item: &mut WorkItem) -> bool {
    let (Some(intake), Some(captured)) = (stages.intakes.get(source), stages.captured.get(source)) else {
        return false;
    };
    let shared = &stages.shared;
    let mut intake = if stages.may_block { locked(intake) } else { locked_soon(intake) };
    if shared.ends_early() || !intake.fill(item, &stages.next_number, &shared.control) {
        intake.events = None;
        return false;
    }
    *locked(captured) = intake.source.counts();
    true
}

/// Scans the Block of a work item.
pub(super) fn scan_item(stages: &Stages, item: &mut WorkItem) {
    let shared = &stages.shared;
    let request = ScanRequest {
        names: shared.wants_names,
        segments: shared.wants_segments.load(Ordering::Relaxed),
        flow_hashes: stages.carve_index.is_some(),
    };
    scan(&item.block, &shared.learned(), request, &mut item.findings);
    if let Some(index) = &stages.carve_index {
        index.add(&item.block, &item.findings.flow_hashes);
    }
}
