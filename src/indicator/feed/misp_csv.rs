//! MISP attributes as CSV: `uuid,event_id,category,type,value,comment,to_ids,date,…`, by the header's names.

use super::csv::{Columns, Row, Rows, field, is_true, listed};
use super::reader::{Broken, Entry, Family, Reader};
use super::{Format, Head, date, misp};

pub(super) const FORMAT: Format = Format { name: "MISP CSV", names_families: true, recognises, read };

fn recognises(head: &Head<'_>) -> bool {
    head.data().next().is_some_and(is_header)
}

fn is_header(line: &str) -> bool {
    let columns = Columns::of_header(line);
    ["type", "value", "to_ids"].iter().all(|name| columns.find(&[name]).is_some())
}

fn read(text: &str, reader: &mut Reader<'_>) -> Result<(), Broken> {
    let mut rows = Rows::new(text);
    let mut columns: Option<Columns> = None;
    while let Some(row) = rows.next() {
        match row {
            Row::Comment(comment) => reader.comment(comment),
            Row::Broken { line, reason } => reader.refuse(line, reason),
            Row::Record { line, fields } => {
                let Some(columns) = &columns else {
                    columns = Some(Columns::of_header(&fields.join(",")));
                    continue;
                };
                let of = |names: &[&str]| field(fields, columns.find(names));
                let tags = listed(of(&["attribute_tag", "tags", "event_tag"]));
                let family = tags.iter().find_map(|tag| misp::family(tag)).unwrap_or_default();
                let aliases: Vec<&str> = tags.iter().map(|tag| misp::family(tag).unwrap_or(tag)).collect();
                let reference = [of(&["comment"]), of(&["event_info"])].into_iter().find(|text| !text.is_empty());
                let entry = Entry {
                    line,
                    value: of(&["value"]),
                    family: Family { key: "", name: family, aliases: &aliases.join(",") },
                    first_seen: date::read(of(&["first_seen", "date"])),
                    last_seen: date::read(of(&["last_seen"])),
                    is_context: !is_true(of(&["to_ids"])),
                    reference: reference.unwrap_or_default(),
                    tags: &tags,
                    id: of(&["uuid"]),
                    ..Entry::default()
                };
                misp::attribute(of(&["type"]), &entry, reader)?;
            }
        }
    }
    Ok(())
}
