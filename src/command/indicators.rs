//! Lists of indicators, as the command reads them: what is said of them in the log, and by `indicators check`.
//!
//! What is wrong with a list is one of four things, each with a message of its own. Absent and unreadable lists end the start: whoever
//! names a list relies on it. Stale and empty ones are warned of, and the work goes on with what there is.

use std::fmt::{Display, Write};
use std::time::Duration;

use rattap::indicator::{self, FeedReport, LoadError, LoadSettings, Loaded};
use rattap::units::Timestamp;

use crate::command::terminal::console::printable;

/// How many refused lines of one list are told one by one; a list in the wrong format refuses every line.
const MOST_REFUSALS_TOLD: usize = 10;

/// Reads all lists and tells in the log what they hold. Can be called again, for lists that have changed.
pub fn load(settings: &LoadSettings) -> Result<Loaded, LoadError> {
    let loaded = indicator::load(settings, now())?;
    for feed in &loaded.feeds {
        let (held, path) = (&feed.held, feed.held.path.display());
        for refusal in held.refusals.iter().take(MOST_REFUSALS_TOLD) {
            log::warn!("{path}: not used: {refusal}");
        }
        if let Some(more @ 1..) = held.refused().checked_sub(MOST_REFUSALS_TOLD as u64) {
            log::warn!("{path}: {more} more lines are not used (rattap indicators check tells all)");
        }
        warnings(feed).iter().for_each(|warning| log::warn!("{path}: {warning}"));
        log::info!("{path}: indicators read from a {}: {}{}", held.format, held.used(), left_out(feed));
    }
    Ok(loaded)
}

/// What is found in lists.
pub struct Checked {
    /// For people: all that was found.
    pub text: String,
    /// Some list cannot be used at all.
    pub has_errors: bool,
    /// Some list is stale or empty, or has lines that cannot be used.
    pub has_warnings: bool,
}

/// Reads all lists and says what they hold.
pub fn check(settings: &LoadSettings) -> Checked {
    let (feeds, errors) = indicator::check(settings, now());
    let mut text = String::new();
    let mut say = |line: &dyn Display| {
        // Writing into memory does not fail.
        let _ = writeln!(text, "{}", printable(&line.to_string()));
    };
    let mut has_warnings = false;
    for feed in &feeds {
        let (held, path) = (&feed.held, feed.held.path.display());
        let date =
            held.date.map(|date| format!(" of {}", crate::command::terminal::listing::time(date))).unwrap_or_default();
        say(&format_args!("{path}: {}{date}: {} used{}", held.format, held.used(), left_out(feed)));
        for (kind, count) in &held.kinds {
            say(&format_args!("{path}: {}: {count}", kind.name()));
        }
        for refusal in &held.refusals {
            say(&format_args!("{path}: {refusal}"));
        }
        if held.more_refusals > 0 {
            say(&format_args!("{path}: {} more lines cannot be used", held.more_refusals));
        }
        let warnings = warnings(feed);
        has_warnings |= held.refused() > 0 || !warnings.is_empty();
        warnings.iter().for_each(|warning| say(&format_args!("{path}: {warning}")));
    }
    errors.iter().for_each(|error| say(error));
    Checked { text, has_errors: !errors.is_empty(), has_warnings }
}

/// What is worth a warning, beside refusals.
fn warnings(feed: &FeedReport) -> Vec<String> {
    let mut warnings = Vec::new();
    if feed.is_empty() {
        let why = match feed.held.other_families.as_slice() {
            [] => left_out(feed),
            families => format!("{}; the families in it begin with {}", left_out(feed), families.join(", ")),
        };
        warnings.push(format!("this list of indicators is empty: nothing in it is looked for{why}"));
    }
    if let Some((most, age)) = feed.stale.zip(feed.age) {
        let (age, most) = (in_words(age), in_words(most));
        warnings.push(format!("this list of indicators is stale: its date is {age} ago, --max-age allows {most}"));
    }
    warnings
}

/// What is not used, by reason.
fn left_out(feed: &FeedReport) -> String {
    let refused = (feed.held.refused() > 0).then(|| format!(", {} refused", feed.held.refused()));
    let counts = feed.held.left_out.iter().map(|(why, count)| format!(", {count} {why}"));
    counts.chain(refused).collect()
}

/// Whole days, or hours where there are fewer than two.
fn in_words(span: Duration) -> String {
    let hours = span.as_secs() / 3600;
    if hours < 48 { format!("{hours} hours") } else { format!("{} days", hours / 24) }
}

/// By this machine's clock.
fn now() -> Timestamp {
    let nanos = jiff::Timestamp::now().as_nanosecond();
    i64::try_from(nanos).map_or(Timestamp::MAX, Timestamp::from_nanos)
}
