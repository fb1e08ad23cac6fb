//! What the user typed. Nothing here opens a file or checks a meaning: that is the settings' business.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;
use rattap::capture::LONGEST_SNAP;
use rattap::hunt;
use rattap::units::Timestamp;

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
    Replay(ReplayArgs),
    /// Capture from network interfaces and write an alert for each finding
    Live(LiveArgs),
    /// Show what is looked for
    #[command(subcommand)]
    Indicators(IndicatorsCommand),
    /// Print queries that look for the indicators in Microsoft Sentinel
    Hunt(HuntArgs),
    /// List the network interfaces
    Interfaces,
}

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
}

/// Read captures and write an alert for each finding.
///
/// Reads pcap and pcapng files, also compressed with gzip or zstd; what a file is, is told by its content. All paths
/// together are one history, in the order given.
#[derive(Debug, Args)]
#[command(after_help = "\
With --follow: SIGTERM and SIGINT end it in order, when the capture that is being read has ended (a second SIGINT at once);
SIGHUP reopens the output file. The alerts go behind what the output file holds.

Exit code: 0 done; 1 an input could not be read or was damaged (the others were still processed), or alerts could not be \
written; 2 wrong usage or settings; with --exit-code 10 where there were alerts.

Examples:
  rattap replay incident.pcapng
  rattap replay -o alerts.cef --filter 'not port 22' /captures/2026-06-01/
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
    pub sensor: SensorArgs,

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
indicators anew and reopens the output file; SIGUSR1 writes statistics to the log. Under systemd it is of Type=notify and feeds the watchdog.

Exit code: 0 stopped; 1 alerts could not be written; 2 wrong usage or settings, or an interface that cannot be captured from.

Examples:
  rattap live -i eth1
  rattap live -i eth1 -i eth2 -o /var/log/rattap/alerts.cef --filter 'not port 22' --stats-interval 1h")]
pub struct LiveArgs {
    /// Capture from this interface (repeatable); any for all at once
    #[arg(short, long = "interface", value_name = "IFACE", required = true)]
    pub interfaces: Vec<String>,

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
    /// Write the alerts into this file instead of to standard output: a replay empties it first, one that follows a folder and a
    /// live sensor go on behind what it holds
    #[arg(short, long, value_name = "FILE", default_value = "-", hide_default_value = true)]
    pub output: PathBuf,

    /// Look only at packets for which this BPF expression (see pcap-filter(7)) is true
    #[arg(short, long, value_name = "BPF")]
    pub filter: Option<String>,

    #[command(flatten)]
    pub indicators: IndicatorArgs,

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

#[derive(Debug, Clone, Args)]
pub struct IndicatorArgs {
    /// Look for the indicators in this file too: one a line, as ip:port, ip, range or domain (repeatable)
    #[arg(long, value_name = "FILE")]
    pub indicators: Vec<PathBuf>,

    /// Do not look for the built-in indicators
    #[arg(long, requires = "indicators")]
    pub no_builtin: bool,
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

/// A bare number is seconds.
fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let span: jiff::SignedDuration =
        text.parse().map_err(|_: jiff::Error| "a time is wanted, such as 90s, 10m or 1h 30m".to_owned())?;
    Duration::try_from(span).map_err(|_| "a time cannot be negative".to_owned())
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
    fn durations_are_read_in_words_and_bare_seconds() {
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5400)));
        assert!(duration("-5m").is_err());
        assert!(duration("soon").is_err());
        assert_eq!(interval("10m"), duration("10m"));
        assert!(interval("0").is_err());
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
