//! `rattap indicators`, and the options for indicators that several commands share.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::ConfigArgs;
use super::values::duration;

#[derive(Debug, Subcommand)]
pub enum IndicatorsCommand {
    /// Print the indicators in force
    List {
        #[command(flatten)]
        config: ConfigArgs,

        #[command(flatten)]
        indicators: IndicatorArgs,

        /// Print a JSON array with one object per indicator
        #[arg(long)]
        json: bool,
    },
    /// Check indicator lists: print the format, the number of entries used by kind and ignored by
    /// reason, and each invalid line
    #[command(after_help = "\
Exit code: 0 success; 1 a list is missing or unreadable; with --strict also if a list is stale or empty or has an invalid line.

Examples:
  rattap indicators check threatfox.csv
  rattap indicators check --strict --family win.netsupportmanager_rat full.zip")]
    Check {
        /// Indicator lists; folders are read recursively in name order
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,

        #[command(flatten)]
        rules: FeedArgs,

        /// Exit with 1 if a line is invalid, or a list is stale or empty
        #[arg(long)]
        strict: bool,
    },
}

/// The indicators to look for.
#[derive(Debug, Args)]
pub struct IndicatorArgs {
    /// Also look for the indicators in this list, or in all lists in this folder;
    /// docs/indicators.md describes the formats (repeatable)
    #[arg(long, value_name = "PATH", help_heading = "Indicators")]
    pub indicators: Vec<PathBuf>,

    /// Do not look for the built-in indicators
    #[arg(long, help_heading = "Indicators", hide_short_help = true)]
    pub no_builtin: bool,

    #[command(flatten)]
    pub rules: FeedArgs,
}

/// Rules for the entries of indicator lists.
#[derive(Debug, Args)]
pub struct FeedArgs {
    /// From lists that name malware families, use only this family, by key, name or alias
    /// (repeatable)
    #[arg(long, value_name = "NAME", help_heading = "Indicators", hide_short_help = true)]
    pub family: Vec<String>,

    /// Warn about a list whose own date is older than this; 0 never warns
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = duration, help_heading = "Indicators", hide_short_help = true)]
    pub max_age: Duration,

    /// Ignore indicators that their source last saw (or, if unknown, first saw) longer ago than
    /// this
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Indicators", hide_short_help = true)]
    pub indicator_max_age: Option<Duration>,

    /// Accept indicators that match too much: private and reserved addresses, public resolvers,
    /// public suffixes, short prefixes
    #[arg(long, help_heading = "Indicators", hide_short_help = true)]
    pub allow_broad: bool,
}
