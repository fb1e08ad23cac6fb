//! The health of a live sensor, as its metrics and its health check report it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rattap::capture::InterfaceStatus;
use rattap::indicator::{FeedReport, builtin};
use rattap::metrics::{Drops, FeedState, InterfaceState, Lag, OutputState, Queue, Snapshot, SpoolState};
use rattap::output::{Monitor, OutputStatus, SpoolSettings};
use rattap::sensor::{Control, QueueLevel};
use rattap::units::ByteCount;

use crate::command::clock::now;
use crate::command::plan;

/// The health of the outputs.
#[derive(Clone)]
pub(super) struct OutputHealth {
    pub monitors: Vec<Monitor>,
    pub spool: Option<SpoolSettings>,
    pub lag: Arc<Mutex<Lag>>,
}

impl OutputHealth {
    /// The number of alerts that outputs have lost.
    pub fn lost(&self) -> u64 {
        self.monitors.iter().map(|monitor| monitor.status().lost).sum()
    }

    fn add_to(&self, snapshot: &mut Snapshot) {
        let states: Vec<OutputStatus> = self.monitors.iter().map(Monitor::status).collect();
        for state in &states {
            if !state.is_connected {
                snapshot.troubles.push(format!("{}: accepts no alerts; {} are waiting", state.name, state.waiting));
            }
            if state.spool_fails {
                snapshot.troubles.push(format!("{}: its spool cannot be written; alerts wait in memory", state.name));
            }
            snapshot.outputs.push(OutputState {
                name: state.name.clone(),
                is_up: state.is_connected,
                written: state.sent,
                lost: state.lost,
            });
        }
        let receivers = states.iter().filter(|state| state.is_receiver).count();
        snapshot.spool = self.spool.as_ref().map(|spool| SpoolState {
            size: ByteCount(states.iter().map(|state| state.spool.0).sum()),
            in_memory: ByteCount(states.iter().map(|state| state.in_memory.0).sum()),
            capacity: ByteCount(spool.limit.0.saturating_mul(receivers as u64)),
        });
        snapshot.lag = locked(&self.lag).clone();
    }
}

/// The health of the indicator lists in force.
pub(super) struct FeedHealth {
    pub reports: Vec<FeedReport>,
    /// The number of built-in indicators in force.
    builtin: usize,
    /// False if the last reload failed.
    pub is_current: bool,
}

impl FeedHealth {
    pub fn new(run: &plan::Run) -> Self {
        let builtin = if run.with_builtin { builtin().len() } else { 0 };
        Self { reports: run.feeds.clone(), builtin, is_current: true }
    }

    fn add_to(&self, snapshot: &mut Snapshot) {
        if self.builtin > 0 {
            let name = "builtin".to_owned();
            snapshot.feeds.push(FeedState { name, indicators: self.builtin, age: None, is_current: true });
        }
        for report in &self.reports {
            snapshot.feeds.push(FeedState {
                name: report.contents.path.display().to_string(),
                indicators: report.contents.used().try_into().unwrap_or(usize::MAX),
                age: report.contents.date.map(|date| now().since(date)),
                is_current: self.is_current && report.shrunk_to.is_none(),
            });
            if let Some(why) = plan::shrinkage(report) {
                snapshot.troubles.push(format!("{}: {why}", report.contents.path.display()));
            }
        }
        if !self.is_current {
            snapshot
                .troubles
                .push("the settings or lists could not be reloaded; the previous ones stay in force".to_owned());
        }
    }
}

/// Returns a function that takes a snapshot of the sensor, for each request to the metrics server.
pub(super) fn snapshot(
    control: Control,
    interfaces: Vec<Arc<InterfaceStatus>>,
    outputs: OutputHealth,
    feeds: Arc<Mutex<FeedHealth>>,
) -> impl Fn() -> Snapshot + Clone + Send + Sync + 'static {
    move || {
        let mut totals = control.totals();
        if let Some(totals) = &mut totals {
            totals.alerts_lost += outputs.lost();
        }
        let mut snapshot = totals.as_ref().map(Snapshot::of).unwrap_or_default();
        for interface in &interfaces {
            let (name, counts) = (interface.name(), interface.counts());
            for (reason, count) in [("kernel", counts.kernel_dropped), ("interface", counts.interface_dropped)] {
                snapshot.drops.push(Drops { reason: reason.to_owned(), interface: Some(name.to_owned()), count });
            }
            if !interface.is_up() {
                snapshot.troubles.push(format!("{name}: is down or missing"));
            }
            snapshot.interfaces.push(InterfaceState { name: name.to_owned(), is_up: interface.is_up() });
        }
        let queues = control.queues().unwrap_or_default();
        for (name, QueueLevel { waiting, capacity }) in [("blocks", queues.blocks), ("alerts", queues.alerts)] {
            snapshot.queues.push(Queue { name, waiting, capacity });
        }
        for rule in totals.iter().flat_map(|totals| &totals.track.exclusions) {
            snapshot.suppressed.push((rule.rule.to_string(), rule.suppressed));
        }
        outputs.add_to(&mut snapshot);
        locked(&feeds).add_to(&mut snapshot);
        snapshot
    }
}

/// Locks a mutex. A value that was locked during a panic is used as it is: it only holds counts and
/// messages.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
