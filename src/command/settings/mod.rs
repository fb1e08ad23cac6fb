//! The settings file: a second place to give what arguments give.
//!
//! The file has no meaning of its own. Every key is the default of one argument, so that both are checked by the same rules,
//! an argument overrides the file, and what is in force can be told with the place it came from. To add a key is one line in
//! [`KEYS`]; a test fails while an option has none.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::builder::OsStr;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::command::args::{self, Cli};

mod check;
mod file;

pub use check::in_force;
pub use file::Problems;

/// A key of the settings file.
struct Key {
    /// The table that it is in.
    section: &'static str,
    name: &'static str,
    /// The argument whose default it is, by clap's name for it.
    argument: &'static str,
    /// The argument is a switch that turns something off, the key says whether it is on.
    is_negated: bool,
}

const fn key(section: &'static str, name: &'static str, argument: &'static str) -> Key {
    Key { section, name, argument, is_negated: false }
}

const fn off(section: &'static str, name: &'static str, argument: &'static str) -> Key {
    Key { section, name, argument, is_negated: true }
}

/// The table that may come several times, `[[output]]`; in all others a key comes once.
const REPEATED: &str = "output";

/// All keys, in the order in which they are shown.
const KEYS: [Key; 29] = [
    key("sensor", "host", "sensor_host"),
    key("sensor", "id", "sensor_id"),
    key("sensor", "home", "home"),
    key("sensor", "workers", "workers"),
    key("sensor", "repeat_window", "repeat_window"),
    key("sensor", "stats_interval", "stats_interval"),
    key("capture", "interfaces", "interfaces"),
    off("capture", "promiscuous", "no_promiscuous"),
    key("capture", "snap_length", "snap_length"),
    key("capture", "kernel_buffer", "kernel_buffer"),
    key("capture", "direction", "direction"),
    key("capture", "filter", "filter"),
    key("indicators", "files", "indicators"),
    off("indicators", "builtin", "no_builtin"),
    key("indicators", "family", "family"),
    key("indicators", "max_age", "max_age"),
    key("indicators", "indicator_max_age", "indicator_max_age"),
    key("indicators", "allow_broad", "allow_broad"),
    key("exclusions", "files", "exclusions"),
    key("exclusions", "explain", "explain_exclusions"),
    key("exclusions", "audit", "audit"),
    key(REPEATED, "to", "output"),
    key(REPEATED, "json", "json"),
    key("spool", "folder", "spool"),
    key("spool", "limit", "spool_limit"),
    key("metrics", "listen", "metrics"),
    key("privileges", "user", "user"),
    off("privileges", "reopen", "no_reopen"),
    off("privileges", "confine", "no_confine"),
];

/// What the settings file says of one argument.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting {
    /// As they would be typed.
    values: Vec<String>,
    /// The line of the key, counted from one.
    line: usize,
}

/// Where what is in force was said, for messages about it.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    file: PathBuf,
    /// By argument; those that came from the file alone.
    settings: BTreeMap<&'static str, Setting>,
}

impl Origins {
    /// The settings file, where there is one.
    pub fn file(&self) -> Option<&Path> {
        (!self.file.as_os_str().is_empty()).then_some(&self.file)
    }

    /// Whether the file gave an argument's value.
    pub fn is_from_file(&self, argument: &str) -> bool {
        self.settings.contains_key(argument)
    }

    /// What to call an argument in a message: the place in the file that gave its value, or the option.
    pub fn of(&self, argument: &str) -> String {
        let key = KEYS.iter().find(|key| key.argument == argument);
        match (self.settings.get(argument), key) {
            (Some(setting), Some(key)) => {
                format!("{}:{}: {}.{}", self.file.display(), setting.line, key.section, key.name)
            }
            _ => format!("--{}", argument.replace('_', "-")),
        }
    }
}

/// Why there are no settings.
#[derive(Debug)]
pub enum LoadError {
    /// The arguments are wrong, or only ask for help.
    Arguments(clap::Error),
    /// The settings file is wrong.
    File(Problems),
}

impl From<clap::Error> for LoadError {
    fn from(error: clap::Error) -> Self {
        Self::Arguments(error)
    }
}

impl From<Problems> for LoadError {
    fn from(problems: Problems) -> Self {
        Self::File(problems)
    }
}

impl std::error::Error for LoadError {}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arguments(error) => error.fmt(f),
            Self::File(problems) => problems.fmt(f),
        }
    }
}

/// Reads the arguments, and the settings file that they name. To reload is to call this once more with the same arguments.
pub fn load(arguments: &[OsString]) -> Result<(Cli, Origins), LoadError> {
    let matches = Cli::command().try_get_matches_from(arguments)?;
    let Some(file) = file_of(&matches) else {
        return Ok((Cli::from_arg_matches(&matches)?, Origins::default()));
    };
    let settings = file::read(&file, &args::all_arguments())?;
    let matches = with_defaults(Cli::command(), &settings).try_get_matches_from(arguments)?;
    Ok((Cli::from_arg_matches(&matches)?, origins(file, settings, &matches)))
}

/// The settings file of an invocation: the one that it names, or the usual one of the command where that is there.
fn file_of(matches: &ArgMatches) -> Option<PathBuf> {
    if let Some(file) = matches.try_get_one::<PathBuf>("config").ok().flatten() {
        let is_usual = matches.value_source("config") == Some(ValueSource::DefaultValue);
        return (!is_usual || file.exists()).then(|| file.clone());
    }
    matches.subcommand().and_then(|(_, matches)| file_of(matches))
}

/// What the file says becomes the default of every command that has the argument, also of one that has to be given.
///
/// To clap a default is nothing that was given: where one option needs another, `requires` would not see it in the file. Such
/// rules are the checked settings' business.
fn with_defaults(command: Command, settings: &BTreeMap<&'static str, Setting>) -> Command {
    let command = command.mut_args(|argument| match settings.get(argument.get_id().as_str()) {
        Some(setting) => argument.required(false).default_values(setting.values.iter().map(OsStr::from)),
        None => argument,
    });
    command.mut_subcommands(|subcommand| with_defaults(subcommand, settings))
}

/// Leaves only what the arguments did not override.
fn origins(file: PathBuf, mut settings: BTreeMap<&'static str, Setting>, matches: &ArgMatches) -> Origins {
    let mut deepest = matches;
    while let Some((_, matches)) = deepest.subcommand() {
        deepest = matches;
    }
    settings.retain(|argument, _| {
        let known = deepest.ids().any(|id| id == argument);
        !known || deepest.value_source(argument) == Some(ValueSource::DefaultValue)
    });
    Origins { file, settings }
}

/// The argument of a key.
fn argument_of<'a>(arguments: &'a Command, key: &Key) -> Option<&'a Arg> {
    arguments.get_arguments().find(|argument| argument.get_id() == key.argument)
}

fn is_switch(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::SetTrue)
}

fn is_list(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Append)
}

/// The settings of a file by itself, for `rattap config check`: what `live` would have, with where each comes from.
pub fn check(file: &Path) -> Result<(ArgMatches, Origins), LoadError> {
    let settings = file::read(file, &args::all_arguments())?;
    let command = with_defaults(args::all_arguments(), &settings);
    let matches = command.try_get_matches_from(["rattap"])?;
    let origins = origins(file.to_owned(), settings, &matches);
    Ok((matches, origins))
}

#[cfg(test)]
mod tests;
