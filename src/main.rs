//! The `rattap` command: arguments → run → exit code.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use rattap::alert::exclusion::Exclusions;
use rattap::capture::{CaptureError, Files, Inputs, interfaces};
use rattap::output::{self, Audited, Cef, Mode, NameList, OutputError};
use rattap::sensor::{self, Event};

mod cli;
mod config;
mod console;
mod exit_code;
mod feeds;
mod hunting;
mod listing;
mod summary;

use cli::{Cli, Command, ExclusionsCommand, IndicatorsCommand};
use console::Console;
use exit_code::Exit;

fn main() -> Exit {
    let cli = Cli::parse();
    let console = Console::start(cli.verbose, cli.quiet);
    match run(cli, &console) {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => Exit::Done,
        Err(error) => {
            console.fail(&error);
            Exit::Usage
        }
    }
}

/// An error is a wrong usage or setting: whatever goes wrong with the work itself has its own exit code.
fn run(cli: Cli, console: &Console) -> anyhow::Result<Exit> {
    match cli.command {
        Command::Replay(args) => replay(config::Replay::new(*args)?, console),
        Command::Indicators(IndicatorsCommand::List { indicators, json }) => {
            let set = feeds::load(&config::load_settings(indicators))?.set;
            let text = if json { listing::indicators_json(&set)? } else { listing::indicators_table(&set) };
            print(&text)
        }
        Command::Indicators(IndicatorsCommand::Check { paths, rules, strict }) => {
            let checked = feeds::check(&config::feed_settings(paths, rules));
            print(&checked.text)?;
            Ok(if checked.has_errors || (strict && checked.has_warnings) { Exit::Failed } else { Exit::Done })
        }
        Command::Hunt(args) => {
            let set = feeds::load(&config::load_settings(args.indicators))?.set;
            print(&hunting::text(&set, args.format, &args.only)?)
        }
        Command::Exclusions(ExclusionsCommand::Check { files }) => check_exclusions(&files),
        Command::Interfaces => print(&listing::interfaces_table(&interfaces()?)),
    }
}

fn replay(replay: config::Replay, console: &Console) -> anyhow::Result<Exit> {
    let mut problems = 0u64;
    let mut problem = |error: CaptureError| {
        problems += 1;
        log::error!("{error}");
    };
    let inputs = Inputs::expand(&replay.paths, &mut problem);
    config::check_outputs("-o", &replay.outputs, &inputs)?;
    if let Some(names) = &replay.names {
        config::check_output("--names", names, &inputs)?;
    }
    let cef = Cef::new(replay.sensor);
    let report = console::report();
    let audit = match replay.audit {
        Some(audit) => {
            let audit = [audit];
            config::check_outputs("--audit", &audit, &inputs)?;
            Some(output::open(&audit, &cef, Mode::Replay, None, &report)?)
        }
        None => None,
    };
    let output = output::open(&replay.outputs, &cef, Mode::Replay, replay.spool.as_ref(), &report)?;
    let output = Box::new(Audited::new(output, audit));
    let names = replay.names.as_deref().map(NameList::open).transpose()?;
    let exclusions = replay.settings.track.exclusions.clone();
    let files = Files::new(inputs.list, replay.filter);
    let read = files.progress();
    console.begin(inputs.total);
    let started = Instant::now();
    let mut outcome =
        sensor::run(Box::new(files), replay.indicators, &replay.settings, output, names, &mut |event| match event {
            Event::Problem(error) => problem(error),
            Event::Tick { alerts } => console.progress(&read, alerts),
        });
    console.end();
    if outcome.output.as_ref().is_err_and(OutputError::is_closed_pipe) {
        // Nobody misses them.
        outcome.totals.alerts_lost = 0;
    }
    let totals = &outcome.totals;
    console.say(&summary::text(totals, &exclusions, problems, started.elapsed()));
    Ok(match outcome.output {
        Err(error) if !error.is_closed_pipe() => {
            log::error!("{error}");
            Exit::Failed
        }
        _ if problems > 0 => Exit::Failed,
        _ if replay.tells_alerts_by_exit_code && totals.alerts_written > 0 => Exit::Alerts,
        _ => Exit::Done,
    })
}

/// Rules go to standard output, what is wrong with them to the log.
fn check_exclusions(files: &[PathBuf]) -> anyhow::Result<Exit> {
    let now = config::now();
    let exclusions = match Exclusions::load(files, now) {
        Ok(exclusions) => exclusions,
        Err(errors) => {
            errors.0.iter().for_each(|error| log::error!("{error}"));
            return Ok(Exit::Failed);
        }
    };
    exclusions.warnings(now).iter().for_each(|warning| log::warn!("{warning}"));
    print(&exclusions.rules().iter().map(|rule| format!("{rule}\n")).collect::<String>())
}

fn print(text: &str) -> anyhow::Result<Exit> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(Exit::Done)
}

/// Whoever read standard output has seen enough.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
