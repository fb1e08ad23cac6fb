//! rattap: a packet-capture network sensor for NetSupport Manager RAT command-and-control.
//!
//! A packet passes through four stages:
//!
//! 1. [`capture`] reads frames from files or interfaces into Blocks, one Block after the other.
//! 2. [`scan`] decodes the frames of a Block ([`decode`], [`protocol`]), matches them against the
//!    indicators ([`indicator`]) and reports findings. It keeps no state, so several Blocks are
//!    scanned at a time.
//! 3. [`track`] processes the findings in the order of the Blocks, follows conversations and makes
//!    alerts ([`alert`]).
//! 4. [`output`] writes the alerts, in one thread.
//!
//! [`sensor`] owns the threads: each of its workers takes Blocks through the first three stages.
//! Before the workers start, [`privileges`] drops the rights that they do not need. [`metrics`]
//! publishes the counters of a running sensor.
//!
//! After a replay, [`carve`] writes the packets that prove the alerts into a new capture, and
//! [`report`] writes a page about them. [`hunts`] makes KQL queries for logs, which cover the parts
//! of a network where no sensor sees packets.

pub mod alert;
pub mod atomic_file;
pub mod capture;
pub mod carve;
pub mod counts;
pub mod decode;
pub mod domain_name;
pub mod flow;
pub mod hunts;
pub mod indicator;
pub mod metrics;
pub mod output;
pub mod privileges;
pub mod protocol;
pub mod report;
pub mod sanitize;
pub mod scan;
pub mod sensor;
pub mod toml_document;
pub mod tools;
pub mod track;
pub mod units;
