//! Beacons: how regularly a client sends requests to its gateway.
//!
//! Requests are timed, not connections: one real NetSupport client sent 58 requests in 53 minutes
//! over two connections, nine of ten of them a minute apart.

use std::fmt;
use std::time::Duration;

use crate::units::Timestamp;

/// The maximum number of times stored for one update: four hours of one request per minute. Of
/// more, the latest are kept.
const MAX_TIMES: usize = 256;

/// The minimum number of intervals to decide whether a client is a beacon.
const MIN_INTERVALS: usize = 5;

/// The tolerated deviation of an interval from the median, as a fraction: clients wait for a fixed
/// time, and then for the network.
const TOLERANCE: f64 = 0.25;

/// The fraction of intervals that must be within the tolerance. A client that starts sends four
/// requests at once, and ten more in the next ten minutes.
const REGULAR_SHARE: f64 = 0.66;

/// The minimum interval of a beacon. Requests that follow each other faster are one action.
const MIN_BEACON_INTERVAL: Duration = Duration::from_secs(1);

/// The times of the sightings since the last update.
#[derive(Debug, Default)]
pub(super) struct SightingTimes {
    /// The highest time before those in `times`.
    previous: Option<Timestamp>,
    /// In the order of the capture.
    times: Vec<Timestamp>,
}

impl SightingTimes {
    /// No times yet, after a sighting that was reported on its own.
    pub(super) fn after(sighting: Timestamp) -> Self {
        Self { previous: Some(sighting), times: Vec::new() }
    }

    /// Adds the time of a sighting.
    pub(super) fn add(&mut self, time: Timestamp) {
        if self.times.len() >= MAX_TIMES {
            self.previous = self.previous.max(Some(self.times.remove(0)));
        }
        self.times.push(time);
    }

    /// Takes the times since the last call, with statistics of their intervals if there are any.
    pub(super) fn take(&mut self) -> (Option<IntervalStats>, Vec<Timestamp>) {
        let times = std::mem::take(&mut self.times);
        let mut intervals = Vec::with_capacity(times.len());
        for time in &times {
            intervals.extend(self.previous.map(|last| time.since(last).as_secs_f64()));
            self.previous = self.previous.max(Some(*time));
        }
        (IntervalStats::of(&mut intervals), times)
    }
}

/// Statistics of the intervals between sightings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IntervalStats {
    /// The mean interval, in seconds.
    pub mean: f64,
    /// The standard deviation of the intervals, in seconds.
    pub deviation: f64,
    /// The median of the intervals, in seconds.
    pub median: f64,
    /// True for a regular beacon. `None` if there are too few intervals to decide.
    pub is_regular: Option<bool>,
}

impl IntervalStats {
    /// Computes statistics of intervals in seconds, and sorts the intervals. `None` if there are
    /// none.
    pub fn of(intervals: &mut [f64]) -> Option<Self> {
        if intervals.is_empty() {
            return None;
        }
        let count = intervals.len() as f64;
        let mean = intervals.iter().sum::<f64>() / count;
        let deviation = (intervals.iter().map(|interval| (interval - mean).powi(2)).sum::<f64>() / count).sqrt();
        intervals.sort_by(f64::total_cmp);
        let median = intervals[intervals.len() / 2];
        let regular = intervals.iter().filter(|interval| (*interval - median).abs() <= median * TOLERANCE).count();
        let is_regular = regular as f64 >= count * REGULAR_SHARE && median >= MIN_BEACON_INTERVAL.as_secs_f64();
        // The last update of a beacon has the remaining requests, which may be only one.
        let is_regular = (intervals.len() >= MIN_INTERVALS).then_some(is_regular);
        Some(Self { mean, deviation, median, is_regular })
    }
}

impl fmt::Display for IntervalStats {
    /// Writes the end of a sentence about requests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.is_regular {
            None => "",
            Some(true) => ": a regular beacon",
            Some(false) => ": no regular beacon",
        };
        write!(f, ", requests every {:.1} s (spread {:.1} s){verdict}", self.mean, self.deviation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(intervals: &[f64]) -> String {
        IntervalStats::of(&mut intervals.to_vec()).map(|stats| stats.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_beacon_is_regular_in_spite_of_the_requests_at_its_start() {
        let mut intervals = vec![0.2; 3];
        intervals.extend([60.1; 12]);
        assert_eq!(sentence(&intervals), ", requests every 48.1 s (spread 24.0 s): a regular beacon");
    }

    #[test]
    fn uneven_or_quick_requests_are_no_beacon() {
        for intervals in [&[1.0, 50.0, 7.0, 300.0, 20.0, 9.0][..], &[0.1; 30]] {
            assert!(sentence(intervals).ends_with(": no regular beacon"), "{intervals:?}");
        }
    }

    #[test]
    fn of_few_requests_nothing_can_be_said() {
        assert_eq!(sentence(&[60.0; 4]), ", requests every 60.0 s (spread 0.0 s)");
        assert_eq!(sentence(&[]), "");
    }
    #[test]
    fn of_many_times_the_latest_are_kept_and_no_interval_spans_those_that_were_told() {
        let at = |seconds: usize| Timestamp::from_parts(seconds as i64, 0);
        let mut sightings = SightingTimes::after(at(0));
        (1..=MAX_TIMES + 10).for_each(|second| sightings.add(at(10 * second)));
        let (stats, times) = sightings.take();
        assert_eq!((times.len(), times[0]), (MAX_TIMES, at(110)));
        assert_eq!(stats.map(|stats| (stats.mean, stats.deviation)), Some((10.0, 0.0)));
        assert_eq!(sightings.take(), (None, Vec::new()));
        // The interval since the last sighting of the previous update. An earlier time gives none.
        sightings.add(at(10 * (MAX_TIMES + 12)));
        sightings.add(at(5));
        assert_eq!(sightings.take().0.map(|stats| stats.mean), Some(10.0));
    }
}
