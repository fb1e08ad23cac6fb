//! The settings in the report.

use schemars::JsonSchema;
use serde::Serialize;

use super::Moment;

/// The settings to repeat the replay with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Settings {
    /// The command for a shell. Options that do not affect the findings are omitted: outputs,
    /// workers and the report itself.
    pub command: String,
    /// The length of a repeat window, in seconds.
    pub repeat_window_seconds: u64,
    /// The filter expression.
    pub filter: Option<String>,
    /// The home networks. Empty for private addresses.
    pub home: Vec<String>,
    /// The number of indicators in force.
    pub indicators: u64,
    /// True if the built-in indicators are included.
    pub with_builtin: bool,
    /// The lists of indicators, in the order in which they were read.
    pub lists: Vec<List>,
}

/// A list of indicators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct List {
    /// The file.
    pub path: String,
    /// The format.
    pub format: String,
    /// The date of the list.
    pub date: Option<Moment>,
    /// The number of entries that are used.
    pub used: u64,
}
