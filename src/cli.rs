//! What the user typed. Nothing here opens a file or checks a meaning: that is the settings' business.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;
use rattap::hunt;
use rattap::units::ByteCount;

/// A packet-capture network sensor for NetSupport Manager RAT command-and-control, alerting in CEF.
#[derive(Debug, Parser)]
#[command(name = "rattap", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// Tell more in the log: once for what happens, twice for details. RUST_LOG overrides it
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,

    /// No log, no progress, no summary: alerts and the exit code alone
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read captures and write an alert for each finding
    Replay(Box<ReplayArgs>),
    /// Show what is looked for
    #[command(subcommand)]
    Indicators(IndicatorsCommand),
    /// Print queries that look for the indicators in Microsoft Sentinel
    Hunt(HuntArgs),
    /// Show what is excluded as lawful use
    #[command(subcommand)]
    Exclusions(ExclusionsCommand),
    /// List the network interfaces
    Interfaces,
}

#[derive(Debug, Subcommand)]
pub enum ExclusionsCommand {
    /// Check files of rules: show each rule as it is understood, and what is wrong or expires soon
    #[command(after_help = EXCLUSIONS_HELP)]
    Check {
        /// Files of rules, as for --exclusions; together, in this order
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

const EXCLUSIONS_HELP: &str = "\
A file holds rules in TOML:

  [[rule]]
  name = \"helpdesk\"
  scenario = \"remote-support\"     # maintenance, software-deployment, training, inventory, other
  owner = \"helpdesk@example.com\"
  reason = \"the help desk reaches its users through the gateway\"
  expires = 2027-06-30            # the last day
  effect = \"downgrade\"          # suppress, annotate
  listed_indicators = false       # true: listed indicators too, for rules that expire within 7 days

  [rule.match]                    # a value or a list of values; source, and destination or server_name, are required
  source = \"10.20.31.0/24\"
  destination = \"203.0.113.80\"
  port = 443
  protocol = \"TCP\"
  vlan = 130
  server_name = \"gateway.example.com\"
  signature = [\"netsupport-gateway\", \"netsupport-geolocation\"]
  schedule = { days = \"weekdays\", from = \"08:00\", to = \"18:00\", timezone = \"Europe/Amsterdam\" }

Exit code: 0 all rules can be used; 1 some cannot, or a file cannot be read.\
";

#[derive(Debug, Subcommand)]
pub enum IndicatorsCommand {
    /// Show the indicators in force
    List {
        #[command(flatten)]
        indicators: IndicatorArgs,

        /// As a JSON array, one object an indicator
        #[arg(long)]
        json: bool,
    },
    /// Show what lists hold: the format, what is used by kind, what is left out, and each line that cannot be used
    #[command(after_help = "\
Exit code: 0 done; 1 a list is absent or unreadable, or with --strict one that is stale, empty, or has a line that cannot be used.

Examples:
  rattap indicators check threatfox.csv
  rattap indicators check --strict --family win.netsupportmanager_rat full.csv.zip /etc/rattap/feeds/")]
    Check {
        /// Lists of indicators; folders, with all below them by name
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,

        #[command(flatten)]
        rules: FeedArgs,

        /// Exit with 1 where a line cannot be used, or a list is stale or empty
        #[arg(long)]
        strict: bool,
    },
}

/// Read captures and write an alert for each finding.
///
/// Reads pcap and pcapng files, also compressed with gzip or zstd; what a file is, is told by its content. All paths
/// together are one history, in the order given.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit code: 0 done; 1 an input could not be read or was damaged (the others were still processed), or alerts could not be \
written; 2 wrong usage or settings; with --exit-code 10 where there were alerts.

A syslog target takes any of these after '?', joined by '&': format=rfc3164|rfc5424, facility=local4, severity=warning, \
host=NAME, tag=NAME; for tcp and tls framing=newline|octets; for tls ca=FILE, cert=FILE, key=FILE, name=SERVER; for unix \
kind=datagram|stream.

With --names each name is a line of nine columns, separated by tabs: time, client, its port, server, its port, protocol, how it \
was named (dns-query, dns-answer, tls-server-name, quic-server-name, http-host, http-target, http-connect, socks), the name, and \
the port named with it. What there is none of is -.

Examples:
  rattap replay incident.pcapng
  rattap replay -o alerts.cef -o 'tls://log.example?ca=/etc/ssl/log-ca.pem' --spool /var/spool/rattap incident.pcapng
  rattap replay -o alerts.cef --filter 'not port 22' /captures/2026-06-01/
  rattap replay -o alerts.cef --names - week.pcap | cut -f 8 | sort | uniq -c | sort -n
  tcpdump -i eth1 -w - | rattap replay -")]
pub struct ReplayArgs {
    /// Capture files; folders, with all below them by name; - for standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// Write the alerts there (repeatable) [default: - for standard output]: into a file, emptied first, or to a syslog
    /// receiver: udp://HOST[:514], tcp://HOST[:514], tls://HOST[:6514], unix:///dev/log
    #[arg(short, long, value_name = "TARGET", default_value = "-", hide_default_value = true)]
    pub output: Vec<OsString>,

    #[command(flatten)]
    pub spool: SpoolArgs,

    /// Write all names that hosts ask for into this file too, listed or not; - for standard output (then -o is needed)
    #[arg(long, value_name = "FILE")]
    pub names: Option<PathBuf>,

    /// Look only at packets for which this BPF expression (see pcap-filter(7)) is true
    #[arg(short, long, value_name = "BPF")]
    pub filter: Option<String>,

    #[command(flatten)]
    pub indicators: IndicatorArgs,

    #[command(flatten)]
    pub exclusions: ExclusionArgs,

    /// Dry run of the exclusions: nothing is suppressed, downgraded or annotated, but the message of each alert says which rule would
    /// apply, or why none does
    #[arg(long, requires = "exclusions", conflicts_with = "audit")]
    pub explain_exclusions: bool,

    /// How many threads scan packets [default: the processor's cores]. The alerts are the same for any number
    #[arg(short, long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,

    /// Gather repeats of a finding for this long, in packet time, before telling of them: 10m, 90s, 1h; 0 tells each
    /// conversation by itself
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub repeat_window: Duration,

    /// What is inside, for the direction of an alert (repeatable) [default: private addresses]
    #[arg(long, value_name = "NETWORK")]
    pub home: Vec<IpNet>,

    /// The sensor's name in alerts [default: this machine's host name]
    #[arg(long, value_name = "NAME")]
    pub sensor_host: Option<String>,

    /// The sensor's identifier in alerts
    #[arg(long, value_name = "ID")]
    pub sensor_id: Option<String>,

    /// Exit with 10 where there were alerts
    #[arg(long)]
    pub exit_code: bool,
}

#[derive(Debug, Args)]
pub struct SpoolArgs {
    /// Keep alerts for syslog receivers in this folder until they have arrived: what a run leaves there, the next sends first
    #[arg(long, value_name = "DIR")]
    pub spool: Option<PathBuf>,

    /// How much each receiver's alerts may take in the spool, as 500MB or 1GiB [default: 1GiB]
    #[arg(long, value_name = "SIZE", requires = "spool", value_parser = size)]
    pub spool_limit: Option<ByteCount>,
}

#[derive(Debug, Args)]
pub struct IndicatorArgs {
    /// Look for the indicators in this list too, or in all lists in this folder; the README has the formats (repeatable)
    #[arg(long, value_name = "PATH")]
    pub indicators: Vec<PathBuf>,

    /// Do not look for the built-in indicators
    #[arg(long, requires = "indicators")]
    pub no_builtin: bool,

    #[command(flatten)]
    pub rules: FeedArgs,
}

/// What becomes of the entries of lists.
#[derive(Debug, Args)]
pub struct FeedArgs {
    /// Of lists that name malware families take only this one, by key, name or alias (repeatable)
    #[arg(long, value_name = "NAME")]
    pub family: Vec<String>,

    /// Warn of a list whose own date is longer ago than this; 0 never does
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = duration)]
    pub max_age: Duration,

    /// Leave out indicators that their source saw last (or else first) longer ago than this
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub indicator_max_age: Option<Duration>,

    /// Take what too much would match: private and reserved addresses, public resolvers, public suffixes, short prefixes
    #[arg(long)]
    pub allow_broad: bool,
}

/// Print queries (KQL) that look for the indicators in force in Microsoft Sentinel.
///
/// Each gives one row for each client and indicator, with counts and the first and last time.
#[derive(Debug, Args)]
#[command(after_help = "\
Hunts that need addresses or domains are left out where none are in force. Where the indicators make a query longer than a \
rule's query may be, it reads the watchlist `rattap` instead, whose content --format watchlist prints.

Examples:
  rattap hunt
  rattap hunt --only dns-events --indicators mine.txt
  rattap hunt --format yaml --only sensor-names > sensor-names.yaml
  rattap hunt --format watchlist --indicators many.csv > rattap.csv")]
pub struct HuntArgs {
    /// What to print: queries; analytics rules, one YAML document each; or the CSV of the watchlist
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = HuntFormat::Kql)]
    pub format: HuntFormat,

    /// Print this hunt alone (repeatable)
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(hunt::names()))]
    pub only: Vec<String>,

    #[command(flatten)]
    pub indicators: IndicatorArgs,
}

/// What `hunt` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HuntFormat {
    /// Queries, parted by empty lines.
    Kql,
    /// Analytics rules, one YAML document each.
    Yaml,
    /// The watchlist for indicators that are too many to stand in a query.
    Watchlist,
}

#[derive(Debug, Args)]
pub struct ExclusionArgs {
    /// Treat as lawful use what the rules in this file match; see `rattap exclusions check --help` (repeatable; the first rule that
    /// applies wins)
    #[arg(long, value_name = "FILE")]
    pub exclusions: Vec<PathBuf>,

    /// Write the lines that exclusions suppress into this file, emptied first
    #[arg(long, value_name = "FILE", requires = "exclusions")]
    pub audit: Option<PathBuf>,
}

/// A bare number is seconds.
fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let wanted = |_: jiff::Error| "a time is wanted, such as 90s, 10m, 1h 30m or 30d".to_owned();
    let span: jiff::Span = text.parse().map_err(wanted)?;
    let span = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(wanted)?;
    Duration::try_from(span).map_err(|_| "a time cannot be negative".to_owned())
}

/// A bare number is bytes.
fn size(text: &str) -> Result<ByteCount, String> {
    const UNITS: [(&str, u64); 7] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("", 1),
    ];
    let wanted = || "a size is wanted, such as 500MB or 1GiB".to_owned();
    let (number, unit) =
        UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit))).ok_or_else(wanted)?;
    let number: u64 = number.trim().parse().map_err(|_| wanted())?;
    number.checked_mul(*unit).map(ByteCount).ok_or_else(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_are_read_with_their_unit() {
        assert_eq!(size("1GiB"), Ok(ByteCount(1 << 30)));
        assert_eq!(size("500 MB"), Ok(ByteCount(500_000_000)));
        assert_eq!(size("7"), Ok(ByteCount(7)));
        for text in ["", "GiB", "-1", "1.5GB", "1TB", "99999999999999999999", "99999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_read_in_words_and_bare_seconds() {
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(duration("1w"), Ok(Duration::from_secs(7 * 86_400)));
        assert!(duration("1 month").is_err(), "of which length?");
        assert!(duration("-5m").is_err());
        assert!(duration("soon").is_err());
    }
}
