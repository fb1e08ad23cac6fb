//! The report as a page: one file that needs no network and no script.
//!
//! All text goes through the template engine's escaping; what the page draws is made of numbers alone. Drawings are wide by percent and
//! their strokes by pixels, and their labels are text beside them, so that a narrow page makes nothing too small to read.

use askama::Template;

use super::facts::{
    Alert, Beacon, Capture, Chain, Client, Level, Moment, Packets, Report, Rule, Settings, Span, Stage, Timed, Timeline,
};
use crate::units::{ByteCount, Timestamp};

const SECOND: f64 = 1e9;
const DAY: f64 = 86_400.0 * SECOND;

/// Tall enough for a count to be seen in a bar, in pixels.
const TALLEST: f64 = 18.0;

/// The shortest bar that is seen.
const SHORTEST: f64 = 5.0;

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    report: &'a Report,
    capture: &'a Capture,
    settings: &'a Settings,
    clients: Vec<ClientView<'a>>,
    suppressed: Vec<AlertView<'a>>,
}

struct ClientView<'a> {
    client: &'a Client,
    /// The place in the list, from 1 on: what links name.
    number: usize,
    /// The signatures' rows.
    rows: Vec<Row<'a>>,
    /// What stands under them.
    ticks: Vec<String>,
    chains: Vec<ChainView<'a>>,
    alerts: Vec<AlertView<'a>>,
}

struct AlertView<'a> {
    alert: &'a Alert,
    packets: String,
}

/// A row of the time line.
struct Row<'a> {
    line: &'a Timeline,
    bars: Vec<Bar>,
}

/// From the left, in percent.
struct Bar {
    x: f64,
    /// In pixels from there, so that neither end is outside.
    shift: f64,
    /// In pixels from the top.
    y: f64,
    height: f64,
}

struct ChainView<'a> {
    chain: &'a Chain,
    stages: [StageView<'a>; 4],
    beacon: Option<BeaconView<'a>>,
}

struct StageView<'a> {
    name: &'static str,
    class: &'static str,
    /// What it is where it was not seen.
    absent: &'static str,
    stage: Option<&'a Stage>,
}

struct BeaconView<'a> {
    beacon: &'a Beacon,
    bars: Vec<Column>,
    middle: String,
    end: String,
}

/// A bar of the histogram: place and width in percent, height in pixels.
struct Column {
    x: f64,
    width: f64,
    y: f64,
    height: f64,
    is_last: bool,
}

/// The page's text.
pub(super) fn page(report: &Report) -> askama::Result<String> {
    let several = report.capture.files.len() > 1;
    let clients = report.clients.iter().zip(1..);
    let clients = clients.map(|(client, number)| client_view(client, number, several)).collect();
    let suppressed = report.exclusions.suppressed.iter().map(|alert| alert_view(alert, several)).collect();
    Page { report, capture: &report.capture, settings: &report.settings, clients, suppressed }.render()
}

fn client_view(client: &Client, number: usize, several: bool) -> ClientView<'_> {
    // Of sightings without a packet of their own nothing is drawn: the time line may end before the last packet.
    let span = client.span;
    let first = span.first.0.nanos() as f64;
    let length = (span.last.0.nanos() as f64 - first).max(SECOND);
    let row = |line| Row { line, bars: bars(line, first, length) };
    let ticks = [0.0, 0.5, 1.0].map(|part| {
        let time = Moment(Timestamp::from_nanos((first + length * part) as i64));
        if length < DAY { clock(&time) } else { moment(&time) }
    });
    ClientView {
        client,
        number,
        rows: client.timelines.iter().map(row).collect(),
        ticks: ticks.to_vec(),
        chains: client.chains.iter().map(chain_view).collect(),
        alerts: client.alerts.iter().map(|alert| alert_view(alert, several)).collect(),
    }
}

fn alert_view(alert: &Alert, several: bool) -> AlertView<'_> {
    AlertView { alert, packets: numbers(alert.packets.as_ref(), several) }
}

/// `12–40`, with the file's place where there are several.
fn numbers(packets: Option<&Packets>, several: bool) -> String {
    let Some(Packets { first, last }) = packets else { return "not numbered".to_owned() };
    let file = |file: u32| if several { format!("file {}: ", u64::from(file) + 1) } else { String::new() };
    if first == last {
        format!("{}{}", file(first.file), first.number)
    } else if first.file == last.file {
        format!("{}{}–{}", file(first.file), first.number, last.number)
    } else {
        format!("{}{} – {}{}", file(first.file), first.number, file(last.file), last.number)
    }
}

fn bars(line: &Timeline, first: f64, length: f64) -> Vec<Bar> {
    let most = line.buckets.iter().map(|bucket| bucket.count).max().unwrap_or(1).max(1) as f64;
    let width = line.width_seconds as f64 * SECOND;
    let bar = |start: f64, count: f64| {
        // A bucket's middle: its first second may lie before the first sighting.
        let middle = (start + width / 2.0 - first).clamp(0.0, length);
        let height = (TALLEST * count / most).max(SHORTEST);
        let part = middle / length;
        Bar {
            x: rounded(part * 100.0),
            shift: rounded(part * -4.0),
            y: rounded(22.0 - height),
            height: rounded(height),
        }
    };
    line.buckets.iter().map(|bucket| bar(bucket.start.0.nanos() as f64, bucket.count as f64)).collect()
}

fn chain_view(chain: &Chain) -> ChainView<'_> {
    ChainView {
        chain,
        stages: [
            StageView { name: "Asked", class: "asked", absent: "no question seen", stage: chain.asked.as_ref() },
            StageView { name: "Resolved", class: "resolved", absent: "no answer seen", stage: chain.resolved.as_ref() },
            StageView {
                name: "Contacted",
                class: "contacted",
                absent: "no contact seen",
                stage: chain.contacted.as_ref(),
            },
            StageView {
                name: "Spoke NetSupport",
                class: "spoke",
                absent: "no NetSupport seen",
                stage: chain.spoke.as_ref(),
            },
        ],
        beacon: chain.beacon.as_ref().map(beacon_view),
    }
}

fn beacon_view(beacon: &Beacon) -> BeaconView<'_> {
    let count = beacon.histogram.len().max(1) as f64;
    let most = beacon.histogram.iter().map(|bin| bin.count).max().unwrap_or(1).max(1) as f64;
    let bars = beacon.histogram.iter().enumerate().filter(|(_, bin)| bin.count > 0).map(|(place, bin)| {
        let height = (56.0 * bin.count as f64 / most).max(3.0);
        Column {
            x: rounded(place as f64 / count * 100.0 + 0.2),
            width: rounded(100.0 / count - 0.4),
            y: rounded(60.0 - height),
            height: rounded(height),
            is_last: bin.to_seconds.is_none(),
        }
    });
    let edge = |place: usize| beacon.histogram.get(place).map(|bin| seconds(bin.from_seconds)).unwrap_or_default();
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

/// The severity's class of colours.
fn weight(severity: &u8) -> &'static str {
    match severity {
        9.. => "high",
        7..=8 => "raised",
        4..=6 => "middle",
        _ => "low",
    }
}

impl Page<'_> {
    fn level(&self) -> (&'static str, &'static str) {
        match self.report.verdict.level {
            Level::CommandAndControl => ("high", "Command and control"),
            Level::Contact => ("high", "Contact with command and control"),
            Level::Trace => ("raised", "Traces of command and control"),
            Level::RemoteAccess => ("middle", "Remote access"),
            Level::Vouched => ("low", "Lawful use"),
            Level::Nothing => ("none", "Nothing found"),
        }
    }

    /// A stage's packets in words.
    fn packets(&self, packets: &Option<Packets>) -> String {
        let word = if packets.is_some_and(|packets| packets.first == packets.last) { "packet" } else { "packets" };
        format!("{word} {}", numbers(packets.as_ref(), self.report.capture.files.len() > 1))
    }
}

impl BeaconView<'_> {
    fn sentence(&self) -> String {
        let Beacon { timed, is_regular, usual_seconds, mean_seconds, spread_seconds, intervals, .. } = self.beacon;
        let what = match timed {
            Timed::Requests => "requests",
            Timed::Contacts => "contacts",
        };
        let kind = if *is_regular { "Regular beacon" } else { "No regular beacon" };
        format!(
            "{kind}: {what} usually every {} (mean {}, spread {}, {} intervals)",
            seconds(*usual_seconds),
            seconds(*mean_seconds),
            seconds(*spread_seconds),
            grouped(intervals)
        )
    }
}

impl ChainView<'_> {
    /// `every 60 s` where it is a regular beacon.
    fn beat(&self) -> Option<String> {
        let beacon = self.chain.beacon.as_ref().filter(|beacon| beacon.is_regular)?;
        Some(format!("beacon every {}", seconds(beacon.usual_seconds)))
    }
}

/// How many sightings a rule matched without any effect, and why.
fn not_applied(rule: &Rule) -> String {
    let reasons = [
        (rule.other_contact, "contact with something listed"),
        (rule.outside_schedule, "outside its schedule"),
        (rule.expired, "expired"),
    ];
    let told = reasons.iter().filter(|(count, _)| *count > 0);
    let told: Vec<_> = told.map(|(count, why)| format!("{} ({why})", grouped(count))).collect();
    if told.is_empty() { "0".to_owned() } else { told.join(", ") }
}

/// How old an indicator was at the sighting.
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
    let text = moment.to_string();
    let (day, clock) = (text.get(..10).unwrap_or(&text), text.get(11..19).unwrap_or_default());
    format!("{day} {clock}")
}

/// `09:05:00`.
fn clock(moment: &Moment) -> String {
    moment.to_string().get(11..19).unwrap_or_default().to_owned()
}

/// How long a span is, in words.
fn length(span: &Span) -> String {
    let length = span.last.0.since(span.first.0);
    let length = jiff::SignedDuration::from_secs(length.as_secs().try_into().unwrap_or(i64::MAX));
    format!("{length:#}")
}

/// `60 s`, `0.2 s`, `1,200 s`.
fn seconds(seconds: f64) -> String {
    if seconds >= 1000.0 {
        return format!("{} s", grouped(&(seconds.round() as u64)));
    }
    let text = format!("{seconds:.1}");
    format!("{} s", text.strip_suffix(".0").unwrap_or(&text))
}

/// `1.5 kB`.
fn size(bytes: &u64) -> String {
    ByteCount(*bytes).to_string()
}

/// `1234567` as `1,234,567`.
fn grouped(number: &u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 alert`, `2 alerts`.
fn counted(number: &u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if *number == 1 { "" } else { "s" })
}
