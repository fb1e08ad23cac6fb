//! `rattap live`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Command, ValueEnum};
use rattap::capture::MAX_SNAP_LENGTH;

use super::MORE;
use super::values::{interval, listen_address};
use super::{RunArgs, SETTINGS_FILE};

/// The shortest snap length that includes IP and the ports behind two VLAN tags.
const SHORTEST_SNAP: i64 = 96;

/// Capture from network interfaces and write an alert for each finding, until stopped.
///
/// When an interface vanishes, goes down or loses its carrier, the sensor waits for it and keeps
/// capturing from the others. Needs root or CAP_NET_RAW.
#[derive(Debug, Args)]
#[command(after_help = MORE, after_long_help = "\
Signals: SIGTERM and SIGINT stop the sensor after all alerts are written (a second SIGINT stops it at once); SIGHUP reloads \
indicators and exclusions and reopens the output files; SIGUSR1 writes statistics to the log. Under systemd the sensor is a \
service of Type=notify and feeds the watchdog.

Exit code: 0 stopped; 1 alerts could not be written; 2 wrong usage or settings, or an interface that cannot be captured from.

Examples:
  rattap live -i eth1
  rattap live -i eth1 -i eth2 -o alerts.cef --filter 'not port 22'
  rattap live -i eth1 -o tcp://log.example --metrics 9100 --stats-interval 1h")]
pub struct LiveArgs {
    /// Capture from this interface (repeatable, or eth0,eth1); any captures from all interfaces
    #[arg(short, long = "interface", value_name = "IFACE", value_delimiter = ',', help_heading = "Packets")]
    pub interfaces: Vec<String>,

    /// Read settings from this file; arguments override them. The default file may be missing
    #[arg(long, value_name = "FILE", default_value = SETTINGS_FILE)]
    pub config: PathBuf,

    /// Do not switch the interfaces to promiscuous mode
    #[arg(long, help_heading = "Packets", hide_short_help = true)]
    pub no_promiscuous: bool,

    /// Capture at most this many bytes of each frame
    #[arg(long, value_name = "BYTES", default_value_t = MAX_SNAP_LENGTH, value_parser = clap::value_parser!(u32).range(SHORTEST_SNAP..=MAX_SNAP_LENGTH.into()), help_heading = "Packets", hide_short_help = true)]
    pub snap_length: u32,

    /// Size in MiB of the kernel's packet buffer for each interface
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=2047), help_heading = "Packets", hide_short_help = true)]
    pub kernel_buffer: u32,

    /// Capture packets that the interface receives, packets that it sends, or both
    #[arg(long, value_name = "WHICH", default_value = "both", help_heading = "Packets", hide_short_help = true)]
    pub direction: DirectionArg,

    /// Have the kernel leave out packets that cannot matter: auto, or off
    #[arg(long, value_name = "WHEN", default_value = "off")]
    pub kernel_filter: KernelFilterArg,

    /// Write statistics to the log at this interval
    #[arg(long, value_name = "TIME", value_parser = interval, help_heading = "Service", hide_short_help = true)]
    pub stats_interval: Option<Duration>,

    /// At a reload, accept lists that are empty or have lost more than half of their indicators.
    /// Without this, the previous indicators of such a list stay in force
    #[arg(long, help_heading = "Indicators", hide_short_help = true)]
    pub allow_shrink: bool,

    #[command(flatten)]
    pub run: RunArgs,

    #[command(flatten)]
    pub service: ServiceArgs,
}

/// The direction of the packets to capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DirectionArg {
    In,
    Out,
    Both,
}

/// `auto` lets the kernel leave out packets that cannot matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KernelFilterArg {
    Auto,
    Off,
}

/// Options for a sensor that runs as a service.
#[derive(Debug, Args)]
pub struct ServiceArgs {
    /// Serve Prometheus metrics at http://ADDR/metrics and a health check at /healthz; a bare port
    /// listens on 127.0.0.1
    #[arg(long, value_name = "ADDR", value_parser = listen_address, help_heading = "Service")]
    pub metrics: Option<SocketAddr>,

    /// Run as this account when started by root [default: rattap, or nobody if there is no such
    /// account]
    #[arg(long, value_name = "NAME", help_heading = "Service", hide_short_help = true)]
    pub user: Option<String>,

    /// Keep no right to open captures: an interface that is deleted and created again then needs a
    /// restart
    #[arg(long, help_heading = "Service", hide_short_help = true)]
    pub no_reopen: bool,

    /// Do not confine the sensor to its own files
    #[arg(long, help_heading = "Service", hide_short_help = true)]
    pub no_confine: bool,
}

/// Every argument that the settings file can give: those of `rattap live`.
pub fn all_arguments() -> Command {
    LiveArgs::augment_args(Command::new("rattap"))
}
