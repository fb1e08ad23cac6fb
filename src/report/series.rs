//! When something came: counts over time, and intervals, each within a bound.

use std::collections::BTreeMap;

use super::model::{Beacon, Bin, Bucket, Moment, Timed};
use crate::alert::{IntervalStats, Signature};
use crate::units::Timestamp;

/// How many buckets a time line has at the most: a bar for every four pixels of a wide page.
const MOST_BUCKETS: i64 = 256;

/// How many times of a series have their intervals told: eight hours of a beacon a minute. Of more, the latest count.
const MOST_TIMES: usize = 512;

/// How many bins the histogram has, beside the one for all that is longer: twelve below the usual interval, and as many above.
const BINS: usize = 24;

const SECOND: i64 = 1_000_000_000;

/// Counts over time. What comes first has no part in it: the buckets depend on the times alone.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    /// How long a bucket is: two to the power of this in seconds.
    power: u32,
    /// By the bucket's number since 1970.
    counts: BTreeMap<i64, u64>,
}

impl Buckets {
    pub(super) fn add(&mut self, time: Timestamp) {
        let bucket = time.nanos().div_euclid(SECOND) >> self.power;
        *self.counts.entry(bucket).or_default() += 1;
        while let (Some((first, _)), Some((last, _))) = (self.counts.first_key_value(), self.counts.last_key_value())
            && last - first >= MOST_BUCKETS
        {
            self.power += 1;
            for (bucket, count) in std::mem::take(&mut self.counts) {
                *self.counts.entry(bucket >> 1).or_default() += count;
            }
        }
    }

    /// How long each bucket is, in seconds.
    pub(super) fn width(&self) -> u64 {
        1 << self.power
    }

    pub(super) fn list(&self) -> Vec<Bucket> {
        let start = |bucket: i64| Moment(Timestamp::from_parts(bucket << self.power, 0));
        self.counts.iter().map(|(bucket, count)| Bucket { start: start(*bucket), count: *count }).collect()
    }
}

/// The intervals between times, which may come in any order: updates about several servers of one name tell of the same ten minutes.
#[derive(Debug, Default)]
pub(super) struct Intervals {
    /// Each with whether any that nobody knows may lie right before it.
    times: Vec<(Timestamp, bool)>,
}

impl Intervals {
    /// `is_after_unknown` says that there were times before it that nobody knows: no interval spans them.
    pub(super) fn add(&mut self, time: Timestamp, is_after_unknown: bool) {
        if self.times.len() >= 2 * MOST_TIMES {
            self.times.sort_unstable();
            self.times.drain(..MOST_TIMES);
        }
        self.times.push((time, is_after_unknown));
    }

    /// In seconds.
    fn list(&self) -> Vec<f64> {
        let mut times = self.times.clone();
        times.sort_unstable();
        let times = times.get(times.len().saturating_sub(MOST_TIMES)..).unwrap_or_default();
        let pairs = times.iter().zip(times.iter().skip(1)).filter(|(_, (_, is_after_unknown))| !is_after_unknown);
        pairs.map(|((one, _), (other, _))| other.since(*one).as_secs_f64()).collect()
    }

    /// How regular they are; `None` where there are too few to tell.
    pub(super) fn beacon(&self, timed: Timed, signature: Signature) -> Option<Beacon> {
        let mut intervals = self.list();
        let rhythm = IntervalStats::of(&mut intervals)?;
        let is_regular = rhythm.is_regular?;
        // Binary fractions of a second would be told with more digits than they have.
        let rounded = |seconds: f64| (seconds * 1000.0).round() / 1000.0;
        Some(Beacon {
            timed,
            signature: signature.id().to_owned(),
            is_regular,
            usual_seconds: rounded(rhythm.median),
            mean_seconds: rounded(rhythm.mean),
            spread_seconds: rounded(rhythm.deviation),
            intervals: intervals.len() as u64,
            histogram: histogram(&intervals, rhythm.median),
        })
    }
}

/// Bins around the usual interval.
fn histogram(intervals: &[f64], usual: f64) -> Vec<Bin> {
    let width = step(usual * 2.0 / BINS as f64);
    let mut counts = [0u64; BINS + 1];
    for interval in intervals {
        // A number beyond is the greatest that there is.
        let bin = ((interval / width) as usize).min(BINS);
        if let Some(count) = counts.get_mut(bin) {
            *count += 1;
        }
    }
    let edge = |bin: usize| (bin as f64 * width * 1000.0).round() / 1000.0;
    let bin = |(bin, count): (usize, &u64)| Bin {
        from_seconds: edge(bin),
        to_seconds: (bin < BINS).then(|| edge(bin + 1)),
        count: *count,
    };
    counts.iter().enumerate().map(bin).collect()
}

/// The next round number that is no smaller: 1, 2, 2.5 or 5 times a power of ten, and no less than a millisecond.
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

    const SESSION: Signature = Signature::NetsupportSession;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 7)
    }

    #[test]
    fn buckets_double_until_all_fit() {
        let mut buckets = Buckets::default();
        [1000, 1000, 1001, 1255].into_iter().for_each(|second| buckets.add(at(second)));
        assert_eq!((buckets.width(), buckets.list().len()), (1, 3));
        buckets.add(at(1256));
        assert_eq!(buckets.width(), 2);
        assert_eq!(buckets.list()[0], Bucket { start: Moment(Timestamp::from_parts(1000, 0)), count: 3 });
    }

    #[test]
    fn the_whole_range_of_time_fits() {
        let mut buckets = Buckets::default();
        [Timestamp::MAX, Timestamp::MIN, Timestamp::default()].into_iter().for_each(|time| buckets.add(time));
        assert_eq!(buckets.list().iter().map(|bucket| bucket.count).sum::<u64>(), 3);
    }

    #[test]
    fn a_beacon_of_a_minute_has_its_bin_in_the_middle() {
        let mut intervals = Intervals::default();
        // Whatever the order.
        [4, 5, 6, 7, 8, 9, 0, 1, 2, 3].into_iter().for_each(|beat| intervals.add(at(beat * 60), false));
        intervals.add(at(5000), false);
        let beacon = intervals.beacon(Timed::Requests, SESSION).unwrap();
        assert!(beacon.is_regular);
        assert_eq!((beacon.usual_seconds, beacon.intervals), (60.0, 10));
        assert_eq!(beacon.histogram.len(), BINS + 1);
        let full: Vec<_> = beacon.histogram.iter().filter(|bin| bin.count > 0).collect();
        assert_eq!(*full[0], Bin { from_seconds: 60.0, to_seconds: Some(65.0), count: 9 });
        assert_eq!(*full[1], Bin { from_seconds: 120.0, to_seconds: None, count: 1 });
    }

    #[test]
    fn no_interval_spans_what_nobody_knows_and_few_say_nothing() {
        let mut intervals = Intervals::default();
        [0, 60, 120, 180, 240].into_iter().for_each(|second| intervals.add(at(second), false));
        assert_eq!(intervals.beacon(Timed::Requests, SESSION), None);
        intervals.add(at(9000), true);
        assert_eq!(intervals.beacon(Timed::Requests, SESSION), None);
        intervals.add(at(9060), false);
        assert_eq!(intervals.beacon(Timed::Requests, SESSION).unwrap().mean_seconds, 60.0);
    }

    #[test]
    fn of_many_times_the_latest_count() {
        let mut intervals = Intervals::default();
        (0..10_000).for_each(|beat| intervals.add(at(beat * if beat < 9_000 { 10 } else { 60 }), false));
        assert!(intervals.times.len() <= 2 * MOST_TIMES);
        let beacon = intervals.beacon(Timed::Contacts, SESSION).unwrap();
        assert_eq!((beacon.intervals, beacon.mean_seconds), (MOST_TIMES as u64 - 1, 60.0));
    }

    proptest! {
        #[test]
        fn buckets_do_not_depend_on_the_order(mut times in prop::collection::vec(any::<i32>(), 1..50)) {
            let filled = |times: &[i32]| {
                let mut buckets = Buckets::default();
                times.iter().for_each(|time| buckets.add(at((*time).into())));
                (buckets.width(), buckets.list())
            };
            let (width, list) = filled(&times);
            prop_assert!(list.len() <= MOST_BUCKETS as usize);
            times.reverse();
            prop_assert_eq!(filled(&times), (width, list.clone()));
            times.sort_unstable();
            prop_assert_eq!(filled(&times), (width, list));
        }

        #[test]
        fn any_intervals_are_all_in_the_histogram(intervals in prop::collection::vec(0.0..1e10f64, 1..50), usual in 0.0..1e10f64) {
            let bins = histogram(&intervals, usual);
            prop_assert_eq!(bins.iter().map(|bin| bin.count).sum::<u64>(), intervals.len() as u64);
        }
    }
}
