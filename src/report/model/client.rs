//! A host with its chains of evidence and its timelines.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Alert, Identity, Indicator, Moment, Packets, Span};

/// A host with all its findings. If a listed server contacted a host, this is the host that was
/// contacted.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Client {
    /// The address of the host.
    pub address: String,
    /// The facts that say which machine it is.
    pub identity: Identity,
    /// The most severe finding; of equal ones the first.
    pub worst: WorstFinding,
    /// From the first to the last packet of all findings.
    pub span: Span,
    /// The number of alerts about the host.
    pub alert_count: u64,
    /// The number of sightings in these alerts.
    pub sightings: u64,
    /// IP bytes that the host sent in the conversations of `chains`.
    pub sent: u64,
    /// IP bytes that the host received in them.
    pub received: u64,
    /// True if some alerts came while the report was full of hosts with more severe findings. These
    /// are included in the numbers above, but not in the lists below.
    pub is_partial: bool,
    /// These bytes over time.
    pub traffic: Traffic,
    /// The evidence by indicator, or by gateway if nothing is listed, in the order of the first
    /// sighting.
    pub chains: Vec<Chain>,
    /// The number of indicators and gateways that are not in that list.
    pub further_chains: u64,
    /// The times of the sightings, by signature.
    pub timelines: Vec<Timeline>,
    /// The most significant alerts, in the order of their sightings.
    pub alerts: Vec<Alert>,
    /// The number of alerts that are not in that list. First alerts precede updates, then severe
    /// alerts precede others, then early ones precede late ones.
    pub further_alerts: u64,
}

/// The most severe finding about a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WorstFinding {
    /// The severity, from 0 to 10.
    pub severity: u8,
    /// The signature's identifier.
    pub signature: String,
    /// The signature's name.
    pub activity: String,
}

/// The hosts that are not listed in the report.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct FurtherClients {
    /// The number of hosts. A lower bound if `are_more` is true.
    pub clients: u64,
    /// True if there were too many hosts to count.
    pub are_more: bool,
    /// The number of alerts about these hosts.
    pub alerts: u64,
    /// The number of sightings in these alerts.
    pub sightings: u64,
}

/// The stages of contact between a host and one indicator, or one gateway that is not listed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Chain {
    /// The indicator. Null if nothing is listed.
    pub indicator: Option<Indicator>,
    /// The value of the indicator, or the gateway.
    pub subject: String,
    /// The host queried DNS for the name.
    pub asked: Option<Stage>,
    /// The host received an answer for the name.
    pub resolved: Option<Stage>,
    /// The host contacted the server, or requested its name in TLS, QUIC, HTTP or SOCKS.
    pub contacted: Option<Stage>,
    /// The host spoke the NetSupport protocol.
    pub spoke: Option<Stage>,
    /// IP bytes that the host sent in the chain's conversations.
    pub sent: u64,
    /// IP bytes that the host received in them.
    pub received: u64,
    /// The regularity of the NetSupport requests, or else of the contacts, if there are enough of
    /// them.
    pub beacon: Option<Beacon>,
}

/// A stage of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stage {
    /// From the first to the last packet.
    pub span: Span,
    /// The number of sightings.
    pub sightings: u64,
    /// The numbers of the first and the last packet.
    pub packets: Option<Packets>,
    /// Some of the names that were queried, addresses that were returned, or servers that were
    /// contacted.
    pub what: Vec<String>,
    /// True if there are more of them.
    pub is_more: bool,
    /// The sentence of the stage's first alert.
    pub statement: String,
}

/// The regularity of requests or contacts.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Beacon {
    /// The events that were timed.
    pub timed: TimedEvents,
    /// The signature of the events. If contacts have several signatures, that of the last one.
    pub signature: String,
    /// True if most intervals are close to the median.
    pub is_regular: bool,
    /// The median of the intervals, in seconds.
    pub usual_seconds: f64,
    /// The mean of the intervals, in seconds.
    pub mean_seconds: f64,
    /// The standard deviation of the intervals, in seconds.
    pub spread_seconds: f64,
    /// The number of intervals. Of very many, the latest are used.
    pub intervals: u64,
    /// A histogram of the intervals with adjacent bins. The last bin has all longer intervals.
    pub histogram: Vec<HistogramBin>,
}

/// The events that were timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TimedEvents {
    /// NetSupport requests.
    Requests,
    /// Conversations, by their first packets.
    Contacts,
}

/// The number of intervals in a range of lengths.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct HistogramBin {
    /// The lower bound in seconds, inclusive.
    pub from_seconds: f64,
    /// The upper bound in seconds, exclusive. Null in the last bin.
    pub to_seconds: Option<f64>,
    /// The number of intervals.
    pub count: u64,
}

/// The times of the sightings of a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Timeline {
    /// The signature's identifier.
    pub signature: String,
    /// The signature's name.
    pub activity: String,
    /// The number of sightings.
    pub sightings: u64,
    /// The number of sightings without a known time, because an alert has a limited number of
    /// times.
    pub untimed: u64,
    /// The length of a bucket in seconds. Buckets begin at whole multiples of it since 1970.
    pub width_seconds: u64,
    /// The buckets with sightings, in order.
    pub buckets: Vec<Bucket>,
}

/// The number of sightings in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Bucket {
    /// The start of the period.
    pub start: Moment,
    /// The number of sightings.
    pub count: u64,
}

/// The bytes of a host over time. An alert counts the bytes since the one before it, up to a repeat
/// window; they are spread evenly over that time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Traffic {
    /// The length of a bucket in seconds. Buckets begin at whole multiples of it since 1970.
    pub width_seconds: u64,
    /// The buckets with bytes, in order.
    pub buckets: Vec<TrafficBucket>,
}

/// The bytes in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TrafficBucket {
    /// The start of the period.
    pub start: Moment,
    /// IP bytes that the host sent.
    pub sent: u64,
    /// IP bytes that the host received.
    pub received: u64,
}
