//! The whole command line: global options and the commands.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};
use clap_complete::Shell;

use super::values::listen_address;
use super::{ExclusionsCommand, HuntArgs, IndicatorsCommand, LiveArgs, ReplayArgs};
use crate::command::version::long_version;

/// The settings file of this machine's sensor.
pub const SETTINGS_FILE: &str = "/etc/rattap/rattap.toml";

const STATUS_HELP: &str = "\
Exit code: 0 the sensor answers; 1 no sensor answers; 2 wrong usage or settings.

Examples:
  rattap status
  rattap status --metrics 9100 --json";

/// A packet-capture network sensor for NetSupport Manager RAT command-and-control, alerting in CEF.
#[derive(Debug, Parser)]
#[command(name = "rattap", version, long_version = long_version(), arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// Log more: once for informational messages, twice for debug messages. RUST_LOG overrides this
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,

    /// Print no progress, notes, warnings or summary: only alerts and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    // clap takes the help of a command with arguments from the documentation of the arguments.
    Replay(Box<ReplayArgs>),
    Live(Box<LiveArgs>),
    /// List the indicators in force, or check indicator lists
    #[command(subcommand)]
    Indicators(IndicatorsCommand),
    /// Show the state of the running sensor: packets, drops, alerts, outputs, spool and lists
    #[command(after_help = STATUS_HELP)]
    Status {
        /// Read settings from this file; arguments override them. The default file may be missing
        #[arg(long, value_name = "FILE", default_value = SETTINGS_FILE)]
        config: PathBuf,

        /// The address of the sensor's metrics [default: metrics.listen in the settings, or else the
        /// sensor's socket in /var/lib/rattap, which root and the sensor's user may use]
        #[arg(long, value_name = "ADDR", value_parser = listen_address)]
        metrics: Option<SocketAddr>,

        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    Hunt(HuntArgs),
    /// Check the rules that exclude lawful use
    #[command(subcommand)]
    Exclusions(ExclusionsCommand),
    /// List the network interfaces
    Interfaces,
    /// Check a settings file
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the JSON Schema of the JSON report (replay --report FILE.json)
    ReportSchema,
    /// Show a manual page; print it in roff format if standard output is no terminal
    Man {
        /// Print the page of this command, such as replay or indicators-list [default: rattap
        /// itself]
        #[arg(value_name = "COMMAND")]
        page: Option<String>,

        /// Write all pages to this folder instead
        #[arg(long, value_name = "FOLDER", conflicts_with = "page")]
        into: Option<PathBuf>,
    },
    /// Print shell completions
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check a settings file and print the settings in force, each with its line in the file
    Check {
        /// The settings file
        #[arg(value_name = "FILE", default_value = SETTINGS_FILE)]
        file: PathBuf,
    },
}

/// The settings file of a command that works without one.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Read settings from this file; arguments override them
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
