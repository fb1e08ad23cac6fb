//! The indicators in force, and the messages about the lists that they come from.
//!
//! Four things can be wrong with a list, each with its own message. An absent or unreadable list is
//! an error: the user relies on the lists that they name. A stale or empty list is a warning, and
//! the run uses the other indicators. If there are no others, that is an error. At a reload, a list
//! that has become empty or much smaller keeps its previous indicators.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use rattap::indicator::{self, FeedReport, LoadError, LoadSettings, Loaded, Previous};

use crate::command::args::{FeedArgs, IndicatorArgs};
use crate::command::clock::now;
use crate::command::settings::Origins;

/// The number of refused lines of one list that are logged one by one. A list in the wrong format
/// has every line refused.
const MAX_REFUSALS_LOGGED: usize = 10;

/// Loads the indicators in force, the built-in ones and those of all lists, and logs what the lists
/// contain. A reload calls this again with the `previous` indicators, which lists that have shrunk
/// too much keep.
pub fn load_indicators(
    args: IndicatorArgs,
    origins: &Origins,
    previous: Option<Previous<'_>>,
) -> anyhow::Result<Loaded> {
    if args.no_builtin && args.indicators.is_empty() {
        bail!("{}: no indicators are left to look for; add a list with --indicators", origins.of("no_builtin"));
    }
    let settings = LoadSettings { with_builtin: !args.no_builtin, ..feed_settings(args.indicators, args.rules) };
    let loaded = load(&settings, previous).with_context(|| origins.of("indicators"))?;
    if loaded.set.is_empty() {
        bail!(
            "{}: no indicators are left to look for, because nothing in the lists is used; see what is wrong with \
             `rattap indicators check`, or use the built-in indicators",
            origins.of("no_builtin")
        );
    }
    Ok(loaded)
}

/// The settings to load lists, without the built-in indicators.
pub fn feed_settings(paths: Vec<PathBuf>, rules: FeedArgs) -> LoadSettings {
    LoadSettings {
        paths,
        with_builtin: false,
        families: rules.family,
        max_age: (!rules.max_age.is_zero()).then_some(rules.max_age),
        indicator_max_age: rules.indicator_max_age,
        allow_broad: rules.allow_broad,
    }
}

fn load(settings: &LoadSettings, previous: Option<Previous<'_>>) -> Result<Loaded, LoadError> {
    let loaded = match previous {
        Some(previous) => indicator::reload(settings, now(), previous)?,
        None => indicator::load(settings, now())?,
    };
    for feed in &loaded.feeds {
        let (contents, path) = (&feed.contents, feed.contents.path.display());
        if let Some(why) = shrinkage(feed) {
            log::error!(
                "{path}: {why}; if the list is right, set allow_shrink = true in [indicators] of the settings and reload"
            );
            continue;
        }
        for refusal in contents.refusals.iter().take(MAX_REFUSALS_LOGGED) {
            log::warn!("{path}: not used: {refusal}");
        }
        if let Some(more @ 1..) = contents.refused().checked_sub(MAX_REFUSALS_LOGGED as u64) {
            log::warn!("{path}: {more} more lines are not used (rattap indicators check lists them)");
        }
        feed_warnings(feed).iter().for_each(|warning| log::warn!("{path}: {warning}"));
        log::info!("{path}: indicators read from a {}: {}{}", contents.format, contents.used(), unused_entries(feed));
    }
    family_warning(settings, &loaded.feeds).iter().for_each(|warning| log::warn!("{warning}"));
    Ok(loaded)
}

/// Describes a list that has shrunk so much that its previous indicators stay in force.
pub fn shrinkage(feed: &FeedReport) -> Option<String> {
    let (now, before) = (feed.shrunk_to?, feed.contents.used());
    Some(format!("not reloaded: it had {before} indicators and now has {now}; the previous ones stay in force"))
}

/// A warning if families are selected and no list names any, so that the selection has no effect.
pub fn family_warning(settings: &LoadSettings, feeds: &[FeedReport]) -> Option<String> {
    let has_effect = settings.families.is_empty() || feeds.iter().any(|feed| feed.contents.names_families);
    (!has_effect).then(|| {
        let families = settings.families.join(", ");
        let reason = if feeds.is_empty() { "there is no list of indicators" } else { "no list names malware families" };
        format!("--family {families}: has no effect: {reason}; add such a list with --indicators, or omit --family")
    })
}

/// The warnings about a list, without those about single lines.
pub fn feed_warnings(feed: &FeedReport) -> Vec<String> {
    let mut warnings = Vec::new();
    if feed.is_empty() {
        let why = match feed.contents.other_families.as_slice() {
            [] => unused_entries(feed),
            families => format!("{}; the families in it begin with {}", unused_entries(feed), families.join(", ")),
        };
        warnings.push(format!("this list of indicators is empty: nothing in it is used{why}"));
    }
    if let Some((max_age, age)) = feed.stale.zip(feed.age) {
        let (age, max_age) = (in_words(age), in_words(max_age));
        warnings.push(format!("this list of indicators is stale: it is {age} old, --max-age allows {max_age}"));
    }
    warnings
}

/// The numbers of unused entries, by reason.
pub fn unused_entries(feed: &FeedReport) -> String {
    let refused = (feed.contents.refused() > 0).then(|| format!(", {} refused", feed.contents.refused()));
    let counts = feed.contents.skipped.iter().map(|(why, count)| format!(", {count} {why}"));
    counts.chain(refused).collect()
}

/// Whole days, or hours if there are fewer than two days.
fn in_words(span: Duration) -> String {
    let hours = span.as_secs() / 3600;
    if hours < 48 { format!("{hours} hours") } else { format!("{} days", hours / 24) }
}
