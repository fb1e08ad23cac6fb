//! Beacons: how regularly a client speaks to its gateway.
//!
//! What is timed are requests, not connections: one real NetSupport client sent 58 requests in 53 minutes over two
//! connections, nine of ten of them a minute apart.

use std::time::Duration;

use super::{Alert, MatchBasis};
use crate::units::Timestamp;

/// How many intervals are kept for one update: four hours of a beacon a minute. Of more, the latest count.
const MOST_INTERVALS: usize = 256;

/// How many intervals it takes to speak of a rhythm, or of none.
const FEWEST_INTERVALS: usize = 5;

/// How far an interval may be from the usual one, as a part of it: clients wait a fixed time and then some for the network.
const TOLERANCE: f64 = 0.25;

/// How much of all intervals must be within the tolerance: a client that starts sends four requests at once, and ten minutes later ten
/// have followed.
const REGULAR_SHARE: f64 = 0.66;

/// Below this a series of requests is one action, not a beacon.
const SHORTEST_BEACON: Duration = Duration::from_secs(1);

/// The times of requests.
#[derive(Debug, Default)]
pub(super) struct Beats {
    last: Option<Timestamp>,
    /// Since the last update, in seconds.
    intervals: Vec<f64>,
}

impl Beats {
    /// Notes a sighting, if it is a request.
    pub(super) fn note(&mut self, alert: &Alert) {
        if alert.basis != MatchBasis::NetsupportRequest {
            return;
        }
        if let Some(last) = self.last {
            if self.intervals.len() >= MOST_INTERVALS {
                self.intervals.remove(0);
            }
            self.intervals.push(alert.seen.since(last).as_secs_f64());
        }
        self.last = self.last.max(Some(alert.seen));
    }

    /// What is to be said of the intervals since the last time; empty where there were none.
    pub(super) fn take(&mut self) -> String {
        let mut intervals = std::mem::take(&mut self.intervals);
        if intervals.is_empty() {
            return String::new();
        }
        let count = intervals.len() as f64;
        let mean = intervals.iter().sum::<f64>() / count;
        let spread = (intervals.iter().map(|interval| (interval - mean).powi(2)).sum::<f64>() / count).sqrt();
        intervals.sort_by(f64::total_cmp);
        let usual = intervals[intervals.len() / 2];
        let near = intervals.iter().filter(|interval| (*interval - usual).abs() <= usual * TOLERANCE).count();
        let is_regular = near as f64 >= count * REGULAR_SHARE && usual >= SHORTEST_BEACON.as_secs_f64();
        let verdict = match is_regular {
            // The last update of a beacon tells of what is left, which may be one request.
            _ if intervals.len() < FEWEST_INTERVALS => "",
            true => ": a regular beacon",
            false => ": no regular beacon",
        };
        format!(", requests every {mean:.1} s (spread {spread:.1} s){verdict}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(intervals: &[f64]) -> String {
        Beats { last: None, intervals: intervals.to_vec() }.take()
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
}
