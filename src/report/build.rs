//! Building a report from the collected alerts and the counts of a run.

use super::examined::Coverage;
use super::hashes::{EvidenceFile, files};
use super::model::{self, Moment, Report, Settings, Span};
use super::next_steps::{hunt_queries, indicators, steps};
use super::text::{printable, shortened};
use super::verdict::verdict;
use super::{Gathered, Problems};
use crate::alert::exclusion::Exclusions;
use crate::capture::Input;
use crate::sensor::Totals;
use crate::sensor::losses;
use crate::track::ExclusionCounts;

/// The maximum length of the title of a case in bytes: two lines.
const MAX_CASE: usize = 200;

/// The parts of a report other than the alerts.
#[derive(Debug)]
pub struct Basis<'a> {
    /// The title of the case.
    pub case: Option<&'a str>,
    /// The inputs, in the order in which they were read.
    pub inputs: &'a [Input],
    /// The hash of each input, if it has one.
    pub hashes: Vec<Option<String>>,
    /// The file of the packets of all findings, if it was written.
    pub evidence: Option<EvidenceFile>,
    /// The counts of the run.
    pub totals: &'a Totals,
    /// True if the input was read to its end.
    pub is_whole: bool,
    /// The problems with the inputs.
    pub problems: Problems,
    /// The exclusion rules in force.
    pub exclusions: &'a Exclusions,
    /// The settings to repeat the run with.
    pub settings: Settings,
}

/// Builds the report. Takes the collected alerts, so it can be called once for each run.
pub fn report(gathered: &Gathered, basis: Basis<'_>) -> Report {
    let Basis { case, inputs, hashes, evidence, totals, is_whole, problems, exclusions, mut settings } = basis;
    let mut collection = gathered.take();
    let coverage = Coverage::of(totals, is_whole, &problems);
    let capture = model::Capture {
        files: files(inputs, hashes),
        span: totals.span.map(|(first, last)| Span::new(first, last)),
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
    let found = collection.indicators();
    let verdict = verdict(&collection, &coverage);
    let signatures = collection.signatures();
    let (suppressed, further_suppressed) = collection.take_suppressed();
    let (clients, further_clients) = collection.take_clients();
    settings.filter = settings.filter.map(|filter| printable(&filter));
    settings.command = printable(&settings.command);
    settings.lists.iter_mut().for_each(|list| list.path = printable(&list.path));
    let exclusions = model::Exclusions {
        is_dry: exclusions.is_dry(),
        rules: rules(exclusions, &totals.track.exclusions),
        suppressed,
        further_suppressed,
    };
    let evidence = evidence.and_then(EvidenceFile::into_model);
    Report {
        form: model::FORM,
        case: case.map(|case| shortened(case, MAX_CASE)),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        next_steps: steps(&verdict, evidence.as_ref(), &settings.command),
        indicators: indicators(&found),
        hunts: hunt_queries(&found),
        verdict,
        capture,
        evidence,
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
            expires: Moment(rule.expires),
            place: printable(&rule.location),
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
