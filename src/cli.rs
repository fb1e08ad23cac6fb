//! What the user typed. Nothing here opens a file or checks a meaning: that is the settings' business.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use ipnet::IpNet;
use rattap::capture::LONGEST_SNAP;

/// The settings of the machine's sensor.
pub const SETTINGS_FILE: &str = "/etc/rattap/rattap.toml";

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
    /// List the network interfaces
    Interfaces,
    /// Look at settings
    #[command(subcommand)]
    Config(ConfigCommand),
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
}

/// Read captures and write an alert for each finding.
///
/// Reads pcap and pcapng files, also compressed with gzip or zstd; what a file is, is told by its content. All paths
/// together are one history, in the order given.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit code: 0 done; 1 an input could not be read or was damaged (the others were still processed), or alerts could not be \
written; 2 wrong usage or settings; with --exit-code 10 where there were alerts.

Examples:
  rattap replay incident.pcapng
  rattap replay -o alerts.cef --filter 'not port 22' /captures/2026-06-01/
  tcpdump -i eth1 -w - | rattap replay -")]
pub struct ReplayArgs {
    /// Capture files; folders, with all below them by name; - for standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    #[command(flatten)]
    pub config: ConfigArgs,

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
    /// Write the alerts into this file instead of to standard output: a replay empties it first, a live sensor goes on behind
    /// what it holds
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
    #[arg(long)]
    pub no_builtin: bool,
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
    let span: jiff::SignedDuration =
        text.parse().map_err(|_: jiff::Error| "a time is wanted, such as 90s, 10m or 1h 30m".to_owned())?;
    Duration::try_from(span).map_err(|_| "a time cannot be negative".to_owned())
}

/// `9100`, `127.0.0.1:9100` or `[::1]:9100`. Names are not looked up: what listens is decided here, not by a name server.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse().map_err(|_| "a port or an address with its port is wanted, such as 9100 or [::1]:9100".to_owned())
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
    fn a_bare_port_listens_on_this_machine_alone() {
        assert_eq!(listen_address("9100"), Ok("127.0.0.1:9100".parse().unwrap()));
        assert_eq!(listen_address("[::1]:9100"), Ok("[::1]:9100".parse().unwrap()));
        assert_eq!(listen_address("0.0.0.0:80"), Ok("0.0.0.0:80".parse().unwrap()));
        for wrong in ["", "localhost:9100", ":9100", "127.0.0.1", "70000"] {
            assert!(listen_address(wrong).is_err(), "{wrong}");
        }
    }
}
