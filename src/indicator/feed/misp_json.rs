//! MISP events as JSON: one event, or what a search gives (<https://www.misp-project.org/datamodels/>).
//!
//! ```text
//! {"Event": {"info": "…", "Attribute": [{"type": "ip-dst|port", "value": "203.0.113.7|5678", "to_ids": true, …}], …}}
//! ```

use serde::Deserialize;
use serde_json::value::RawValue;

use super::csv::is_true;
use super::json::{Lines, Text, reason};
use super::reader::{Broken, Entry, Family, Reader};
use super::{Format, Head, date, misp};

pub(super) const FORMAT: Format = Format { name: "MISP event", names_families: true, recognises, read };

fn recognises(head: &Head<'_>) -> bool {
    head.is_json() && (head.has("\"Event\"") || head.has("\"Attribute\""))
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
    info: Text,
    date: Text,
    timestamp: Text,
    publish_timestamp: Text,
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
    deleted: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Tag {
    name: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Attribute {
    r#type: Text,
    value: Text,
    to_ids: Text,
    deleted: Text,
    uuid: Text,
    comment: Text,
    timestamp: Text,
    first_seen: Text,
    last_seen: Text,
    #[serde(rename = "Tag")]
    tags: Vec<Tag>,
}

fn read(text: &str, reader: &mut Reader<'_>) -> Result<(), Broken> {
    let mut lines = Lines::new(text);
    if text.trim_start().starts_with('[') {
        return events(text, &mut lines, reader);
    }
    let document: Document<'_> = serde_json::from_str(text)?;
    if let Some(event) = &document.event {
        self::event(event, &mut lines, reader)?;
    }
    match document.response.map(|response| (response, response.get())) {
        // A search for attributes.
        Some((_, response)) if response.starts_with('{') => {
            let found: Event<'_> = serde_json::from_str(response)?;
            event(&found, &mut lines, reader)
        }
        Some((_, response)) => events(response, &mut lines, reader),
        None => Ok(()),
    }
}

fn events(list: &str, lines: &mut Lines<'_>, reader: &mut Reader<'_>) -> Result<(), Broken> {
    let documents: Vec<Document<'_>> = serde_json::from_str(list)?;
    documents.iter().filter_map(|document| document.event.as_ref()).try_for_each(|found| event(found, lines, reader))
}

fn event(event: &Event<'_>, lines: &mut Lines<'_>, reader: &mut Reader<'_>) -> Result<(), Broken> {
    let dates = [&event.publish_timestamp, &event.timestamp, &event.date];
    reader.dated = dates.into_iter().filter_map(|text| date::read(text.get())).chain(reader.dated).max();
    for raw in &event.attributes {
        attribute(event, raw, false, lines, reader)?;
    }
    for object in &event.objects {
        for raw in &object.attributes {
            attribute(event, raw, is_true(object.deleted.get()), lines, reader)?;
        }
    }
    Ok(())
}

fn attribute(
    event: &Event<'_>,
    raw: &RawValue,
    is_deleted: bool,
    lines: &mut Lines<'_>,
    reader: &mut Reader<'_>,
) -> Result<(), Broken> {
    let line = lines.of(raw);
    let attribute: Attribute = match serde_json::from_str(raw.get()) {
        Ok(attribute) => attribute,
        Err(error) => {
            reader.refuse(line, format!("no attribute of MISP: {}", reason(&error)));
            return Ok(());
        }
    };
    let tags: Vec<&str> = attribute.tags.iter().chain(&event.tags).map(|tag| tag.name.get()).collect();
    let family = tags.iter().find_map(|tag| misp::family(tag)).unwrap_or_default();
    let aliases: Vec<&str> = tags.iter().map(|tag| misp::family(tag).unwrap_or(tag)).collect();
    let first_seen = date::read(attribute.first_seen.get()).or_else(|| date::read(event.date.get()));
    let reference = [attribute.comment.get(), event.info.get()].into_iter().find(|text| !text.is_empty());
    let entry = Entry {
        line,
        value: attribute.value.get(),
        family: Family { key: "", name: family, aliases: &aliases.join(",") },
        first_seen,
        last_seen: date::read(attribute.last_seen.get()),
        changed: date::read(attribute.timestamp.get()),
        is_revoked: is_deleted || is_true(attribute.deleted.get()),
        is_context: !is_true(attribute.to_ids.get()),
        reference: reference.unwrap_or_default(),
        tags: &tags,
        id: attribute.uuid.get(),
        ..Entry::default()
    };
    misp::attribute(attribute.r#type.get(), &entry, reader)
}
