//! The first picture of the page: all hosts on one time axis, each with the stages that it reached.

use super::model::{Client, Moment, Timeline};
use crate::units::Timestamp;

const SECOND: f64 = 1e9;

/// The width of the picture in SVG units, which scale with the page.
const WIDTH: f64 = 1000.0;

/// The maximum number of hosts in the picture, so that it fits on a screen.
const MAX_HOSTS: usize = 30;

/// The minimum length of a bar in SVG units, so that a single sighting is visible.
const MIN_LENGTH: f64 = 4.0;

/// The minimum length of a gap in SVG units, so that a short one is visible on a long axis.
const MIN_GAP: f64 = 3.0;

/// The slowest rhythm whose sightings are one bar, as their distance in SVG units. Slower ones are
/// a bar for each sighting.
const MAX_RHYTHM: f64 = 20.0;

/// The distance of sightings that is a gap, as a multiple of the median one: less than two, so that
/// a beacon that misses a beat has a gap.
const GAP: f64 = 1.75;

/// The stages with the vertical position of their bars in pixels.
const LANES: [(&str, u32); 4] = [("asked", 6), ("resolved", 16), ("contacted", 26), ("spoke", 37)];

/// The picture.
pub(super) struct Overview<'a> {
    pub(super) hosts: Vec<HostRow<'a>>,
    /// The number of hosts that have no row.
    pub(super) further: u64,
    /// Five times at equal distances, from the beginning to the end of the axis.
    pub(super) ticks: Vec<Moment>,
}

/// The row of a host.
pub(super) struct HostRow<'a> {
    pub(super) client: &'a Client,
    pub(super) lanes: Vec<Lane>,
    /// The length in seconds of the longest gap in the host's rhythm, without a sighting of any
    /// stage.
    pub(super) longest_gap: Option<u64>,
}

/// The bars of a stage.
pub(super) struct Lane {
    pub(super) stage: &'static str,
    /// An SVG path.
    pub(super) path: String,
    /// The gaps between the bars, as an SVG path. Empty if there are none.
    pub(super) gaps: String,
}

impl<'a> Overview<'a> {
    /// The picture of these hosts. `None` if there are none.
    pub(super) fn of(clients: &'a [Client]) -> Option<Self> {
        let shown = clients.get(..MAX_HOSTS).unwrap_or(clients);
        let first = shown.iter().map(|client| client.span.first.0.nanos()).min()? as f64;
        let last = shown.iter().map(|client| client.span.last.0.nanos()).max()? as f64;
        let length = (last - first).max(SECOND);
        let row = |client: &'a Client| {
            let sightings_of = |is_wanted: &dyn Fn(&str) -> bool| {
                let wanted = client.timelines.iter().filter(|timeline| is_wanted(stage(&timeline.signature)));
                wanted.flat_map(|timeline| sightings(timeline, first, length)).collect()
            };
            let lanes = LANES
                .iter()
                .filter_map(|(stage, y)| lane(stage, *y, &joined(sightings_of(&|of| of == *stage), MAX_RHYTHM)));
            let all = joined(sightings_of(&|_| true), WIDTH);
            let gaps = gaps(&all).map(|(start, end)| ((end - start) / WIDTH * length / SECOND) as u64);
            HostRow { client, lanes: lanes.collect(), longest_gap: gaps.max().filter(|gap| *gap > 0) }
        };
        let tick = |part: f64| Moment(Timestamp::from_nanos((first + length * part) as i64));
        Some(Self {
            hosts: shown.iter().map(row).collect(),
            further: (clients.len() - shown.len()) as u64,
            ticks: [0.0, 0.25, 0.5, 0.75, 1.0].map(tick).to_vec(),
        })
    }
}

impl HostRow<'_> {
    /// The stages in words, for readers without the picture.
    pub(super) fn stages(&self) -> String {
        let stages: Vec<_> = self.lanes.iter().map(|lane| name(lane.stage)).collect();
        stages.join(", ")
    }
}

/// The name of a stage.
pub(super) fn name(stage: &str) -> &str {
    if stage == "spoke" { "session" } else { stage }
}

/// The stage of a signature.
fn stage(signature: &str) -> &'static str {
    match signature {
        "c2-domain-query" => "asked",
        "c2-domain-answer" => "resolved",
        _ if signature.ends_with("-session") || signature.ends_with("-gateway") => "spoke",
        _ => "contacted",
    }
}

/// The beginning and the end of a bar in SVG units.
type Bar = (f64, f64);

/// The sightings of a timeline.
fn sightings(timeline: &Timeline, first: f64, length: f64) -> impl Iterator<Item = Bar> {
    let width = timeline.width_seconds as f64 * SECOND;
    let place = move |nanos: f64| (nanos - first).clamp(0.0, length) / length * WIDTH;
    timeline.buckets.iter().map(move |bucket| {
        let start = bucket.start.0.nanos() as f64;
        (place(start), place(start + width))
    })
}

/// Joins sightings that follow each other in their usual rhythm, unless it is slower than this.
fn joined(mut sightings: Vec<Bar>, slowest: f64) -> Vec<Bar> {
    sightings.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut distances: Vec<_> =
        sightings.iter().zip(sightings.iter().skip(1)).map(|(one, next)| next.0 - one.0).collect();
    distances.sort_by(f64::total_cmp);
    let median = distances.get(distances.len() / 2).copied().unwrap_or_default();
    let longest = if median <= slowest { median * GAP } else { 0.0 };
    let mut bars: Vec<Bar> = Vec::new();
    // The start of the latest sighting.
    let mut latest = 0.0;
    for (start, end) in sightings {
        match bars.last_mut() {
            Some(bar) if start - latest <= longest || start <= bar.1 => bar.1 = bar.1.max(end),
            _ => bars.push((start, end)),
        }
        latest = start;
    }
    bars
}

/// The gaps between bars.
fn gaps(bars: &[Bar]) -> impl Iterator<Item = Bar> {
    bars.iter().zip(bars.iter().skip(1)).map(|(one, next)| (one.1, next.0))
}

/// Draws the bars of a stage. `None` if there are none.
fn lane(stage: &'static str, y: u32, bars: &[Bar]) -> Option<Lane> {
    let mut lane = Lane { stage, path: String::new(), gaps: String::new() };
    let nexts = bars.iter().skip(1).map(|bar| bar.0).chain([f64::INFINITY]);
    for ((start, end), next) in bars.iter().zip(nexts) {
        let start = start.min(WIDTH - MIN_LENGTH);
        // A bar that is widened to be visible leaves room for the gap.
        let end = end.max(start + MIN_LENGTH).min((next - MIN_GAP).max(start + 1.0));
        lane.path += &format!("M{start:.1} {y}H{end:.1}");
        if next.is_finite() {
            lane.gaps += &format!("M{end:.1} {y}H{next:.1}");
        }
    }
    (!bars.is_empty()).then_some(lane)
}

#[cfg(test)]
mod tests {
    use super::super::model::Bucket;
    use super::*;

    #[test]
    fn sightings_without_a_rhythm_are_bars_of_their_own() {
        let bucket = |second| Bucket { start: Moment(Timestamp::from_parts(second, 0)), count: 1 };
        let timeline = Timeline {
            signature: "netsupport-session".to_owned(),
            activity: String::new(),
            sightings: 4,
            untimed: 0,
            width_seconds: 1,
            buckets: [0, 10, 500, 999].map(bucket).to_vec(),
        };
        let bars = joined(sightings(&timeline, 0.0, 1000.0 * SECOND).collect(), MAX_RHYTHM);
        assert_eq!(bars, [(0.0, 1.0), (10.0, 11.0), (500.0, 501.0), (999.0, 1000.0)]);
        let lane = lane("spoke", 37, &bars).unwrap();
        assert_eq!(lane.path, "M0.0 37H4.0M10.0 37H14.0M500.0 37H504.0M996.0 37H1000.0");
        assert_eq!(lane.gaps.matches('M').count(), 3);
        assert_eq!([stage("netsupport-session"), stage("c2-endpoint")], ["spoke", "contacted"]);
    }

    #[test]
    fn a_beat_that_is_missed_is_a_gap_also_on_a_long_axis() {
        // A beacon of a minute for eight hours, in buckets of 128 seconds, of which one is empty.
        let length = 8.0 * 3600.0 / 128.0;
        let bucket = |index: u32| (f64::from(index) / length * WIDTH, f64::from(index + 1) / length * WIDTH);
        let bars = joined((0..225).filter(|index| *index != 100).map(bucket).collect(), MAX_RHYTHM);
        assert_eq!(bars.len(), 2);
        let gap = gaps(&bars).next().unwrap();
        assert!(gap.1 - gap.0 > MIN_GAP, "{gap:?}");
        // Jitter of a third is not a gap.
        let jittered = (0..60).map(|beat| f64::from(beat) * 15.0 + if beat % 3 == 0 { 4.0 } else { 0.0 });
        assert_eq!(joined(jittered.map(|start| (start, start + 1.0)).collect(), MAX_RHYTHM).len(), 1);
        assert_eq!(joined(Vec::new(), MAX_RHYTHM), []);
    }
}
