//! Zeek intel files (<https://docs.zeek.org/en/master/frameworks/intel.html>): columns separated by
//! tabs, named by `#fields`.
//!
//! ```text
//! #fields<TAB>indicator<TAB>indicator_type<TAB>meta.source<TAB>meta.desc
//! 203.0.113.7<TAB>Intel::ADDR<TAB>somebody<TAB>why
//! ```

use super::SkipReason;
use super::collector::{EntryCollector, FeedEntry, FormatError};
use super::format::{FeedStart, Format};

pub(super) const FORMAT: Format = Format { name: "Zeek intel", names_families: false, recognizes, read };

fn recognizes(start: &FeedStart<'_>) -> bool {
    start.lines().any(|line| line.starts_with("#fields\t") && line.contains("\tindicator_type"))
}

fn read(text: &str, collector: &mut EntryCollector<'_>) -> Result<(), FormatError> {
    let mut columns: Vec<&str> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        if let Some(names) = line.strip_prefix("#fields\t") {
            columns = names.split('\t').collect();
            continue;
        }
        if line.trim().is_empty() || line.starts_with('#') {
            collector.comment(line);
            continue;
        }
        let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
        let of = |name: &str| {
            let index = columns.iter().position(|column| *column == name);
            let text = index.and_then(|index| fields.get(index)).copied().unwrap_or_default();
            // Zeek writes these for an unset and an empty field.
            if text == "-" || text == "(empty)" { "" } else { text }
        };
        let is_url = match of("indicator_type") {
            "Intel::ADDR" | "Intel::SUBNET" | "Intel::DOMAIN" => false,
            "Intel::URL" => true,
            "" => {
                collector.refuse(number + 1, "no indicator type; the columns must be separated by tabs, not blanks");
                continue;
            }
            _ => {
                collector.skip(SkipReason::OtherKind);
                continue;
            }
        };
        let reference = ["meta.url", "meta.desc", "meta.source"].into_iter().map(of).find(|text| !text.is_empty());
        collector.add(&FeedEntry {
            line: number + 1,
            value: of("indicator"),
            is_from_url: is_url,
            reference: reference.unwrap_or_default(),
            ..FeedEntry::default()
        })?;
    }
    Ok(())
}
