//! The number of sightings over time, within a bound.

use std::collections::BTreeMap;

use super::model::{Bucket, Moment};
use crate::units::Timestamp;

/// The maximum number of buckets of a timeline: a bar for every four pixels of a wide page.
const MAX_BUCKETS: i64 = 256;

const SECOND: i64 = 1_000_000_000;

/// The number of sightings in each period. The result does not depend on the order in which times
/// are added.
#[derive(Debug, Default)]
pub(super) struct TimeBuckets {
    /// The length of a bucket as a power of two in seconds.
    power: u32,
    /// The counts by the number of the bucket since 1970.
    counts: BTreeMap<i64, u64>,
}

impl TimeBuckets {
    pub(super) fn add(&mut self, time: Timestamp) {
        let bucket = time.nanos().div_euclid(SECOND) >> self.power;
        *self.counts.entry(bucket).or_default() += 1;
        while let (Some((first, _)), Some((last, _))) = (self.counts.first_key_value(), self.counts.last_key_value())
            && last - first >= MAX_BUCKETS
        {
            self.power += 1;
            for (bucket, count) in std::mem::take(&mut self.counts) {
                *self.counts.entry(bucket >> 1).or_default() += count;
            }
        }
    }

    /// The length of a bucket in seconds.
    pub(super) fn width(&self) -> u64 {
        1 << self.power
    }

    pub(super) fn list(&self) -> Vec<Bucket> {
        let start = |bucket: i64| Moment(Timestamp::from_parts(bucket << self.power, 0));
        self.counts.iter().map(|(bucket, count)| Bucket { start: start(*bucket), count: *count }).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 7)
    }

    #[test]
    fn buckets_double_until_all_fit() {
        let mut buckets = TimeBuckets::default();
        [1000, 1000, 1001, 1255].into_iter().for_each(|second| buckets.add(at(second)));
        assert_eq!((buckets.width(), buckets.list().len()), (1, 3));
        buckets.add(at(1256));
        assert_eq!(buckets.width(), 2);
        assert_eq!(buckets.list()[0], Bucket { start: Moment(Timestamp::from_parts(1000, 0)), count: 3 });
    }

    #[test]
    fn the_whole_range_of_time_fits() {
        let mut buckets = TimeBuckets::default();
        [Timestamp::MAX, Timestamp::MIN, Timestamp::default()].into_iter().for_each(|time| buckets.add(time));
        assert_eq!(buckets.list().iter().map(|bucket| bucket.count).sum::<u64>(), 3);
    }

    proptest! {
        #[test]
        fn buckets_do_not_depend_on_the_order(mut times in prop::collection::vec(any::<i32>(), 1..50)) {
            let filled = |times: &[i32]| {
                let mut buckets = TimeBuckets::default();
                times.iter().for_each(|time| buckets.add(at((*time).into())));
                (buckets.width(), buckets.list())
            };
            let (width, list) = filled(&times);
            prop_assert!(list.len() <= MAX_BUCKETS as usize);
            times.reverse();
            prop_assert_eq!(filled(&times), (width, list.clone()));
            times.sort_unstable();
            prop_assert_eq!(filled(&times), (width, list));
        }
    }
}
