//! The summary of a report.

use schemars::JsonSchema;
use serde::Serialize;

/// The summary of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verdict {
    /// The level of the most serious finding.
    pub level: Level,
    /// The part of the captures that the verdict is about. `nothing` as the level means that the
    /// captures are clean only if this is `all`.
    pub examined: Examined,
    /// The case in a few words, such as `1 host compromised, 1 attempted`.
    pub title: String,
    /// The summary in a few sentences: who did what, for how long, and how it ended.
    pub sentence: String,
    /// The limitations of the result: what was not examined. Empty if everything was.
    pub limits: String,
}

/// The part of the captures that was examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Examined {
    /// No packet: none could be read or decoded, none is IP, or the filter or the time window left
    /// out all of them. The captures may contain anything.
    None,
    /// Some packets. `limits` states what is missing: inputs that could not be read, damaged
    /// places, packets that the filter or the time window left out, and packets that were dropped,
    /// cut or not decoded.
    Part,
    /// All packets.
    All,
}

/// The level of the most serious finding about any host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Nothing was found.
    Nothing,
    /// All findings are excluded as lawful use.
    Vouched,
    /// NetSupport is in use, and nothing about it is listed.
    RemoteAccess,
    /// A host queried DNS for a listed name, or contacted a listed address at a port that is not
    /// listed.
    Trace,
    /// A host contacted a listed server.
    Contact,
    /// A host spoke the NetSupport protocol with a listed server.
    CommandAndControl,
}

/// The findings of one signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SignatureSummary {
    /// The signature's identifier.
    pub signature: String,
    /// The signature's name.
    pub activity: String,
    /// The number of alerts, each of which may count several sightings.
    pub alerts: u64,
    /// The number of sightings.
    pub sightings: u64,
    /// The number of hosts. A lower bound if `further_clients.are_more` is true.
    pub clients: u64,
}
