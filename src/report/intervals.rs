//! Intervals between sightings, within a bound: their statistics and their histogram.

use super::model::{Beacon, HistogramBin, TimedEvents};
use crate::alert::{IntervalStats, Signature};
use crate::units::Timestamp;

/// The maximum number of times whose intervals are used: eight hours of one request per minute. Of
/// more, the latest are used.
const MAX_TIMES: usize = 512;

/// The number of bins of the histogram, without the last one for all longer intervals: twelve below
/// the median and twelve above.
const BINS: usize = 24;

/// The intervals between times. Times may be added in any order: updates about several servers of
/// one name cover the same ten minutes.
#[derive(Debug, Default)]
pub(super) struct Intervals {
    /// Each time with true if unknown times may precede it.
    times: Vec<(Timestamp, bool)>,
}

impl Intervals {
    /// Adds a time. `follows_gap` is true if unknown times may precede it, so that there is no
    /// interval before it.
    pub(super) fn add(&mut self, time: Timestamp, follows_gap: bool) {
        if self.times.len() >= 2 * MAX_TIMES {
            self.times.sort_unstable();
            self.times.drain(..MAX_TIMES);
        }
        self.times.push((time, follows_gap));
    }

    /// The intervals in seconds.
    fn list(&self) -> Vec<f64> {
        let mut times = self.times.clone();
        times.sort_unstable();
        let times = times.get(times.len().saturating_sub(MAX_TIMES)..).unwrap_or_default();
        let pairs = times.iter().zip(times.iter().skip(1)).filter(|(_, (_, follows_gap))| !follows_gap);
        pairs.map(|((one, _), (other, _))| other.since(*one).as_secs_f64()).collect()
    }

    /// The regularity of the intervals. `None` if there are too few.
    pub(super) fn beacon(&self, timed: TimedEvents, signature: Signature) -> Option<Beacon> {
        let mut intervals = self.list();
        let stats = IntervalStats::of(&mut intervals)?;
        let is_regular = stats.is_regular?;
        // Binary fractions of a second would be written with meaningless digits.
        let rounded = |seconds: f64| (seconds * 1000.0).round() / 1000.0;
        Some(Beacon {
            timed,
            signature: signature.id().to_owned(),
            is_regular,
            usual_seconds: rounded(stats.median),
            mean_seconds: rounded(stats.mean),
            spread_seconds: rounded(stats.deviation),
            intervals: intervals.len() as u64,
            histogram: histogram(&intervals, stats.median),
        })
    }
}

/// A histogram with bins around the median interval.
fn histogram(intervals: &[f64], median: f64) -> Vec<HistogramBin> {
    let width = step(median * 2.0 / BINS as f64);
    let mut counts = [0u64; BINS + 1];
    for interval in intervals {
        // The cast saturates.
        let bin = ((interval / width) as usize).min(BINS);
        if let Some(count) = counts.get_mut(bin) {
            *count += 1;
        }
    }
    let edge = |bin: usize| (bin as f64 * width * 1000.0).round() / 1000.0;
    let bin = |(bin, count): (usize, &u64)| HistogramBin {
        from_seconds: edge(bin),
        to_seconds: (bin < BINS).then(|| edge(bin + 1)),
        count: *count,
    };
    counts.iter().enumerate().map(bin).collect()
}

/// The next round number that is not smaller: 1, 2, 2.5 or 5 times a power of ten, at least a
/// millisecond.
fn step(least: f64) -> f64 {
    let least = least.max(0.001);
    let mut power = 0.001;
    while power * 10.0 < least && power < 1e12 {
        power *= 10.0;
    }
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power);
    steps.into_iter().find(|step| *step >= least * 0.999).unwrap_or(power * 10.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SESSION: Signature = Signature::C2Endpoint;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 7)
    }

    #[test]
    fn a_beacon_of_a_minute_has_its_bin_in_the_middle() {
        let mut intervals = Intervals::default();
        // Whatever the order.
        [4, 5, 6, 7, 8, 9, 0, 1, 2, 3].into_iter().for_each(|beat| intervals.add(at(beat * 60), false));
        intervals.add(at(5000), false);
        let beacon = intervals.beacon(TimedEvents::Requests, SESSION).unwrap();
        assert!(beacon.is_regular);
        assert_eq!((beacon.usual_seconds, beacon.intervals), (60.0, 10));
        assert_eq!(beacon.histogram.len(), BINS + 1);
        let full: Vec<_> = beacon.histogram.iter().filter(|bin| bin.count > 0).collect();
        assert_eq!(*full[0], HistogramBin { from_seconds: 60.0, to_seconds: Some(65.0), count: 9 });
        assert_eq!(*full[1], HistogramBin { from_seconds: 120.0, to_seconds: None, count: 1 });
    }

    #[test]
    fn no_interval_spans_a_gap_and_few_intervals_give_no_result() {
        let mut intervals = Intervals::default();
        [0, 60, 120, 180, 240].into_iter().for_each(|second| intervals.add(at(second), false));
        assert_eq!(intervals.beacon(TimedEvents::Requests, SESSION), None);
        intervals.add(at(9000), true);
        assert_eq!(intervals.beacon(TimedEvents::Requests, SESSION), None);
        intervals.add(at(9060), false);
        assert_eq!(intervals.beacon(TimedEvents::Requests, SESSION).unwrap().mean_seconds, 60.0);
    }

    #[test]
    fn of_many_times_the_latest_are_used() {
        let mut intervals = Intervals::default();
        (0..10_000).for_each(|beat| intervals.add(at(beat * if beat < 9_000 { 10 } else { 60 }), false));
        assert!(intervals.times.len() <= 2 * MAX_TIMES);
        let beacon = intervals.beacon(TimedEvents::Contacts, SESSION).unwrap();
        assert_eq!((beacon.intervals, beacon.mean_seconds), (MAX_TIMES as u64 - 1, 60.0));
    }

    proptest! {
        #[test]
        fn any_intervals_are_all_in_the_histogram(intervals in prop::collection::vec(0.0..1e10f64, 1..50), median in 0.0..1e10f64) {
            let bins = histogram(&intervals, median);
            prop_assert_eq!(bins.iter().map(|bin| bin.count).sum::<u64>(), intervals.len() as u64);
        }
    }
}
