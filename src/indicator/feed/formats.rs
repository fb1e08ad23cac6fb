//! The table of formats.

use super::format::{FeedStart, Format};
use super::{
    host_file, maltrail, misp_csv, misp_json, plain, stix, suricata_dataset, suricata_iprep, threatfox_api,
    threatfox_csv, threatfox_json, zeek,
};

/// All formats. The first one that recognizes a text reads it. A plain list accepts any text, so it
/// is last.
pub(super) static FORMATS: [Format; 12] = [
    threatfox_csv::FORMAT,
    threatfox_json::FORMAT,
    threatfox_api::FORMAT,
    misp_json::FORMAT,
    misp_csv::FORMAT,
    stix::FORMAT,
    zeek::FORMAT,
    maltrail::FORMAT,
    host_file::FORMAT,
    suricata_iprep::FORMAT,
    suricata_dataset::FORMAT,
    plain::FORMAT,
];

/// Detects the format of a text.
pub(super) fn detect(text: &str) -> &'static Format {
    let start = FeedStart::new(text);
    FORMATS.iter().find(|format| (format.recognizes)(&start)).unwrap_or(&plain::FORMAT)
}
