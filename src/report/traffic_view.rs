//! The picture of a host's bytes over time: bars upward for sent bytes, downward for received ones.

use super::model::{Traffic, TrafficBucket};

const SECOND: f64 = 1e9;

/// The width of the picture in SVG units, which scale with the page.
const WIDTH: f64 = 1000.0;

/// The vertical position of the axis between sent and received in pixels, and the height of the
/// tallest bar.
const MIDDLE: f64 = 32.0;
const MAX_BAR: f64 = 30.0;

/// The minimum size of a bar, so that it is visible: its width in SVG units and its height in
/// pixels.
const MIN_WIDTH: f64 = 3.0;
const MIN_BAR: f64 = 1.0;

/// The picture.
pub(super) struct TrafficView {
    /// SVG paths.
    pub(super) sent: String,
    pub(super) received: String,
    /// The most bytes of a bar.
    pub(super) most_sent: u64,
    pub(super) most_received: u64,
    /// The length of a bar in seconds.
    pub(super) width_seconds: u64,
}

/// The picture on an axis that begins at `first` and has this length, both in nanoseconds. `None`
/// if there are no bytes. Both directions have the same scale.
pub(super) fn view(traffic: &Traffic, first: f64, length: f64) -> Option<TrafficView> {
    let most = |of: fn(&TrafficBucket) -> u64| traffic.buckets.iter().map(of).max().unwrap_or_default();
    let (most_sent, most_received) = (most(|bucket| bucket.sent), most(|bucket| bucket.received));
    let scale = most_sent.max(most_received) as f64;
    if scale == 0.0 {
        return None;
    }
    let place = |nanos: f64| (nanos - first).clamp(0.0, length) / length * WIDTH;
    let bars = |of: fn(&TrafficBucket) -> u64, direction: f64| {
        let mut path = String::new();
        for bucket in traffic.buckets.iter().filter(|bucket| of(bucket) > 0) {
            let start = bucket.start.0.nanos() as f64;
            let left = place(start).min(WIDTH - MIN_WIDTH);
            let right = place(start + traffic.width_seconds as f64 * SECOND).max(left + MIN_WIDTH);
            let height = (of(bucket) as f64 / scale * MAX_BAR).max(MIN_BAR);
            path += &format!("M{left:.1} {MIDDLE}V{:.1}H{right:.1}V{MIDDLE}Z", MIDDLE - direction * height);
        }
        path
    };
    Some(TrafficView {
        sent: bars(|bucket| bucket.sent, 1.0),
        received: bars(|bucket| bucket.received, -1.0),
        most_sent,
        most_received,
        width_seconds: traffic.width_seconds,
    })
}

#[cfg(test)]
mod tests {
    use super::super::model::Moment;
    use super::*;
    use crate::units::Timestamp;

    #[test]
    fn sent_is_above_the_axis_and_received_below() {
        let bucket =
            |second, sent, received| TrafficBucket { start: Moment(Timestamp::from_parts(second, 0)), sent, received };
        let traffic = Traffic { width_seconds: 10, buckets: vec![bucket(0, 300, 0), bucket(90, 0, 150)] };
        let view = view(&traffic, 0.0, 100.0 * SECOND).unwrap();
        assert_eq!(view.sent, "M0.0 32V2.0H100.0V32Z");
        assert_eq!(view.received, "M900.0 32V47.0H1000.0V32Z");
        assert_eq!((view.most_sent, view.most_received), (300, 150));
        assert!(super::view(&Traffic { width_seconds: 1, buckets: Vec::new() }, 0.0, SECOND).is_none());
    }
}
