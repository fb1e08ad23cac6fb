//! Outputs: where alerts go.
//!
//! An output implements [`Output`]. [`open`] opens all targets of a run and combines them into one
//! output. There are two kinds of target:
//!
//! - Standard output and files. Each alert is written as one line, in one of the formats of
//!   [`LineFormat`].
//! - Receivers: machines or programs that accept alerts over a connection, such as a syslog server.
//!   Alerts wait in a spool until the receiver has them. The module [`delivery`] does this for
//!   every receiver; the receiver's own module only knows its protocol.
//!
//! A new receiver is one file or folder that implements [`delivery::ReceiverSettings`],
//! [`delivery::Receiver`] and [`delivery::Session`], and one line in the table of `target.rs`. A
//! new line format is one file that implements [`LineFormatter`], and one variant of
//! [`LineFormat`].

mod audited;
mod cef;
mod clock;
pub mod delivery;
mod error;
mod event;
mod fan_out;
mod format;
mod formatter;
mod interface;
mod json;
mod lines;
mod name_list;
mod observed;
mod open;
mod pipe;
mod progress;
mod queued;
mod sink;
mod spool;
mod status;
mod syslog;
mod tally;
mod target;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text;

pub use audited::Audited;
pub use cef::{Cef, LONGEST_LINE};
pub use error::OutputError;
pub use event::{Event, EventHandler};
pub use format::LineFormat;
pub use formatter::{LineFormatter, Sensor};
pub use interface::{Mode, Output};
pub use json::Json;
pub use lines::LineOutput;
pub use name_list::NameList;
pub use observed::ObservedOutput;
pub use open::{open, open_with};
pub use sink::{OpenedFile, Sink};
pub use spool::{Record, SpoolSettings};
pub use status::{Monitor, OutputStatus};
pub use tally::{ClientTally, OtherClients, SharedTally, SignatureTally, Tally};
pub use target::{Target, TargetError};
pub use text::{Text, TextStyle, severity_color};
