//! The integration tests, in one binary: the program as users see it, from the command line to the
//! output.

// Helpers are outside the test functions, and a test fails by a panic.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod ahead;
mod browser;
mod captures;
mod carve;
#[path = "../../src/output/cef/parser.rs"]
mod cef_reader;
mod cef_referees;
mod completions;
mod cuts;
mod delivery;
mod docs;
mod exclusions;
mod feeds;
mod first_hour;
mod follow;
mod golden;
mod hostile;
mod hunts;
mod json;
mod kept;
mod live;
mod metrics_referee;
mod names_tshark;
mod needs;
mod node;
mod numbers;
mod overwrites;
mod package;
mod partitions;
mod printable;
mod python;
mod report;
mod report_accessibility;
mod required;
mod rotation;
mod run;
mod sameness;
mod samples;
mod settings;
mod usage;
