//! The exclusion rules in the report.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Alert, Moment};

/// The exclusions for lawful use.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Exclusions {
    /// True for a dry run, in which the rules have no effect.
    pub is_dry: bool,
    /// The rules, in the order of their files.
    pub rules: Vec<Rule>,
    /// The most significant suppressed alerts, in the order of their sightings. They are not
    /// included anywhere else in the report.
    pub suppressed: Vec<Alert>,
    /// The number of suppressed alerts that are not in that list.
    pub further_suppressed: u64,
}

/// A rule, and the number of sightings that it matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Rule {
    /// The rule's name.
    pub name: String,
    /// The scenario of lawful use.
    pub scenario: String,
    /// The person or team responsible for the rule.
    pub owner: String,
    /// The reason for the rule.
    pub reason: String,
    /// `suppress`, `downgrade` or `annotate`.
    pub effect: String,
    /// The first instant at which the rule is no longer in force.
    pub expires: Moment,
    /// The file and line of the rule.
    pub place: String,
    /// Sightings without an alert.
    pub suppressed: u64,
    /// Sightings with a lower severity.
    pub downgraded: u64,
    /// Sightings whose alert only names the rule.
    pub annotated: u64,
    /// Sightings that matched outside the schedule.
    pub outside_schedule: u64,
    /// Sightings that matched after the rule had expired.
    pub expired: u64,
    /// Sightings that matched, but whose hosts also had contact with a listed server.
    pub other_contact: u64,
}
