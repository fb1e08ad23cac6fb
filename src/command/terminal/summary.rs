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

/// The kind of a run, which decides the first line of its summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunKind {
    Replay,
    Live,
}

/// The summary of a run, of several lines. `took` is how long it has run.
pub fn text(kind: RunKind, totals: &Totals, exclusions: &Exclusions, problems: u64, took: Duration) -> String {
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

fn write(text: &mut String, totals: &Totals, exclusions: &Exclusions, problems: u64) -> std::fmt::Result {
    let track = &totals.track;
    if let Some((first, last)) = totals.span {
        let moment = |time: rattap::units::Timestamp| {
            jiff::Timestamp::from_nanosecond(time.nanos().into()).map(|time| format!("{time:.0}")).unwrap_or_default()
        };
        let span = jiff::SignedDuration::from_secs(last.since(first).as_secs().try_into().unwrap_or(i64::MAX));
        writeln!(text, "from {} to {} ({span:#})", moment(first), moment(last))?;
    }

    let sightings: u64 = track.sightings.iter().sum();
    if sightings == 0 {
        writeln!(text, "nothing found")?;
    } else {
        let alerts = track.alerts.iter().sum();
        writeln!(text, "{} for {}:", counted(alerts, "alert"), counted(sightings, "sighting"))?;
        writeln!(text, "  {:22} {:>9} {:>9}", "", "alerts", "sightings")?;
        for ((signature, alerts), sightings) in Signature::ALL.iter().zip(track.alerts).zip(track.sightings) {
            if alerts > 0 || sightings > 0 {
                writeln!(text, "  {:22} {:>9} {:>9}", signature.id(), grouped(alerts), grouped(sightings))?;
            }
        }
    }

    write_exclusions(text, totals, exclusions.is_dry())?;
    let problems = Loss {
        reason: "input".to_owned(),
        what: "problems with inputs (see the messages)".to_owned(),
        count: problems,
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
        let text = text(RunKind::Replay, &totals, &Exclusions::default(), 0, Duration::from_secs(1));
        assert!(text.contains("nothing found"), "{text}");
        assert!(text.contains("1 frames: not IP"), "{text}");
        assert_eq!(text.lines().count(), 4, "{text}");
    }
}
