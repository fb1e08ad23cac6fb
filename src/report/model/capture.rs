//! The captures behind a report.

use schemars::JsonSchema;
use serde::Serialize;

use super::Span;

/// The captures that were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Capture {
    /// The inputs, in the order in which they were read. Packet numbers refer to them by their
    /// index in this list.
    pub files: Vec<File>,
    /// The lowest and the highest time of all packets. Null if there were no packets.
    pub span: Option<Span>,
    /// The number of packets.
    pub packets: u64,
    /// The captured bytes of the packets.
    pub bytes: u64,
    /// True if the input was read to its end. Otherwise an output failed.
    pub is_whole: bool,
    /// Skipped or incomplete items by reason. Reasons that did not occur are omitted.
    pub losses: Vec<Loss>,
    /// The problems with inputs, including damaged places, in the order in which they occurred.
    pub problems: Vec<String>,
    /// The number of problems that are not in that list.
    pub further_problems: u64,
}

/// An input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct File {
    /// The path as it was given; `-` is standard input.
    pub path: String,
    /// The size on disk in bytes. Null for inputs other than regular files.
    pub size: Option<u64>,
    /// The SHA-256 hash of the file on disk, in hexadecimal. Null if hashes were turned off or the
    /// file could not be read.
    pub sha256: Option<String>,
}

/// A kind of loss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Loss {
    /// The stable name of the reason.
    pub reason: String,
    /// The reason in words.
    pub what: String,
    /// The number of occurrences.
    pub count: u64,
}
