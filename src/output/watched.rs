//! An output with somebody who looks at each alert on its way.

use super::{Monitor, Output, OutputError};
use crate::alert::Alert;

/// Hands everything on, and shows each alert, with those that exclusions suppress, to `look` once it was handed on.
pub struct Watched<F> {
    output: Box<dyn Output>,
    look: F,
}

impl<F: FnMut(&Alert) + Send> Watched<F> {
    /// In front of `output`.
    pub fn new(output: Box<dyn Output>, look: F) -> Self {
        Self { output, look }
    }
}

impl<F: FnMut(&Alert) + Send> Output for Watched<F> {
    fn write(&mut self, alert: &Alert) -> Result<(), OutputError> {
        let written = self.output.write(alert);
        (self.look)(alert);
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
