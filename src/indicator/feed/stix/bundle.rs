//! STIX 2.1 bundles (<https://docs.oasis-open.org/cti/stix/v2.1/>), and 2.0, whose indicators look
//! alike.
//!
//! The `indicator` objects have the patterns. Their family is the `malware` or `tool` object that a
//! relationship says they indicate.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::indicator::feed::collector::{EntryCollector, FamilyNames, FeedEntry, FormatError};
use crate::indicator::feed::csv::{confidence, is_true, split_list};
use crate::indicator::feed::format::{FeedStart, Format};
use crate::indicator::feed::json::{JsonText, LineCounter, reason};
use crate::indicator::feed::{SkipReason, date};

pub(in crate::indicator::feed) const FORMAT: Format =
    Format { name: "STIX bundle", names_families: true, recognizes, read };

fn recognizes(start: &FeedStart<'_>) -> bool {
    start.is_json() && start.contains("\"bundle")
}

#[derive(Deserialize)]
struct Bundle<'a> {
    #[serde(borrow, default)]
    objects: Vec<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Object {
    r#type: JsonText,
    id: JsonText,
    name: JsonText,
    aliases: JsonText,
    relationship_type: JsonText,
    source_ref: JsonText,
    target_ref: JsonText,
    pattern: JsonText,
    pattern_type: JsonText,
    valid_from: JsonText,
    valid_until: JsonText,
    modified: JsonText,
    revoked: JsonText,
    confidence: JsonText,
    labels: JsonText,
    indicator_types: JsonText,
    external_references: Vec<ExternalReference>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ExternalReference {
    source_name: JsonText,
    url: JsonText,
}

fn read(text: &str, collector: &mut EntryCollector<'_>) -> Result<(), FormatError> {
    let bundle: Bundle<'_> = serde_json::from_str(text)?;
    let mut lines = LineCounter::new(text);
    let mut indicators: Vec<(usize, Object)> = Vec::new();
    // The malware by identifier, and the target of each `indicates` relationship by its source.
    let mut malware: HashMap<String, (String, String)> = HashMap::new();
    let mut indicates: HashMap<String, String> = HashMap::new();
    for raw in bundle.objects {
        let line = lines.of(raw);
        let object: Object = match serde_json::from_str(raw.get()) {
            Ok(object) => object,
            Err(error) => {
                collector.refuse(line, format!("not a STIX object: {}", reason(&error)));
                continue;
            }
        };
        let text = |text: &JsonText| text.get().to_owned();
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
        indicator(*line, object, family, collector)?;
    }
    Ok(())
}

fn indicator(
    line: usize,
    object: &Object,
    family: Option<&(String, String)>,
    collector: &mut EntryCollector<'_>,
) -> Result<(), FormatError> {
    // STIX 2.0 has no other pattern type, and no field for it.
    if !["", "stix"].contains(&object.pattern_type.get()) {
        let kind = crate::indicator::feed::value::quoted(object.pattern_type.get());
        collector.refuse(line, format!("the pattern type {kind} is not supported; only stix is"));
        return Ok(());
    }
    let values = match super::pattern::read(object.pattern.get()) {
        Ok(values) => values,
        Err(reason) => {
            collector
                .refuse(line, format!("{}: {reason}", crate::indicator::feed::value::quoted(object.pattern.get())));
            return Ok(());
        }
    };
    if values.is_empty() {
        collector.skip(SkipReason::OtherKind);
        return Ok(());
    }
    let tags = [split_list(object.labels.get()), split_list(object.indicator_types.get())].concat();
    let references = object.external_references.iter().flat_map(|of| [of.url.get(), of.source_name.get()]);
    let reference = references.chain([object.name.get()]).find(|text| !text.is_empty());
    for value in values {
        collector.add(&FeedEntry {
            line,
            value: &value.text,
            family: match family {
                Some((name, aliases)) => FamilyNames { key: "", name, aliases },
                None => FamilyNames::default(),
            },
            confidence: confidence(object.confidence.get()),
            first_seen: date::read(object.valid_from.get()),
            modified: date::read(object.modified.get()),
            valid_until: date::read(object.valid_until.get()),
            is_revoked: is_true(object.revoked.get()),
            is_from_url: value.is_url,
            reference: reference.unwrap_or_default(),
            tags: &tags,
            id: object.id.get(),
            ..FeedEntry::default()
        })?;
    }
    Ok(())
}
