//! Loads the settings: the command line, with the settings file's values as defaults.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::builder::OsStr;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use super::file::{self, FileErrors};
use super::origins::{Origins, Setting};
use crate::command::args::{self, Cli};

/// An error in the command line or the settings file.
#[derive(Debug)]
pub enum LoadError {
    /// The arguments are wrong, or they ask for help or the version.
    Arguments(clap::Error),
    /// The settings file is wrong.
    File(FileErrors),
}

impl From<clap::Error> for LoadError {
    fn from(error: clap::Error) -> Self {
        Self::Arguments(error)
    }
}

impl From<FileErrors> for LoadError {
    fn from(errors: FileErrors) -> Self {
        Self::File(errors)
    }
}

impl std::error::Error for LoadError {}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arguments(error) => error.fmt(f),
            Self::File(errors) => errors.fmt(f),
        }
    }
}

/// Parses the arguments and the settings file that they name. A reload calls this again with the
/// same arguments.
pub fn load(arguments: &[OsString]) -> Result<(Cli, Origins), LoadError> {
    let matches = Cli::command().try_get_matches_from(arguments)?;
    let Some(file) = settings_file(&matches) else {
        return Ok((Cli::from_arg_matches(&matches)?, Origins::default()));
    };
    let settings = file::read(&file, &args::all_arguments())?;
    let matches = with_defaults(Cli::command(), &settings).try_get_matches_from(arguments)?;
    Ok((Cli::from_arg_matches(&matches)?, origins(file, settings, &matches)))
}

/// Checks a settings file alone, for `rattap config check`: returns what `rattap live` would use,
/// and where each value comes from.
pub fn check(file: &Path) -> Result<(ArgMatches, Origins), LoadError> {
    let settings = file::read(file, &args::all_arguments())?;
    let command = with_defaults(args::all_arguments(), &settings);
    let matches = command.try_get_matches_from(["rattap"])?;
    let origins = origins(file.to_owned(), settings, &matches);
    Ok((matches, origins))
}

/// The settings file to read: the one that `--config` names, or the command's default file if it
/// exists.
fn settings_file(matches: &ArgMatches) -> Option<PathBuf> {
    if let Some(file) = matches.try_get_one::<PathBuf>("config").ok().flatten() {
        let is_default = matches.value_source("config") == Some(ValueSource::DefaultValue);
        return (!is_default || file.exists()).then(|| file.clone());
    }
    matches.subcommand().and_then(|(_, matches)| settings_file(matches))
}

/// Makes the file's values the defaults of every command that has the option. A required option
/// becomes optional.
///
/// clap does not count a default as given: if one option requires another, `requires` would not see
/// the other in the file. The plan checks such rules instead.
pub(super) fn with_defaults(command: Command, settings: &BTreeMap<&'static str, Setting>) -> Command {
    let command = command.mut_args(|argument| match settings.get(argument.get_id().as_str()) {
        Some(setting) => argument.required(false).default_values(setting.values.iter().map(OsStr::from)),
        None => argument,
    });
    command.mut_subcommands(|subcommand| with_defaults(subcommand, settings))
}

/// Drops the settings that an option on the command line overrides.
fn origins(file: PathBuf, mut settings: BTreeMap<&'static str, Setting>, matches: &ArgMatches) -> Origins {
    let mut deepest = matches;
    while let Some((_, matches)) = deepest.subcommand() {
        deepest = matches;
    }
    settings.retain(|argument, _| {
        let is_known = deepest.ids().any(|id| id == argument);
        !is_known || deepest.value_source(argument) == Some(ValueSource::DefaultValue)
    });
    Origins { file, settings }
}
