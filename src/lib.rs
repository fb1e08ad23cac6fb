//! rattap: a packet-capture network sensor for NetSupport Manager RAT command-and-control.
//!
//! A packet's way, downward only:
//!
//! 1. [`capture`]: frames from files or interfaces are put into Blocks, one after the other;
//! 2. [`scan`]: each Block is decoded, and what matched is reported, without any state: many Blocks at a time;
//! 3. [`track`]: the findings are taken in Block order, conversations kept, and alerts made;
//! 4. [`output`]: one thread writes them.
//!
//! [`sensor`] owns the threads: each of its workers takes a Block through the first three. Before they start, [`privileges`] gives
//! up what they do not need. After a replay, [`carve`] reads again what the evidence lies in. Beside the way stands [`hunt`]: queries for where no packet is seen.

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
pub mod scan;
pub mod sensor;
pub mod track;
pub mod units;
