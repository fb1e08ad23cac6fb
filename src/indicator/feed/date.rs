//! Times as lists write them. A time without a zone is in UTC.

use jiff::civil;
use jiff::tz::TimeZone;

use crate::units::Timestamp;

/// Reads `2026-07-04 21:46:30` (with or without `UTC`), RFC 3339, a date alone, `20260704`, or
/// seconds since the epoch.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let text = text.strip_suffix("UTC").or_else(|| text.strip_suffix("GMT")).unwrap_or(text).trim_end();
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    if text.len() > 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = text.parse().ok().filter(|seconds| *seconds > 0)?;
        return Some(Timestamp::from_parts(seconds, 0));
    }
    // A failed parse takes far longer than a successful one, and a list has a million times. So the
    // form is determined first.
    let has_zone = text.get("2026-07-04".len()..).is_some_and(|time| time.contains(['Z', 'z', '+', '-']));
    let time = match text.len() {
        _ if has_zone => text.parse::<jiff::Timestamp>().ok()?,
        8 | 10 => TimeZone::UTC.to_timestamp(text.parse::<civil::Date>().ok()?.at(0, 0, 0, 0)).ok()?,
        _ => TimeZone::UTC.to_timestamp(text.parse::<civil::DateTime>().ok()?).ok()?,
    };
    i64::try_from(time.as_nanosecond()).ok().map(Timestamp::from_nanos)
}

/// The date in a comment of a list, such as `# Last updated: 2026-07-04 22:50:12 UTC   #`.
pub(super) fn of_banner(comment: &str) -> Option<Timestamp> {
    const LABELS: [&str; 3] = ["last updated:", "last modified:", "generated on"];
    let lower = comment.to_ascii_lowercase();
    let rest = LABELS.iter().find_map(|label| Some(lower.split_once(label)?.1))?;
    read(&rest.trim_matches(['#', ' ', '\t', '"', ';']).to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_every_spelling_are_one() {
        let seconds = 1_783_201_590;
        for text in [
            "2026-07-04 21:46:30",
            "2026-07-04 21:46:30 UTC",
            "2026-07-04T21:46:30Z",
            "2026-07-04T23:46:30+02:00",
            " 2026-07-04T21:46:30.000Z",
            "1783201590",
        ] {
            assert_eq!(read(text), Some(Timestamp::from_parts(seconds, 0)), "{text}");
        }
        let midnight = Some(Timestamp::from_parts(seconds - (21 * 60 + 46) * 60 - 30, 0));
        assert_eq!(read("2026-07-04"), midnight);
        assert_eq!(read("20260704"), midnight);
        for text in ["", "None", "never", "2026-13-01", "0", "2026-07-04 25:00:00"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_banner_gives_its_date() {
        let time = Some(Timestamp::from_parts(1_783_201_590, 0));
        assert_eq!(of_banner("# Last updated: 2026-07-04 21:46:30 UTC                 #"), time);
        assert_eq!(of_banner("# Terms of use: none"), None);
    }
}
