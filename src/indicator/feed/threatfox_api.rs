//! An answer of ThreatFox's API (<https://threatfox.abuse.ch/api/>).
//!
//! ```text
//! {"query_status": "ok", "data": [{"id": "1844853", "ioc": "203.0.113.7:5555", "ioc_type": "ip:port", "tags": ["a"], …}]}
//! ```
//!
//! Without a result `data` is a sentence, and `query_status` says why.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::{Lines, Text, reason};
use super::reader::{Broken, Reader};
use super::threatfox::Ioc;
use super::{Format, Head, LeftOut};

pub(super) const FORMAT: Format = Format { name: "ThreatFox API answer", names_families: true, recognises, read };

/// What the API says where the question was right and nothing fits it.
const NO_RESULT: [&str; 2] = ["ok", "no_result"];

fn recognises(head: &Head<'_>) -> bool {
    head.is_json() && (head.has("\"query_status\"") || (head.has("\"ioc\"") && head.has("\"ioc_type\"")))
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(default)]
    query_status: Text,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

fn read(text: &str, reader: &mut Reader<'_>) -> Result<(), Broken> {
    let answer: Answer<'_> = serde_json::from_str(text)?;
    let status = answer.query_status.get();
    let data = answer.data.filter(|data| data.get().starts_with('['));
    let Some(data) = data else {
        return match NO_RESULT.contains(&status) {
            true => Ok(()),
            false => Err(Broken::NoList(format!("ThreatFox answered {:?}", super::value::quoted(status)))),
        };
    };
    let mut lines = Lines::new(text);
    for entry in serde_json::from_str::<Vec<&RawValue>>(data.get())? {
        let line = lines.of(entry);
        match serde_json::from_str::<Ioc>(entry.get()) {
            Ok(ioc) if ioc.is_of_network() => reader.entry(&ioc.entry(line, "", &ioc.tags()))?,
            Ok(_) => reader.leave_out(LeftOut::OtherKind),
            Err(error) => reader.refuse(line, format!("no entry of ThreatFox: {}", reason(&error))),
        }
    }
    Ok(())
}
