//! Beacons: how regularly a client speaks to its gateway.
//!
//! What is timed are requests, not connections: one real NetSupport client sent 58 requests in 53 minutes over two
//! connections, nine of ten of them a minute apart.

use std::fmt;
use std::time::Duration;

use crate::units::Timestamp;

/// How many times are kept for one update: four hours of a beacon a minute. Of more, the latest count.
const MOST_TIMES: usize = 256;

/// How many intervals it takes to speak of a rhythm, or of none.
const FEWEST_INTERVALS: usize = 5;

/// How far an interval may be from the usual one, as a part of it: clients wait a fixed time and then some for the network.
const TOLERANCE: f64 = 0.25;

/// How much of all intervals must be within the tolerance: a client that starts sends four requests at once, and ten minutes later ten
/// have followed.
const REGULAR_SHARE: f64 = 0.66;

/// Below this a series of requests is one action, not a beacon.
const SHORTEST_BEACON: Duration = Duration::from_secs(1);

/// The times of sightings.
#[derive(Debug, Default)]
pub(super) struct Beats {
    /// The highest time before those in `times`.
    before: Option<Timestamp>,
    /// Since the last update, in the order in which they came.
    times: Vec<Timestamp>,
}

impl Beats {
    /// After a sighting that was told by itself.
    pub(super) fn after(sighting: Timestamp) -> Self {
        Self { before: Some(sighting), times: Vec::new() }
    }

    /// Notes the time of a sighting.
    pub(super) fn note(&mut self, time: Timestamp) {
        if self.times.len() >= MOST_TIMES {
            self.before = self.before.max(Some(self.times.remove(0)));
        }
        self.times.push(time);
    }

    /// The rhythm of the sightings since the last time, if there is an interval among them, and when they were.
    pub(super) fn take(&mut self) -> (Option<Rhythm>, Vec<Timestamp>) {
        let times = std::mem::take(&mut self.times);
        let mut intervals = Vec::with_capacity(times.len());
        for time in &times {
            intervals.extend(self.before.map(|last| time.since(last).as_secs_f64()));
            self.before = self.before.max(Some(*time));
        }
        (Rhythm::of(&mut intervals), times)
    }
}

/// How regularly something came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rhythm {
    /// The mean interval, in seconds.
    pub mean: f64,
    /// The standard deviation of the intervals, in seconds.
    pub spread: f64,
    /// The median of the intervals, in seconds.
    pub usual: f64,
    /// Whether it is a regular beacon; `None` where there are too few intervals to tell.
    pub is_regular: Option<bool>,
}

impl Rhythm {
    /// The rhythm of intervals in seconds, which are sorted on the way; `None` where there are none.
    pub fn of(intervals: &mut [f64]) -> Option<Self> {
        if intervals.is_empty() {
            return None;
        }
        let count = intervals.len() as f64;
        let mean = intervals.iter().sum::<f64>() / count;
        let spread = (intervals.iter().map(|interval| (interval - mean).powi(2)).sum::<f64>() / count).sqrt();
        intervals.sort_by(f64::total_cmp);
        let usual = intervals[intervals.len() / 2];
        let near = intervals.iter().filter(|interval| (*interval - usual).abs() <= usual * TOLERANCE).count();
        let is_regular = near as f64 >= count * REGULAR_SHARE && usual >= SHORTEST_BEACON.as_secs_f64();
        // The last update of a beacon tells of what is left, which may be one request.
        let is_regular = (intervals.len() >= FEWEST_INTERVALS).then_some(is_regular);
        Some(Self { mean, spread, usual, is_regular })
    }
}

impl fmt::Display for Rhythm {
    /// As the end of a sentence about requests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.is_regular {
            None => "",
            Some(true) => ": a regular beacon",
            Some(false) => ": no regular beacon",
        };
        write!(f, ", requests every {:.1} s (spread {:.1} s){verdict}", self.mean, self.spread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(intervals: &[f64]) -> String {
        Rhythm::of(&mut intervals.to_vec()).map(|rhythm| rhythm.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_beacon_is_regular_in_spite_of_the_requests_at_its_start() {
        let mut intervals = vec![0.2; 3];
        intervals.extend([60.1; 12]);
        assert_eq!(said(&intervals), ", requests every 48.1 s (spread 24.0 s): a regular beacon");
    }

    #[test]
    fn uneven_or_quick_requests_are_no_beacon() {
        for intervals in [&[1.0, 50.0, 7.0, 300.0, 20.0, 9.0][..], &[0.1; 30]] {
            assert!(said(intervals).ends_with(": no regular beacon"), "{intervals:?}");
        }
    }

    #[test]
    fn of_few_requests_nothing_can_be_said() {
        assert_eq!(said(&[60.0; 4]), ", requests every 60.0 s (spread 0.0 s)");
        assert_eq!(said(&[]), "");
    }
    #[test]
    fn of_many_times_the_latest_are_kept_and_no_interval_spans_those_that_were_told() {
        let at = |seconds: usize| Timestamp::from_parts(seconds as i64, 0);
        let mut beats = Beats::after(at(0));
        (1..=MOST_TIMES + 10).for_each(|second| beats.note(at(10 * second)));
        let (rhythm, times) = beats.take();
        assert_eq!((times.len(), times[0]), (MOST_TIMES, at(110)));
        assert_eq!(rhythm.map(|rhythm| (rhythm.mean, rhythm.spread)), Some((10.0, 0.0)));
        assert_eq!(beats.take(), (None, Vec::new()));
        // The interval since the last one that was told; one from the past has none.
        beats.note(at(10 * (MOST_TIMES + 12)));
        beats.note(at(5));
        assert_eq!(beats.take().0.map(|rhythm| rhythm.mean), Some(10.0));
    }
}
