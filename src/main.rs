//! The `rattap` command: arguments → run → exit code.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use clap::FromArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use rattap::capture::interfaces;

mod command;

use command::args::{Cli, Command, ConfigCommand, ExclusionsCommand, IndicatorsCommand, LiveArgs};
use command::printable::printable;
use command::settings::{self, LoadError, Origins};
use command::terminal::console::{CommandKind, Console, print_error};
use command::terminal::exit_code::Exit;
use command::terminal::listing;
use command::{documents, exclusions, follow, hunt, indicators, live, plan, replay, reports, status};

fn main() -> Exit {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let (cli, origins) = match settings::load(&arguments) {
        Ok(loaded) => loaded,
        Err(LoadError::Arguments(error)) => {
            if let Some(file) = file_as_command(&error) {
                let file = printable(&file);
                print_error(&anyhow::anyhow!("{file}: is not a command; to read a capture: rattap replay {file}"));
                return Exit::Usage;
            }
            // The shell may have replaced `*` with hostile names: clap is asked again with
            // printable arguments, so that its message is printable.
            let is_printable = |argument: &OsString| printable(&argument.to_string_lossy()).into();
            match settings::load(&arguments.iter().map(is_printable).collect::<Vec<_>>()) {
                Err(LoadError::Arguments(error)) => error.exit(),
                _ => error.exit(),
            }
        }
        Err(LoadError::File(errors)) => {
            print_error(&errors.into());
            return Exit::Usage;
        }
    };
    let kind = match &cli.command {
        Command::Live(_) => CommandKind::Service,
        Command::Replay(args) if args.follow.is_some() => CommandKind::Service,
        _ => CommandKind::Short,
    };
    let console = Console::start(kind, cli.verbose, cli.quiet);
    match run(cli, &origins, &console) {
        Ok(exit) => exit,
        Err(error) if is_closed_pipe(&error) => Exit::Success,
        Err(error) => {
            print_error(&error);
            Exit::Usage
        }
    }
}

/// Returns the file that was given in place of a command.
fn file_as_command(error: &clap::Error) -> Option<String> {
    match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(word))) if Path::new(word).exists() => {
            Some(word.clone())
        }
        _ => None,
    }
}

/// Runs a command. An error means wrong usage or settings; failures of the work itself have their
/// own exit codes.
fn run(cli: Cli, origins: &Origins, console: &Console) -> anyhow::Result<Exit> {
    match cli.command {
        Command::Replay(args) if args.follow.is_some() => follow::run(plan::Replay::new(*args, origins)?, console),
        Command::Replay(args) => replay::run(plan::Replay::new(*args, origins)?, console),
        Command::Live(args) => live::run(&plan::Live::new(*args, origins, None)?, console),
        Command::Config(ConfigCommand::Check { file }) => print(&check_settings(&file)?),
        Command::ReportSchema => print(&reports::schema()?),
        Command::Man { into: Some(folder), .. } => documents::write_manual(&folder).map(|()| Exit::Success),
        Command::Man { page, into: None } => {
            let page = documents::manual_page(page.as_deref())?;
            let is_shown = io::stdout().is_terminal() && documents::show_in_pager(&page);
            if is_shown { Ok(Exit::Success) } else { print(&page) }
        }
        Command::Completions { shell } => print(&documents::completions(shell)),
        Command::Indicators(IndicatorsCommand::List { config: _, indicators, json }) => {
            let set = plan::load_indicators(indicators, origins, None)?.set;
            print(&if json { listing::indicators_json(&set)? } else { listing::indicators_table(&set) })
        }
        Command::Indicators(IndicatorsCommand::Check { paths, rules, strict }) => {
            let checked = indicators::check(&plan::feed_settings(paths, rules));
            print(&checked.text)?;
            Ok(if checked.has_errors || (strict && checked.has_warnings) { Exit::Failure } else { Exit::Success })
        }
        Command::Hunt(args) => {
            let set = plan::load_indicators(args.indicators, origins, None)?.set;
            print(&hunt::text(&set, args.format, &args.only)?)
        }
        Command::Exclusions(ExclusionsCommand::Check { files }) => match exclusions::check(&files) {
            Ok(rules) => print(&rules),
            Err(errors) => {
                errors.0.iter().for_each(|error| log::error!("{error}"));
                Ok(Exit::Failure)
            }
        },
        Command::Status { config: _, metrics, json } => match status::ask(metrics, json) {
            Ok(text) => print(&text),
            Err(error) => {
                print_error(&error);
                Ok(Exit::Failure)
            }
        },
        Command::Interfaces => print(&listing::interfaces_table(&interfaces()?)),
    }
}

/// Checks a settings file without starting anything. Returns the settings that are in force with
/// it.
fn check_settings(file: &Path) -> anyhow::Result<String> {
    let (matches, origins) = settings::check(file)?;
    let live = plan::Live::new(LiveArgs::from_arg_matches(&matches)?, &origins, None)?;
    Ok(format!("{}\n# {}\n", settings::in_force(&matches, &origins), live.service))
}

fn print(text: &str) -> anyhow::Result<Exit> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(Exit::Success)
}

/// Returns true if the reader of standard output has closed it, such as `head`.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
