//! The summary of a report.

use schemars::JsonSchema;
use serde::Serialize;

/// The summary of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verdict {
    /// The level of the most serious finding.
    pub level: Level,
    /// The summary in one or two sentences.
    pub sentence: String,
    /// The limitations of the result. Empty if everything could be read.
    pub limits: String,
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
