//! ThreatFox as CSV: the recent export and the full dump (<https://threatfox.abuse.ch/export/>).
//!
//! ```text
//! # Last updated: 2026-07-04 22:50:12 UTC
//! # "first_seen_utc","ioc_id","ioc_value","ioc_type",…
//! "2026-07-04 21:46:30", "1844853", "203.0.113.7:5555", "ip:port", "botnet_cc", …
//! ```
//!
//! The commented header gives the columns. `is_compromised` was added later, so older dumps do not
//! have it.

use std::borrow::Cow;

use super::collector::{EntryCollector, FamilyNames, FeedEntry, FormatError};
use super::csv::{CsvHeader, CsvReader, CsvRow, confidence, field, is_true, split_list};
use super::format::{FeedStart, Format};
use super::{SkipReason, date, threatfox};

pub(super) const FORMAT: Format = Format { name: "ThreatFox CSV", names_families: true, recognizes, read };

/// The current columns, for a file without its comments.
const HEADER: &str = "first_seen_utc,ioc_id,ioc_value,ioc_type,threat_type,fk_malware,malware_alias,malware_printable,\
last_seen_utc,confidence_level,is_compromised,reference,tags,anonymous,reporter";

/// The columns before `is_compromised` was added.
const OLD_HEADER: &str = "first_seen_utc,ioc_id,ioc_value,ioc_type,threat_type,fk_malware,malware_alias,malware_printable,\
last_seen_utc,confidence_level,reference,tags,anonymous,reporter";

fn recognizes(start: &FeedStart<'_>) -> bool {
    (start.lines().any(is_header) && !start.is_json())
        || start.data_lines().next().is_some_and(|line| {
            let mut records = CsvReader::new(line);
            let Some(CsvRow::Record { fields, .. }) = records.next() else { return false };
            (fields.len() == 14 || fields.len() == 15)
                && date::read(&fields[0]).is_some()
                && threatfox::is_kind(&fields[3])
        })
}

fn is_header(line: &str) -> bool {
    line.contains("ioc_value") && line.contains("ioc_type")
}

/// The index of each column, if the file has it.
struct ColumnIndices {
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

impl ColumnIndices {
    fn of(header: &str) -> Self {
        let names = CsvHeader::of_header(header);
        Self {
            count: names.len(),
            first_seen: names.find(&["first_seen_utc", "first_seen"]),
            id: names.find(&["ioc_id", "id"]),
            value: names.find(&["ioc_value", "ioc"]),
            kind: names.find(&["ioc_type"]),
            threat: names.find(&["threat_type"]),
            family: names.find(&["fk_malware", "malware"]),
            aliases: names.find(&["malware_alias"]),
            printable: names.find(&["malware_printable"]),
            last_seen: names.find(&["last_seen_utc", "last_seen"]),
            confidence: names.find(&["confidence_level"]),
            compromised: names.find(&["is_compromised"]),
            reference: names.find(&["reference"]),
            tags: names.find(&["tags"]),
        }
    }
}

fn read(text: &str, collector: &mut EntryCollector<'_>) -> Result<(), FormatError> {
    let mut records = CsvReader::new(text);
    let mut columns: Option<ColumnIndices> = None;
    while let Some(row) = records.next() {
        match row {
            CsvRow::Comment(comment) if is_header(comment) => columns = Some(ColumnIndices::of(comment)),
            CsvRow::Comment(comment) => collector.comment(comment),
            CsvRow::Invalid { line, reason } => collector.refuse(line, reason),
            CsvRow::Record { fields, .. } if fields.iter().any(|field| field == "ioc_value") => {
                columns = Some(ColumnIndices::of(&fields.join(",")));
            }
            CsvRow::Record { line, fields } => {
                let header = if fields.len() < 15 { OLD_HEADER } else { HEADER };
                let columns = columns.get_or_insert_with(|| ColumnIndices::of(header));
                record(line, fields, columns, collector)?;
            }
        }
    }
    Ok(())
}

fn record(
    line: usize,
    fields: &[Cow<'_, str>],
    columns: &ColumnIndices,
    collector: &mut EntryCollector<'_>,
) -> Result<(), FormatError> {
    if fields.len() != columns.count {
        collector.refuse(line, format!("{} columns, where the header has {}", fields.len(), columns.count));
        return Ok(());
    }
    let of = |column| field(fields, column);
    let kind = of(columns.kind);
    if !threatfox::is_of_network(kind) {
        collector.skip(SkipReason::OtherKind);
        return Ok(());
    }
    let tags = split_list(of(columns.tags));
    collector.add(&FeedEntry {
        line,
        value: of(columns.value),
        family: FamilyNames { key: of(columns.family), name: of(columns.printable), aliases: of(columns.aliases) },
        threat: of(columns.threat),
        confidence: confidence(of(columns.confidence)),
        first_seen: date::read(of(columns.first_seen)),
        last_seen: date::read(of(columns.last_seen)),
        is_compromised: is_true(of(columns.compromised)),
        is_from_url: kind == "url",
        reference: of(columns.reference),
        tags: &tags,
        id: of(columns.id),
        ..FeedEntry::default()
    })
}
