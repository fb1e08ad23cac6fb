//! The interface of an output, and the modes of a run.

use super::{Monitor, OutputError};
use crate::alert::Alert;

/// Accepts alerts, one by one, in the order in which the tracker made them.
///
/// All methods are called from one thread. Each returns:
/// - `Ok(())`: no alert is lost so far.
/// - An error for which [`OutputError::is_closed_pipe`] is true: the reader at the other end of a
///   pipe has exited, as in `rattap replay … | head`. The caller ends the run without a message and
///   with success.
/// - Any other error: alerts were lost. The caller reports it, and the run fails. The output stays
///   usable: later alerts are tried, but those of the failed call are not tried again.
pub trait Output: Send {
    /// Accepts one alert. Called once for each. The output may buffer it until `flush` or `close`.
    fn write(&mut self, alert: &Alert) -> Result<(), OutputError>;

    /// Writes out everything that `write` buffered. Called whenever no other alert is waiting, so
    /// that a single alert leaves without delay, and with each heartbeat of a live source.
    fn flush(&mut self) -> Result<(), OutputError>;

    /// Closes the output's files and opens them again by name, because a program such as logrotate
    /// may have moved them. Called after `flush`. An output without files does nothing. If a file
    /// cannot be opened, the output continues with the old one.
    fn reopen(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    /// Flushes and closes. Called once, as the last method. An error that shows only on closing is
    /// returned here. An output that is dropped instead loses what it buffered. [`Mode`] bounds the
    /// time that this waits for a receiver.
    fn close(self: Box<Self>) -> Result<(), OutputError>;

    /// Returns one monitor for each output inside this one. A monitor shows the output's state from
    /// any thread.
    fn monitors(&self) -> Vec<Monitor> {
        Vec::new()
    }
}

/// The way in which a run treats its outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A replay must produce complete evidence. Files are truncated first. An output that fails
    /// ends the run. If a spool is full, the run waits for the receiver. At the end it waits as
    /// long as the receiver keeps accepting alerts, and 30 seconds after the last one.
    Replay,
    /// A replay that follows a folder. Files are appended to, because a run continues the one
    /// before it. At the end receivers get 8 seconds, because a service has to end within 10.
    /// Everything else is as with `Replay`: a capture counts as read only when its alerts have been
    /// written.
    Follow,
    /// A live sensor keeps running, and waits for no output: each has a queue or a spool, and a
    /// thread that writes what is in it. Files are appended to. Failures of outputs, and outputs
    /// that take nothing, are reported as [`Event`](super::Event)s. If a queue is full, further
    /// alerts are lost for this output; if a spool is full, the oldest. At the end each output gets
    /// 8 seconds, because the whole run has to end within 10. Alerts that a receiver has not
    /// accepted by then stay in the spool; those for other outputs are lost.
    Live,
}

impl Mode {
    /// Returns true if a failed output ends the run.
    pub(super) fn stops_on_failure(self) -> bool {
        match self {
            Self::Replay | Self::Follow => true,
            Self::Live => false,
        }
    }
}
