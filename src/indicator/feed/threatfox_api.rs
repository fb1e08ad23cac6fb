//! A response of the ThreatFox API (<https://threatfox.abuse.ch/api/>).
//!
//! ```text
//! {"query_status": "ok", "data": [{"id": "1844853", "ioc": "203.0.113.7:5555", "ioc_type": "ip:port", "tags": ["a"], …}]}
//! ```
//!
//! Without a result, `data` is a sentence and `query_status` has the reason.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::SkipReason;
use super::collector::{EntryCollector, FormatError};
use super::format::{FeedStart, Format};
use super::json::{JsonText, LineCounter, reason};
use super::threatfox::Ioc;

pub(super) const FORMAT: Format = Format { name: "ThreatFox API answer", names_families: true, recognizes, read };

/// The status of a valid query without results.
const EMPTY_STATUS: [&str; 2] = ["ok", "no_result"];

fn recognizes(start: &FeedStart<'_>) -> bool {
    start.is_json()
        && (start.contains("\"query_status\"") || (start.contains("\"ioc\"") && start.contains("\"ioc_type\"")))
}

#[derive(Deserialize)]
struct ApiResponse<'a> {
    #[serde(default)]
    query_status: JsonText,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

fn read(text: &str, collector: &mut EntryCollector<'_>) -> Result<(), FormatError> {
    let response: ApiResponse<'_> = serde_json::from_str(text)?;
    let status = response.query_status.get();
    let data = response.data.filter(|data| data.get().starts_with('['));
    let Some(data) = data else {
        return match EMPTY_STATUS.contains(&status) {
            true => Ok(()),
            false => Err(FormatError::NotAList(format!("ThreatFox answered {:?}", super::value::quoted(status)))),
        };
    };
    let mut lines = LineCounter::new(text);
    for entry in serde_json::from_str::<Vec<&RawValue>>(data.get())? {
        let line = lines.of(entry);
        match serde_json::from_str::<Ioc>(entry.get()) {
            Ok(ioc) if ioc.is_of_network() => collector.add(&ioc.entry(line, "", &ioc.tags()))?,
            Ok(_) => collector.skip(SkipReason::OtherKind),
            Err(error) => collector.refuse(line, format!("not a ThreatFox entry: {}", reason(&error))),
        }
    }
    Ok(())
}
