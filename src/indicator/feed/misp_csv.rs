//! MISP attributes as CSV: `uuid,event_id,category,type,value,comment,to_ids,date,…`. The header
//! gives the columns.

use super::collector::{EntryCollector, FamilyNames, FeedEntry, FormatError};
use super::csv::{CsvHeader, CsvReader, CsvRow, field, is_true, split_list};
use super::format::{FeedStart, Format};
use super::{date, misp};

pub(super) const FORMAT: Format = Format { name: "MISP CSV", names_families: true, recognizes, read };

fn recognizes(start: &FeedStart<'_>) -> bool {
    start.data_lines().next().is_some_and(is_header)
}

fn is_header(line: &str) -> bool {
    let columns = CsvHeader::of_header(line);
    ["type", "value", "to_ids"].iter().all(|name| columns.find(&[name]).is_some())
}

fn read(text: &str, collector: &mut EntryCollector<'_>) -> Result<(), FormatError> {
    let mut records = CsvReader::new(text);
    let mut columns: Option<CsvHeader> = None;
    while let Some(row) = records.next() {
        match row {
            CsvRow::Comment(comment) => collector.comment(comment),
            CsvRow::Invalid { line, reason } => collector.refuse(line, reason),
            CsvRow::Record { line, fields } => {
                let Some(columns) = &columns else {
                    columns = Some(CsvHeader::of_header(&fields.join(",")));
                    continue;
                };
                let of = |names: &[&str]| field(fields, columns.find(names));
                let tags = split_list(of(&["attribute_tag", "tags", "event_tag"]));
                let family = tags.iter().find_map(|tag| misp::family(tag)).unwrap_or_default();
                let aliases: Vec<&str> = tags.iter().map(|tag| misp::family(tag).unwrap_or(tag)).collect();
                let reference = [of(&["comment"]), of(&["event_info"])].into_iter().find(|text| !text.is_empty());
                let entry = FeedEntry {
                    line,
                    value: of(&["value"]),
                    family: FamilyNames { key: "", name: family, aliases: &aliases.join(",") },
                    first_seen: date::read(of(&["first_seen", "date"])),
                    last_seen: date::read(of(&["last_seen"])),
                    is_context: !is_true(of(&["to_ids"])),
                    reference: reference.unwrap_or_default(),
                    tags: &tags,
                    id: of(&["uuid"]),
                    ..FeedEntry::default()
                };
                misp::attribute(of(&["type"]), &entry, collector)?;
            }
        }
    }
    Ok(())
}
