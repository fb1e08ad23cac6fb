//! rattap: a packet-capture network sensor for NetSupport Manager RAT command-and-control.
//!
//! A packet's way, downward only:
//!
//! 1. [`capture`]: a capture thread puts frames from files or interfaces into Blocks;
//! 2. [`scan`]: a pool of scanners decodes each Block and reports what matched, without any state;
//! 3. [`track`]: one thread takes the findings in Block order, keeps conversations, and makes alerts;
//! 4. [`output`]: one thread writes them.
//!
//! [`sensor`] owns the threads and wires them.

pub mod alert;
pub mod capture;
pub mod decode;
pub mod domain_name;
pub mod flow;
pub mod indicator;
pub mod output;
pub mod protocol;
pub mod scan;
pub mod sensor;
pub mod track;
pub mod units;
