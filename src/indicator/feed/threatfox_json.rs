//! ThreatFox's JSON export (<https://threatfox.abuse.ch/export/>): an object of identifier → array of one entry.
//!
//! ```text
//! {"1844853": [{"ioc_value": "203.0.113.7:5555", "ioc_type": "ip:port", "malware": "win.netsupportmanager_rat", …}], …}
//! ```

use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::json::{Lines, reason};
use super::reader::{Broken, Reader};
use super::threatfox::Ioc;
use super::{Format, Head, LeftOut};

pub(super) const FORMAT: Format = Format { name: "ThreatFox JSON export", names_families: true, recognises, read };

fn recognises(head: &Head<'_>) -> bool {
    head.is_json() && head.has("\"ioc_value\"")
}

fn read(text: &str, reader: &mut Reader<'_>) -> Result<(), Broken> {
    let mut failure = None;
    let mut json = serde_json::Deserializer::from_str(text);
    let entries = Entries { lines: Lines::new(text), reader, failure: &mut failure };
    let done = json.deserialize_map(entries).and_then(|()| json.end());
    match failure {
        Some(broken) => Err(broken),
        None => Ok(done?),
    }
}

/// Hands entries on while they are read: the export of everything is too large to be held twice.
struct Entries<'a, 'r> {
    lines: Lines<'a>,
    reader: &'a mut Reader<'r>,
    failure: &'a mut Option<Broken>,
}

impl<'de> Visitor<'de> for Entries<'_, '_> {
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

impl Entries<'_, '_> {
    fn entries(&mut self, id: &str, list: &RawValue) -> Result<(), Broken> {
        let line = self.lines.of(list);
        match serde_json::from_str::<Vec<Ioc>>(list.get()) {
            Ok(iocs) => {
                for ioc in iocs {
                    if ioc.is_of_network() {
                        self.reader.entry(&ioc.entry(line, id, &ioc.tags()))?;
                    } else {
                        self.reader.leave_out(LeftOut::OtherKind);
                    }
                }
            }
            Err(error) => self.reader.refuse(line, format!("no entry of ThreatFox: {}", reason(&error))),
        }
        Ok(())
    }
}
