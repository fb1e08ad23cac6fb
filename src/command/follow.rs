//! The run of a replay that follows a folder: until a signal stops it.

use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::Context;
use rattap::capture::{CaptureError, Files, Follow};
use rattap::output::{Mode, NameList, OutputError, SharedTally};
use rattap::sensor::{self, Control, Event, InForce};

use crate::command::live::Signals;
use crate::command::plan;
use crate::command::terminal::console::Console;
use crate::command::terminal::exit_code::Exit;
use crate::command::terminal::summary;

/// Runs until a signal stops it.
pub fn follow(replay: plan::Replay, console: &Console) -> anyhow::Result<Exit> {
    let plan::Replay { run, window, .. } = replay;
    let plan::Followed { folder, state } = replay.follow.context("no folder to follow")?;
    let signals = Signals::listen().context("signals cannot be listened to")?;
    let exclusions = run.settings.track.exclusions.clone();
    let tally = replay.shows_summary.then(SharedTally::default);
    let opened = run.open_outputs(Mode::Follow)?;
    let output = match &tally {
        Some(tally) => tally.observe(opened),
        None => opened,
    };
    let names = replay.names.as_deref().map(|names| NameList::open(names, Mode::Follow)).transpose()?;
    let control = Control::new(InForce { indicators: run.indicators, exclusions: exclusions.clone() });
    let files = Files::new(Vec::new(), run.filter).within(window);
    let gathered = run.settings.track.repeat_window;
    let source = Follow::open(&folder, &state, files, gathered, control.source_stop())?;
    let journal = source.journal();
    log::info!("following {}; what was read is kept in {}", folder.display(), state.display());
    let began = Instant::now();
    let mut problems = 0u64;
    let mut problem = |error: CaptureError| {
        problems += 1;
        log::error!("{error}");
    };
    let mut is_stopping = false;
    let mut outcome =
        sensor::run_stoppable(Box::new(source), &control, &run.settings, output, names, &mut |event| match event {
            Event::Problem(error) => problem(error),
            Event::Tick { .. } => {
                if signals.reload.swap(false, Ordering::Relaxed) {
                    control.reopen_outputs();
                }
                if signals.stop.swap(false, Ordering::Relaxed) && !is_stopping {
                    is_stopping = true;
                    log::info!("stopping when the capture that is being read has ended");
                    control.stop();
                }
            }
            Event::OutputFails(error) => log::error!("{error}"),
            Event::OutputWorks => (),
        });
    let is_closed_pipe = outcome.output.as_ref().is_err_and(OutputError::is_closed_pipe);
    if is_closed_pipe {
        // Nobody misses them.
        outcome.totals.alerts_lost = 0;
    }
    if outcome.output.is_ok()
        && let Err(error) = journal.settle()
    {
        problem(CaptureError::State { path: state, error });
    }
    if let Some(tally) = tally {
        console.show(&tally);
    }
    console.say(&summary::text(&outcome.totals, &exclusions, problems, began.elapsed()));
    Ok(match outcome.output {
        Err(error) if !is_closed_pipe => {
            log::error!("{error}");
            Exit::Failed
        }
        _ if problems > 0 => Exit::Failed,
        _ if replay.tells_alerts_by_exit_code && outcome.totals.alerts_written > 0 => Exit::Alerts,
        _ => Exit::Done,
    })
}
