//! The audit file: alerts that exclusions suppress are written there.
//!
//! The file has the same lines that the alerts would have had, in their order and with their
//! identifiers. So nothing about a suppressed alert is lost, and the sum of `cnt` over all lines is
//! the number of suppressed sightings. If a rule turns out to be wrong, its lines can be sent
//! later.

use std::thread;

use super::{Monitor, Output, OutputError};
use crate::alert::Alert;

/// Separates suppressed alerts from the others.
pub struct Audited {
    alerts: Box<dyn Output>,
    audit: Option<Box<dyn Output>>,
}

impl Audited {
    /// Alerts go to `alerts`. Suppressed alerts go to `audit` if there is one, and are discarded if
    /// not.
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
        // Both are flushed, even if one fails.
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
        let Self { alerts, audit } = *self;
        // At the same time, because each may wait for its reader.
        thread::scope(|scope| {
            let audited = scope.spawn(|| audit.map_or(Ok(()), |audit| audit.close()));
            let closed = alerts.close();
            closed.and(audited.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }
}
