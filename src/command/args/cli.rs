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

/// The end of the short help of commands with many options.
pub const MORE: &str = "More options, exit codes and examples: --help";

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

        /// The address of the sensor's metrics [default: metrics.listen in the settings, or else
        /// the sensor's socket in /var/lib/rattap, which root and the sensor's user may use]
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

    /// The commands of the program, each with its help.
    fn helps(command: &clap::Command, helps: &mut Vec<String>) {
        helps.extend(command.get_after_long_help().or(command.get_after_help()).map(ToString::to_string));
        command.get_subcommands().for_each(|subcommand| self::helps(subcommand, helps));
    }

    /// The words of a shell command, up to a pipe or a redirection.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut is_quoted) = (Vec::new(), String::new(), false);
        for character in line.chars().chain([' ']) {
            match character {
                '\'' => is_quoted = !is_quoted,
                ' ' if !is_quoted => words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty())),
                _ => word.push(character),
            }
        }
        words.into_iter().take_while(|word| word != "|" && word != ">").collect()
    }

    #[test]
    fn the_examples_of_the_help_are_valid_and_fit_a_terminal() {
        let mut texts = Vec::new();
        helps(&Cli::command(), &mut texts);
        let mut examples = 0;
        for text in &texts {
            for line in text.replace("\\\n", "").lines().filter(|line| line.starts_with("  ")) {
                let Some(start) =
                    line.find("rattap ").filter(|start| line[..*start].trim().is_empty() || line.contains("| rattap "))
                else {
                    continue;
                };
                examples += 1;
                let parsed = Cli::command().try_get_matches_from(words(&line[start..]));
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            }
            // Lines that begin with spaces are examples, which a break would change.
            let longest = text.lines().filter(|line| line.starts_with("  ")).map(|line| line.chars().count()).max();
            assert!(longest.unwrap_or_default() <= 80, "{text}");
        }
        assert!(examples >= 15, "{examples}");
    }
}
