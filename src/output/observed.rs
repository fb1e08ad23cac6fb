//! An output whose alerts are observed on their way.

use super::{Monitor, Output, OutputError};
use crate::alert::Alert;

/// Passes everything on to another output. After each alert it calls `observe` with the alert, also
/// if an exclusion suppresses it or if the write failed.
pub struct ObservedOutput<F> {
    output: Box<dyn Output>,
    observe: F,
}

impl<F: FnMut(&Alert) + Send> ObservedOutput<F> {
    /// Observes the alerts that go to `output`.
    pub fn new(output: Box<dyn Output>, observe: F) -> Self {
        Self { output, observe }
    }
}

impl<F: FnMut(&Alert) + Send> Output for ObservedOutput<F> {
    fn write(&mut self, alert: &Alert) -> Result<(), OutputError> {
        let written = self.output.write(alert);
        (self.observe)(alert);
        written
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        self.output.flush()
    }

    fn reopen(&mut self) -> Result<(), OutputError> {
        self.output.reopen()
    }

    fn close(self: Box<Self>) -> Result<(), OutputError> {
        self.output.close()
    }

    fn monitors(&self) -> Vec<Monitor> {
        self.output.monitors()
    }
}
