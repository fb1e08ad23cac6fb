//! `rattap indicators check`.

use std::fmt::{Display, Write};

use rattap::indicator::{self, LoadSettings};

use crate::command::clock::now;
use crate::command::plan::{family_warning, feed_warnings, unused_entries};
use crate::command::printable::printable;
use crate::command::terminal::listing::time;

/// The result of a check of indicator lists.
pub struct CheckedLists {
    /// Everything that the check found, for people.
    pub text: String,
    /// True if a list cannot be used.
    pub has_errors: bool,
    /// True if a list is stale or empty, or has invalid lines.
    pub has_warnings: bool,
}

/// Reads all lists and describes their content.
pub fn check(settings: &LoadSettings) -> CheckedLists {
    let (feeds, errors) = indicator::check(settings, now());
    let mut text = String::new();
    let mut print = |line: &dyn Display| {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{}", printable(&line.to_string()));
    };
    let mut has_warnings = false;
    for feed in &feeds {
        let (contents, path) = (&feed.contents, feed.contents.path.display());
        let date = contents.date.map(|date| format!(" of {}", time(date))).unwrap_or_default();
        print(&format_args!("{path}: {}{date}: {} used{}", contents.format, contents.used(), unused_entries(feed)));
        for (kind, count) in &contents.kinds {
            print(&format_args!("{path}: {}: {count}", kind.name()));
        }
        for refusal in &contents.refusals {
            print(&format_args!("{path}: {refusal}"));
        }
        if contents.more_refusals > 0 {
            print(&format_args!("{path}: {} more lines cannot be used", contents.more_refusals));
        }
        let warnings = feed_warnings(feed);
        has_warnings |= contents.refused() > 0 || !warnings.is_empty();
        warnings.iter().for_each(|warning| print(&format_args!("{path}: {warning}")));
    }
    if let Some(warning) = family_warning(settings, &feeds) {
        has_warnings = true;
        print(&warning);
    }
    errors.iter().for_each(|error| print(error));
    CheckedLists { text, has_errors: !errors.is_empty(), has_warnings }
}
