//! The report as a whole, and its schema.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Capture, Client, Exclusions, File, FurtherClients, HuntQuery, Indicator, Settings, SignatureSummary, Verdict,
};

/// The version of the report's form. It changes when a field changes its meaning or is removed.
pub const FORM: u32 = 1;

/// The findings of one replay, and the inputs and settings that they are based on.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Report {
    /// The version of the report's form.
    pub form: u32,
    /// The title of the case: see `--case`.
    pub case: Option<String>,
    /// The version of the program that made the report.
    pub version: String,
    /// The summary.
    pub verdict: Verdict,
    /// The next steps for the reader, in the order in which to take them.
    pub next_steps: Vec<String>,
    /// The indicators that were found, without those of lawful use: what to block. Bounded.
    pub indicators: Vec<Indicator>,
    /// Queries that search for these indicators in other logs.
    pub hunts: Vec<HuntQuery>,
    /// The captures that were read.
    pub capture: Capture,
    /// The file of the packets of these findings, if it was written: see `--carve`.
    pub evidence: Option<File>,
    /// The findings by signature, in the order of the signatures. Signatures without findings are
    /// omitted. Suppressed alerts are not included.
    pub signatures: Vec<SignatureSummary>,
    /// The hosts with findings, in descending order of severity, then by time of the first finding.
    pub clients: Vec<Client>,
    /// The hosts that are not in that list.
    pub further_clients: FurtherClients,
    /// The exclusions for lawful use, and what they excluded.
    pub exclusions: Exclusions,
    /// The settings to repeat the replay with.
    pub settings: Settings,
}

/// The JSON Schema of a report (<https://json-schema.org/draft/2020-12>).
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Report).to_value()
}
