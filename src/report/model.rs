//! The facts of a report: what the JSON holds, and what the page is made of.
//!
//! The comments here are the schema's descriptions. All text from the wire was made printable; the order of all lists is told.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};

use crate::units::Timestamp;

/// The number of this form of the report: another one where a field changes its meaning or goes away.
pub const FORM: u32 = 1;

/// A point in packet time: RFC 3339 in UTC, as exact as the capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Timestamp);

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_nanosecond(self.0.nanos().into()) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => f.write_str("-"),
        }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "A point in packet time: RFC 3339 in UTC, as exact as the capture."
        })
    }
}

/// What one replay found, and what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Report {
    /// The number of this form of the report.
    pub form: u32,
    /// The version of the program that made it.
    pub version: String,
    /// The answer in short.
    pub verdict: Verdict,
    /// What was read.
    pub capture: Capture,
    /// What was found, by signature, in the order of the signatures; those that were not found are left out. What exclusions
    /// suppress is not in it.
    pub signatures: Vec<Found>,
    /// The hosts that something was found of, the worst first, then the earliest.
    pub clients: Vec<Client>,
    /// The hosts that have no place in that list.
    pub further_clients: FurtherClients,
    /// What was excluded as lawful use, and why.
    pub exclusions: Exclusions,
    /// What the report can be repeated with.
    pub settings: Settings,
}

/// The answer in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verdict {
    /// How bad it is.
    pub level: Level,
    /// The answer in a sentence or two.
    pub sentence: String,
    /// What limits it; empty where all could be read.
    pub limits: String,
}

/// How bad it is: the strongest statement about any host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Nothing was found.
    Nothing,
    /// Only what exclusions vouch for.
    Vouched,
    /// A remote-access tool is in use, and nothing about it is listed.
    RemoteAccess,
    /// A listed name was asked for, or a listed address was contacted at another port than listed.
    Trace,
    /// Something listed was contacted.
    Contact,
    /// A remote-access tool was used with something listed.
    CommandAndControl,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Capture {
    /// The inputs, in the order in which they were read. Packet numbers name them by their place in this list.
    pub files: Vec<File>,
    /// The lowest and the highest time of all packets; null where there were none.
    pub span: Option<Span>,
    /// Packets that were read.
    pub packets: u64,
    /// Their captured bytes.
    pub bytes: u64,
    /// Whether the input was read to its end. Where not, an output failed.
    pub is_whole: bool,
    /// What was not, or not wholly, looked at, by reason; what never happened is left out.
    pub losses: Vec<Loss>,
    /// What was wrong with inputs, damaged places among it, in the order in which it was met.
    pub problems: Vec<String>,
    /// Problems beyond those.
    pub further_problems: u64,
}

/// An input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct File {
    /// As it was named; `-` is standard input.
    pub path: String,
    /// Bytes as stored; null for what is no regular file.
    pub size: Option<u64>,
    /// SHA-256 of it as stored, in hexadecimal; null where it was not asked for, or could not be read.
    pub sha256: Option<String>,
}

/// From when to when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Span {
    /// The first moment.
    pub first: Moment,
    /// The last.
    pub last: Moment,
}

/// A kind of loss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Loss {
    /// A stable name of the reason.
    pub reason: String,
    /// The reason in words.
    pub what: String,
    /// How often.
    pub count: u64,
}

/// What was found of one signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Found {
    /// The signature's identifier.
    pub signature: String,
    /// What it means.
    pub activity: String,
    /// Alerts, each of which may stand for several sightings.
    pub alerts: u64,
    /// Sightings.
    pub sightings: u64,
    /// Hosts that it was found of; at least, where `further_clients` says so.
    pub clients: u64,
}

/// A host, and all that was found of it. Where something listed contacts a host, it is the one that was contacted.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Client {
    /// Its address.
    pub address: String,
    /// The worst that was found of it; of equals the first.
    pub worst: Worst,
    /// From the first to the last packet of what was found.
    pub span: Span,
    /// Alerts about it.
    pub alert_count: u64,
    /// Sightings in them.
    pub sightings: u64,
    /// IP bytes that it sent in the conversations of `chains`.
    pub sent: u64,
    /// IP bytes that it received in them.
    pub received: u64,
    /// Whether some of its alerts came while hosts with worse findings took all places: they are in the numbers above, but nowhere
    /// below.
    pub is_partial: bool,
    /// The evidence by indicator, and by gateway where nothing is listed, in the order of the first sighting.
    pub chains: Vec<Chain>,
    /// Indicators and gateways beyond those.
    pub further_chains: u64,
    /// When sightings were, by signature.
    pub timelines: Vec<Timeline>,
    /// The most telling alerts, in the order of their sightings.
    pub alerts: Vec<Alert>,
    /// Alerts beyond those: what followed rather than what came first, and of that the less severe and the later.
    pub further_alerts: u64,
}

/// The worst that was found of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Worst {
    /// From 0 to 10.
    pub severity: u8,
    /// The signature's identifier.
    pub signature: String,
    /// What it means.
    pub activity: String,
}

/// The hosts that have no place of their own in the report.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct FurtherClients {
    /// How many; at least so many where `are_more` is true.
    pub clients: u64,
    /// Whether there are hosts that were not even counted.
    pub are_more: bool,
    /// Alerts about all of them.
    pub alerts: u64,
    /// Sightings in those.
    pub sightings: u64,
}

/// How far it went between a host and one indicator, or one gateway that is not listed: each stage, as far as it was seen.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Chain {
    /// The indicator; null where nothing is listed.
    pub indicator: Option<Indicator>,
    /// What the chain is about: the indicator's value, or the gateway.
    pub subject: String,
    /// The host asked for its name.
    pub asked: Option<Stage>,
    /// The name was answered for.
    pub resolved: Option<Stage>,
    /// It was contacted, or asked for by name in TLS, QUIC, HTTP or of a proxy.
    pub contacted: Option<Stage>,
    /// A remote-access tool was used.
    pub spoke: Option<Stage>,
    /// IP bytes that the host sent in its conversations.
    pub sent: u64,
    /// IP bytes that it received in them.
    pub received: u64,
    /// How regularly a tool's requests came, or else contacts, where that can be told.
    pub beacon: Option<Beacon>,
}

/// A stage of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stage {
    /// From the first to the last packet.
    pub span: Span,
    /// Sightings.
    pub sightings: u64,
    /// From the first to the last packet by number.
    pub packets: Option<Packets>,
    /// What was asked for, resolved to, contacted or spoken with: some of it.
    pub what: Vec<String>,
    /// Whether there was more.
    pub is_more: bool,
    /// The sentence of its first alert.
    pub statement: String,
}

/// From which packet to which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Packets {
    /// The first.
    pub first: PacketNumber,
    /// The last.
    pub last: PacketNumber,
}

/// Where a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PacketNumber {
    /// The file's place in `capture.files`, from 0 on.
    pub file: u32,
    /// The packet's number in it as Wireshark counts, from 1 on. In a damaged capture those count that could be read.
    pub number: u64,
}

/// How regularly something came.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Beacon {
    /// What was timed.
    pub timed: Timed,
    /// The signature of what was timed; of contacts by several signatures the last one's.
    pub signature: String,
    /// Whether most intervals are near the usual one.
    pub is_regular: bool,
    /// The median of the intervals, in seconds.
    pub usual_seconds: f64,
    /// Their mean.
    pub mean_seconds: f64,
    /// Their standard deviation.
    pub spread_seconds: f64,
    /// How many intervals there are; of more the latest count.
    pub intervals: u64,
    /// How many intervals are of which length, without a gap; the last holds all that are longer.
    pub histogram: Vec<Bin>,
}

/// What was timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Timed {
    /// Requests of a remote-access tool.
    Requests,
    /// Conversations, by their first packets.
    Contacts,
}

/// How many intervals are of a length.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Bin {
    /// The shortest, in seconds.
    pub from_seconds: f64,
    /// What all are shorter than; null in the last.
    pub to_seconds: Option<f64>,
    /// How many.
    pub count: u64,
}

/// When sightings of a signature were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Timeline {
    /// The signature's identifier.
    pub signature: String,
    /// What it means.
    pub activity: String,
    /// Sightings.
    pub sightings: u64,
    /// Sightings without a known time: more than one alert keeps the times of.
    pub untimed: u64,
    /// How long each bucket is, in seconds. Buckets begin at whole multiples of it since 1970.
    pub width_seconds: u64,
    /// The buckets that hold any, in order.
    pub buckets: Vec<Bucket>,
}

/// Sightings within a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Bucket {
    /// When it begins.
    pub start: Moment,
    /// Sightings in it.
    pub count: u64,
}

/// An alert: what its CEF line says, and more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Alert {
    /// The line's `externalId`.
    pub id: String,
    /// The signature's identifier.
    pub signature: String,
    /// What it means.
    pub activity: String,
    /// From 0 to 10.
    pub severity: u8,
    /// `first`, or `update` for what followed since the line before.
    pub phase: String,
    /// When the first of its sightings was.
    pub seen: Moment,
    /// From the first to the last packet of its conversations so far.
    pub span: Span,
    /// Sightings since the line before; none where only bytes came.
    pub sightings: u64,
    /// The packets of what the alert tells, from the first to the last.
    pub packets: Option<Packets>,
    /// The client's address and port.
    pub client: String,
    /// The server's address and port; of DNS the resolver's.
    pub server: String,
    /// The protocol above IP.
    pub protocol: String,
    /// The application protocol, where it was recognised.
    pub application: Option<String>,
    /// IP bytes from client to server since the line before.
    pub sent: u64,
    /// IP bytes from server to client since the line before.
    pub received: u64,
    /// What became of a TCP conversation, or a DNS response code.
    pub outcome: Option<String>,
    /// How it was matched.
    pub basis: String,
    /// The full name that was seen.
    pub name: Option<String>,
    /// The addresses in a DNS answer, or those of all answers that an update tells of.
    pub addresses: Vec<String>,
    /// The HTTP method and URL.
    pub request: Option<String>,
    /// The HTTP user agent.
    pub user_agent: Option<String>,
    /// What was matched; null where a protocol was recognised and nothing about it is listed.
    pub indicator: Option<Indicator>,
    /// What the exclusions say of it, where any rule has to do with it.
    pub exclusion: Option<Exclusion>,
    /// One plain sentence.
    pub message: String,
}

/// Something that is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Indicator {
    /// As listed.
    pub value: String,
    /// `ip:port`, `ip`, `cidr` or `domain`.
    pub kind: String,
    /// The malware family.
    pub family: String,
    /// How sure the source is, 0 to 100.
    pub confidence: u8,
    /// Who lists it.
    pub source: String,
    /// Where to read more.
    pub reference: String,
    /// When the source saw it first.
    pub first_seen: Option<Moment>,
    /// When the source saw it last.
    pub last_seen: Option<Moment>,
    /// Days from when the source saw it first to this sighting; negative where the sighting is the older.
    pub age_days: Option<i64>,
    /// What has to be said beside, as that it is marked as a compromised site.
    pub remark: Option<String>,
}

/// What a rule does to an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Exclusion {
    /// The rule's name.
    pub rule: String,
    /// `suppress`, `downgrade` or `annotate`; null where it does nothing.
    pub effect: Option<String>,
    /// How that comes, in words.
    pub why: String,
}

/// What was excluded as lawful use.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Exclusions {
    /// Whether nothing was done but telling.
    pub is_dry: bool,
    /// The rules, in their order.
    pub rules: Vec<Rule>,
    /// Alerts that were suppressed: the most telling, in the order of their sightings. They are nowhere else in the report.
    pub suppressed: Vec<Alert>,
    /// Suppressed alerts beyond those.
    pub further_suppressed: u64,
}

/// A rule, and what became of the sightings that it matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub scenario: String,
    /// Who answers for it.
    pub owner: String,
    /// Why it is there.
    pub reason: String,
    /// `suppress`, `downgrade` or `annotate`.
    pub effect: String,
    /// The first moment at which it is no longer in force.
    pub expires: Moment,
    /// File and line.
    pub place: String,
    /// Sightings without an alert.
    pub suppressed: u64,
    /// Sightings of which the severity was lowered.
    pub downgraded: u64,
    /// Sightings that only name the rule.
    pub annotated: u64,
    /// Sightings that it matched outside its schedule.
    pub outside_schedule: u64,
    /// Sightings that it matched after it had expired.
    pub expired: u64,
    /// Sightings that it matched, of hosts that also had contact with something listed.
    pub other_contact: u64,
}

/// What the report can be repeated with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Settings {
    /// The command, for a shell; without what has no part in what is found: outputs, workers, the report itself.
    pub command: String,
    /// How long repeats were gathered, in seconds.
    pub repeat_window_seconds: u64,
    /// The filter expression.
    pub filter: Option<String>,
    /// What is inside; empty for private addresses.
    pub home: Vec<String>,
    /// Indicators in force.
    pub indicators: u64,
    /// Whether the built-in ones are among them.
    pub with_builtin: bool,
    /// The lists, in the order in which they were read.
    pub lists: Vec<List>,
}

/// A list of indicators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct List {
    /// The file.
    pub path: String,
    /// Its format.
    pub format: String,
    /// The date of the list.
    pub date: Option<Moment>,
    /// Entries that are looked for.
    pub used: u64,
}

/// The JSON Schema of a report (<https://json-schema.org/draft/2020-12>).
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Report).to_value()
}
