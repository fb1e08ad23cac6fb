//! The options that `replay` and `live` share.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ipnet::IpNet;
use rattap::units::ByteCount;

use super::IndicatorArgs;
use super::values::{duration, network, size, workers};

/// The options of every run, whether its packets come from captures or from interfaces.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Write alerts here (repeatable) [default: - for standard output]: as CEF lines to a file, or
    /// to a syslog receiver: udp://HOST[:514], tcp://HOST[:514], tls://HOST[:6514],
    /// unix:///dev/log. A replay empties the file first; a live sensor and a replay with --follow
    /// append to it
    #[arg(short, long, value_name = "TARGET", help_heading = "Output")]
    pub output: Vec<OsString>,

    /// Write alerts as JSON here, one object per line: to a file, or - for standard output
    /// (repeatable). Without -o this replaces the CEF lines; with -o it is one more output
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub json: Vec<OsString>,

    /// The format of the lines in files and on standard output [default: text on a terminal if
    /// neither -o nor --json is given, else cef]
    #[arg(long, value_name = "FORMAT", value_enum, help_heading = "Output", hide_short_help = true)]
    pub format: Option<FormatArg>,

    /// Use colors on standard output (--format text) and standard error (--summary)
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColorArg::Auto, help_heading = "Output", hide_short_help = true)]
    pub color: ColorArg,

    /// Print a table of clients and their findings at the end, worst first
    #[arg(long, help_heading = "Output")]
    pub summary: bool,

    #[command(flatten)]
    pub spool: SpoolArgs,

    /// Process only packets that match this BPF expression (see pcap-filter(7))
    #[arg(short, long, value_name = "BPF", help_heading = "Packets")]
    pub filter: Option<String>,

    #[command(flatten)]
    pub indicators: IndicatorArgs,

    #[command(flatten)]
    pub exclusions: ExclusionArgs,

    /// Dry run of the exclusions: suppress, downgrade and annotate nothing, but say in the message
    /// of each alert which rule would apply, or why none does
    #[arg(long, help_heading = "Exclusions", hide_short_help = true)]
    pub explain_exclusions: bool,

    /// Number of threads that scan packets [default: number of processor cores]. The alerts are the
    /// same for any number
    #[arg(short, long, value_name = "N", value_parser = workers, help_heading = "Findings", hide_short_help = true)]
    pub workers: Option<NonZeroUsize>,

    /// Collect repeats of a finding for this long, in packet time, before reporting them: 10m, 90s,
    /// 1h; 0 reports each conversation separately
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration, help_heading = "Findings", hide_short_help = true)]
    pub repeat_window: Duration,

    /// An internal network, for the direction of an alert (repeatable) [default: private addresses]
    #[arg(long, value_name = "NETWORK", value_parser = network, help_heading = "Findings", hide_short_help = true)]
    pub home: Vec<IpNet>,

    /// The sensor's name in alerts [default: this machine's host name]
    #[arg(long, value_name = "NAME", help_heading = "Findings", hide_short_help = true)]
    pub sensor_host: Option<String>,

    /// The sensor's identifier in alerts
    #[arg(long, value_name = "ID", help_heading = "Findings", hide_short_help = true)]
    pub sensor_id: Option<String>,
}

/// The format of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// CEF, for Microsoft Sentinel: every alert
    Cef,
    /// JSON, one object per line: every alert
    Json,
    /// One line per finding, for people: updates are left out
    Text,
}

/// When to use colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorArg {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The spool of alerts for syslog receivers.
#[derive(Debug, Args)]
pub struct SpoolArgs {
    /// Keep alerts for syslog receivers in this folder until they are delivered; alerts left from
    /// an earlier run are sent first [default: /var/lib/rattap/spool for a live sensor; a replay
    /// keeps them in memory]
    #[arg(long, value_name = "DIR", help_heading = "Output", hide_short_help = true)]
    pub spool: Option<PathBuf>,

    /// The most that the alerts for one receiver may occupy in the spool, such as 500MB or 1GiB
    /// [default: 1GiB]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Output", hide_short_help = true)]
    pub spool_limit: Option<ByteCount>,
}

/// Rules for lawful use.
#[derive(Debug, Args)]
pub struct ExclusionArgs {
    /// Treat traffic that matches the rules in this file as lawful use; see
    /// `rattap exclusions check --help` (repeatable; the first rule that applies wins)
    #[arg(long, value_name = "FILE", help_heading = "Exclusions")]
    pub exclusions: Vec<PathBuf>,

    /// Write the alerts that exclusions suppress to this file. A replay empties it first; a live
    /// sensor and a replay with --follow append to it
    #[arg(long, value_name = "FILE", help_heading = "Exclusions", hide_short_help = true)]
    pub audit: Option<PathBuf>,
}
