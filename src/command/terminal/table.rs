//! The table of `--summary`: clients and what they were seen doing, the worst first.

use std::fmt::Write;
use std::io::{self, IsTerminal};

use rattap::counts::{counted, grouped};
use rattap::output::{SignatureTally, Tally};

/// How many rows are shown: what a terminal shows at once. The rest is counted.
const MOST_ROWS: usize = 40;

/// How much of a name is shown.
const LONGEST_TARGET: usize = 64;

/// The table, or nothing where nothing was found.
pub fn text(tally: &Tally, is_coloured: bool) -> String {
    let (clients, mut others) = tally.most_severe_first();
    let mut text = String::new();
    if clients.is_empty() {
        return text;
    }
    let mut rows = 0;
    let mut shown = Vec::new();
    for client in &clients {
        rows += client.signatures.len();
        if rows > MOST_ROWS && !shown.is_empty() {
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
            let (on, off) = if is_coloured { colour(row.severity) } else { ("", "") };
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
    let mut target: String = row.target.chars().take(LONGEST_TARGET).collect();
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

/// What a terminal is told before and after a line of this severity.
fn colour(severity: u8) -> (&'static str, &'static str) {
    match severity {
        9.. => ("\x1b[1;31m", "\x1b[0m"),
        7..=8 => ("\x1b[33m", "\x1b[0m"),
        _ => ("", ""),
    }
}

/// Whether standard error is to be coloured: where it is a terminal, unless the user says otherwise (<https://no-color.org/>,
/// <https://bixense.com/clicolors/>).
pub fn is_coloured() -> bool {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if variable("NO_COLOR").is_some() {
        return false;
    }
    variable("CLICOLOR_FORCE").is_some_and(|value| value != "0") || io::stderr().is_terminal()
}
