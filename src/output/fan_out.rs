//! Every alert to every output.

use std::thread;

use super::{Event, Form, Mode, Monitor, Output, OutputError, Report, Target};
use crate::alert::Alert;

/// Several outputs as one. In a replay an error of one is the error of all. In a live run it is told, once until that output
/// works again, and the others go on.
pub struct FanOut {
    outputs: Vec<Branch>,
    mode: Mode,
    report: Report,
}

struct Branch {
    name: String,
    /// Its reader goes away for good; that of a named pipe may come back.
    is_standard_output: bool,
    output: Box<dyn Output>,
    monitors: Vec<Monitor>,
    /// Where it fails: how many alerts it had lost before.
    failed: Option<u64>,
    /// How many alerts it had lost when all was well.
    lost: u64,
}

impl Branch {
    /// Tells where it works again.
    fn look(&mut self, report: &Report) {
        let states = self.monitors.iter().map(Monitor::status);
        let (lost, works) =
            states.fold((0, true), |(lost, works), state| (lost + state.lost, works && state.is_connected));
        if let Some(before) = self.failed
            && works
        {
            self.failed = None;
            report(&self.name, Event::Recovered { lost: lost - before });
        }
        if self.failed.is_none() {
            self.lost = lost;
        }
    }
}

impl FanOut {
    /// All of `outputs`, with the names by which reports call them.
    pub fn new(outputs: Vec<(String, Box<dyn Output>)>, mode: Mode, report: Report) -> Self {
        let branch = |(name, output): (String, Box<dyn Output>)| {
            let monitors = output.monitors();
            let is_standard_output = name == Target::StandardOutput(Form::Cef).to_string();
            Branch { name, is_standard_output, output, monitors, failed: None, lost: 0 }
        };
        Self { outputs: outputs.into_iter().map(branch).collect(), mode, report }
    }

    /// Has every output do something, whatever the others do.
    fn each(&mut self, act: impl Fn(&mut dyn Output) -> Result<(), OutputError>) -> Result<(), OutputError> {
        let mut first = Ok(());
        let mut closed = None;
        for (index, branch) in self.outputs.iter_mut().enumerate() {
            match act(branch.output.as_mut()) {
                Ok(()) => {}
                Err(error) if error.is_closed_pipe() && (self.mode != Mode::Live || branch.is_standard_output) => {
                    closed = Some((index, error));
                }
                Err(error) if self.mode != Mode::Live => first = first.and(Err(error)),
                Err(error) => {
                    if branch.failed.is_none() {
                        branch.failed = Some(branch.lost);
                        (self.report)(&branch.name, Event::Failed(error));
                    }
                }
            }
        }
        if let Some((index, error)) = closed {
            // Whoever read it has seen enough; others may not have.
            self.outputs.remove(index);
            if self.outputs.is_empty() {
                return Err(error);
            }
        }
        first
    }
}

impl Output for FanOut {
    fn write(&mut self, alert: &Alert) -> Result<(), OutputError> {
        self.each(|output| output.write(alert))
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        self.each(|output| output.flush())?;
        if self.mode == Mode::Live {
            self.outputs.iter_mut().for_each(|branch| branch.look(&self.report));
        }
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), OutputError> {
        self.each(|output| output.reopen())
    }

    /// All at once: each may wait for its receiver.
    fn close(self: Box<Self>) -> Result<(), OutputError> {
        let Self { outputs, mode, report } = *self;
        let closed: Vec<_> = thread::scope(|scope| {
            let closing: Vec<_> =
                outputs.into_iter().map(|branch| (branch.name, scope.spawn(move || branch.output.close()))).collect();
            let joined = |(name, thread): (_, thread::ScopedJoinHandle<'_, _>)| {
                (name, thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            };
            closing.into_iter().map(joined).collect()
        });
        let mut worst = Ok(());
        for (name, result) in closed {
            match result {
                Err(error) if mode == Mode::Live => report(&name, Event::Failed(error)),
                Err(error) if worst.as_ref().err().is_none_or(OutputError::is_closed_pipe) => worst = Err(error),
                _ => {}
            }
        }
        worst
    }

    fn monitors(&self) -> Vec<Monitor> {
        self.outputs.iter().flat_map(|branch| branch.output.monitors()).collect()
    }
}
