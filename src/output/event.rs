//! Events that outputs report while they run.
//!
//! The library does not log. The caller of [`open`](super::open) gives a handler for the events.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::OutputError;
use crate::units::ByteCount;

/// An output that has taken nothing for this long, while alerts wait for it, is stalled. A busy
/// reader pauses for less, and an operator need not wait longer to learn of it.
pub(super) const STALLED_AFTER: Duration = Duration::from_secs(5);

/// Called for each event with the output's name, from the thread in which the event happens.
///
/// The handler must return soon. It must not call a [`Monitor`](super::Monitor): the output may
/// hold the lock that the monitor needs.
pub type EventHandler = Arc<dyn Fn(&str, Event) + Send + Sync>;

/// Something that an operator should know. A condition is reported once, when it begins, unless its
/// documentation says otherwise.
#[derive(Debug, Error)]
pub enum Event {
    /// The receiver accepts alerts.
    #[error("connected")]
    Connected,
    /// The receiver does not accept alerts. They wait, and the sender keeps trying.
    #[error("not connected: {reason}; alerts wait until they can be sent, and the connection is tried again")]
    Disconnected {
        /// The error of the last attempt.
        reason: String,
    },
    /// An earlier run left alerts in the spool. They are sent first.
    #[error("{alerts} alerts of an earlier run are in the spool and are sent first")]
    Leftover {
        /// The number of alerts.
        alerts: u64,
    },
    /// The spool holds alerts for a receiver that is not among the outputs. They stay there.
    #[error("{}: alerts wait there for a receiver that is not among the outputs; name it with -o to send them", folder.display())]
    OrphanedSpool {
        /// The receiver's folder in the spool.
        folder: PathBuf,
    },
    /// The process or the machine died while it wrote the last alert. The incomplete record was cut
    /// off.
    #[error("{}: byte {}: cut off {bytes} of an incomplete alert, which was being written when the process or the machine died", file.display(), offset.0)]
    TornRecord {
        /// The segment file.
        file: PathBuf,
        /// The end of the last complete alert.
        offset: ByteCount,
        /// The number of bytes that were cut off.
        bytes: ByteCount,
    },
    /// A segment file is damaged. The rest of it cannot be read.
    #[error("{}: byte {}: damaged: {alerts} alerts are lost; check the disk", file.display(), offset.0)]
    DamagedSegment {
        /// The segment file.
        file: PathBuf,
        /// The position of the damage.
        offset: ByteCount,
        /// The number of alerts in the file from there on.
        alerts: u64,
    },
    /// The checkpoint is damaged. All alerts that are still in the spool are sent again.
    #[error("{}: damaged: all alerts in the spool are sent once more", file.display())]
    DamagedCheckpoint {
        /// The checkpoint's file.
        file: PathBuf,
    },
    /// The spool is full. From now on the oldest alerts are dropped.
    #[error(
        "the spool is full at {limit}: the oldest alerts are lost until the receiver accepts alerts faster than new ones arrive"
    )]
    SpoolFull {
        /// The spool's limit.
        limit: ByteCount,
    },
    /// The disk does not accept alerts. From now on they wait in memory.
    #[error("{}: cannot write the spool: {error}; alerts wait in memory and are lost if the process ends", folder.display())]
    SpoolFailed {
        /// The receiver's folder in the spool.
        folder: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The disk accepts alerts again.
    #[error("the spool can be written again; {lost} alerts were lost meanwhile")]
    SpoolRecovered {
        /// The number of alerts that did not fit into memory meanwhile.
        lost: u64,
    },
    /// The receiver refused alerts for good. They are not sent again.
    #[error("{alerts} alerts are lost, because the receiver refused them: {reason}")]
    Refused {
        /// The number of alerts.
        alerts: u64,
        /// The receiver's reason.
        reason: String,
    },
    /// Alerts wait for an output of a live run, and it has taken none for some seconds.
    #[error("has taken no alert for {} seconds; its alerts wait, and the other outputs continue", STALLED_AFTER.as_secs())]
    Stalled,
    /// A replay has waited some seconds for an output that takes no alerts.
    #[error("has taken no alert for {} seconds; the run waits for it", STALLED_AFTER.as_secs())]
    Awaited,
    /// A run has ended but for alerts that the receiver has not taken. This is reported each second
    /// while the run waits for it.
    #[error("{alerts} alerts are not delivered yet; the run waits {} seconds for the receiver (Ctrl-C ends the wait)", left.as_secs_f64().ceil())]
    Waiting {
        /// The number of alerts.
        alerts: u64,
        /// The time until the wait ends, unless the receiver takes an alert.
        left: Duration,
    },
    /// An output of a live run failed, and alerts are lost. The run continues.
    #[error("{0}")]
    Failed(OutputError),
    /// An output that failed or was stalled accepts alerts again.
    #[error("writing again; {lost} alerts were lost meanwhile")]
    Recovered {
        /// The number of alerts.
        lost: u64,
    },
}

impl Event {
    /// Returns true if the event is a problem, and false if it is for information only.
    pub fn is_problem(&self) -> bool {
        !matches!(
            self,
            Self::Connected | Self::Leftover { .. } | Self::SpoolRecovered { lost: 0 } | Self::Recovered { lost: 0 }
        )
    }
}

/// Reports the events of one output.
#[derive(Clone)]
pub(super) struct EventReporter {
    /// The output's name.
    pub name: String,
    /// The caller's handler.
    pub handler: EventHandler,
}

impl EventReporter {
    /// Calls the handler.
    pub fn report(&self, event: Event) {
        (self.handler)(&self.name, event);
    }
}

impl fmt::Debug for EventReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventReporter").field("name", &self.name).finish_non_exhaustive()
    }
}
