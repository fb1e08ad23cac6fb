//! Workers: each takes Blocks from the source all the way to the tracker.

use std::sync::atomic::Ordering;

use super::lock::{locked, locked_soon};
use super::stages::Stages;
use crate::scan::{ScanRequest, scan};

/// Takes Blocks of one source all the way until the source has ended: fill, scan, track.
pub(super) fn work(stages: &Stages, source: usize) {
    let (Some(intake), Some(captured)) = (stages.intakes.get(source), stages.captured.get(source)) else { return };
    let shared = &stages.shared;
    let may_block = locked(intake).source.may_block();
    let mut own = None;
    while let Some(mut item) = own.take().or_else(|| shared.free.take()) {
        let mut fill = || {
            let mut intake = if may_block { locked(intake) } else { locked_soon(intake) };
            let is_filled = intake.fill(&mut item, &stages.next_number, &shared.control);
            if is_filled {
                *locked(captured) = intake.source.counts();
            }
            is_filled
        };
        if shared.ends_early() || !fill() {
            locked(intake).events = None;
            shared.free.give_back(item);
            return;
        }
        let request = ScanRequest {
            names: shared.wants_names,
            segments: shared.wants_segments.load(Ordering::Relaxed),
            flow_hashes: stages.carve_index.is_some(),
        };
        scan(&item.block, &shared.learned(), request, &mut item.findings);
        if let Some(index) = &stages.carve_index {
            index.add(&item.block, &item.findings.flow_hashes);
        }
        own = locked(&stages.tracking).take(item, shared);
    }
}
