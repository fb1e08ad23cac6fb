//! The report of a replay: which hosts did what and when, how certain this is, and the packets that
//! prove it. It is written as a page to read or as JSON.
//!
//! [`Gathered`] collects the content of the report from the alerts on their way to the outputs;
//! [`Hashing`] computes the hashes of the inputs meanwhile. After the run, [`report`] builds the
//! [`Report`] from both and the counts of the run, and [`Format::write`] writes it. Results are
//! reproducible: nothing reads the clock or depends on the number of workers.

mod alert_groups;
mod build;
mod chain;
mod client;
mod client_identity;
mod collection;
mod convert;
mod examined;
mod format;
mod gather;
mod hashes;
mod host;
mod intervals;
pub mod model;
mod next_steps;
mod outcome;
mod overview;
mod page;
mod problems;
mod text;
mod timeline;
mod top_alerts;
mod totals;
mod traffic;
mod traffic_view;
mod verdict;
mod wording;

#[cfg(test)]
mod tests;

pub use build::{Basis, report};
pub use format::Format;
pub use gather::Gathered;
pub use hashes::{EvidenceFile, Hashing};
pub use model::{Report, Settings, schema};
pub use problems::{MAX_PROBLEMS, Problems};
