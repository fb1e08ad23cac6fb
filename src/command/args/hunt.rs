//! `rattap hunt`.

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use rattap::hunts;

use super::{ConfigArgs, IndicatorArgs};

/// Print queries (KQL) that look for the indicators in force in Microsoft Sentinel.
///
/// Each query returns one row per client and indicator, with counts and the first and last time.
#[derive(Debug, Args)]
#[command(after_help = "\
Hunts that need addresses or domains are omitted if none are in force. If the indicators make a query longer than an \
analytics rule allows, the query reads the watchlist `rattap` instead; --format watchlist prints its content.

Examples:
  rattap hunt
  rattap hunt --only dns-events --indicators mine.txt
  rattap hunt --format yaml --only sensor-names > sensor-names.yaml
  rattap hunt --format watchlist --indicators many.csv > rattap.csv")]
pub struct HuntArgs {
    /// Print queries, analytics rules, or the watchlist
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = HuntFormat::Kql)]
    pub format: HuntFormat,

    /// Print only this hunt (repeatable)
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(hunts::names()))]
    pub only: Vec<String>,

    #[command(flatten)]
    pub config: ConfigArgs,

    #[command(flatten)]
    pub indicators: IndicatorArgs,
}

/// The output format of `rattap hunt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HuntFormat {
    /// Queries, separated by empty lines.
    Kql,
    /// Analytics rules, one YAML document each.
    Yaml,
    /// The watchlist as CSV, for indicators that do not fit in a query.
    Watchlist,
}
