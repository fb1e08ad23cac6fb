//! Opens the outputs of a run.

use std::io;
use std::sync::Arc;

use super::delivery::SpooledOutput;
use super::event::EventReporter;
use super::fan_out::{FanOut, NamedOutput};
use super::lines::LineOutput;
use super::progress::{Progress, Waiter};
use super::queued::QueuedOutput;
use super::sink::{LogFile, OpenedFile, StandardOutput};
use super::spool::folders_with_alerts;
use super::{Event, EventHandler, LineFormatter, Mode, Output, OutputError, Sensor, Sink, SpoolSettings, Target};

/// Opens all targets and combines them into one output.
///
/// Everything that can be checked is checked here, before the run begins. An unreachable receiver
/// is not an error; it is reported to `handler`. Without a spool, alerts for receivers wait in
/// memory.
pub fn open(
    targets: &[Target],
    sensor: &Sensor,
    mode: Mode,
    spool: Option<&SpoolSettings>,
    handler: &EventHandler,
) -> Result<Box<dyn Output>, OutputError> {
    open_with(targets, sensor, mode, spool, handler, &mut Vec::new())
}

/// As [`open`], with files that are open already. Those of the targets are taken from `opened`.
pub fn open_with(
    targets: &[Target],
    sensor: &Sensor,
    mode: Mode,
    spool: Option<&SpoolSettings>,
    handler: &EventHandler,
    opened: &mut Vec<OpenedFile>,
) -> Result<Box<dyn Output>, OutputError> {
    for (index, target) in targets.iter().enumerate() {
        if targets[..index].iter().any(|other| other.to_string() == target.to_string()) {
            return Err(OutputError::Target { name: target.to_string(), why: "is named twice".to_owned() });
        }
    }
    if let Some(spool) = spool {
        report_orphans(spool, targets, handler)?;
    }
    // Each alert goes to the receivers' spools first: an alert that any other output shows must
    // survive a crash.
    let (receivers, files): (Vec<_>, Vec<_>) = targets.iter().partition(|target| target.is_receiver());
    let outputs = receivers.into_iter().chain(files).map(|target| {
        Ok(NamedOutput {
            name: target.to_string(),
            is_standard_output: matches!(target, Target::StandardOutput(_)),
            output: open_target(target, sensor, mode, spool, handler, opened)?,
        })
    });
    Ok(Box::new(FanOut::new(outputs.collect::<Result<_, OutputError>>()?, mode, handler.clone())))
}

fn open_target(
    target: &Target,
    sensor: &Sensor,
    mode: Mode,
    spool: Option<&SpoolSettings>,
    handler: &EventHandler,
    opened: &mut Vec<OpenedFile>,
) -> Result<Box<dyn Output>, OutputError> {
    Ok(match target {
        Target::StandardOutput(format) => {
            let name = target.to_string();
            let open = |waiter| StandardOutput::open(waiter).map_err(|error| OutputError::Write { name, error });
            open_lines(target, mode, format.formatter(sensor), handler, open)?
        }
        Target::File(path, format) => {
            let file = opened.iter().position(|file| file.path() == path).map(|at| opened.swap_remove(at));
            open_lines(target, mode, format.formatter(sensor), handler, |waiter| match file {
                Some(file) => Ok(LogFile::new(file, mode, waiter)),
                None => LogFile::open(path, mode, waiter),
            })?
        }
        Target::Receiver(receiver) => Box::new(SpooledOutput::open(receiver, sensor, mode, spool, handler)?),
    })
}

/// Opens an output of lines. In a live run it writes on a thread of its own; a replay waits for it.
fn open_lines<S: Sink + 'static>(
    target: &Target,
    mode: Mode,
    formatter: Box<dyn LineFormatter>,
    handler: &EventHandler,
    open: impl FnOnce(Waiter) -> Result<S, OutputError>,
) -> Result<Box<dyn Output>, OutputError> {
    let name = target.to_string();
    let progress = Arc::new(Progress::new());
    Ok(match mode {
        Mode::Live => {
            let sink = open(Waiter::watched(progress.clone()))?;
            Box::new(QueuedOutput::start(name, target.thread_name(), sink, progress, formatter)?)
        }
        Mode::Replay | Mode::Follow => {
            let reporter = EventReporter { name: name.clone(), handler: handler.clone() };
            let sink = open(Waiter::of_replay(progress.clone(), reporter))?;
            Box::new(LineOutput::new(name, sink, formatter).with_progress(progress))
        }
    })
}

/// Reports alerts that wait for a receiver that is not among the targets. The operator may have
/// changed the receiver's name.
fn report_orphans(spool: &SpoolSettings, targets: &[Target], handler: &EventHandler) -> Result<(), OutputError> {
    let folders = match folders_with_alerts(&spool.folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        folders => folders.map_err(|error| OutputError::Spool { folder: spool.folder.clone(), error })?,
    };
    let own: Vec<_> = targets
        .iter()
        .filter_map(Target::receiver)
        .map(|receiver| spool.folder.join(receiver.spool_folder_name()))
        .collect();
    for folder in folders.into_iter().filter(|folder| !own.contains(folder)) {
        handler("spool", Event::OrphanedSpool { folder });
    }
    Ok(())
}
