//! The part of the input that a run examined. "Nothing found" is true only of that part, and must
//! never be read as an all-clear for the rest.

use rattap::counts::{counted, grouped};
use rattap::decode::SkipReason;
use rattap::sensor::Totals;
use rattap::units::Timestamp;

/// The problems with inputs, as the summary needs them.
#[derive(Debug, Clone, Default)]
pub struct ProblemSummary {
    /// The number of problems.
    pub count: u64,
    /// The message of the first one.
    pub first: Option<String>,
}

/// The part of the input that was examined.
#[derive(Debug, PartialEq, Eq)]
pub enum Examined {
    /// Every packet.
    All,
    /// Some packets. The text says what is missing.
    Part(String),
    /// No packet. The text gives the reason.
    Nothing {
        reason: String,
        /// True if something is wrong with the input, and false if the input holds nothing to
        /// examine or the user left it out.
        is_failure: bool,
    },
}

impl Examined {
    /// The part of the input that a run with these totals examined.
    pub fn of(totals: &Totals, problems: &ProblemSummary) -> Self {
        let capture = &totals.capture;
        let because = |what: &str| match &problems.first {
            Some(first) => format!("{what}: {first}"),
            None => what.to_owned(),
        };
        let nothing = |reason, is_failure| Self::Nothing { reason, is_failure };
        if capture.packets == 0 {
            let is_failure = problems.count > 0 || capture.oversized > 0;
            let what = match (capture.inputs, is_failure) {
                (0, true) => "nothing could be read",
                (0, false) => "nothing was read",
                (_, true) => "no packet could be read",
                (_, false) => "there are no packets",
            };
            return nothing(because(what), is_failure);
        }
        let left_out = capture.filtered + capture.outside;
        if left_out >= capture.packets {
            let by = left_out_by(totals);
            let packets = counted(capture.packets, "packet");
            return nothing(format!("{by} left out all of the {packets}{}", captured_span(totals)), problems.count > 0);
        }
        let examined = capture.packets - left_out;
        let skipped: u64 = totals.scan.skipped.iter().sum();
        if skipped >= examined {
            let other = totals.scan.skipped[SkipReason::NotIp as usize];
            let reason =
                if other == skipped { "none of the packets is IP" } else { "none of the packets could be decoded" };
            return nothing(format!("{reason} ({})", grouped(examined)), other < skipped || problems.count > 0);
        }
        let mut missing = Vec::new();
        if problems.count > 0 {
            missing.push(format!("{} with inputs (see the messages)", counted(problems.count, "problem")));
        }
        if left_out > 0 {
            let packets = counted(capture.packets, "packet");
            missing.push(format!(
                "{} left out {} of {packets}{}",
                left_out_by(totals),
                grouped(left_out),
                captured_span(totals)
            ));
        }
        let dropped = capture.kernel_dropped + capture.interface_dropped;
        if dropped > 0 {
            missing.push(format!("{} dropped before capture", counted(dropped, "packet")));
        }
        if capture.interfaces_lost > 0 {
            missing.push(format!("{} of an interface", counted(capture.interfaces_lost, "outage")));
        }
        let undecoded = skipped - totals.scan.skipped[SkipReason::NotIp as usize] + capture.oversized;
        if undecoded > 0 {
            missing.push(format!("{} could not be decoded", counted(undecoded, "packet")));
        }
        if missing.is_empty() { Self::All } else { Self::Part(missing.join("; ")) }
    }

    /// Returns true if nothing was examined because something is wrong with the input.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Nothing { is_failure: true, .. })
    }
}

/// The options that left packets out.
fn left_out_by(totals: &Totals) -> &'static str {
    match (totals.capture.filtered > 0, totals.capture.outside > 0) {
        (true, true) => "the filter and the time window (--from, --to)",
        (false, true) => "the time window (--from, --to)",
        _ => "the filter",
    }
}

/// The time span of the captures, before anything was left out.
fn captured_span(totals: &Totals) -> String {
    match totals.capture.read_span {
        Some((first, last)) => format!("; they were captured from {} to {}", moment(first), moment(last)),
        None => String::new(),
    }
}

/// A time in seconds, in UTC.
pub fn moment(time: Timestamp) -> String {
    jiff::Timestamp::from_nanosecond(time.nanos().into()).map(|time| format!("{time:.0}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(totals: &Totals, problems: &ProblemSummary) -> (String, bool) {
        match Examined::of(totals, problems) {
            Examined::Nothing { reason, is_failure } => (reason, is_failure),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_examined_has_a_reason() {
        let mut totals = Totals::default();
        let problems = ProblemSummary { count: 1, first: Some("a.pcap: cannot open".to_owned()) };
        assert_eq!(reason(&totals, &problems), ("nothing could be read: a.pcap: cannot open".to_owned(), true));
        assert_eq!(reason(&totals, &ProblemSummary::default()), ("nothing was read".to_owned(), false));
        totals.capture.inputs = 1;
        assert_eq!(reason(&totals, &ProblemSummary::default()), ("there are no packets".to_owned(), false));
        totals.capture.packets = 2;
        totals.scan.skipped[SkipReason::NotIp as usize] = 2;
        assert_eq!(reason(&totals, &ProblemSummary::default()), ("none of the packets is IP (2)".to_owned(), false));
        totals.scan.skipped = Default::default();
        totals.scan.skipped[SkipReason::UnknownLink as usize] = 2;
        assert!(reason(&totals, &ProblemSummary::default()).1);
        totals.capture.filtered = 2;
        assert_eq!(
            reason(&totals, &ProblemSummary::default()),
            ("the filter left out all of the 2 packets".to_owned(), false)
        );
    }

    #[test]
    fn all_is_examined_only_if_nothing_is_missing() {
        let mut totals = Totals::default();
        totals.capture.packets = 3;
        assert_eq!(Examined::of(&totals, &ProblemSummary::default()), Examined::All);
        totals.capture.kernel_dropped = 1;
        totals.capture.outside = 2;
        let missing = "the time window (--from, --to) left out 2 of 3 packets; 1 packet dropped before capture";
        assert_eq!(Examined::of(&totals, &ProblemSummary::default()), Examined::Part(missing.to_owned()));
    }
}
