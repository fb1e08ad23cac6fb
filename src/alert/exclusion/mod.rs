//! Exclusions: rules for the lawful use of NetSupport, which looks on the network like any other
//! use.
//!
//! A rule names who is responsible for it (owner, reason, scenario), when it expires, and what it
//! matches: a source together with a destination or a server name, and optionally more. All fields
//! must match; of the values of a field, one must match. The first rule that applies to a sighting
//! takes effect.
//!
//! Rules are limited in these ways:
//!
//! - A rule that is not in force does nothing. The alert names the rule that would have applied and
//!   the reason why it does not: it has expired, it is outside its schedule, or one of the two
//!   hosts recently contacted a listed server that no rule excludes.
//! - On a listed indicator with a high confidence a rule only annotates the alert, unless it sets
//!   `listed_indicators` and expires within a week of being loaded.
//! - A suppressed sighting is still counted, by rule, and written to the audit file.
//!
//! Schedules and expiry use packet time. The time of loading decides only which rules cause
//! warnings, and which may suppress listed indicators.
//!
//! [`Exclusions`] never change. To reload the rules, the sensor builds new ones and passes them to
//! the tracker.

mod exclusions;
mod file;
mod rule;
mod schedule;
mod toml_form;
mod validate;
mod verdict;

#[cfg(test)]
mod tests;

pub use exclusions::{Exclusions, WARNING_PERIOD};
pub use file::{LoadError, LoadErrors};
pub use rule::{MAX_LISTED_LIFETIME, OtherContact, Rule, Scenario};
pub use schedule::Schedule;
pub use verdict::{DOWNGRADED_SEVERITY, DifferingFields, Effect, RuleStatus, Verdict};
