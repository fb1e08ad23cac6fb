//! All integration tests, in one binary: fast to link.

// Helpers stand outside the test functions, and a panic is how a test fails.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "../../src/output/cef/reader.rs"]
mod cef_reader;
mod cef_referees;
