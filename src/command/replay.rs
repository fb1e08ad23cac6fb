//! `rattap replay` of captures that end.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{process, thread};

use anyhow::Context;
use rattap::alert::Evidence;
use rattap::capture::{FileSource, Filter, Input, Inputs};
use rattap::carve::EvidenceCarver;
use rattap::output::{Mode, Monitor, NameList, OutputStatus, SharedTally, Target};
use rattap::sensor::{Control, Event, InForce, Run};

use crate::command::ending::{Ending, InputProblems};
use crate::command::plan;
use crate::command::reports::OpenReports;
use crate::command::signals::{self, StopFlag};
use crate::command::terminal::console::Console;
use crate::command::terminal::exit_code::Exit;
use crate::command::terminal::summary::{self, RunKind};

/// The number of passed-over files in folders that are logged one by one. A folder may be full of
/// them.
const MAX_PASSED_OVER_LOGGED: usize = 10;

/// The time that a run has to end after Ctrl-C. Then it is ended: it may be waiting for input.
const END_PATIENCE: Duration = Duration::from_secs(3);

/// Replays captures to their end.
pub fn run(replay: plan::Replay, console: &Console) -> anyhow::Result<Exit> {
    let mut problems = InputProblems::default();
    let inputs = Inputs::expand(&replay.paths, &mut |error| problems.log(&error));
    for passed_over in inputs.passed_over.iter().take(MAX_PASSED_OVER_LOGGED) {
        log::warn!("{passed_over}");
    }
    if let Some(more @ 1..) = inputs.passed_over.len().checked_sub(MAX_PASSED_OVER_LOGGED) {
        log::warn!("{more} more files in the folders are passed over");
    }
    if inputs.list.contains(&Input::Stdin) && io::stdin().is_terminal() {
        log::warn!(
            "-: standard input is a terminal; waiting for a capture (tcpdump -w - | rattap replay -); Ctrl-C ends"
        );
    }
    replay.check_captures(&inputs)?;
    let run = replay.run;
    let exclusions = run.exclusions();
    // These change no file before the replay has ended, so their errors come before any file is
    // emptied.
    let carving = match &replay.carve {
        Some(path) => {
            let filter = run.filter.as_ref().map(Filter::duplicate).transpose()?;
            Some(EvidenceCarver::open(path, inputs.list.clone(), filter, replay.window).context("--carve")?)
        }
        None => None,
    };
    let reports = OpenReports::open(replay.reports, &inputs.list)?;
    let mut output = run.open_outputs(Mode::Replay, &console.log_output_events())?;
    let monitors = output.monitors();
    let tally = run.prints_table.then(SharedTally::default);
    if let Some(tally) = &tally {
        output = tally.observe(output);
    }
    if let Some(reports) = &reports {
        output = reports.collect(output);
    }
    let names = replay.names.as_deref().map(|names| NameList::open(names, Mode::Replay)).transpose()?;
    let files = FileSource::new(inputs.list, run.filter).within(replay.window);
    let bytes_read = files.progress();
    // On the same terminal a progress bar would be torn apart by lines.
    let has_lines = run.outputs.iter().any(|output| matches!(output, Target::StandardOutput(_)));
    if !(has_lines && io::stdout().is_terminal()) {
        console.start_progress(inputs.total);
    }
    let control = Control::new(InForce { indicators: run.indicators, exclusions: exclusions.clone() });
    let is_stopped = signals::listen_for_stop().context("cannot listen for signals")?;
    let has_ended = Arc::new(AtomicBool::new(false));
    end_early(is_stopped, &control, monitors, has_ended.clone()).context("cannot wait for signals")?;
    let watch = &mut |event| match event {
        Event::Problem(error) => problems.log(&error),
        Event::Tick { alerts } => console.update_progress(&bytes_read, alerts),
        // A failed output ends the run, and its error is in the outcome.
        Event::OutputFails(_) | Event::OutputWorks => (),
    };
    let outcome = Run::controlled(&control, &run.settings)
        .names(names)
        .carve_index(carving.as_ref().map(EvidenceCarver::index))
        .start(Box::new(files), output, watch);
    has_ended.store(true, Ordering::Relaxed);
    console.end_progress();
    let mut ending = Ending::new(outcome.totals, outcome.output, problems);
    if outcome.is_canceled {
        log::warn!("interrupted: the rest of the input was not read; reports and evidence are not written");
        ending.print_summary(RunKind::Replay, console, &exclusions, outcome.examined_in);
        ending.exit(false);
        return Ok(Exit::Interrupted);
    }
    // Before the reports, which name the file.
    let carved = carving.zip(outcome.evidence).map(|(carving, evidence)| carve(carving, &evidence));
    let evidence = replay.carve.as_deref().filter(|_| carved.as_ref().is_some_and(|carved| carved.summary.is_some()));
    if let Some(reports) = reports
        && !reports.write(&ending, &exclusions, evidence)
    {
        ending.fail();
    }
    if let Some(tally) = &tally {
        console.print_table(tally, run.color);
    }
    ending.print_summary(RunKind::Replay, console, &exclusions, outcome.examined_in);
    if let Some(Carved { summary, is_complete }) = carved {
        summary.iter().for_each(|summary| console.print(summary));
        if !is_complete {
            ending.fail();
        }
    }
    Ok(ending.exit(replay.has_alerts_exit_code))
}

/// After a signal, ends the run: it reads no more and no longer waits for outputs.
fn end_early(
    is_stopped: StopFlag,
    control: &Control,
    monitors: Vec<Monitor>,
    has_ended: Arc<AtomicBool>,
) -> io::Result<()> {
    let control = control.clone();
    signals::after_stop(is_stopped, Duration::ZERO, move || {
        control.cancel();
        monitors.iter().for_each(Monitor::stop_waiting);
        thread::sleep(END_PATIENCE);
        if has_ended.load(Ordering::Relaxed) {
            return;
        }
        for OutputStatus { name, waiting, .. } in monitors.iter().map(Monitor::status) {
            if waiting > 0 {
                log::error!("{name}: {waiting} alerts are not delivered; with --spool the next run sends them");
            }
        }
        process::exit(Exit::Interrupted as i32);
    })
}

/// The result of writing the evidence.
struct Carved {
    /// A line that says how much it is. `None` if the file could not be written.
    summary: Option<String>,
    /// False if there was any error.
    is_complete: bool,
}

/// Writes the evidence. Logs errors.
fn carve(carving: EvidenceCarver, evidence: &Evidence) -> Carved {
    let mut is_complete = true;
    let carved = carving.finish(evidence, &mut |error| {
        is_complete = false;
        log::error!("--carve {error}");
    });
    let summary = match carved {
        Ok(carved) => Some(summary::carved(&carved, evidence)),
        Err(error) => {
            is_complete = false;
            log::error!("--carve {error}");
            None
        }
    };
    Carved { summary, is_complete }
}
