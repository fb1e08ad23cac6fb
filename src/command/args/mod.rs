//! What the user typed. Nothing here opens a file or checks a meaning: that is the settings' business.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use ipnet::IpNet;
use rattap::capture::LONGEST_SNAP;
use rattap::hunts;
use rattap::units::{ByteCount, Timestamp};

/// The settings of the machine's sensor.
pub const SETTINGS_FILE: &str = "/etc/rattap/rattap.toml";

/// Where a live sensor keeps alerts until they have arrived, unless told otherwise.
pub const SPOOL_FOLDER: &str = "/var/lib/rattap/spool";

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
    /// Capture from network interfaces and write an alert for each finding
    Live(Box<LiveArgs>),
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
    /// Look at settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the JSON Schema of what replay --report writes as .json
    ReportSchema,
    /// Print a manual page, in roff
    Man {
        /// Of this command, such as replay or indicators-list, instead of the whole
        #[arg(value_name = "COMMAND")]
        page: Option<String>,

        /// Write all pages into this folder instead
        #[arg(long, value_name = "FOLDER", conflicts_with = "page")]
        into: Option<PathBuf>,
    },
    /// Print what completes the command line in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check a settings file and show what is in force with it, each value with the line that it comes from
    Check {
        /// The settings file
        #[arg(value_name = "FILE", default_value = SETTINGS_FILE)]
        file: PathBuf,
    },
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
        config: ConfigArgs,

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
With --follow: SIGTERM and SIGINT end it in order, when the capture that is being read has ended (a second SIGINT at once);
SIGHUP reopens the output files. The alerts go behind what these hold. Syslog targets need --spool.

Exit code: 0 done; 1 an input could not be read or was damaged (the others were still processed), or alerts could not be \
written; 2 wrong usage or settings; with --exit-code 10 where there were alerts.

A syslog target takes any of these after '?', joined by '&': format=rfc3164|rfc5424, facility=local4, severity=warning, \
host=NAME, tag=NAME; for tcp and tls framing=newline|octets; for tls ca=FILE, cert=FILE, key=FILE, name=SERVER; for unix \
kind=datagram|stream.

With --names each name is a line of nine columns, separated by tabs: time, client, its port, server, its port, protocol, how it \
was named (dns-query, dns-answer, tls-server-name, quic-server-name, http-host, http-target, http-connect, socks), the name, and \
the port named with it. FindingKind there is none of is -.

Examples:
  rattap replay incident.pcapng
  rattap replay -o alerts.cef -o 'tls://log.example?ca=/etc/ssl/log-ca.pem' --spool /var/spool/rattap incident.pcapng
  rattap replay -o alerts.cef --filter 'not port 22' /captures/2026-06-01/
  rattap replay -o alerts.cef --report incident.html --report incident.json incident.pcapng
  rattap replay -o alerts.cef --carve evidence.pcapng week.pcap
  rattap replay -o alerts.cef --names - week.pcap | cut -f 8 | sort | uniq -c | sort -n
  rattap replay --summary --from '2026-06-01 08:00' --to '2026-06-01 18:00' week.pcap.gz
  rattap replay --follow /captures/ -o /var/log/rattap/alerts.cef
  tcpdump -i eth1 -w - | rattap replay -")]
pub struct ReplayArgs {
    /// Capture files; folders, with all below them by name; - for standard input
    #[arg(required_unless_present = "follow", conflicts_with = "follow", value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// Read the captures in this folder as tcpdump, dumpcap and the like finish them, each once, until stopped
    #[arg(long, value_name = "DIR")]
    pub follow: Option<PathBuf>,

    /// Where --follow keeps which captures were read [default: a file for each folder below ~/.local/state/rattap]
    #[arg(long, value_name = "FILE", requires = "follow")]
    pub state: Option<PathBuf>,

    /// Look only at packets from this time on: 2026-06-01, '2026-06-01 12:00' (both UTC), 2026-06-01T12:00:00+02:00, or
    /// seconds since 1970
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub from: Option<Timestamp>,

    /// Look only at packets before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub to: Option<Timestamp>,

    /// Show who was seen doing what in a table at the end, worst first
    #[arg(long)]
    pub summary: bool,

    #[command(flatten)]
    pub config: ConfigArgs,

    #[command(flatten)]
    pub sensor: SensorArgs,

    /// Write all names that hosts ask for into this file too, listed or not; - for standard output (then -o is needed). Emptied first,
    /// but appended to with --follow
    #[arg(long, value_name = "FILE")]
    pub names: Option<PathBuf>,

    /// Write a report of all that was found into this file: a page to read (.html), or its facts for machines (.json; see
    /// `rattap report-schema`). Repeatable
    #[arg(long, value_name = "FILE")]
    pub report: Vec<PathBuf>,

    /// Do not compute the captures' SHA-256 for the report
    #[arg(long, requires = "report")]
    pub no_report_hashes: bool,

    /// Write all packets of every alerted conversation and DNS exchange into this pcapng file, those before the moment of detection too
    #[arg(long, value_name = "FILE.pcapng")]
    pub carve: Option<PathBuf>,

    /// Exit with 10 where there were alerts
    #[arg(long)]
    pub exit_code: bool,
}

/// Capture from network interfaces and write an alert for each finding, until stopped.
///
/// An interface that vanishes, goes down or loses its carrier is waited for; the others go on. Needs root or CAP_NET_RAW.
#[derive(Debug, Args)]
#[command(after_help = "\
Signals: SIGTERM and SIGINT end it in order, with all alerts written (a second SIGINT at once); SIGHUP reads the lists of
indicators and of exclusions anew and reopens the output files; SIGUSR1 writes statistics to the log. Under systemd it is of Type=notify and feeds the watchdog.

Exit code: 0 stopped; 1 alerts could not be written; 2 wrong usage or settings, or an interface that cannot be captured from.

Examples:
  rattap live -i eth1
  rattap live -i eth1 -i eth2 -o /var/log/rattap/alerts.cef --filter 'not port 22' --stats-interval 1h")]
pub struct LiveArgs {
    /// Capture from this interface (repeatable); any for all at once
    #[arg(short, long = "interface", value_name = "IFACE")]
    pub interfaces: Vec<String>,

    /// Read settings from this file; arguments override them. The default is passed over where it is not there
    #[arg(long, value_name = "FILE", default_value = SETTINGS_FILE)]
    pub config: PathBuf,

    /// Do not ask for packets that are meant for others
    #[arg(long)]
    pub no_promiscuous: bool,

    /// Capture so many bytes of each frame at the most
    #[arg(long, value_name = "BYTES", default_value_t = LONGEST_SNAP, value_parser = clap::value_parser!(u32).range(SHORTEST_SNAP..=LONGEST_SNAP.into()))]
    pub snap_length: u32,

    /// How many MiB of packets the kernel holds for each interface until they are read
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=2047))]
    pub kernel_buffer: u32,

    /// Which packets are captured: those that the interface receives, those that it sends, or both
    #[arg(long, value_name = "WHICH", default_value = "both")]
    pub direction: DirectionArg,

    /// Write statistics to the log so often
    #[arg(long, value_name = "TIME", value_parser = interval)]
    pub stats_interval: Option<Duration>,

    #[command(flatten)]
    pub sensor: SensorArgs,

    #[command(flatten)]
    pub service: ServiceArgs,
}

/// The shortest snap length that shows IP and its ports behind two VLAN tags.
const SHORTEST_SNAP: i64 = 96;

/// Which packets are captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DirectionArg {
    In,
    Out,
    Both,
}

/// What every run of the sensor takes, wherever its packets come from.
#[derive(Debug, Args)]
pub struct SensorArgs {
    /// Write the alerts there (repeatable) [default: - for standard output]: as CEF lines into a file, which a replay empties first and a live
    /// sensor and a replay that follows a folder go on behind, or to a syslog receiver: udp://HOST[:514], tcp://HOST[:514],
    /// tls://HOST[:6514], unix:///dev/log
    #[arg(short, long, value_name = "TARGET")]
    pub output: Vec<OsString>,

    /// Write the alerts as JSON there, an object a line: into a file, or to standard output with - (repeatable). Without -o it takes the
    /// place of the CEF lines, else it is one more output
    #[arg(long, value_name = "FILE")]
    pub json: Vec<OsString>,

    #[command(flatten)]
    pub spool: SpoolArgs,

    /// Look only at packets for which this BPF expression (see pcap-filter(7)) is true
    #[arg(short, long, value_name = "BPF")]
    pub filter: Option<String>,

    #[command(flatten)]
    pub indicators: IndicatorArgs,

    #[command(flatten)]
    pub exclusions: ExclusionArgs,

    /// Dry run of the exclusions: nothing is suppressed, downgraded or annotated, but the message of each alert says which rule would
    /// apply, or why none does
    #[arg(long)]
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
}

/// Where alerts for syslog receivers wait.
#[derive(Debug, Args)]
pub struct SpoolArgs {
    /// Keep alerts for syslog receivers in this folder until they have arrived: what a run leaves there, the next sends first
    /// [default: /var/lib/rattap/spool for a live sensor; a replay keeps them in memory]
    #[arg(long, value_name = "DIR")]
    pub spool: Option<PathBuf>,

    /// How much each receiver's alerts may take in the spool, as 500MB or 1GiB [default: 1GiB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub spool_limit: Option<ByteCount>,
}

#[derive(Debug, Args)]
pub struct IndicatorArgs {
    /// Look for the indicators in this list too, or in all lists in this folder; docs/indicators.md has the formats (repeatable)
    #[arg(long, value_name = "PATH")]
    pub indicators: Vec<PathBuf>,

    /// Do not look for the built-in indicators
    #[arg(long)]
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
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(hunts::names()))]
    pub only: Vec<String>,

    #[command(flatten)]
    pub config: ConfigArgs,

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

    /// Write the lines that exclusions suppress into this file: emptied first by a replay, appended to by a live sensor and with --follow
    #[arg(long, value_name = "FILE")]
    pub audit: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Read settings from this file; arguments override them
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What a sensor that runs for long needs beside.
#[derive(Debug, Args)]
pub struct ServiceArgs {
    /// Tell Prometheus at http://ADDR/metrics, and whether all is well at /healthz; a bare port is of 127.0.0.1
    #[arg(long, value_name = "ADDR", value_parser = listen_address)]
    pub metrics: Option<SocketAddr>,

    /// Become this account where started by root [default: rattap, or nobody where there is no such account]
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,

    /// Keep no right to open captures: an interface that is deleted and made anew then needs a restart
    #[arg(long)]
    pub no_reopen: bool,

    /// Do not confine the sensor to its own files
    #[arg(long)]
    pub no_confine: bool,
}

/// Every argument that a settings file can give.
pub fn all_arguments() -> clap::Command {
    LiveArgs::augment_args(clap::Command::new("rattap"))
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

/// `9100`, `127.0.0.1:9100` or `[::1]:9100`. Names are not looked up: what listens is decided here, not by a name server.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse().map_err(|_| "a port or an address with its port is wanted, such as 9100 or [::1]:9100".to_owned())
}

/// A moment: with its offset from UTC, or a date with or without a time of day in UTC, or seconds since the epoch.
fn moment(text: &str) -> Result<Timestamp, String> {
    let wanted = || "a time is wanted, such as 2026-06-01, '2026-06-01 12:00' (both UTC), 2026-06-01T12:00:00+02:00 or 1780315200";
    let seconds = text.split_once('.').map_or(text, |(seconds, _)| seconds);
    // Eight digits are a date.
    let is_number = seconds.len() > 8 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let text = if is_number { format!("{text}s") } else { text.to_owned() };
    let parsed = if is_number {
        text.parse::<jiff::SignedDuration>().and_then(jiff::Timestamp::from_duration)
    } else {
        text.parse::<jiff::Timestamp>().or_else(|_| jiff::tz::TimeZone::UTC.to_timestamp(text.parse()?))
    };
    let moment = parsed.map_err(|_| wanted().to_owned())?;
    i64::try_from(moment.as_nanosecond())
        .map(Timestamp::from_nanos)
        .map_err(|_| "a time before 2262 is wanted".to_owned())
}

/// A time between two events.
fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("a time above zero is wanted, such as 90s, 10m or 1h 30m".to_owned()),
        time => Ok(time),
    }
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
        assert_eq!(interval("10m"), duration("10m"));
        assert!(interval("0").is_err());
    }

    #[test]
    fn a_bare_port_listens_on_this_machine_alone() {
        assert_eq!(listen_address("9100"), Ok("127.0.0.1:9100".parse().unwrap()));
        assert_eq!(listen_address("[::1]:9100"), Ok("[::1]:9100".parse().unwrap()));
        assert_eq!(listen_address("0.0.0.0:80"), Ok("0.0.0.0:80".parse().unwrap()));
        for wrong in ["", "localhost:9100", ":9100", "127.0.0.1", "70000"] {
            assert!(listen_address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn moments_are_read_in_utc_unless_they_say_otherwise() {
        let noon = Ok(Timestamp::from_parts(1_780_315_200, 0));
        for text in [
            "2026-06-01T12:00:00Z",
            "2026-06-01T14:00:00+02:00",
            "2026-06-01 12:00",
            "2026-06-01T12:00:00",
            "1780315200",
            "1780315200.000",
        ] {
            assert_eq!(moment(text), noon, "{text}");
        }
        assert_eq!(moment("2026-06-01"), Ok(Timestamp::from_parts(1_780_272_000, 0)));
        assert_eq!(moment("20260601"), moment("2026-06-01"));
        assert_eq!(moment("1780315200.25"), Ok(Timestamp::from_parts(1_780_315_200, 250_000_000)));
        for text in
            ["", "noon", "2026", "12:00", "2026-13-01", "2026-06-01 25:00", "1780315200.2.5", "-5", "2400-01-01"]
        {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
