//! MISP events as JSON: one event, or the result of a search
//! (<https://www.misp-project.org/datamodels/>).
//!
//! ```text
//! {"Event": {"info": "…", "Attribute": [{"type": "ip-dst|port", "value": "203.0.113.7|5678", "to_ids": true, …}], …}}
//! ```

use serde::Deserialize;
use serde_json::value::RawValue;

use super::collector::{EntryCollector, FamilyNames, FeedEntry, FormatError};
use super::csv::is_true;
use super::format::{FeedStart, Format};
use super::json::{JsonText, LineCounter, reason};
use super::{date, misp};

pub(super) const FORMAT: Format = Format { name: "MISP event", names_families: true, recognizes, read };

fn recognizes(start: &FeedStart<'_>) -> bool {
    start.is_json() && (start.contains("\"Event\"") || start.contains("\"Attribute\""))
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(rename = "Event", borrow)]
    event: Option<Event<'a>>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Event<'a> {
    info: JsonText,
    date: JsonText,
    timestamp: JsonText,
    publish_timestamp: JsonText,
    #[serde(rename = "Attribute", borrow)]
    attributes: Vec<&'a RawValue>,
    #[serde(rename = "Object", borrow)]
    objects: Vec<Object<'a>>,
    #[serde(rename = "Tag")]
    tags: Vec<Tag>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Object<'a> {
    #[serde(rename = "Attribute", borrow)]
    attributes: Vec<&'a RawValue>,
    deleted: JsonText,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Tag {
    name: JsonText,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Attribute {
    r#type: JsonText,
    value: JsonText,
    to_ids: JsonText,
    deleted: JsonText,
    uuid: JsonText,
    comment: JsonText,
    timestamp: JsonText,
    first_seen: JsonText,
    last_seen: JsonText,
    #[serde(rename = "Tag")]
    tags: Vec<Tag>,
}

fn read(text: &str, collector: &mut EntryCollector<'_>) -> Result<(), FormatError> {
    let mut lines = LineCounter::new(text);
    if text.trim_start().starts_with('[') {
        return events(text, &mut lines, collector);
    }
    let document: Document<'_> = serde_json::from_str(text)?;
    if let Some(event) = &document.event {
        self::event(event, &mut lines, collector)?;
    }
    match document.response.map(|response| (response, response.get())) {
        // The result of a search for attributes.
        Some((_, response)) if response.starts_with('{') => {
            let found: Event<'_> = serde_json::from_str(response)?;
            event(&found, &mut lines, collector)
        }
        Some((_, response)) => events(response, &mut lines, collector),
        None => Ok(()),
    }
}

fn events(list: &str, lines: &mut LineCounter<'_>, collector: &mut EntryCollector<'_>) -> Result<(), FormatError> {
    let documents: Vec<Document<'_>> = serde_json::from_str(list)?;
    documents.iter().filter_map(|document| document.event.as_ref()).try_for_each(|found| event(found, lines, collector))
}

fn event(
    event: &Event<'_>,
    lines: &mut LineCounter<'_>,
    collector: &mut EntryCollector<'_>,
) -> Result<(), FormatError> {
    let dates = [&event.publish_timestamp, &event.timestamp, &event.date];
    collector.file_date = dates.into_iter().filter_map(|text| date::read(text.get())).chain(collector.file_date).max();
    for raw in &event.attributes {
        attribute(event, raw, false, lines, collector)?;
    }
    for object in &event.objects {
        for raw in &object.attributes {
            attribute(event, raw, is_true(object.deleted.get()), lines, collector)?;
        }
    }
    Ok(())
}

fn attribute(
    event: &Event<'_>,
    raw: &RawValue,
    is_deleted: bool,
    lines: &mut LineCounter<'_>,
    collector: &mut EntryCollector<'_>,
) -> Result<(), FormatError> {
    let line = lines.of(raw);
    let attribute: Attribute = match serde_json::from_str(raw.get()) {
        Ok(attribute) => attribute,
        Err(error) => {
            collector.refuse(line, format!("not a MISP attribute: {}", reason(&error)));
            return Ok(());
        }
    };
    let tags: Vec<&str> = attribute.tags.iter().chain(&event.tags).map(|tag| tag.name.get()).collect();
    let family = tags.iter().find_map(|tag| misp::family(tag)).unwrap_or_default();
    let aliases: Vec<&str> = tags.iter().map(|tag| misp::family(tag).unwrap_or(tag)).collect();
    let first_seen = date::read(attribute.first_seen.get()).or_else(|| date::read(event.date.get()));
    let reference = [attribute.comment.get(), event.info.get()].into_iter().find(|text| !text.is_empty());
    let entry = FeedEntry {
        line,
        value: attribute.value.get(),
        family: FamilyNames { key: "", name: family, aliases: &aliases.join(",") },
        first_seen,
        last_seen: date::read(attribute.last_seen.get()),
        modified: date::read(attribute.timestamp.get()),
        is_revoked: is_deleted || is_true(attribute.deleted.get()),
        is_context: !is_true(attribute.to_ids.get()),
        reference: reference.unwrap_or_default(),
        tags: &tags,
        id: attribute.uuid.get(),
        ..FeedEntry::default()
    };
    misp::attribute(attribute.r#type.get(), &entry, collector)
}
