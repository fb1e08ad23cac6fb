//! Lists of indicators and interfaces: tables for people, JSON for programs.

use rattap::capture::Interface;
use rattap::indicator::{Indicator, IndicatorSet};
use rattap::units::Timestamp;
use serde::Serialize;

use crate::command::printable::{printable, printable_json};

/// One indicator in the output of `indicators list --json`.
#[derive(Serialize)]
struct Row<'a> {
    kind: &'static str,
    value: String,
    confidence: u8,
    malware_family: &'a str,
    threat_type: &'a str,
    first_seen: Option<String>,
    last_seen: Option<String>,
    source: &'a str,
    reference: &'a str,
    tags: Vec<&'a str>,
    id: Option<&'a str>,
    compromised: bool,
    from_url: bool,
}

impl<'a> Row<'a> {
    fn new(indicator: &'a Indicator) -> Self {
        Self {
            kind: indicator.pattern.kind(),
            value: indicator.pattern.to_string(),
            confidence: indicator.confidence,
            malware_family: &indicator.family,
            threat_type: &indicator.threat,
            first_seen: indicator.first_seen.map(time),
            last_seen: indicator.last_seen.map(time),
            source: &indicator.source,
            reference: &indicator.reference,
            tags: indicator.tags.iter().map(|tag| &**tag).collect(),
            id: indicator.id.as_deref(),
            compromised: indicator.is_compromised,
            from_url: indicator.is_from_url,
        }
    }
}

/// A time in RFC 3339 format, in UTC.
pub fn time(time: Timestamp) -> String {
    jiff::Timestamp::from_nanosecond(time.nanos().into()).map(|time| time.to_string()).unwrap_or_default()
}

/// The indicators as a JSON array.
pub fn indicators_json(set: &IndicatorSet) -> serde_json::Result<String> {
    let indicators: Vec<_> = set.iter().collect();
    let rows: Vec<_> = indicators.iter().map(Row::new).collect();
    Ok(printable_json(&serde_json::to_string_pretty(&rows)?) + "\n")
}

/// The indicators as a table.
pub fn indicators_table(set: &IndicatorSet) -> String {
    let head = ["KIND", "VALUE", "CONFIDENCE", "FAMILY", "THREAT", "FIRST SEEN", "REFERENCE"].map(str::to_owned);
    let rows = set.iter().map(|indicator| {
        let row = Row::new(&indicator);
        let first_seen = row.first_seen.unwrap_or_default();
        let day = first_seen.split('T').next().unwrap_or_default().to_owned();
        [
            row.kind.to_owned(),
            row.value,
            row.confidence.to_string(),
            row.malware_family.to_owned(),
            row.threat_type.to_owned(),
            day,
            row.reference.to_owned(),
        ]
    });
    table(head, rows)
}

/// The interfaces as a table.
pub fn interfaces_table(interfaces: &[Interface]) -> String {
    let head = ["NAME", "STATE", "ADDRESSES", "DESCRIPTION"].map(str::to_owned);
    let rows = interfaces.iter().map(|interface| {
        let states = [(interface.up, "up"), (interface.running, "running"), (interface.loopback, "loopback")];
        let states: Vec<_> = states.into_iter().filter(|(is_so, _)| *is_so).map(|(_, name)| name).collect();
        let addresses: Vec<_> = interface.addresses.iter().map(ToString::to_string).collect();
        [
            interface.name.clone(),
            states.join(","),
            addresses.join(","),
            interface.description.clone().unwrap_or_default(),
        ]
    });
    table(head, rows)
}

/// Lays out rows in columns. A column is as wide as its widest cell, two spaces separate columns,
/// and lines have no trailing spaces. Control characters are escaped: cells hold text of lists.
fn table<const N: usize>(head: [String; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows = std::iter::once(head).chain(rows).map(|row| row.map(|cell| printable(&cell)));
    let rows: Vec<[String; N]> = rows.collect();
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use rattap::indicator::builtin;

    #[test]
    fn the_table_lines_up() {
        let text = indicators_table(&IndicatorSet::new(builtin()));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 10);
        let column = lines[0].find("CONFIDENCE").unwrap();
        assert!(lines[1..].iter().all(|line| line.as_bytes()[column].is_ascii_digit()), "{text}");
        assert!(lines[1].starts_with("ip:port  91.202.233.25:4888"), "{text}");
    }

    #[test]
    fn the_json_is_read_back() {
        let text = indicators_json(&IndicatorSet::new(builtin())).unwrap();
        let rows: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(rows.as_array().map(Vec::len), Some(9));
        assert_eq!(rows[7]["value"], "feersona.net");
        assert_eq!(rows[7]["first_seen"], "2026-05-27T00:00:00Z");
    }
}
