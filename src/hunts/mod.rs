//! Hunts: KQL queries that search other logs for the indicators in force, and that summarize the
//! sensor's own alerts.
//!
//! A hunt is one entry in the table of `catalog.rs` and one function in `queries.rs`. Each returns
//! one row for each client and indicator, with counts and the first and last time, in a fixed
//! order. Hunts are printed as KQL for a Log Analytics workspace, or as scheduled analytics rules
//! of Microsoft Sentinel.
//!
//! The indicators are included in the query if it then is not longer than the maximum for a rule.
//! Otherwise the query reads the watchlist [`WATCHLIST`], whose content [`watchlist`] returns. So
//! no indicator is ever omitted.
//!
//! Results are reproducible: the same indicators give the same text, in whatever order they are
//! listed.

mod analytics_rule;
mod catalog;
mod hunt;
mod indicator_lists;
mod kql_text;
mod queries;

#[cfg(test)]
mod tests;

pub use hunt::{Hunt, MAX_QUERY_LENGTH, hunts, names, watchlist};
pub use indicator_lists::WATCHLIST;
