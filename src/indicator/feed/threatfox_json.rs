//! The JSON export of ThreatFox (<https://threatfox.abuse.ch/export/>): an object that maps
//! identifiers to arrays of one entry.
//!
//! ```text
//! {"1844853": [{"ioc_value": "203.0.113.7:5555", "ioc_type": "ip:port", "malware": "win.netsupportmanager_rat", …}], …}
//! ```

use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::SkipReason;
use super::collector::{EntryCollector, FormatError};
use super::format::{FeedStart, Format};
use super::json::{LineCounter, reason};
use super::threatfox::Ioc;

pub(super) const FORMAT: Format = Format { name: "ThreatFox JSON export", names_families: true, recognizes, read };

fn recognizes(start: &FeedStart<'_>) -> bool {
    start.is_json() && start.contains("\"ioc_value\"")
}

fn read(text: &str, collector: &mut EntryCollector<'_>) -> Result<(), FormatError> {
    let mut failure = None;
    let mut json = serde_json::Deserializer::from_str(text);
    let entries = EntryVisitor { lines: LineCounter::new(text), collector, failure: &mut failure };
    let done = json.deserialize_map(entries).and_then(|()| json.end());
    match failure {
        Some(broken) => Err(broken),
        None => Ok(done?),
    }
}

/// Adds entries while the text is parsed: the full export is too large to be held in memory twice.
struct EntryVisitor<'a, 'r> {
    lines: LineCounter<'a>,
    collector: &'a mut EntryCollector<'r>,
    failure: &'a mut Option<FormatError>,
}

impl<'de> Visitor<'de> for EntryVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of identifiers")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((id, list)) = map.next_entry::<String, &'de RawValue>()? {
            if let Err(broken) = self.entries(&id, list) {
                *self.failure = Some(broken);
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

impl EntryVisitor<'_, '_> {
    fn entries(&mut self, id: &str, list: &RawValue) -> Result<(), FormatError> {
        let line = self.lines.of(list);
        match serde_json::from_str::<Vec<Ioc>>(list.get()) {
            Ok(iocs) => {
                for ioc in iocs {
                    if ioc.is_of_network() {
                        self.collector.add(&ioc.entry(line, id, &ioc.tags()))?;
                    } else {
                        self.collector.skip(SkipReason::OtherKind);
                    }
                }
            }
            Err(error) => self.collector.refuse(line, format!("not a ThreatFox entry: {}", reason(&error))),
        }
        Ok(())
    }
}
