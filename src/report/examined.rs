//! The part of the captures that was examined. "Nothing found" is true only of that part, and must
//! never be read as an all-clear for the rest.

use super::Problems;
use super::model::{Examined, Moment};
use crate::counts::{counted, grouped};
use crate::decode::SkipReason;
use crate::sensor::Totals;

/// The part that was examined, and what is missing.
pub(super) struct Coverage {
    pub(super) examined: Examined,
    /// The missing parts, one statement each. Empty if everything was examined. If nothing was, the
    /// first one is the reason.
    pub(super) missing: Vec<String>,
}

impl Coverage {
    /// `is_whole` is true if the input was read to its end.
    pub(super) fn of(totals: &Totals, is_whole: bool, problems: &Problems) -> Self {
        let capture = &totals.capture;
        let mut missing = Vec::new();
        let left_out = capture.filtered + capture.outside;
        let candidates = capture.packets.saturating_sub(left_out);
        let [not_ip, undecodable] = skipped(totals);
        let problem_count = problems.list.len() as u64 + problems.further;
        if capture.packets == 0 {
            let is_empty = capture.inputs > 0 && problem_count == 0 && capture.oversized == 0;
            missing.push(if is_empty { "the captures hold no packets" } else { "no packet could be read" }.to_owned());
        } else if left_out > 0 {
            missing.push(left_out_statement(totals, candidates == 0));
        }
        if candidates > 0 && undecodable > 0 && undecodable + not_ip >= candidates {
            missing.push("no packet could be decoded".to_owned());
        } else if undecodable > 0 {
            missing.push(format!("{} could not be decoded", counted(undecodable, "packet")));
        } else if candidates > 0 && not_ip >= candidates {
            missing.push(format!("none of the {} is IP", counted(candidates, "packet")));
        }
        let has_nothing = candidates == 0 || undecodable + not_ip >= candidates;
        if !is_whole {
            missing.push("the run ended before its input did".to_owned());
        }
        if problem_count > 0 {
            let verb = if problem_count == 1 { "was" } else { "were" };
            missing.push(format!("{} {verb} met in the inputs", counted(problem_count, "problem")));
        }
        let losses = [
            (capture.oversized, "record", "too large for any packet"),
            (capture.cut, "packet", "cut at the snap length"),
            (capture.kernel_dropped + capture.interface_dropped, "packet", "dropped before the capture"),
            (capture.interfaces_lost, "outage", "of an interface"),
        ];
        for (count, noun, what) in losses.into_iter().filter(|(count, ..)| *count > 0) {
            missing.push(format!("{} {what}", counted(count, noun)));
        }
        let examined = match (has_nothing, missing.is_empty()) {
            (true, _) => Examined::None,
            (false, true) => Examined::All,
            (false, false) => Examined::Part,
        };
        Self { examined, missing }
    }
}

/// The packets that are not IP, and those that could not be decoded.
fn skipped(totals: &Totals) -> [u64; 2] {
    let all: u64 = totals.scan.skipped.iter().sum();
    let not_ip = totals.scan.skipped.get(SkipReason::NotIp as usize).copied().unwrap_or_default();
    [not_ip, all - not_ip]
}

/// `the filter left out 3 of 4 packets, which were captured from … to …`.
fn left_out_statement(totals: &Totals, is_all: bool) -> String {
    let capture = &totals.capture;
    let by = match (capture.filtered > 0, capture.outside > 0) {
        (true, true) => "the filter and the time window (--from, --to)",
        (false, true) => "the time window (--from, --to)",
        _ => "the filter",
    };
    let packets = counted(capture.packets, "packet");
    let count = if is_all {
        format!("all of the {packets}")
    } else {
        format!("{} of {packets}", grouped(capture.filtered + capture.outside))
    };
    let span = capture
        .read_span
        .map(|(first, last)| format!("; they were captured from {} to {}", Moment(first), Moment(last)));
    format!("{by} left out {count}{}", span.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case = (fn(&mut Totals), Examined, &'static str);

    fn of(change: impl FnOnce(&mut Totals)) -> (Examined, String) {
        let mut totals = Totals::default();
        (totals.capture.inputs, totals.capture.packets) = (1, 5);
        change(&mut totals);
        let coverage = Coverage::of(&totals, true, &Problems::default());
        (coverage.examined, coverage.missing.join("; "))
    }

    #[test]
    fn everything_part_and_nothing_are_told_apart() {
        assert_eq!(of(|_| ()), (Examined::All, String::new()));
        let cases: [Case; 7] = [
            (|totals| totals.capture.packets = 0, Examined::None, "the captures hold no packets"),
            (|totals| totals.capture.filtered = 5, Examined::None, "the filter left out all of the 5 packets"),
            (
                |totals| totals.capture.outside = 2,
                Examined::Part,
                "the time window (--from, --to) left out 2 of 5 packets",
            ),
            (|totals| totals.capture.cut = 1, Examined::Part, "1 packet cut at the snap length"),
            (
                |totals| totals.scan.skipped[SkipReason::UnknownLink as usize] = 5,
                Examined::None,
                "no packet could be decoded",
            ),
            (|totals| totals.scan.skipped[SkipReason::NotIp as usize] = 4, Examined::All, ""),
            (
                |totals| totals.scan.skipped[SkipReason::NotIp as usize] = 5,
                Examined::None,
                "none of the 5 packets is IP",
            ),
        ];
        for (change, examined, missing) in cases {
            assert_eq!(of(change), (examined, missing.to_owned()));
        }
    }

    #[test]
    fn problems_and_an_early_end_are_missing_parts() {
        let mut totals = Totals::default();
        totals.capture.packets = 5;
        let mut problems = Problems::default();
        problems.note(&"a.pcap: damaged");
        let coverage = Coverage::of(&totals, false, &problems);
        assert_eq!(coverage.examined, Examined::Part);
        assert_eq!(coverage.missing, ["the run ended before its input did", "1 problem was met in the inputs"]);
    }
}
