//! Lists of indicators in files.
//!
//! A format is one file in this folder and one line in the table of `formats.rs`. The format is
//! detected from the content of a file, never from its name. A format passes its entries, as they
//! are in the file, to an `EntryCollector`. This decides what becomes of an entry: it is used as an
//! indicator, skipped (expired, of another family, not visible on a network), or refused.

mod collector;
mod contents;
mod csv;
mod date;
mod error;
mod file;
mod format;
mod formats;
mod host_file;
mod json;
mod maltrail;
mod misp;
mod misp_csv;
mod misp_json;
mod parse;
mod plain;
mod rules;
mod stix;
mod suricata_dataset;
mod suricata_iprep;
#[cfg(test)]
mod tests;
mod threatfox;
mod threatfox_api;
mod threatfox_csv;
mod threatfox_json;
mod value;
mod zeek;

pub use contents::{EntryKind, FeedContents, Refusal, SkipReason};
pub use error::FeedError;
pub(super) use parse::source_name;
pub use parse::{Feed, parse, pattern, read};
pub use rules::FeedRules;
