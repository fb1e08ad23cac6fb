//! The summary of a run: its packets, its findings, and every loss with its reason.

use std::fmt::Write;
use std::iter;
use std::time::Duration;

use rattap::alert::exclusion::Exclusions;
use rattap::alert::{Evidence, Signature};
use rattap::capture::CaptureCounts;
use rattap::carve::CarveCounts;
use rattap::counts::{counted, grouped};
use rattap::sensor::Totals;
use rattap::sensor::{Loss, losses};
use rattap::units::ByteCount;

use crate::command::terminal::examined::{Examined, ProblemSummary, moment};

/// The kind of a run, which decides the first line of its summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunKind {
    Replay,
    Live,
}

/// The summary of a run, of several lines. `took` is how long it has run.
pub fn text(
    kind: RunKind,
    totals: &Totals,
    exclusions: &Exclusions,
    problems: &ProblemSummary,
    took: Duration,
) -> String {
    let mut text = match kind {
        RunKind::Replay => replay_volume(&totals.capture, took),
        RunKind::Live => live_volume(&totals.capture, took),
    };
    // Writing into a string cannot fail.
    let _ = write(&mut text, totals, exclusions, problems);
    text
}

fn replay_volume(capture: &CaptureCounts, took: Duration) -> String {
    let seconds = took.as_secs_f64();
    let rate = ByteCount((capture.bytes.0 as f64 / seconds.max(1e-6)) as u64);
    format!(
        "{}, {} in {}, read in {seconds:.2} s ({rate}/s)\n",
        counted(capture.packets, "packet"),
        capture.bytes,
        counted(capture.inputs, "capture"),
    )
}

fn live_volume(capture: &CaptureCounts, took: Duration) -> String {
    let rate = (capture.packets as f64 / took.as_secs_f64().max(1e-6)) as u64;
    let took = jiff::SignedDuration::from_secs(took.as_secs().try_into().unwrap_or(i64::MAX));
    format!(
        "{}, {} from {} in {took:#} ({} packets/s)\n",
        counted(capture.packets, "packet"),
        capture.bytes,
        counted(capture.inputs, "interface"),
        grouped(rate),
    )
}

/// The amount of evidence that was carved, and what exceeded a limit.
pub fn carved(carved: &CarveCounts, evidence: &Evidence) -> String {
    let CarveCounts { packets, conversations, .. } = *carved;
    let mut text = format!("carved {} of {}\n", counted(packets, "packet"), counted(conversations, "conversation"));
    let omitted = [
        (evidence.dropped_sightings(), "sighting", "of conversations that were not carved, because there are too many"),
        (
            evidence.dropped_alerts(),
            "line",
            "not named in the comments of all their packets, because there are too many",
        ),
    ];
    for (count, what, why) in omitted.into_iter().filter(|(count, ..)| *count > 0) {
        text += &format!("{} {why}\n", counted(count, what));
    }
    text
}

fn write(text: &mut String, totals: &Totals, exclusions: &Exclusions, problems: &ProblemSummary) -> std::fmt::Result {
    let track = &totals.track;
    if let Some((first, last)) = totals.span {
        let span = jiff::SignedDuration::from_secs(last.since(first).as_secs().try_into().unwrap_or(i64::MAX));
        writeln!(text, "from {} to {} ({span:#})", moment(first), moment(last))?;
    }

    let sightings: u64 = track.sightings.iter().sum();
    match (Examined::of(totals, problems), sightings) {
        (Examined::Nothing { reason, .. }, 0) => writeln!(text, "Not examined: {reason}")?,
        (Examined::Part(missing), 0) => {
            writeln!(text, "nothing found in the part that was examined; not examined: {missing}")?;
        }
        (Examined::All, 0) => writeln!(text, "nothing found")?,
        _ => write_findings(text, totals, sightings)?,
    }

    write_exclusions(text, totals, exclusions.is_dry())?;
    let problems = Loss {
        reason: "input".to_owned(),
        what: "problems with inputs (see the messages)".to_owned(),
        count: problems.count,
    };
    let mut losses = iter::once(problems).chain(losses(totals)).filter(|loss| loss.count > 0).peekable();
    if losses.peek().is_some() {
        writeln!(text, "skipped or incomplete:")?;
    }
    for Loss { count, what, .. } in losses {
        writeln!(text, "  {:>12} {what}", grouped(count))?;
    }
    Ok(())
}

/// The alerts and sightings by signature. An alert is the first of a finding, or a follow-up that
/// reports further sightings or more traffic of one.
fn write_findings(text: &mut String, totals: &Totals, sightings: u64) -> std::fmt::Result {
    let track = &totals.track;
    let (alerts, first) = (track.alerts.iter().sum(), track.first_alerts.iter().sum());
    let (alerts_text, sightings) = (counted(alerts, "alert"), counted(sightings, "sighting"));
    writeln!(
        text,
        "{alerts_text} for {sightings}, {} first and {} follow-up:",
        grouped(first),
        grouped(alerts - first)
    )?;
    writeln!(text, "  {:22} {:>9} {:>9} {:>9} {:>9}", "", "alerts", "first", "follow-up", "sightings")?;
    for (index, signature) in Signature::ALL.iter().enumerate() {
        let (alerts, first, sightings) = (track.alerts[index], track.first_alerts[index], track.sightings[index]);
        if alerts > 0 || sightings > 0 {
            let [all, first, later] = [alerts, first, alerts - first].map(grouped);
            let id = signature.id();
            writeln!(text, "  {id:22} {all:>9} {first:>9} {later:>9} {:>9}", grouped(sightings))?;
        }
    }
    Ok(())
}

/// The effects of each exclusion on sightings, and the exclusions that matched none.
fn write_exclusions(text: &mut String, totals: &Totals, is_dry: bool) -> std::fmt::Result {
    let counts = &totals.track.exclusions;
    if counts.is_empty() {
        return Ok(());
    }
    let head = if is_dry { "exclusions would have (dry run):" } else { "exclusions, by sightings:" };
    writeln!(text, "{head}")?;
    if counts.iter().any(|rule| !rule.is_unused()) {
        let columns = ["suppressed", "downgraded", "annotated", "not applied"];
        writeln!(text, "  {:22} {:>10} {:>10} {:>10} {:>11}", "", columns[0], columns[1], columns[2], columns[3])?;
    }
    for rule in counts.iter().filter(|rule| !rule.is_unused()) {
        let reasons = [
            (rule.other_contact, "with hosts that contacted a listed indicator"),
            (rule.outside_schedule, "outside its schedule"),
            (rule.expired, "expired"),
        ];
        let reasons: Vec<_> = reasons
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, why)| format!("{} {why}", grouped(*count)))
            .collect();
        let reasons = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join(", ")) };
        writeln!(
            text,
            "  {:22} {:>10} {:>10} {:>10} {:>11}{reasons}",
            rule.rule,
            grouped(rule.suppressed),
            grouped(rule.downgraded),
            grouped(rule.annotated),
            grouped(rule.not_applied()),
        )?;
    }
    let unused: Vec<_> = counts.iter().filter(|rule| rule.is_unused()).map(|rule| &*rule.rule).collect();
    if !unused.is_empty() {
        writeln!(text, "  matched nothing: {}", unused.join(", "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rattap::decode::SkipReason;

    use super::*;

    #[test]
    fn only_losses_that_occurred_are_listed() {
        let mut totals = Totals::default();
        totals.capture.packets = 2;
        totals.scan.skipped[SkipReason::NotIp as usize] = 1;
        let problems = ProblemSummary::default();
        let text = text(RunKind::Replay, &totals, &Exclusions::default(), &problems, Duration::from_secs(1));
        assert!(text.contains("nothing found"), "{text}");
        assert!(text.contains("1 frames: not IP"), "{text}");
        assert_eq!(text.lines().count(), 4, "{text}");
    }
}
