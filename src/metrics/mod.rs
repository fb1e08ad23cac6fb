//! What monitoring sees: `/metrics` for Prometheus and `/healthz`, over HTTP.
//!
//! The sensor gives a [`Snapshot`] whenever somebody asks; `page` writes it in the OpenMetrics text format, `server` hands it out.
//! Names and labels are stable: users' dashboards stand on them.

use std::time::Duration;

use crate::alert::Signature;
use crate::sensor::{Totals, losses};
use crate::units::ByteCount;

mod page;
mod server;

pub use page::page;
pub use server::Server;

/// The upper bounds of the lag's buckets, in seconds: an alert is to leave within one of them on a quiet link.
const LAG_BOUNDS: [f64; 11] = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0];

/// What the sensor is at a moment. Counts are since the start.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// Frames captured.
    pub packets: u64,
    /// Captured bytes of those frames.
    pub bytes: ByteCount,
    /// What was lost, by reason.
    pub drops: Vec<Drops>,
    /// Sightings by signature, in the order of [`Signature::ALL`].
    pub sightings: [u64; Signature::ALL.len()],
    /// Alerts by signature, in the order of [`Signature::ALL`].
    pub alerts: [u64; Signature::ALL.len()],
    /// Where work waits.
    pub queues: Vec<Queue>,
    /// How long after its packet an alert left.
    pub lag: Lag,
    /// The interfaces that are captured from.
    pub interfaces: Vec<InterfaceState>,
    /// Where alerts go.
    pub outputs: Vec<OutputState>,
    /// The spool, where there is one.
    pub spool: Option<SpoolState>,
    /// The lists of indicators in force.
    pub feeds: Vec<FeedState>,
    /// Sightings that an exclusion kept from being alerted, by its name.
    pub suppressed: Vec<(String, u64)>,
    /// What is wrong at the moment, in words. Empty: all is well.
    pub troubles: Vec<String>,
}

impl Snapshot {
    /// What a run's totals say; the rest is the caller's to fill in.
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

/// What was lost for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drops {
    /// The reason's stable name: see [`crate::sensor::losses`], and `kernel`, `interface` for what a live capture lost.
    pub reason: String,
    /// Where, if that is known.
    pub interface: Option<String>,
    /// How many.
    pub count: u64,
}

/// A place where work waits for the next stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: &'static str,
    /// How many wait.
    pub waiting: usize,
    /// How many can wait.
    pub capacity: usize,
}

/// An interface that is captured from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceState {
    /// Its name.
    pub name: String,
    /// Whether packets can come from it at the moment.
    pub is_up: bool,
}

/// An output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputState {
    /// Its target, as in the settings.
    pub name: String,
    /// Whether it takes alerts at the moment.
    pub is_up: bool,
    /// Alerts that it took.
    pub written: u64,
    /// Alerts that are lost to it.
    pub lost: u64,
}

/// The spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolState {
    /// How much it holds that some output has not taken.
    pub size: ByteCount,
    /// How much of that is in memory alone, since the disk does not take it.
    pub in_memory: ByteCount,
    /// How much it may hold.
    pub capacity: ByteCount,
}

/// A list of indicators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedState {
    /// The file's name, or `builtin`.
    pub name: String,
    /// How many of its indicators are in force.
    pub indicators: usize,
    /// How old the list is; `None` where it does not say.
    pub age: Option<Duration>,
    /// Whether the newest state of the file is in force; not so where it could not be read again.
    pub is_current: bool,
}

/// How long after its packet an alert left, as a histogram.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lag {
    /// How many fell into each bucket, the last of which has no upper bound.
    counts: [u64; LAG_BOUNDS.len() + 1],
    seconds: f64,
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

#[cfg(test)]
mod tests;
