//! Amounts over time, within a bound.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use crate::units::Timestamp;

/// The maximum number of buckets of a timeline: a bar for every four pixels of a wide page.
pub(super) const MAX_BUCKETS: i64 = 256;

const SECOND: i64 = 1_000_000_000;

/// The amount in each of at most `MAX` periods. The result does not depend on the order in which
/// amounts are added.
#[derive(Debug, Clone, Default)]
pub(super) struct TimeBuckets<V, const MAX: i64> {
    /// The length of a bucket as a power of two in seconds.
    power: u32,
    /// The amounts by the number of the bucket since 1970.
    amounts: BTreeMap<i64, V>,
}

impl<V: Copy + Default + AddAssign, const MAX: i64> TimeBuckets<V, MAX> {
    /// Adds an amount at a time.
    pub(super) fn add(&mut self, time: Timestamp, amount: V) {
        *self.amounts.entry(self.bucket(time)).or_default() += amount;
        while let (Some((first, _)), Some((last, _))) = (self.amounts.first_key_value(), self.amounts.last_key_value())
            && last - first >= MAX
        {
            self.double();
        }
    }

    /// Adds all amounts of another one.
    pub(super) fn absorb(&mut self, mut other: Self) {
        while self.power < other.power {
            self.double();
        }
        while other.power < self.power {
            other.double();
        }
        for (start, amount) in other.list() {
            self.add(start, amount);
        }
    }

    fn bucket(&self, time: Timestamp) -> i64 {
        time.nanos().div_euclid(SECOND) >> self.power
    }

    /// The end of the bucket of a time, in nanoseconds since 1970.
    pub(super) fn end_of_bucket(&self, time: Timestamp) -> i128 {
        let end = (i128::from(self.bucket(time)) + 1) << self.power;
        end * i128::from(SECOND)
    }

    /// Makes each bucket twice as long.
    fn double(&mut self) {
        self.power += 1;
        for (bucket, amount) in std::mem::take(&mut self.amounts) {
            *self.amounts.entry(bucket >> 1).or_default() += amount;
        }
    }

    /// The length of a bucket in seconds.
    pub(super) fn width(&self) -> u64 {
        1 << self.power
    }

    /// The start and the amount of each bucket that has any, in order.
    pub(super) fn list(&self) -> Vec<(Timestamp, V)> {
        let start = |bucket: i64| Timestamp::from_parts(bucket << self.power, 0);
        self.amounts.iter().map(|(bucket, amount)| (start(*bucket), *amount)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Counts = TimeBuckets<u64, MAX_BUCKETS>;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 7)
    }

    #[test]
    fn buckets_double_until_all_fit() {
        let mut buckets = Counts::default();
        [1000, 1000, 1001, 1255].into_iter().for_each(|second| buckets.add(at(second), 1));
        assert_eq!((buckets.width(), buckets.list().len()), (1, 3));
        buckets.add(at(1256), 1);
        assert_eq!(buckets.width(), 2);
        assert_eq!(buckets.list()[0], (Timestamp::from_parts(1000, 0), 3));
    }

    #[test]
    fn the_whole_range_of_time_fits() {
        let mut buckets = Counts::default();
        [Timestamp::MAX, Timestamp::MIN, Timestamp::default()].into_iter().for_each(|time| buckets.add(time, 1));
        assert_eq!(buckets.list().iter().map(|(_, count)| count).sum::<u64>(), 3);
    }

    proptest! {
        #[test]
        fn buckets_do_not_depend_on_the_order(mut times in prop::collection::vec(any::<i32>(), 1..50)) {
            let filled = |times: &[i32]| {
                let mut buckets = Counts::default();
                times.iter().for_each(|time| buckets.add(at((*time).into()), 1));
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
