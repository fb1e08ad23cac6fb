//! Several outputs combined into one.

use std::{mem, thread};

use super::{Event, EventHandler, Mode, Monitor, Output, OutputError};
use crate::alert::Alert;

/// Passes every alert to every output. In a replay the failure of one output is the failure of all.
/// In a live run a failure, or an output that takes nothing, is reported once until that output
/// works again, and the others continue.
pub struct FanOut {
    branches: Vec<Branch>,
}

/// An output with the name that messages show.
pub struct NamedOutput {
    pub name: String,
    /// Standard output cannot be opened again: once its reader has exited, it stays closed. A named
    /// pipe may get a new reader.
    pub is_standard_output: bool,
    pub output: Box<dyn Output>,
}

/// One of the outputs, with everything that is needed to run it independently of the others.
struct Branch {
    name: String,
    is_standard_output: bool,
    output: Box<dyn Output>,
    monitors: Vec<Monitor>,
    mode: Mode,
    handler: EventHandler,
    /// The reports since the output worked last.
    reported: Reported,
    /// Alerts that were lost when the output worked last.
    lost: u64,
}

/// The conditions of an output that were reported.
#[derive(Debug, Default, PartialEq, Eq)]
struct Reported {
    failure: bool,
    stall: bool,
}

impl Branch {
    fn new(output: NamedOutput, mode: Mode, handler: EventHandler) -> Self {
        let NamedOutput { name, is_standard_output, output } = output;
        let monitors = output.monitors();
        Self { name, is_standard_output, output, monitors, mode, handler, reported: Reported::default(), lost: 0 }
    }

    /// Runs one operation. An error ends this output, or the whole run; other failures are
    /// reported.
    fn run(&mut self, operation: impl Fn(&mut dyn Output) -> Result<(), OutputError>) -> Result<(), OutputError> {
        let Err(error) = operation(self.output.as_mut()) else { return Ok(()) };
        if self.mode.stops_on_failure() || (error.is_closed_pipe() && self.is_standard_output) {
            return Err(error);
        }
        if !mem::replace(&mut self.reported.failure, true) {
            (self.handler)(&self.name, Event::Failed(error));
        }
        Ok(())
    }

    /// Reports if an output of a live run is stalled, and if it works again after that or a
    /// failure.
    fn check_state(&mut self) {
        if self.mode.stops_on_failure() {
            return;
        }
        let (mut lost, mut works, mut is_stalled) = (0, true, false);
        for status in self.monitors.iter().map(Monitor::status) {
            lost += status.lost;
            works &= status.is_connected;
            is_stalled |= status.is_stalled;
        }
        if is_stalled && !mem::replace(&mut self.reported.stall, true) {
            (self.handler)(&self.name, Event::Stalled);
        }
        if works && mem::take(&mut self.reported) != Reported::default() {
            (self.handler)(&self.name, Event::Recovered { lost: lost - self.lost });
        }
        if works {
            self.lost = lost;
        }
    }
}

impl FanOut {
    /// Combines `outputs`.
    pub fn new(outputs: Vec<NamedOutput>, mode: Mode, handler: EventHandler) -> Self {
        Self { branches: outputs.into_iter().map(|output| Branch::new(output, mode, handler.clone())).collect() }
    }

    /// Runs one operation on every output, even if one fails.
    fn run_all(&mut self, operation: impl Fn(&mut dyn Output) -> Result<(), OutputError>) -> Result<(), OutputError> {
        let mut first_error = Ok(());
        let mut closed = None;
        for (index, branch) in self.branches.iter_mut().enumerate() {
            match branch.run(&operation) {
                Ok(()) => {}
                Err(error) if error.is_closed_pipe() => closed = Some((index, error)),
                Err(error) => first_error = first_error.and(Err(error)),
            }
        }
        if let Some((index, error)) = closed {
            // Its reader has exited. The other outputs continue.
            self.branches.remove(index);
            if self.branches.is_empty() {
                return Err(error);
            }
        }
        first_error
    }
}

impl Output for FanOut {
    fn write(&mut self, alert: &Alert) -> Result<(), OutputError> {
        self.run_all(|output| output.write(alert))
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        self.run_all(|output| output.flush())?;
        self.branches.iter_mut().for_each(Branch::check_state);
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), OutputError> {
        self.run_all(|output| output.reopen())
    }

    /// Closes all outputs at the same time, because each may wait for its receiver.
    fn close(self: Box<Self>) -> Result<(), OutputError> {
        let closed: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = self
                .branches
                .into_iter()
                .map(|Branch { name, output, mode, handler, reported, .. }| {
                    scope.spawn(move || match output.close() {
                        // Failed writes were reported when they began.
                        Err(OutputError::Write { .. }) if !mode.stops_on_failure() && reported.failure => Ok(()),
                        Err(error) if !mode.stops_on_failure() => {
                            handler(&name, Event::Failed(error));
                            Ok(())
                        }
                        result => result,
                    })
                })
                .collect();
            let join = |thread: thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            threads.into_iter().map(join).collect()
        });
        // A closed pipe is returned only if nothing worse happened.
        let mut worst = Ok(());
        for error in closed.into_iter().filter_map(Result::err) {
            if worst.as_ref().err().is_none_or(OutputError::is_closed_pipe) {
                worst = Err(error);
            }
        }
        worst
    }

    fn monitors(&self) -> Vec<Monitor> {
        self.branches.iter().flat_map(|branch| branch.output.monitors()).collect()
    }
}
