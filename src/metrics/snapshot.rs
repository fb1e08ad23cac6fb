//! The state of the sensor at a moment, as monitoring sees it.

use std::time::Duration;

use crate::alert::Signature;
use crate::sensor::{Totals, losses};
use crate::units::ByteCount;

/// The upper bounds of the buckets of the alert lag, in seconds. On a quiet link an alert leaves
/// within one second.
pub(super) const LAG_BOUNDS: [f64; 11] = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0];

/// The state of the sensor at a moment. Counts run since the start.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// Frames captured.
    pub packets: u64,
    /// Captured bytes of those frames.
    pub bytes: ByteCount,
    /// Losses by reason.
    pub drops: Vec<Drops>,
    /// Sightings by signature, in the order of [`Signature::ALL`].
    pub sightings: [u64; Signature::ALL.len()],
    /// Alerts by signature, in the order of [`Signature::ALL`].
    pub alerts: [u64; Signature::ALL.len()],
    /// The queues between the stages.
    pub queues: Vec<Queue>,
    /// The time between the packet of an alert and the alert.
    pub lag: Lag,
    /// The interfaces of the capture.
    pub interfaces: Vec<InterfaceState>,
    /// The outputs.
    pub outputs: Vec<OutputState>,
    /// The spool, where there is one.
    pub spool: Option<SpoolState>,
    /// The lists of indicators in force.
    pub feeds: Vec<FeedState>,
    /// Sightings that exclusions suppressed, by exclusion.
    pub suppressed: Vec<(String, u64)>,
    /// Faults at the moment, in words. Empty where the sensor is healthy.
    pub troubles: Vec<String>,
}

impl Snapshot {
    /// A snapshot with the counts of a run; the caller fills in the rest.
    pub fn of(totals: &Totals) -> Self {
        let drops = losses(totals);
        let drops = drops.into_iter().map(|loss| Drops { reason: loss.reason, interface: None, count: loss.count });
        Self {
            packets: totals.capture.packets,
            bytes: totals.capture.bytes,
            drops: drops.collect(),
            sightings: totals.track.sightings,
            alerts: totals.track.alerts,
            ..Self::default()
        }
    }
}

/// The losses for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drops {
    /// The stable name of the reason: those of [`losses`], and `kernel` and `interface` for packets
    /// that a live capture lost.
    pub reason: String,
    /// The interface, if that is known.
    pub interface: Option<String>,
    /// The number of losses.
    pub count: u64,
}

/// A queue between two stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The name.
    pub name: &'static str,
    /// Items in the queue.
    pub waiting: usize,
    /// Items that fit into the queue.
    pub capacity: usize,
}

/// An interface of the capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceState {
    /// The name.
    pub name: String,
    /// True while packets can come from it.
    pub is_up: bool,
}

/// The state of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputState {
    /// The target, as in the settings.
    pub name: String,
    /// True while it takes alerts.
    pub is_up: bool,
    /// Alerts written to it.
    pub written: u64,
    /// Alerts lost for it.
    pub lost: u64,
}

/// The state of the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolState {
    /// The size of the alerts that some output has not taken yet.
    pub size: ByteCount,
    /// The part of that which is only in memory, because the disk does not take it.
    pub in_memory: ByteCount,
    /// The most that it may hold.
    pub capacity: ByteCount,
}

/// The state of a list of indicators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedState {
    /// The name of the file, or `builtin`.
    pub name: String,
    /// The number of its indicators in force.
    pub indicators: usize,
    /// The age of the list; `None` where it has no date.
    pub age: Option<Duration>,
    /// True if the newest state of the file is in force; false if it could not be read again.
    pub is_current: bool,
}

/// The time between the packet of an alert and the alert, as a histogram.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lag {
    /// The number of alerts in each bucket. The last bucket has no upper bound.
    pub(super) counts: [u64; LAG_BOUNDS.len() + 1],
    /// The sum of all lags.
    pub(super) seconds: f64,
}

impl Lag {
    /// Counts one alert.
    pub fn observe(&mut self, lag: Duration) {
        let seconds = lag.as_secs_f64();
        let bucket = LAG_BOUNDS.partition_point(|bound| *bound < seconds);
        self.counts[bucket] += 1;
        self.seconds += seconds;
    }
}
