//! What `rattap hunt` prints, and what it says beside it.

use rattap::hunts::{self, Hunt, LONGEST_QUERY, WATCHLIST};
use rattap::indicator::IndicatorSet;

use crate::command::args::HuntFormat;

/// The hunts of these names (all of them where none is named) in this format.
pub fn text(set: &IndicatorSet, format: HuntFormat, only: &[String]) -> anyhow::Result<String> {
    if format == HuntFormat::Watchlist {
        anyhow::ensure!(only.is_empty(), "--only: there is one watchlist for all hunts");
        return Ok(hunts::watchlist(set));
    }
    let is_wanted = |name: &str| only.is_empty() || only.iter().any(|wanted| wanted == name);
    let hunts: Vec<_> = hunts::hunts(set).into_iter().filter(|hunt| is_wanted(hunt.name())).collect();
    for name in hunts::names().filter(|name| is_wanted(name)) {
        match hunts.iter().find(|hunt| hunt.name() == name) {
            None => log::warn!("{name}: left out, since nothing that it looks for is in force"),
            Some(hunt) if hunt.reads_watchlist() => log::warn!(
                "{name}: with all indicators in it the query would be longer than {LONGEST_QUERY} characters, so it reads \
                 the watchlist {WATCHLIST}: make that from what --format watchlist prints, with the search key Indicator"
            ),
            Some(_) => (),
        }
    }
    Ok(match format {
        HuntFormat::Yaml => hunts.iter().map(|hunt| format!("---\n{}", hunt.yaml())).collect(),
        _ => hunts.iter().map(Hunt::kql).collect::<Vec<_>>().join("\n"),
    })
}
