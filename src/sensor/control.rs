//! Control of a running sensor: what is in force, what it counts, and the order to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use super::event::Event;
use super::lock::locked;
use super::totals::{Queues, Running, Totals};
use super::work_item::WorkItem;
use crate::alert::exclusion::Exclusions;
use crate::capture::StopSignal;
use crate::indicator::IndicatorSet;

/// The indicators and exclusions that Blocks are examined with. They can be replaced while the
/// sensor runs: each Block carries those that were in force when it was captured, so a change falls
/// between two Blocks, and no packet is lost or examined with half of it.
#[derive(Debug, Clone, Default)]
pub struct InForce {
    /// The indicators to look for.
    pub indicators: Arc<IndicatorSet>,
    /// The exclusions for lawful use.
    pub exclusions: Arc<Exclusions>,
}

/// A handle to a running sensor. All clones control the same sensor, from any thread.
#[derive(Clone)]
pub struct Control(Arc<Inner>);

struct Inner {
    in_force: Mutex<InForce>,
    stop: StopSignal,
    cancel: AtomicBool,
    reopen: AtomicBool,
    reopen_names: AtomicBool,
    /// Events that the watcher has not seen yet.
    events: Mutex<Vec<Event>>,
    /// The running sensor.
    running: Mutex<Option<Weak<dyn Running>>>,
}

impl Control {
    /// A handle for a sensor that starts with this in force.
    pub fn new(in_force: InForce) -> Self {
        Self(Arc::new(Inner {
            in_force: Mutex::new(in_force),
            stop: StopSignal::default(),
            cancel: AtomicBool::new(false),
            reopen: AtomicBool::new(false),
            reopen_names: AtomicBool::new(false),
            events: Mutex::default(),
            running: Mutex::default(),
        }))
    }

    /// Ends the capture. Packets that were captured before still pass all stages, windows close,
    /// outputs are flushed and closed, and the run returns.
    pub fn stop(&self) {
        self.0.stop.request();
    }

    /// Ends the run without the rest of its input, even if the source does not know the order to
    /// stop. Alerts so far are written.
    pub fn cancel(&self) {
        self.0.cancel.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_canceled(&self) -> bool {
        self.0.cancel.load(Ordering::Relaxed)
    }

    /// The order to stop, for a source to be started with, so that [`stop`](Self::stop) reaches it.
    pub fn source_stop(&self) -> &StopSignal {
        &self.0.stop
    }

    /// Puts these indicators and exclusions in force, from the next Block on.
    pub fn put_in_force(&self, in_force: InForce) {
        *locked(&self.0.in_force) = in_force;
    }

    /// The indicators and exclusions in force now.
    pub fn in_force(&self) -> InForce {
        locked(&self.0.in_force).clone()
    }

    /// Has the output and the list of names reopen their files at their next alert or heartbeat,
    /// behind all alerts before.
    pub fn reopen_outputs(&self) {
        self.0.reopen.store(true, Ordering::Relaxed);
        self.0.reopen_names.store(true, Ordering::Relaxed);
    }

    /// The counts so far; `None` before the sensor runs and after.
    pub fn totals(&self) -> Option<Totals> {
        let running = locked(&self.0.running).as_ref()?.upgrade()?;
        Some(running.totals())
    }

    /// The fill levels of the queues; `None` before the sensor runs and after.
    pub fn queues(&self) -> Option<Queues> {
        let running = locked(&self.0.running).as_ref()?.upgrade()?;
        Some(running.queues())
    }

    /// Puts the indicators and exclusions in force on a Block that was just filled.
    pub(super) fn put_on(&self, item: &mut WorkItem) {
        let in_force = locked(&self.0.in_force);
        item.block.indicators.clone_from(&in_force.indicators);
        item.exclusions.clone_from(&in_force.exclusions);
    }

    pub(super) fn attach(&self, running: Weak<dyn Running>) {
        *locked(&self.0.running) = Some(running);
    }

    pub(super) fn takes_reopen(&self) -> bool {
        self.0.reopen.load(Ordering::Relaxed) && self.0.reopen.swap(false, Ordering::Relaxed)
    }

    pub(super) fn takes_reopen_of_names(&self) -> bool {
        let reopen = &self.0.reopen_names;
        reopen.load(Ordering::Relaxed) && reopen.swap(false, Ordering::Relaxed)
    }

    pub(super) fn report(&self, event: Event) {
        locked(&self.0.events).push(event);
    }

    pub(super) fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut *locked(&self.0.events))
    }
}
