//! The audit file: what exclusions suppress goes there instead of to the alerts.
//!
//! It holds the very lines that the alerts would have had, in their order and with their identifiers. So nothing about what was left out
//! is lost, the sum of `cnt` over its lines is the number of suppressed sightings, and where a rule turns out wrong its lines can be
//! sent after the others.

use super::{Monitor, Output, OutputError};
use crate::alert::Alert;

/// An output of alerts that leaves out what exclusions suppress, and tells it to another, if there is one.
pub struct Audited {
    alerts: Box<dyn Output>,
    audit: Option<Box<dyn Output>>,
}

impl Audited {
    /// Alerts go to the one, what is suppressed to the other or nowhere.
    pub fn new(alerts: Box<dyn Output>, audit: Option<Box<dyn Output>>) -> Self {
        Self { alerts, audit }
    }
}

impl Output for Audited {
    fn write(&mut self, alert: &Alert) -> Result<(), OutputError> {
        match (&mut self.audit, alert.is_suppressed()) {
            (_, false) => self.alerts.write(alert),
            (Some(audit), true) => audit.write(alert),
            (None, true) => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        let audited = self.audit.as_mut().map_or(Ok(()), |audit| audit.flush());
        // Both are flushed, whatever became of the one.
        self.alerts.flush().and(audited)
    }

    fn reopen(&mut self) -> Result<(), OutputError> {
        let audited = self.audit.as_mut().map_or(Ok(()), |audit| audit.reopen());
        self.alerts.reopen().and(audited)
    }

    fn monitors(&self) -> Vec<Monitor> {
        let audit = self.audit.iter().flat_map(|audit| audit.monitors());
        self.alerts.monitors().into_iter().chain(audit).collect()
    }

    fn close(self: Box<Self>) -> Result<(), OutputError> {
        let audited = self.audit.map_or(Ok(()), |audit| audit.close());
        self.alerts.close().and(audited)
    }
}
