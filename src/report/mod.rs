//! The report of a replay: who, when, what, how sure, and the packets to prove it, as a page to read or as JSON.
//!
//! [`Gathered`] keeps, of the alerts on their way to the outputs, what a report tells; [`Hashing`] computes the inputs'
//! hashes meanwhile. When the run has ended [`report`] makes the [facts] of both and of what the run counted; [`Format::write`] writes
//! them as JSON or as a page. The same input with the same settings gives the same bytes: nothing here reads a clock, or depends on
//! how many workers there were.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use crate::alert::exclusion::Exclusions;
use crate::alert::sanitize;
use crate::capture::Input;
use crate::sensor::Totals;
use crate::sensor::losses;
use crate::track::ExclusionCounts;

mod alerts;
mod client;
mod gather;
mod hashes;
pub mod model;
mod page;
mod series;
mod verdict;

pub use gather::Gathered;
pub use hashes::Hashing;
pub use model::{Report, Settings, schema};

/// How many problems with inputs a report tells.
pub const MOST_PROBLEMS: usize = 200;

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A page that needs nothing but itself.
    Html,
    /// The facts, for machines: see [`schema`].
    Json,
}

impl Format {
    /// By a file's name: `.html`, `.htm` or `.json`, in any case.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        match extension.to_ascii_lowercase().as_str() {
            "html" | "htm" => Some(Self::Html),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// Writes the whole file, piece by piece: as a text it may have many megabytes.
    pub fn write(self, report: &Report, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Html => page::write(report, out),
            Self::Json => {
                serde_json::to_writer_pretty(&mut *out, report)?;
                out.write_all(b"\n")
            }
        }
    }
}

/// What a report rests on, beside the alerts.
#[derive(Debug)]
pub struct Basis<'a> {
    /// What was read, in order.
    pub inputs: &'a [Input],
    /// The hash of each, where there is one.
    pub hashes: Vec<Option<String>>,
    /// What the run counted.
    pub totals: &'a Totals,
    /// Whether the input was read to its end.
    pub is_whole: bool,
    /// What was wrong with inputs.
    pub problems: Problems,
    /// The rules in force.
    pub exclusions: &'a Exclusions,
    /// What the report can be repeated with.
    pub settings: Settings,
}

/// What was wrong with inputs, within a bound.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems {
    list: Vec<String>,
    further: u64,
}

impl Problems {
    /// Notes one.
    pub fn note(&mut self, problem: &impl fmt::Display) {
        if self.list.len() < MOST_PROBLEMS {
            self.list.push(printable(&problem.to_string()));
        } else {
            self.further += 1;
        }
    }
}

/// Makes the facts of all that was gathered, once.
pub fn report(gathered: &Gathered, basis: Basis<'_>) -> Report {
    let Basis { inputs, hashes, totals, is_whole, problems, exclusions, mut settings } = basis;
    let mut state = gathered.take();
    let capture = model::Capture {
        files: hashes::files(inputs, hashes),
        span: totals.span.map(|(first, last)| model::Span { first: model::Moment(first), last: model::Moment(last) }),
        packets: totals.capture.packets,
        bytes: totals.capture.bytes.0,
        is_whole,
        losses: losses(totals)
            .into_iter()
            .filter(|loss| loss.count > 0)
            .map(|loss| model::Loss { reason: loss.reason, what: loss.what, count: loss.count })
            .collect(),
        problems: problems.list,
        further_problems: problems.further,
    };
    let verdict = verdict::verdict(&state, &capture);
    let signatures = state.signatures();
    let (suppressed, further_suppressed) = state.suppressed();
    let (clients, further_clients) = state.clients();
    settings.filter = settings.filter.map(|filter| printable(&filter));
    settings.command = printable(&settings.command);
    settings.lists.iter_mut().for_each(|list| list.path = printable(&list.path));
    let exclusions = model::Exclusions {
        is_dry: exclusions.is_dry(),
        rules: rules(exclusions, &totals.track.exclusions),
        suppressed,
        further_suppressed,
    };
    Report {
        form: model::FORM,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        verdict,
        capture,
        signatures,
        clients,
        further_clients,
        exclusions,
        settings,
    }
}

fn rules(exclusions: &Exclusions, counts: &[ExclusionCounts]) -> Vec<model::Rule> {
    let rules = exclusions.rules().iter().filter_map(|rule| {
        let counts = counts.iter().find(|counts| counts.rule == rule.name)?;
        Some(model::Rule {
            name: printable(&rule.name),
            scenario: rule.scenario.token().to_owned(),
            owner: printable(&rule.owner),
            reason: printable(&rule.reason),
            effect: rule.effect.token().to_owned(),
            expires: model::Moment(rule.expires),
            place: printable(&rule.place),
            suppressed: counts.suppressed,
            downgraded: counts.downgraded,
            annotated: counts.annotated,
            outside_schedule: counts.outside_schedule,
            expired: counts.expired,
            other_contact: counts.other_contact,
        })
    });
    rules.collect()
}

/// Text from anywhere on one line, without anything that does something instead of showing something.
fn printable(text: &str) -> String {
    sanitize(text.as_bytes()).to_string()
}

/// As much of a text as so many bytes hold, printable.
fn shortened(text: &str, most: usize) -> String {
    let text = printable(text);
    if text.len() <= most {
        return text;
    }
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests;
