//! The `rattap` command: arguments → run → exit code.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use clap::Parser;
use rattap::capture::{CaptureError, Files, Inputs, interfaces};
use rattap::output::{self, Begin, Cef, OutputError, Tallied, Tally};
use rattap::sensor::{self, Event};

mod cli;
mod config;
mod console;
mod exit_code;
mod follow;
mod hunting;
mod listing;
mod live;
mod summary;
mod systemd;
mod table;

use cli::{Cli, Command, IndicatorsCommand};
use console::{Console, Kind};
use exit_code::Exit;

fn main() -> Exit {
    let cli = Cli::parse();
    let kind = match &cli.command {
        Command::Live(_) => Kind::Service,
        Command::Replay(args) if args.follow.is_some() => Kind::Service,
        _ => Kind::Command,
    };
    let console = Console::start(kind, cli.verbose, cli.quiet);
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
        Command::Replay(args) if args.follow.is_some() => follow::follow(config::Replay::new(args)?, console),
        Command::Replay(args) => replay(config::Replay::new(args)?, console),
        Command::Live(args) => live::live(config::Live::new(args)?, console),
        Command::Indicators(IndicatorsCommand::List { indicators, json }) => {
            let set = config::indicators(&indicators)?;
            let text = if json { listing::indicators_json(&set)? } else { listing::indicators_table(&set) };
            print(&text)
        }
        Command::Hunt(args) => {
            let set = config::indicators(&args.indicators)?;
            print(&hunting::text(&set, args.format, &args.only)?)
        }
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
    let run = replay.run;
    config::check_output(&run.output, &inputs)?;
    let output = output::open(&run.output, Cef::new(run.sensor), Begin::Anew)?;
    let tally = replay.shows_summary.then(|| Arc::new(Mutex::new(Tally::default())));
    let output = match &tally {
        Some(tally) => Box::new(Tallied::new(output, tally.clone())),
        None => output,
    };
    let files = Files::new(inputs.list, run.filter).within(replay.window);
    let read = files.progress();
    console.begin(inputs.total);
    let started = Instant::now();
    let mut outcome = sensor::run(Box::new(files), run.indicators, &run.settings, output, &mut |event| match event {
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
    if let Some(tally) = tally {
        console.show(&tally);
    }
    console.say(&summary::text(totals, problems, started.elapsed()));
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
