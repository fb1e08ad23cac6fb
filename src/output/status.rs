//! The state of an output, for metrics and for the health check.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::units::ByteCount;

/// The state of one output at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputStatus {
    /// A file's path, `standard output`, or a receiver's URL such as `tcp://log.example:514`.
    pub name: String,
    /// True for a receiver: its alerts wait in a spool.
    pub is_receiver: bool,
    /// Alerts that were written to the file or accepted by the receiver, since the start.
    pub sent: u64,
    /// Alerts that were lost, since the start.
    pub lost: u64,
    /// Alerts that the receiver has not accepted yet.
    pub waiting: u64,
    /// The size of the spool, on disk and in memory. Alerts that were sent stay in the spool until
    /// they are known to have arrived.
    pub spool: ByteCount,
    /// The part of the spool that is in memory only. It is lost if the process is killed.
    pub in_memory: ByteCount,
    /// True if the spool cannot be written to the disk.
    pub spool_fails: bool,
    /// The time of the oldest alert that is waiting.
    pub oldest_waiting: Option<Timestamp>,
    /// True if alerts wait and the output has accepted none for some seconds, although it is open
    /// or connected.
    pub is_stalled: bool,
    /// True if the output accepts alerts.
    pub is_connected: bool,
}

/// Shows the state of one output from any thread, also after the output was closed.
#[derive(Clone)]
pub struct Monitor {
    status: Arc<dyn Fn() -> OutputStatus + Send + Sync>,
    stop_waiting: Arc<dyn Fn() + Send + Sync>,
}

impl Monitor {
    pub(super) fn new(status: impl Fn() -> OutputStatus + Send + Sync + 'static) -> Self {
        Self { status: Arc::new(status), stop_waiting: Arc::new(|| ()) }
    }

    /// Adds what ends the output's waits.
    #[must_use]
    pub(super) fn with_stop(mut self, stop_waiting: impl Fn() + Send + Sync + 'static) -> Self {
        self.stop_waiting = Arc::new(stop_waiting);
        self
    }

    /// Returns the current state.
    pub fn status(&self) -> OutputStatus {
        (self.status)()
    }

    /// Ends the waits of an output of a replay, now and later: for a receiver that takes no alerts,
    /// for room in its spool, or for the reader of a pipe. What it has not taken stays in the spool
    /// or is lost, and is reported when the output is closed. An output of a live run ends its
    /// waits itself.
    pub fn stop_waiting(&self) {
        (self.stop_waiting)();
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Monitor").field(&self.status()).finish()
    }
}
