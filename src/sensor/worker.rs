//! Workers: each takes Blocks from the source all the way to the tracker.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::thread;

use crossbeam_channel::Sender;

use super::event::Event;
use super::shared::{Shared, WorkItem, locked};
use crate::capture::{FillStatus, Source};
use crate::scan::{ScanRequest, scan};

/// How often a worker asks for its turn at the source before it sleeps. The attempts take a
/// fraction of a millisecond, about as long as reading a Block does. Measured in pairs on two
/// cores, this saves 3 to 4 % of the time.
const LOCK_ATTEMPTS: usize = 1000;

/// A source of Blocks, which one worker at a time may fill from.
pub(super) struct Intake {
    pub(super) source: Box<dyn Source>,
    /// Reports problems of the source; `None` once the source has ended.
    pub(super) events: Option<Sender<Event>>,
}

impl Intake {
    /// Fills the Block of a work item and numbers it. Returns false where the source has ended.
    fn fill(&mut self, item: &mut WorkItem, shared: &Shared) -> bool {
        let Some(events) = &self.events else { return false };
        // Sending fails only where nobody receives events any more.
        let mut report = |error| drop(events.send(Event::Problem(error)));
        if self.source.fill(&mut item.block, &mut report) == FillStatus::End {
            return false;
        }
        item.block.number = shared.next_number.fetch_add(1, Ordering::Relaxed);
        shared.control.put_on(item);
        true
    }
}

/// Takes Blocks of one source all the way until the source has ended: fill, scan, track.
pub(super) fn work(shared: &Shared, source: usize) {
    let (Some(intake), Some(captured)) = (shared.intakes.get(source), shared.captured.get(source)) else {
        return;
    };
    let may_block = locked(intake).source.may_block();
    let mut own = None;
    while let Some(mut item) = own.take().or_else(|| shared.free.take.recv().ok()) {
        let mut fill = || {
            let mut intake = if may_block { locked(intake) } else { locked_soon(intake) };
            let is_filled = intake.fill(&mut item, shared);
            if is_filled {
                *locked(captured) = intake.source.counts();
            }
            is_filled
        };
        if shared.ends_early() || !fill() {
            locked(intake).events = None;
            shared.give_back(item);
            return;
        }
        let request = ScanRequest {
            names: shared.wants_names,
            segments: shared.wants_segments.load(Ordering::Relaxed),
            flow_hashes: shared.carve_index.is_some(),
        };
        scan(&item.block, &shared.learned(), request, &mut item.findings);
        if let Some(index) = &shared.carve_index {
            index.add(&item.block, &item.findings.flow_hashes);
        }
        own = locked(&shared.tracking).take(item, shared);
    }
}

/// Takes a lock that is seldom held for long: tries for a while before it sleeps.
fn locked_soon<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    for _ in 0..LOCK_ATTEMPTS {
        match mutex.try_lock() {
            Ok(guard) => return guard,
            Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => thread::yield_now(),
        }
    }
    locked(mutex)
}
