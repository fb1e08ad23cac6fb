//! ThreatFox as CSV: the recent export and the full dump (<https://threatfox.abuse.ch/export/>).
//!
//! ```text
//! # Last updated: 2026-07-04 22:50:12 UTC
//! # "first_seen_utc","ioc_id","ioc_value","ioc_type",…
//! "2026-07-04 21:46:30", "1844853", "203.0.113.7:5555", "ip:port", "botnet_cc", …
//! ```
//!
//! The columns are those of the commented header: `is_compromised` came late, and older dumps are without it.

use std::borrow::Cow;

use super::csv::{Columns, Row, Rows, confidence, field, is_true, listed};
use super::reader::{Broken, Entry, Family, Reader};
use super::{Format, Head, LeftOut, date, threatfox};

pub(super) const FORMAT: Format = Format { name: "ThreatFox CSV", names_families: true, recognises, read };

/// The columns of today, for a file whose comments were taken out.
const HEADER: &str = "first_seen_utc,ioc_id,ioc_value,ioc_type,threat_type,fk_malware,malware_alias,malware_printable,\
last_seen_utc,confidence_level,is_compromised,reference,tags,anonymous,reporter";

/// Those before `is_compromised`.
const OLD_HEADER: &str = "first_seen_utc,ioc_id,ioc_value,ioc_type,threat_type,fk_malware,malware_alias,malware_printable,\
last_seen_utc,confidence_level,reference,tags,anonymous,reporter";

fn recognises(head: &Head<'_>) -> bool {
    (head.lines().any(is_header) && !head.is_json())
        || head.data().next().is_some_and(|line| {
            let mut rows = Rows::new(line);
            let Some(Row::Record { fields, .. }) = rows.next() else { return false };
            (fields.len() == 14 || fields.len() == 15)
                && date::read(&fields[0]).is_some()
                && threatfox::is_kind(&fields[3])
        })
}

fn is_header(line: &str) -> bool {
    line.contains("ioc_value") && line.contains("ioc_type")
}

/// Where each column stands.
struct Places {
    count: usize,
    first_seen: Option<usize>,
    id: Option<usize>,
    value: Option<usize>,
    kind: Option<usize>,
    threat: Option<usize>,
    family: Option<usize>,
    aliases: Option<usize>,
    printable: Option<usize>,
    last_seen: Option<usize>,
    confidence: Option<usize>,
    compromised: Option<usize>,
    reference: Option<usize>,
    tags: Option<usize>,
}

impl Places {
    fn of(header: &str) -> Self {
        let columns = Columns::of_header(header);
        Self {
            count: columns.len(),
            first_seen: columns.find(&["first_seen_utc", "first_seen"]),
            id: columns.find(&["ioc_id", "id"]),
            value: columns.find(&["ioc_value", "ioc"]),
            kind: columns.find(&["ioc_type"]),
            threat: columns.find(&["threat_type"]),
            family: columns.find(&["fk_malware", "malware"]),
            aliases: columns.find(&["malware_alias"]),
            printable: columns.find(&["malware_printable"]),
            last_seen: columns.find(&["last_seen_utc", "last_seen"]),
            confidence: columns.find(&["confidence_level"]),
            compromised: columns.find(&["is_compromised"]),
            reference: columns.find(&["reference"]),
            tags: columns.find(&["tags"]),
        }
    }
}

fn read(text: &str, reader: &mut Reader<'_>) -> Result<(), Broken> {
    let mut rows = Rows::new(text);
    let mut places: Option<Places> = None;
    while let Some(row) = rows.next() {
        match row {
            Row::Comment(comment) if is_header(comment) => places = Some(Places::of(comment)),
            Row::Comment(comment) => reader.comment(comment),
            Row::Broken { line, reason } => reader.refuse(line, reason),
            Row::Record { fields, .. } if fields.iter().any(|field| field == "ioc_value") => {
                places = Some(Places::of(&fields.join(",")));
            }
            Row::Record { line, fields } => {
                let header = if fields.len() < 15 { OLD_HEADER } else { HEADER };
                let places = places.get_or_insert_with(|| Places::of(header));
                record(line, fields, places, reader)?;
            }
        }
    }
    Ok(())
}

fn record(line: usize, fields: &[Cow<'_, str>], places: &Places, reader: &mut Reader<'_>) -> Result<(), Broken> {
    if fields.len() != places.count {
        reader.refuse(line, format!("{} columns, where the header has {}", fields.len(), places.count));
        return Ok(());
    }
    let of = |column| field(fields, column);
    let kind = of(places.kind);
    if !threatfox::is_of_network(kind) {
        reader.leave_out(LeftOut::OtherKind);
        return Ok(());
    }
    let tags = listed(of(places.tags));
    reader.entry(&Entry {
        line,
        value: of(places.value),
        family: Family { key: of(places.family), name: of(places.printable), aliases: of(places.aliases) },
        threat: of(places.threat),
        confidence: confidence(of(places.confidence)),
        first_seen: date::read(of(places.first_seen)),
        last_seen: date::read(of(places.last_seen)),
        is_compromised: is_true(of(places.compromised)),
        is_from_url: kind == "url",
        reference: of(places.reference),
        tags: &tags,
        id: of(places.id),
        ..Entry::default()
    })
}
