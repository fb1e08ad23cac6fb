//! The integration tests, in one binary: what users see, from the command line to the line in the output.

// Helpers stand outside the test functions, and a panic is how a test fails.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod ahead;
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
mod follow;
mod golden;
mod hostile;
mod hunts;
mod json;
mod kept;
mod live;
mod metrics_referee;
mod names_tshark;
mod numbers;
mod overwrites;
mod package;
mod partitions;
mod printable;
mod python;
mod report;
mod rotation;
mod run;
mod sameness;
mod samples;
mod settings;
mod usage;
