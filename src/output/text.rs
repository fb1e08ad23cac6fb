//! Lines for people: one for each finding, with its time, severity, ends and subject.
//!
//! Updates give no line. They report more of a finding that has one already. Times are in UTC; a
//! line with the date comes before the first finding of each day.

use std::cell::Cell;
use std::fmt::Write;

use super::LineFormatter;
use super::tally::target;
use crate::alert::{Alert, Phase};
use crate::flow::Endpoint;
use crate::units::Timestamp;

/// The look of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextStyle {
    /// The number of columns to which a line is cut. `None`: it is not cut.
    pub width: Option<u16>,
    /// Severe findings have a color.
    pub is_colored: bool,
}

/// Writes a finding as one line of text.
#[derive(Debug)]
pub struct Text {
    style: TextStyle,
    /// The date of the last line.
    date: Cell<Option<jiff::civil::Date>>,
}

impl Text {
    /// A formatter with this style.
    pub fn new(style: TextStyle) -> Self {
        Self { style, date: Cell::new(None) }
    }
}

impl LineFormatter for Text {
    fn write(&self, alert: &Alert, out: &mut String) {
        if alert.phase == Phase::Update {
            return;
        }
        let time = civil(alert.seen);
        if self.date.replace(Some(time.date())) != Some(time.date()) {
            // Writing into a string cannot fail.
            let _ = writeln!(out, "{} (UTC)", time.date());
        }
        let client = Endpoint { port: None, ..alert.client };
        let line = format!(
            "{}  {:>2}  {client} → {}  {} ({})",
            time.strftime("%H:%M:%S"),
            alert.severity,
            alert.server,
            alert.signature.activity(),
            target(alert)
        );
        let (on, off) = if self.style.is_colored { severity_color(alert.severity) } else { ("", "") };
        let _ = writeln!(out, "{on}{}{off}", cut(&line, self.style.width));
    }
}

/// The escape sequences (ECMA-48) before and after text about a finding of this severity.
pub fn severity_color(severity: u8) -> (&'static str, &'static str) {
    match severity {
        9.. => ("\x1b[1;31m", "\x1b[0m"),
        7..=8 => ("\x1b[33m", "\x1b[0m"),
        _ => ("", ""),
    }
}

fn civil(time: Timestamp) -> jiff::civil::DateTime {
    let time = jiff::Timestamp::from_nanosecond(time.nanos().into()).unwrap_or_default();
    jiff::tz::TimeZone::UTC.to_datetime(time)
}

/// Cuts a line to a width. An ellipsis takes the place of what is cut off.
fn cut(line: &str, width: Option<u16>) -> String {
    match width.map(usize::from) {
        Some(width) if line.chars().count() > width => {
            line.chars().take(width.saturating_sub(1)).chain(['…']).collect()
        }
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testing::query;

    fn lines(style: TextStyle, alerts: &[Alert]) -> String {
        let (text, mut out) = (Text::new(style), String::new());
        alerts.iter().for_each(|alert| text.write(alert, &mut out));
        out
    }

    #[test]
    fn a_finding_is_one_line_below_its_date() {
        let later = Alert { seen: Timestamp::from_parts(1_795_485_200 + 86_400, 0), severity: 9, ..query() };
        let update = Alert { phase: Phase::Update, ..query() };
        let expected = "2026-11-24 (UTC)\n\
            01:53:20   8  10.20.30.40 → 10.20.0.53:53  C2 domain queried (gw.feersona.net)\n\
            01:53:20   8  10.20.30.40 → 10.20.0.53:53  C2 domain queried (gw.feersona.net)\n\
            2026-11-25 (UTC)\n\
            01:53:20   9  10.20.30.40 → 10.20.0.53:53  C2 domain queried (gw.feersona.net)\n";
        assert_eq!(lines(TextStyle::default(), &[query(), update, query(), later]), expected);
    }

    #[test]
    fn lines_are_cut_and_colored_but_never_hostile() {
        let mut hostile = query();
        hostile.server_name = Some(b"a\x1b[2J\n.example".to_vec());
        let text = lines(TextStyle::default(), std::slice::from_ref(&hostile));
        assert!(text.contains(r"(a\x1b[2J\x0a.example)") && text.lines().count() == 2, "{text}");
        let text = lines(TextStyle { width: Some(30), is_colored: true }, &[hostile]);
        assert!(text.ends_with("\x1b[33m01:53:20   8  10.20.30.40 → 1…\x1b[0m\n"), "{text:?}");
    }
}
