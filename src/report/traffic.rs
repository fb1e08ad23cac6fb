//! The IP bytes that a host sent and received, in total and over time.

use std::ops::AddAssign;

use super::host::HostEnds;
use super::model::{self, Moment};
use super::timeline::TimeBuckets;
use crate::alert::Alert;
use crate::units::{ByteCount, Timestamp};

/// The maximum number of buckets of a history. Alerts count the bytes of up to ten minutes, so more
/// would add little; and there may be a history for each of 50 chains of 100 hosts, of 4 kB each.
const MAX_BUCKETS: i64 = 64;

/// The IP bytes that a host sent and received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Volume {
    pub(super) sent: ByteCount,
    pub(super) received: ByteCount,
}

impl AddAssign for Volume {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.received += other.received;
    }
}

impl Volume {
    /// The volume of an alert, from the host's point of view.
    fn of(alert: &Alert) -> Self {
        if HostEnds::of(alert).host == alert.client {
            Self { sent: alert.sent, received: alert.received }
        } else {
            Self { sent: alert.received, received: alert.sent }
        }
    }
}

/// The bytes of several alerts.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub(super) total: Volume,
    pub(super) history: TrafficHistory,
    /// The end of the latest alert.
    last_end: Option<Timestamp>,
}

impl Traffic {
    /// Adds the bytes of an alert. Those of an update were transferred since the alert before it.
    pub(super) fn add(&mut self, alert: &Alert) {
        let volume = Volume::of(alert);
        let first = alert.start.max(self.last_end.unwrap_or(alert.start)).min(alert.end);
        self.total += volume;
        self.history.spread(first, alert.end, volume);
        self.last_end = self.last_end.max(Some(alert.end));
    }
}

/// Bytes over time.
#[derive(Debug, Clone, Default)]
pub(super) struct TrafficHistory(TimeBuckets<Volume, MAX_BUCKETS>);

impl TrafficHistory {
    /// Adds bytes, spread evenly over the time from `first` to `last`.
    fn spread(&mut self, first: Timestamp, last: Timestamp, volume: Volume) {
        // So that all buckets between are long enough to be few.
        self.0.add(first, Volume::default());
        self.0.add(last, Volume::default());
        let length = (i128::from(last.nanos()) - i128::from(first.nanos())).max(0);
        // The part of the bytes until a time.
        let until = |bytes: ByteCount, time: i128| match length {
            0 => bytes.0,
            _ => {
                let passed = (time - i128::from(first.nanos())).clamp(0, length);
                (i128::from(bytes.0) * passed / length) as u64
            }
        };
        let mut start = first;
        let mut before = Volume::default();
        loop {
            let end = self.0.end_of_bucket(start).min(i128::from(last.nanos()));
            let is_last = end >= i128::from(last.nanos());
            let total = if is_last {
                volume
            } else {
                Volume { sent: ByteCount(until(volume.sent, end)), received: ByteCount(until(volume.received, end)) }
            };
            let part = Volume {
                sent: ByteCount(total.sent.0 - before.sent.0),
                received: ByteCount(total.received.0 - before.received.0),
            };
            self.0.add(start, part);
            if is_last {
                return;
            }
            before = total;
            start = Timestamp::from_nanos(end as i64);
        }
    }

    /// Adds another history.
    pub(super) fn absorb(&mut self, other: Self) {
        self.0.absorb(other.0);
    }

    pub(super) fn into_model(self) -> model::Traffic {
        let buckets = self.0.list().into_iter().filter(|(_, volume)| *volume != Volume::default());
        model::Traffic {
            width_seconds: self.0.width(),
            buckets: buckets
                .map(|(start, Volume { sent, received })| model::TrafficBucket {
                    start: Moment(start),
                    sent: sent.0,
                    received: received.0,
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn volume(sent: u64, received: u64) -> Volume {
        Volume { sent: ByteCount(sent), received: ByteCount(received) }
    }

    fn list(history: TrafficHistory) -> Vec<(u64, u64)> {
        history.into_model().buckets.iter().map(|bucket| (bucket.sent, bucket.received)).collect()
    }

    #[test]
    fn bytes_are_spread_over_the_time_of_the_alert() {
        let mut history = TrafficHistory::default();
        let at = |seconds| Timestamp::from_parts(seconds, 0);
        history.spread(at(100), at(104), volume(400, 9));
        history.spread(at(102), at(102), volume(7, 0));
        assert_eq!(list(history.clone()), [(100, 2), (100, 2), (107, 2), (100, 3)]);
        let mut other = TrafficHistory::default();
        other.spread(at(1000), at(1100), volume(50, 0));
        history.absorb(other);
        assert_eq!(history.0.width(), 16);
        assert_eq!(list(history).iter().map(|(sent, _)| sent).sum::<u64>(), 457);
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_and_buckets_are_few(spans in prop::collection::vec(
            (any::<i64>(), any::<i64>(), 0..1u64 << 50, 0..1u64 << 50), 1..8,
        )) {
            let (mut history, mut other) = (TrafficHistory::default(), TrafficHistory::default());
            let mut total = volume(0, 0);
            for (index, (one, two, sent, received)) in spans.into_iter().enumerate() {
                let (first, last) = (Timestamp::from_nanos(one.min(two)), Timestamp::from_nanos(one.max(two)));
                let target = if index % 2 == 0 { &mut history } else { &mut other };
                target.spread(first, last, volume(sent, received));
                total += volume(sent, received);
            }
            history.absorb(other);
            let list = list(history);
            prop_assert!(list.len() <= MAX_BUCKETS as usize);
            let sum = list.iter().fold((0, 0), |sum, bucket| (sum.0 + bucket.0, sum.1 + bucket.1));
            prop_assert_eq!(sum, (total.sent.0, total.received.0));
        }
    }
}
