//! The table of `--summary`: clients and their findings, worst first.

use std::fmt::Write;

use rattap::counts::{counted, grouped};
use rattap::output::{SignatureTally, Tally, severity_color};

/// The number of rows that fit on a terminal. Further rows are only counted.
const MAX_ROWS: usize = 40;

/// The number of characters of a target that are shown.
const MAX_TARGET_LENGTH: usize = 64;

/// The table. It is empty if there are no findings.
pub fn text(tally: &Tally, has_color: bool) -> String {
    let (clients, mut others) = tally.most_severe_first();
    let mut text = String::new();
    if clients.is_empty() {
        return text;
    }
    let mut rows = 0;
    let mut shown = Vec::new();
    for client in &clients {
        rows += client.signatures.len();
        if rows > MAX_ROWS && !shown.is_empty() {
            others.add(client);
        } else {
            shown.push(client);
        }
    }
    let width = shown.iter().map(|client| client.client.to_string().len()).max().unwrap_or(0).max("client".len());
    // Writing into a string cannot fail.
    let _ =
        writeln!(text, "{:width$}  severity  {:22} {:>9} {:>9}  target", "client", "signature", "sightings", "alerts");
    for client in shown {
        let mut name = client.client.to_string();
        for row in &client.signatures {
            let line = line(row);
            let (on, off) = if has_color { severity_color(row.severity) } else { ("", "") };
            let _ = writeln!(text, "{name:width$}  {on}{line}{off}");
            name.clear();
        }
    }
    if others.clients > 0 {
        let _ = writeln!(
            text,
            "and {} with {} in {}",
            counted(others.clients, "more client"),
            counted(others.sightings, "sighting"),
            counted(others.alerts, "alert")
        );
    }
    text
}

fn line(row: &SignatureTally) -> String {
    let mut target: String = row.target.chars().take(MAX_TARGET_LENGTH).collect();
    if target.len() < row.target.len() {
        target.push('…');
    }
    let more = if row.has_more_targets { ", and others" } else { "" };
    format!(
        "{:>8}  {:22} {:>9} {:>9}  {target}{more}",
        row.severity,
        row.signature.id(),
        grouped(row.sightings),
        grouped(row.alerts)
    )
}
