//! The report as an HTML page: one file without scripts or external resources.
//!
//! The template engine escapes all text, and the drawings contain only numbers. Drawings scale with
//! the width of the page, but their strokes and labels do not, so that they stay readable on a
//! narrow page.

use crate::tools;
use std::borrow::Cow;
use std::io::{self, Write};
use std::net::IpAddr;

use askama::Template;

use super::alert_groups::{self, AlertGroup, numbers};
use super::model::{
    Beacon, Capture, Chain, Client, Examined, Identity, Level, Moment, Packets, Report, Rule, SeenMac, SeenName,
    Settings, Span, Stage, TimedEvents, Timeline,
};
use super::overview::{self, Overview};
use super::traffic_view::{self, TrafficView};
use super::wording;
use crate::counts;
use crate::units::{ByteCount, Timestamp};

const SECOND: f64 = 1e9;

/// The width of a timeline in SVG units, which scale with the page.
const WIDTH: f64 = 1000.0;
/// The height of a timeline in pixels.
const HEIGHT: f64 = 26.0;

/// The maximum number of problems that the verdict shows. All are listed with the captures.
const MAX_VERDICT_PROBLEMS: usize = 3;

/// The minimum number of intervals for a histogram: fewer are no distribution.
const MIN_HISTOGRAM_INTERVALS: u64 = 20;

/// The height of the tallest bar in pixels.
const MAX_BAR: f64 = 20.0;
/// The minimum height of a bar in pixels, so that it is visible.
const MIN_BAR: f64 = 5.0;

#[derive(Template)]
#[template(path = "page.html", config = "src/report/askama.toml")]
struct Page<'a> {
    report: &'a Report,
    capture: &'a Capture,
    settings: &'a Settings,
    overview: Option<Overview<'a>>,
    clients: Vec<ClientView<'a>>,
    suppressed: Vec<AlertGroup<'a>>,
}

struct ClientView<'a> {
    client: &'a Client,
    /// The facts that say which machine it is, each with its kind.
    identity: Vec<(&'static str, String)>,
    /// The beacon in words, for the first chain that is a regular beacon.
    beacon_badge: Option<String>,
    /// The number in the list, from 1, for links.
    number: usize,
    /// The timelines of the signatures.
    timelines: Vec<TimelineView<'a>>,
    /// The bytes over time, if there are any.
    traffic: Option<TrafficView>,
    /// The labels of the time axis.
    ticks: Vec<String>,
    chains: Vec<ChainView<'a>>,
    alerts: Vec<AlertGroup<'a>>,
}

/// The timeline of a signature.
struct TimelineView<'a> {
    timeline: &'a Timeline,
    /// An SVG path with one stroke for each bucket.
    bars: String,
    /// The beacon in words, for the chain that is a regular beacon with this signature.
    beacon_badge: Option<String>,
}

struct ChainView<'a> {
    chain: &'a Chain,
    stages: [StageView<'a>; 4],
    beacon: Option<BeaconView<'a>>,
}

struct StageView<'a> {
    name: Cow<'static, str>,
    class: &'static str,
    /// The text if the stage was not seen.
    absent: Cow<'static, str>,
    stage: Option<&'a Stage>,
}

impl<'a> StageView<'a> {
    fn new(
        name: impl Into<Cow<'static, str>>,
        class: &'static str,
        absent: impl Into<Cow<'static, str>>,
        stage: &'a Option<Stage>,
    ) -> Self {
        Self { name: name.into(), class, absent: absent.into(), stage: stage.as_ref() }
    }
}

struct BeaconView<'a> {
    beacon: &'a Beacon,
    bars: Vec<HistogramBar>,
    middle: String,
    end: String,
}

/// A bar of the histogram: horizontal values in percent, vertical ones in pixels.
struct HistogramBar {
    count: u64,
    /// The horizontal center.
    middle: f64,
    x: f64,
    width: f64,
    y: f64,
    height: f64,
    is_last: bool,
}

/// Writes the page.
pub(super) fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let many_files = report.capture.files.len() > 1;
    let clients = report.clients.iter().zip(1..);
    let clients = clients.map(|(client, number)| client_view(client, number, many_files)).collect();
    let suppressed = alert_groups::groups(&report.exclusions.suppressed, many_files);
    let page = Page {
        report,
        capture: &report.capture,
        settings: &report.settings,
        overview: Overview::of(&report.clients),
        clients,
        suppressed,
    };
    page.write_into(out)
}

fn client_view<'a>(client: &'a Client, number: usize, many_files: bool) -> ClientView<'a> {
    // The span includes packets without a sighting of their own, so the last stroke may be before
    // the end of the axis.
    let span = client.span;
    let first = span.first.0.nanos() as f64;
    let length = (span.last.0.nanos() as f64 - first).max(SECOND);
    let beacons = || client.chains.iter().filter_map(|chain| chain.beacon.as_ref()).filter(|beacon| beacon.is_regular);
    let timeline_view = |timeline: &'a Timeline| TimelineView {
        timeline,
        bars: bars(timeline, first, length),
        beacon_badge: beacons().find(|beacon| beacon.signature == timeline.signature).map(beacon_badge),
    };
    let is_one_day = day(&span.first) == day(&span.last);
    let ticks = [0.0, 0.5, 1.0].map(|part| {
        let time = Moment(Timestamp::from_nanos((first + length * part) as i64));
        if is_one_day { clock(&time) } else { moment(&time) }
    });
    ClientView {
        client,
        identity: identity(&client.identity),
        beacon_badge: beacons().next().map(beacon_badge),
        number,
        timelines: client.timelines.iter().map(timeline_view).collect(),
        traffic: traffic_view::view(&client.traffic, first, length),
        ticks: ticks.to_vec(),
        chains: client.chains.iter().map(chain_view).collect(),
        alerts: alert_groups::groups(&client.alerts, many_files),
    }
}

/// The facts that say which machine a host is, in words.
fn identity(identity: &Identity) -> Vec<(&'static str, String)> {
    let named = |name: &SeenName| format!("{} ({}, {})", name.value, name.source, moment(&name.seen));
    let mac = |mac: &SeenMac| {
        let vendor = match &mac.vendor_prefix {
            Some(prefix) => format!("vendor prefix {prefix}"),
            None => "assigned locally".to_owned(),
        };
        let place = if mac.source == "dhcp" { "in DHCP" } else { "in frames at the sensor" };
        format!("{} ({vendor}, {place})", mac.address)
    };
    let names = identity.names.iter().map(|name| ("Name", named(name)));
    let accounts = identity.accounts.iter().map(|account| ("Account", named(account)));
    let macs = identity.macs.iter().map(|seen| ("MAC", mac(seen)));
    let vlans = identity.vlans.iter().map(|vlan| ("VLAN", vlan.clone()));
    names.chain(accounts).chain(macs).chain(vlans).collect()
}

/// Draws a vertical stroke for each bucket, at its middle.
fn bars(timeline: &Timeline, first: f64, length: f64) -> String {
    let most = timeline.buckets.iter().map(|bucket| bucket.count).max().unwrap_or(1).max(1) as f64;
    let width = timeline.width_seconds as f64 * SECOND;
    let mut path = String::new();
    for bucket in &timeline.buckets {
        // A bucket may begin before the first packet, and its middle may be after the last.
        let middle = (bucket.start.0.nanos() as f64 + width / 2.0 - first).clamp(0.0, length);
        let height = (MAX_BAR * bucket.count as f64 / most).max(MIN_BAR);
        path += &format!("M{:.1} {HEIGHT}V{:.1}", middle / length * WIDTH, HEIGHT - height);
    }
    path
}

/// `beacon: median 59.5 s, spread 18.3 s`: the same figures wherever the page names a beacon.
fn beacon_badge(beacon: &Beacon) -> String {
    format!("beacon: {}", rhythm(beacon))
}

/// `median 59.5 s, spread 18.3 s`.
fn rhythm(beacon: &Beacon) -> String {
    format!("median {}, spread {}", seconds(beacon.usual_seconds), seconds(beacon.spread_seconds))
}

fn chain_view(chain: &Chain) -> ChainView<'_> {
    let tools = tools::names();
    // A gateway that is not listed has no alert for the contact itself.
    let no_contact = if chain.spoke.is_some() { "seen in what was spoken" } else { "no contact seen" };
    ChainView {
        chain,
        stages: [
            StageView::new("Asked", "asked", "no question seen", &chain.asked),
            resolved_view(chain),
            StageView::new("Contacted", "contacted", no_contact, &chain.contacted),
            StageView::new(format!("Spoke {tools}"), "spoke", format!("no {tools} seen"), &chain.spoke),
        ],
        beacon: chain.beacon.as_ref().map(beacon_view),
    }
}

/// The stage of the answers: without an address in any of them, the name did not resolve.
fn resolved_view(chain: &Chain) -> StageView<'_> {
    match &chain.resolved {
        Some(stage) if !stage.has_address() => {
            StageView::new("Did not resolve", "absent", "no answer seen", &chain.resolved)
        }
        _ => StageView::new("Resolved", "resolved", "no answer seen", &chain.resolved),
    }
}

impl Stage {
    /// Returns true if the details include an address.
    fn has_address(&self) -> bool {
        self.what.iter().any(|detail| detail.parse::<IpAddr>().is_ok())
    }
}

impl StageView<'_> {
    /// The details of the stage. Answers without an address are omitted if there are addresses, as
    /// for a name that has only IPv4 addresses.
    fn details(&self, stage: &Stage) -> String {
        let is_shown = |detail: &&String| self.class != "resolved" || detail.parse::<IpAddr>().is_ok();
        stage.what.iter().filter(is_shown).cloned().collect::<Vec<_>>().join(", ")
    }
}

fn beacon_view(beacon: &Beacon) -> BeaconView<'_> {
    let count = beacon.histogram.len().max(1) as f64;
    let most = beacon.histogram.iter().map(|bin| bin.count).max().unwrap_or(1).max(1) as f64;
    let bars = beacon.histogram.iter().enumerate().filter(|(_, bin)| bin.count > 0).map(|(index, bin)| {
        let height = (56.0 * bin.count as f64 / most).max(3.0);
        HistogramBar {
            count: bin.count,
            middle: rounded((index as f64 + 0.5) / count * 100.0),
            x: rounded(index as f64 / count * 100.0 + 0.2),
            width: rounded(100.0 / count - 0.4),
            y: rounded(74.0 - height),
            height: rounded(height),
            is_last: bin.to_seconds.is_none(),
        }
    });
    let edge = |index: usize| beacon.histogram.get(index).map(|bin| seconds(bin.from_seconds)).unwrap_or_default();
    BeaconView {
        beacon,
        bars: bars.collect(),
        middle: edge(beacon.histogram.len() / 2),
        end: format!("{} and more", edge(beacon.histogram.len().saturating_sub(1))),
    }
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// The CSS class for a severity.
fn weight(severity: &u8) -> &'static str {
    match severity {
        9.. => "high",
        7..=8 => "raised",
        4..=6 => "middle",
        _ => "low",
    }
}

impl Page<'_> {
    /// The CSS class of the verdict.
    fn level(&self) -> &'static str {
        let verdict = &self.report.verdict;
        match (verdict.level, verdict.examined) {
            (Level::CommandAndControl | Level::Contact, _) => "high",
            (Level::Trace, _) => "raised",
            (Level::RemoteAccess, _) => "middle",
            (Level::Nothing | Level::Vouched, Examined::None) => "unknown",
            (Level::Nothing | Level::Vouched, Examined::Part) => "raised",
            (Level::Vouched, Examined::All) => "low",
            (Level::Nothing, Examined::All) => "none",
        }
    }

    /// Returns true if the hosts are to be searched for a remote-access tool.
    fn searches_hosts(&self) -> bool {
        !matches!(self.report.verdict.level, Level::Nothing | Level::Vouched)
    }

    /// Some problems with the captures, to show in the verdict.
    fn first_problems(&self) -> &[String] {
        let problems = &self.capture.problems;
        problems.get(..MAX_VERDICT_PROBLEMS).unwrap_or(problems)
    }

    /// The packets of a stage in words.
    fn packets(&self, packets: &Option<Packets>) -> String {
        let word = if packets.is_some_and(|packets| packets.first == packets.last) { "packet" } else { "packets" };
        format!("{word} {}", numbers(packets.as_ref(), self.report.capture.files.len() > 1))
    }
}

impl BeaconView<'_> {
    fn sentence(&self) -> String {
        let Beacon { timed, is_regular, intervals, .. } = self.beacon;
        let what = match timed {
            TimedEvents::Requests => "requests",
            TimedEvents::Contacts => "contacts",
        };
        let kind = if *is_regular { "Regular beacon" } else { "No regular beacon" };
        format!("{kind} by {} intervals between {what}: {}", grouped(intervals), rhythm(self.beacon))
    }

    /// Returns true if there are enough intervals for a histogram to show more than the sentence.
    fn has_histogram(&self) -> bool {
        self.beacon.intervals >= MIN_HISTOGRAM_INTERVALS
    }
}

impl AlertGroup<'_> {
    fn statement(&self) -> String {
        alert_groups::statement(self.first)
    }
}

impl ChainView<'_> {
    /// The beacon in words, if the chain is a regular beacon.
    fn beacon_badge(&self) -> Option<String> {
        self.chain.beacon.as_ref().filter(|beacon| beacon.is_regular).map(beacon_badge)
    }
}

/// The number of sightings that a rule matched without an effect, with the reasons.
fn not_applied(rule: &Rule) -> String {
    let reasons = [
        (rule.other_contact, "contact with something listed"),
        (rule.outside_schedule, "outside its schedule"),
        (rule.expired, "expired"),
    ];
    let texts = reasons.iter().filter(|(count, _)| *count > 0);
    let texts: Vec<_> = texts.map(|(count, why)| format!("{} ({why})", grouped(count))).collect();
    if texts.is_empty() { "0".to_owned() } else { texts.join(", ") }
}

/// The age of an indicator at the sighting.
fn age(days: &Option<i64>) -> String {
    match days {
        None => "age unknown".to_owned(),
        Some(0) => "first listed on that day".to_owned(),
        Some(1) => "first listed 1 day before".to_owned(),
        Some(days @ 2..) => format!("first listed {} days before", grouped(&days.unsigned_abs())),
        Some(days) => format!("first listed {} days later", grouped(&days.unsigned_abs())),
    }
}

/// `2026-06-09 09:05:00`.
fn moment(moment: &Moment) -> String {
    format!("{} {}", day(moment), clock(moment))
}

/// `2026-06-09 09:05:00.217`: to the millisecond.
fn precise(moment: &Moment) -> String {
    let milliseconds = moment.0.nanos().rem_euclid(1_000_000_000) / 1_000_000;
    format!("{} {}.{milliseconds:03}", day(moment), clock(moment))
}

/// `2026-06-09`.
fn day(moment: &Moment) -> String {
    moment.to_string().get(..10).unwrap_or_default().to_owned()
}

/// `09:05:00`.
fn clock(moment: &Moment) -> String {
    moment.to_string().get(11..19).unwrap_or_default().to_owned()
}

/// The end of a span to the millisecond: without the day if it is the same as that of the start.
/// `None` if it is the same.
fn until(span: &Span) -> Option<String> {
    let (first, last) = (precise(&span.first), precise(&span.last));
    match (first == last, day(&span.first) == day(&span.last)) {
        (true, _) => None,
        (false, true) => last.get(11..).map(str::to_owned),
        (false, false) => Some(last),
    }
}

/// The length of a span in words.
fn length(span: &Span) -> String {
    let seconds = span.last.0.since(span.first.0).as_secs();
    let (days, hours, minutes, seconds) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {seconds} s"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{} {hours} h", counted(&days, "day")),
    }
}

/// `1 s`, `57 min`, `2 h 5 min`.
fn duration(seconds: &u64) -> String {
    wording::duration(*seconds)
}

/// `60 s`, `0.24 s`, `1,200 s`.
fn seconds(seconds: f64) -> String {
    let text = match seconds {
        1000.0.. => return format!("{} s", grouped(&(seconds.round() as u64))),
        10.0.. => format!("{seconds:.1}"),
        1.0.. => format!("{seconds:.2}"),
        _ => format!("{seconds:.3}"),
    };
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// `1.5 kB`.
fn size(bytes: &u64) -> String {
    ByteCount(*bytes).to_string()
}

// The template passes references.

fn grouped(number: &u64) -> String {
    counts::grouped(*number)
}

fn counted(number: &u64, what: &str) -> String {
    counts::counted(*number, what)
}
