//! `rattap replay --follow`: a replay that reads each new capture in a folder, until a signal stops
//! it.

use std::time::{Duration, Instant};

use anyhow::Context;
use rattap::capture::{CaptureError, FileSource, FolderSource};
use rattap::output::{Mode, Monitor, NameList, SharedTally};
use rattap::sensor::{Control, Event, InForce, Run};

use crate::command::ending::{Ending, InputProblems};
use crate::command::plan;
use crate::command::signals::{self, Signals};
use crate::command::terminal::console::{Console, log_output_events};
use crate::command::terminal::exit_code::Exit;
use crate::command::terminal::summary::RunKind;

/// The time that outputs have after a signal: a service has to end within 10 seconds.
const OUTPUT_GRACE: Duration = Duration::from_secs(8);

/// Follows a folder until a signal stops it.
pub fn run(replay: plan::Replay, console: &Console) -> anyhow::Result<Exit> {
    let plan::Replay { run, window, .. } = replay;
    let plan::Follow { folder, state } = replay.follow.context("no folder to follow")?;
    let signals = Signals::listen().context("cannot listen for signals")?;
    let exclusions = run.exclusions();
    let mut output = run.open_outputs(Mode::Follow, &log_output_events())?;
    let monitors = output.monitors();
    signals::after_stop(signals.stop_flag(), OUTPUT_GRACE, move || monitors.iter().for_each(Monitor::stop_waiting))
        .context("cannot wait for signals")?;
    let tally = run.prints_table.then(SharedTally::default);
    if let Some(tally) = &tally {
        output = tally.observe(output);
    }
    let names = replay.names.as_deref().map(|names| NameList::open(names, Mode::Follow)).transpose()?;
    let control = Control::new(InForce { indicators: run.indicators, exclusions: exclusions.clone() });
    let files = FileSource::new(Vec::new(), run.filter).within(window);
    let source = FolderSource::open(&folder, &state, files, run.settings.track.repeat_window, control.source_stop())?;
    let journal = source.journal();
    log::info!("following {}; {} records which captures were read", folder.display(), state.display());
    let started = Instant::now();
    let mut problems = InputProblems::default();
    let mut is_stopping = false;
    let watch = &mut |event| match event {
        Event::Problem(error) => problems.log(&error),
        Event::Tick { .. } => {
            if signals.take_reload() {
                control.reopen_outputs();
            }
            if signals.take_stop() && !is_stopping {
                is_stopping = true;
                log::info!("stopping when the current capture has ended");
                control.stop();
            }
        }
        Event::OutputFails(error) => log::error!("{error}"),
        Event::OutputWorks => (),
    };
    let outcome = Run::controlled(&control, &run.settings).names(names).start(Box::new(source), output, watch);
    if outcome.output.is_ok()
        && let Err(error) = journal.commit_all()
    {
        problems.log(&CaptureError::WriteState { path: state, error });
    }
    let ending = Ending::new(outcome.totals, outcome.output, problems);
    if let Some(tally) = &tally {
        console.print_table(tally, run.color);
    }
    ending.print_summary(RunKind::Replay, console, &exclusions, started.elapsed());
    Ok(ending.exit(replay.has_alerts_exit_code))
}
