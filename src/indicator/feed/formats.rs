//! The table of formats.

use super::format::{FeedStart, Format};
use super::plain;

/// All formats. The first one that recognizes a text reads it. A plain list accepts any text, so it
/// is last.
pub(super) static FORMATS: &[Format] = &[
    // One row for each format.
    super::threatfox_csv::FORMAT,
    super::threatfox_json::FORMAT,
    super::threatfox_api::FORMAT,
    super::misp_json::FORMAT,
    super::misp_csv::FORMAT,
    super::stix::FORMAT,
    super::zeek::FORMAT,
    super::maltrail::FORMAT,
    super::host_file::FORMAT,
    super::suricata_iprep::FORMAT,
    super::suricata_dataset::FORMAT,
    super::plain::FORMAT,
];

/// Detects the format of a text.
pub(super) fn detect(text: &str) -> &'static Format {
    let start = FeedStart::new(text);
    FORMATS.iter().find(|format| (format.recognizes)(&start)).unwrap_or(&plain::FORMAT)
}
