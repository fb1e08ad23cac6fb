//! An alert in the report.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Moment, Span};

/// An alert, with the content of its CEF line and more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Alert {
    /// The `externalId` of the CEF line.
    pub id: String,
    /// The signature's identifier.
    pub signature: String,
    /// The signature's name.
    pub activity: String,
    /// The severity, from 0 to 10.
    pub severity: u8,
    /// `first`, or `update` for what followed since the previous alert.
    pub phase: String,
    /// The time of the first sighting.
    pub seen: Moment,
    /// From the first to the last packet of the alert's conversations so far.
    pub span: Span,
    /// The number of sightings since the previous alert. 0 if only more packets came.
    pub sightings: u64,
    /// The numbers of the first and the last packet of the alert.
    pub packets: Option<Packets>,
    /// The address and port of the client.
    pub client: String,
    /// The address and port of the server. For DNS, those of the resolver.
    pub server: String,
    /// The protocol above IP.
    pub protocol: String,
    /// The application protocol, if it was recognized.
    pub application: Option<String>,
    /// IP bytes from client to server since the previous alert.
    pub sent: u64,
    /// IP bytes from server to client since the previous alert.
    pub received: u64,
    /// The state of the TCP conversation, or the DNS response code.
    pub outcome: Option<String>,
    /// The way in which the indicator was matched.
    pub basis: String,
    /// The full name that was seen.
    pub name: Option<String>,
    /// The addresses in a DNS answer. For an update, those of all answers that it counts.
    pub addresses: Vec<String>,
    /// The HTTP method and URL.
    pub request: Option<String>,
    /// The HTTP user agent.
    pub user_agent: Option<String>,
    /// The indicator that matched. Null if a protocol was recognized and nothing about it is
    /// listed.
    pub indicator: Option<Indicator>,
    /// The verdict of the exclusion rules, if any rule concerns the alert.
    pub exclusion: Option<Exclusion>,
    /// A description in one sentence.
    pub message: String,
}

/// A range of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Packets {
    /// The first packet.
    pub first: PacketNumber,
    /// The last packet.
    pub last: PacketNumber,
}

/// The number of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PacketNumber {
    /// The index of the file in `capture.files`, from 0.
    pub file: u32,
    /// The number of the packet in the file, from 1, as in Wireshark. In a damaged capture only the
    /// packets that could be read are counted.
    pub number: u64,
}

/// An indicator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Indicator {
    /// The listed value.
    pub value: String,
    /// `ip:port`, `ip`, `cidr` or `domain`.
    pub kind: String,
    /// The malware family.
    pub family: String,
    /// The confidence of the source, from 0 to 100.
    pub confidence: u8,
    /// The lists that have it.
    pub source: String,
    /// References with more information.
    pub reference: String,
    /// The time at which the source first saw it.
    pub first_seen: Option<Moment>,
    /// The time at which the source last saw it.
    pub last_seen: Option<Moment>,
    /// The days from `first_seen` to this sighting. Negative if the sighting is earlier.
    pub age_days: Option<i64>,
    /// A caveat, such as that the site is marked as compromised.
    pub remark: Option<String>,
}

/// The verdict of an exclusion rule on an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Exclusion {
    /// The rule's name.
    pub rule: String,
    /// `suppress`, `downgrade` or `annotate`. Null if the rule has no effect.
    pub effect: Option<String>,
    /// The explanation in words.
    pub why: String,
}
