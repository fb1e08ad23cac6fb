//! The `rattap` command: arguments → run → exit code.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use clap::FromArgMatches;
use rattap::alert::Evidence;
use rattap::alert::exclusion::Exclusions;
use rattap::capture::{CaptureError, Files, Filter, Inputs, interfaces};
use rattap::carve::Carving;
use rattap::output::{Mode, NameList, OutputError, SharedTally};
use rattap::report::Problems;
use rattap::sensor::{self, Event, Extras};

mod command;

use command::args::{Cli, Command, ConfigCommand, ExclusionsCommand, IndicatorsCommand, LiveArgs};
use command::settings::{self, LoadError, Origins};
use command::terminal::console::{self, Console, Kind};
use command::terminal::exit_code::Exit;
use command::terminal::{listing, summary};
use command::{documents, follow, hunt, indicators, live, plan, reports};

fn main() -> Exit {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let (cli, origins) = match settings::load(&arguments) {
        Ok(loaded) => loaded,
        Err(LoadError::Arguments(error)) => error.exit(),
        Err(LoadError::File(problems)) => {
            console::fail(&problems.into());
            return Exit::Usage;
        }
    };
    let kind = match &cli.command {
        Command::Live(_) => Kind::Service,
        Command::Replay(args) if args.follow.is_some() => Kind::Service,
        _ => Kind::Command,
    };
    let console = Console::start(kind, cli.verbose, cli.quiet);
    match run(cli, &origins, &console) {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => Exit::Done,
        Err(error) => {
            console::fail(&error);
            Exit::Usage
        }
    }
}

/// An error is a wrong usage or setting: whatever goes wrong with the work itself has its own exit code.
fn run(cli: Cli, origins: &Origins, console: &Console) -> anyhow::Result<Exit> {
    match cli.command {
        Command::Replay(args) if args.follow.is_some() => follow::follow(plan::Replay::new(*args, origins)?, console),
        Command::Replay(args) => replay(plan::Replay::new(*args, origins)?, console),
        Command::Live(args) => live::live(plan::Live::new(*args, origins)?, console),
        Command::Config(ConfigCommand::Check { file }) => print(&check(&file)?),
        Command::ReportSchema => print(&reports::schema()?),
        Command::Man { into: Some(folder), .. } => documents::write_manual(&folder).map(|()| Exit::Done),
        Command::Man { page, into: None } => print(&documents::manual_page(page.as_deref())?),
        Command::Completions { shell } => print(&documents::completions(shell)),
        Command::Indicators(IndicatorsCommand::List { config: _, indicators, json }) => {
            let set = plan::load_indicators(indicators, origins)?.set;
            let text = if json { listing::indicators_json(&set)? } else { listing::indicators_table(&set) };
            print(&text)
        }
        Command::Indicators(IndicatorsCommand::Check { paths, rules, strict }) => {
            let checked = indicators::check(&plan::feed_settings(paths, rules));
            print(&checked.text)?;
            Ok(if checked.has_errors || (strict && checked.has_warnings) { Exit::Failed } else { Exit::Done })
        }
        Command::Hunt(args) => {
            let set = plan::load_indicators(args.indicators, origins)?.set;
            print(&hunt::text(&set, args.format, &args.only)?)
        }
        Command::Exclusions(ExclusionsCommand::Check { files }) => check_exclusions(&files),
        Command::Interfaces => print(&listing::interfaces_table(&interfaces()?)),
    }
}

fn replay(replay: plan::Replay, console: &Console) -> anyhow::Result<Exit> {
    let mut problems = 0u64;
    let mut noted = Problems::default();
    let mut problem = |error: CaptureError| {
        problems += 1;
        noted.note(&error);
        log::error!("{error}");
    };
    let inputs = Inputs::expand(&replay.paths, &mut problem);
    let run = replay.run;
    let beside = [("--names", &replay.names), ("--carve", &replay.carve)];
    let beside = beside.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?)));
    run.files().chain(beside).try_for_each(|(option, path)| plan::check_output(option, path, &inputs))?;
    let reports = replay.reports;
    reports.check_inputs(&inputs)?;
    let tally = replay.shows_summary.then(SharedTally::default);
    let opened = run.open_outputs(Mode::Replay)?;
    let output = match &tally {
        Some(tally) => tally.observe(opened),
        None => opened,
    };
    let carving = match &replay.carve {
        Some(path) => {
            let filter = run.filter.as_ref().map(Filter::again).transpose()?;
            Some(Carving::open(path, inputs.list.clone(), filter, replay.window).context("--carve")?)
        }
        None => None,
    };
    let (reporting, output) = reports.open(&run, &inputs.list, output)?;
    let names = replay.names.as_deref().map(|names| NameList::open(names, Mode::Replay)).transpose()?;
    let exclusions = run.settings.track.exclusions.clone();
    let files = Files::new(inputs.list, run.filter).within(replay.window);
    let read = files.progress();
    console.begin(inputs.total);
    let started = Instant::now();
    let keeps = Extras { names, index: carving.as_ref().map(Carving::index) };
    let mut outcome =
        sensor::run_and_keep(Box::new(files), run.indicators, &run.settings, output, keeps, &mut |event| match event {
            Event::Problem(error) => problem(error),
            Event::Tick { alerts } => console.progress(&read, alerts),
            // It ends the run, whose outcome tells of it.
            Event::OutputFails(_) | Event::OutputWorks => (),
        });
    console.end();
    if outcome.output.as_ref().is_err_and(OutputError::is_closed_pipe) {
        // Nobody misses them.
        outcome.totals.alerts_lost = 0;
    }
    let totals = &outcome.totals;
    let is_reported = reporting.is_none_or(|reporting| reporting.finish(&outcome, &exclusions, noted));
    if let Some(tally) = tally {
        console.show(&tally);
    }
    console.say(&summary::text(totals, &exclusions, problems, started.elapsed()));
    if let Some((carving, evidence)) = carving.zip(outcome.evidence) {
        problems += carve(carving, &evidence, console);
    }
    Ok(match outcome.output {
        Err(error) if !error.is_closed_pipe() => {
            log::error!("{error}");
            Exit::Failed
        }
        _ if problems > 0 || !is_reported => Exit::Failed,
        _ if replay.tells_alerts_by_exit_code && totals.alerts_written > 0 => Exit::Alerts,
        _ => Exit::Done,
    })
}

/// Writes the evidence, and says how much it is. Returns how many problems there were.
fn carve(carving: Carving, evidence: &Evidence, console: &Console) -> u64 {
    let mut problems = 0;
    let carved = carving.finish(evidence, &mut |error| {
        problems += 1;
        log::error!("--carve {error}");
    });
    match carved {
        Ok(carved) => console.say(&summary::carved(&carved, evidence)),
        Err(error) => {
            problems += 1;
            log::error!("--carve {error}");
        }
    }
    problems
}

/// Rules go to standard output, what is wrong with them to the log.
fn check_exclusions(files: &[PathBuf]) -> anyhow::Result<Exit> {
    let now = plan::now();
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

/// Checks a settings file as far as it can be without starting anything, and tells what is in force with it.
fn check(file: &Path) -> anyhow::Result<String> {
    let (matches, origins) = settings::check(file)?;
    let live = plan::Live::new(LiveArgs::from_arg_matches(&matches)?, &origins)?;
    Ok(format!("{}\n# {}\n", settings::in_force(&matches, &origins), live.service))
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
