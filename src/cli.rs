//! What the user typed. Nothing here opens a file or checks a meaning: that is the settings' business.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand};
use ipnet::IpNet;
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
Exit code: 0 done; 1 an input could not be read or was damaged (the others were still processed), or alerts could not be \
written; 2 wrong usage or settings; with --exit-code 10 where there were alerts.

A syslog target takes any of these after '?', joined by '&': format=rfc3164|rfc5424, facility=local4, severity=warning, \
host=NAME, tag=NAME; for tcp and tls framing=newline|octets; for tls ca=FILE, cert=FILE, key=FILE, name=SERVER; for unix \
kind=datagram|stream.

Examples:
  rattap replay incident.pcapng
  rattap replay -o alerts.cef -o 'tls://log.example?ca=/etc/ssl/log-ca.pem' --spool /var/spool/rattap incident.pcapng
  rattap replay -o alerts.cef --filter 'not port 22' /captures/2026-06-01/
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
    /// Look for the indicators in this file too: one a line, as ip:port, ip, range or domain (repeatable)
    #[arg(long, value_name = "FILE")]
    pub indicators: Vec<PathBuf>,

    /// Do not look for the built-in indicators
    #[arg(long, requires = "indicators")]
    pub no_builtin: bool,
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
        assert!(duration("-5m").is_err());
        assert!(duration("soon").is_err());
    }
}
