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

/// The maximum distance of sightings in one bar in SVG units. A longer one is a gap that is
/// visible.
const MAX_DISTANCE: f64 = 18.0;

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
}

/// The bars of a stage.
pub(super) struct Lane {
    pub(super) stage: &'static str,
    /// An SVG path.
    pub(super) path: String,
}

impl<'a> Overview<'a> {
    /// The picture of these hosts. `None` if there are none.
    pub(super) fn of(clients: &'a [Client]) -> Option<Self> {
        let shown = clients.get(..MAX_HOSTS).unwrap_or(clients);
        let first = shown.iter().map(|client| client.span.first.0.nanos()).min()? as f64;
        let last = shown.iter().map(|client| client.span.last.0.nanos()).max()? as f64;
        let length = (last - first).max(SECOND);
        let row = |client: &'a Client| HostRow {
            client,
            lanes: LANES.iter().filter_map(|(stage, y)| lane(client, stage, *y, first, length)).collect(),
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

/// The bars of a stage: sightings close to each other are one bar.
fn lane(client: &Client, wanted: &'static str, y: u32, first: f64, length: f64) -> Option<Lane> {
    let timelines = client.timelines.iter().filter(|timeline| stage(&timeline.signature) == wanted);
    let mut bars: Vec<(f64, f64)> = timelines.flat_map(|timeline| bars(timeline, first, length)).collect();
    bars.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut path = String::new();
    let mut bars = bars.into_iter();
    let mut open = bars.next()?;
    for (start, end) in bars {
        if start - open.1 <= MAX_DISTANCE {
            open.1 = open.1.max(end);
        } else {
            draw(&mut path, open, y);
            open = (start, end);
        }
    }
    draw(&mut path, open, y);
    Some(Lane { stage: wanted, path })
}

/// The beginning and the end of each bucket in SVG units.
fn bars(timeline: &Timeline, first: f64, length: f64) -> impl Iterator<Item = (f64, f64)> {
    let width = timeline.width_seconds as f64 * SECOND;
    let place = move |nanos: f64| (nanos - first).clamp(0.0, length) / length * WIDTH;
    timeline.buckets.iter().map(move |bucket| {
        let start = bucket.start.0.nanos() as f64;
        (place(start), place(start + width))
    })
}

fn draw(path: &mut String, (start, end): (f64, f64), y: u32) {
    let start = start.min(WIDTH - MIN_LENGTH);
    *path += &format!("M{start:.1} {y}H{:.1}", end.max(start + MIN_LENGTH));
}

#[cfg(test)]
mod tests {
    use super::super::model::Bucket;
    use super::*;

    #[test]
    fn close_sightings_are_one_bar_and_gaps_are_visible() {
        let bucket = |second| Bucket { start: Moment(Timestamp::from_parts(second, 0)), count: 1 };
        let timeline = Timeline {
            signature: "netsupport-session".to_owned(),
            activity: String::new(),
            sightings: 4,
            untimed: 0,
            width_seconds: 1,
            buckets: [0, 10, 500, 999].map(bucket).to_vec(),
        };
        let mut path = String::new();
        let length = 1000.0 * SECOND;
        let bars: Vec<_> = bars(&timeline, 0.0, length).collect();
        assert_eq!(bars[1], (10.0, 11.0));
        draw(&mut path, bars[3], 37);
        assert_eq!(path, "M996.0 37H1000.0");
        assert_eq!([stage("netsupport-session"), stage("c2-endpoint")], ["spoke", "contacted"]);
    }
}
