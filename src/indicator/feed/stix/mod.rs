//! STIX 2.1 bundles (<https://docs.oasis-open.org/cti/stix/v2.1/>), and 2.0, whose indicators look alike.
//!
//! What is looked for is in the patterns of `indicator` objects. Their family is the `malware` or `tool` that a relationship says they
//! indicate.

mod pattern;

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::csv::{confidence, is_true, listed};
use super::json::{Lines, Text, reason};
use super::reader::{Broken, Entry, Family, Reader};
use super::{Format, Head, LeftOut, date};

pub(super) const FORMAT: Format = Format { name: "STIX bundle", names_families: true, recognises, read };

fn recognises(head: &Head<'_>) -> bool {
    head.is_json() && head.has("\"bundle")
}

#[derive(Deserialize)]
struct Bundle<'a> {
    #[serde(borrow, default)]
    objects: Vec<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Object {
    r#type: Text,
    id: Text,
    name: Text,
    aliases: Text,
    relationship_type: Text,
    source_ref: Text,
    target_ref: Text,
    pattern: Text,
    pattern_type: Text,
    valid_from: Text,
    valid_until: Text,
    modified: Text,
    revoked: Text,
    confidence: Text,
    labels: Text,
    indicator_types: Text,
    external_references: Vec<ExternalReference>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ExternalReference {
    source_name: Text,
    url: Text,
}

fn read(text: &str, reader: &mut Reader<'_>) -> Result<(), Broken> {
    let bundle: Bundle<'_> = serde_json::from_str(text)?;
    let mut lines = Lines::new(text);
    let mut indicators: Vec<(usize, Object)> = Vec::new();
    // Name and aliases by identifier, and what indicates what.
    let mut malware: HashMap<String, (String, String)> = HashMap::new();
    let mut indicates: HashMap<String, String> = HashMap::new();
    for raw in bundle.objects {
        let line = lines.of(raw);
        let object: Object = match serde_json::from_str(raw.get()) {
            Ok(object) => object,
            Err(error) => {
                reader.refuse(line, format!("no object of STIX: {}", reason(&error)));
                continue;
            }
        };
        let text = |text: &Text| text.get().to_owned();
        match object.r#type.get() {
            "indicator" => indicators.push((line, object)),
            "malware" | "tool" => {
                malware.insert(text(&object.id), (text(&object.name), text(&object.aliases)));
            }
            "relationship" if object.relationship_type.get() == "indicates" && !is_true(object.revoked.get()) => {
                indicates.insert(text(&object.source_ref), text(&object.target_ref));
            }
            _ => {}
        }
    }
    for (line, object) in &indicators {
        let family = indicates.get(object.id.get()).and_then(|target| malware.get(target));
        indicator(*line, object, family, reader)?;
    }
    Ok(())
}

fn indicator(
    line: usize,
    object: &Object,
    family: Option<&(String, String)>,
    reader: &mut Reader<'_>,
) -> Result<(), Broken> {
    // Version 2.0 knows no other.
    if !["", "stix"].contains(&object.pattern_type.get()) {
        let kind = super::value::quoted(object.pattern_type.get());
        reader.refuse(line, format!("a pattern of type {kind}, where stix is read alone"));
        return Ok(());
    }
    let values = match pattern::read(object.pattern.get()) {
        Ok(values) => values,
        Err(reason) => {
            reader.refuse(line, format!("{}: {reason}", super::value::quoted(object.pattern.get())));
            return Ok(());
        }
    };
    if values.is_empty() {
        reader.leave_out(LeftOut::OtherKind);
        return Ok(());
    }
    let tags = [listed(object.labels.get()), listed(object.indicator_types.get())].concat();
    let references = object.external_references.iter().flat_map(|of| [of.url.get(), of.source_name.get()]);
    let reference = references.chain([object.name.get()]).find(|text| !text.is_empty());
    for value in values {
        reader.entry(&Entry {
            line,
            value: &value.text,
            family: match family {
                Some((name, aliases)) => Family { key: "", name, aliases },
                None => Family::default(),
            },
            confidence: confidence(object.confidence.get()),
            first_seen: date::read(object.valid_from.get()),
            changed: date::read(object.modified.get()),
            valid_until: date::read(object.valid_until.get()),
            is_revoked: is_true(object.revoked.get()),
            is_from_url: value.is_url,
            reference: reference.unwrap_or_default(),
            tags: &tags,
            id: object.id.get(),
            ..Entry::default()
        })?;
    }
    Ok(())
}
