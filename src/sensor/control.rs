//! A hand on a running sensor: what is put in force, what is asked of it, and how it is stopped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::{Event, Queues, Shared, Totals, WorkItem};
use crate::alert::exclusion::Exclusions;
use crate::capture::Stop;
use crate::indicator::IndicatorSet;

/// What a Block is looked at with. It can be replaced while the sensor runs: each Block carries what was in force when it was
/// captured, all the way, so the change falls between two Blocks and no packet is lost or looked at with half of it.
#[derive(Debug, Clone, Default)]
pub struct InForce {
    /// What is looked for.
    pub indicators: Arc<IndicatorSet>,
    /// What is excluded as lawful use.
    pub exclusions: Arc<Exclusions>,
}

/// A hand on a sensor that runs. Its clones are one and the same; it may be used from any thread.
#[derive(Clone)]
pub struct Control(Arc<Inner>);

struct Inner {
    in_force: Mutex<InForce>,
    stop: Stop,
    reopen: AtomicBool,
    reopen_names: AtomicBool,
    /// What happened that the watcher is to be told.
    events: Mutex<Vec<Event>>,
    /// The running sensor.
    running: Mutex<Weak<Shared>>,
}

impl Control {
    /// For a sensor that begins with this in force.
    pub fn new(in_force: InForce) -> Self {
        Self(Arc::new(Inner {
            in_force: Mutex::new(in_force),
            stop: Stop::default(),
            reopen: AtomicBool::new(false),
            reopen_names: AtomicBool::new(false),
            events: Mutex::default(),
            running: Mutex::default(),
        }))
    }

    /// Ends the capture. What was captured before goes the whole way, windows close, outputs are flushed and closed, and the run
    /// returns.
    pub fn stop(&self) {
        self.0.stop.order();
    }

    /// What a live source is started with, so that [`stop`](Self::stop) reaches it.
    pub fn source_stop(&self) -> &Stop {
        &self.0.stop
    }

    /// Puts this in force from the next Block on.
    pub fn put_in_force(&self, in_force: InForce) {
        *held(&self.0.in_force) = in_force;
    }

    /// What is in force now.
    pub fn in_force(&self) -> InForce {
        held(&self.0.in_force).clone()
    }

    /// Has the output, and the list of names, reopen its files: with the next alert or sign of life that it gets, behind all alerts before.
    pub fn reopen_outputs(&self) {
        self.0.reopen.store(true, Ordering::Relaxed);
        self.0.reopen_names.store(true, Ordering::Relaxed);
    }

    /// What was counted so far; `None` before the sensor runs and after.
    pub fn totals(&self) -> Option<Totals> {
        let running = held(&self.0.running).upgrade()?;
        Some(running.totals())
    }

    /// What waits at the moment; `None` before the sensor runs and after.
    pub fn queues(&self) -> Option<Queues> {
        let running = held(&self.0.running).upgrade()?;
        Some(running.queues())
    }

    /// Marks a Load with what is in force.
    pub(super) fn mark(&self, load: &mut WorkItem) {
        let in_force = held(&self.0.in_force);
        load.block.indicators.clone_from(&in_force.indicators);
        load.exclusions.clone_from(&in_force.exclusions);
    }

    pub(super) fn attach(&self, running: &Arc<Shared>) {
        *held(&self.0.running) = Arc::downgrade(running);
    }

    pub(super) fn takes_reopen(&self) -> bool {
        self.0.reopen.load(Ordering::Relaxed) && self.0.reopen.swap(false, Ordering::Relaxed)
    }

    pub(super) fn takes_reopen_of_names(&self) -> bool {
        self.0.reopen_names.load(Ordering::Relaxed) && self.0.reopen_names.swap(false, Ordering::Relaxed)
    }

    pub(super) fn tell(&self, event: Event) {
        held(&self.0.events).push(event);
    }

    pub(super) fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut *held(&self.0.events))
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
