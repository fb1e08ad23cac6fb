//! `rattap hunt`.

use rattap::hunts::{self, Hunt, MAX_QUERY_LENGTH, WATCHLIST};
use rattap::indicator::IndicatorSet;

use crate::command::args::HuntFormat;

/// The hunts named in `only`, or all hunts if it is empty. Logs a warning for each hunt that is
/// omitted or needs the watchlist.
pub fn text(set: &IndicatorSet, format: HuntFormat, only: &[String]) -> anyhow::Result<String> {
    if format == HuntFormat::Watchlist {
        anyhow::ensure!(
            only.is_empty(),
            "--only: cannot be used with --format watchlist, since all hunts share one watchlist"
        );
        return Ok(hunts::watchlist(set));
    }
    let is_selected = |name: &str| only.is_empty() || only.iter().any(|selected| selected == name);
    let hunts: Vec<_> = hunts::hunts(set).into_iter().filter(|hunt| is_selected(hunt.name())).collect();
    for name in hunts::names().filter(|name| is_selected(name)) {
        match hunts.iter().find(|hunt| hunt.name() == name) {
            None => log::warn!("{name}: omitted, because none of the indicators that it looks for are in force"),
            Some(hunt) if hunt.reads_watchlist() => log::warn!(
                "{name}: with all indicators the query would be longer than {MAX_QUERY_LENGTH} characters, so it reads the \
                 watchlist {WATCHLIST}: create it from the output of --format watchlist, with the search key Indicator"
            ),
            Some(_) => (),
        }
    }
    Ok(match format {
        HuntFormat::Yaml => hunts.iter().map(|hunt| format!("---\n{}", hunt.yaml())).collect(),
        _ => hunts.iter().map(Hunt::kql).collect::<Vec<_>>().join("\n"),
    })
}
