//! What outputs tell while they work. The library does not log: whoever opens outputs gives a function that is told.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use super::OutputError;
use crate::units::ByteCount;

/// Is told of each event, with the output's name, from the thread in which it happens. It must not wait for
/// long, nor ask a [`Monitor`](super::Monitor), which would wait for it.
pub type Report = Arc<dyn Fn(&str, Event) + Send + Sync>;

/// Something that an operator should know. Each is told once, as it begins, however long it lasts.
#[derive(Debug, Error)]
pub enum Event {
    /// The receiver takes alerts.
    #[error("connected")]
    Connected,
    /// The receiver does not take alerts. They wait, and it is tried again until it does.
    #[error("not connected: {error}; alerts wait, and it is tried again until they are sent")]
    Disconnected {
        /// Why, in the system's words.
        error: String,
    },
    /// An earlier run left alerts, which are sent first.
    #[error("{alerts} alerts of an earlier run are in the spool and are sent first")]
    Leftover {
        /// How many.
        alerts: u64,
    },
    /// The spool holds alerts for a receiver that is not among the outputs. They stay there.
    #[error("{}: alerts wait there for a receiver that is not among the outputs; name it with -o to send them", folder.display())]
    Orphan {
        /// The receiver's folder.
        folder: PathBuf,
    },
    /// The last alert was written in part when the process or the machine died. What was written of it was cut off.
    #[error("{}: byte {}: cut off {bytes} that are no whole alert: written while the machine went down", file.display(), at.0)]
    Torn {
        /// The segment.
        file: PathBuf,
        /// Where the last whole alert ends.
        at: ByteCount,
        /// How much was cut off.
        bytes: ByteCount,
    },
    /// A segment was changed, or the disk forgot. The rest of it cannot be read.
    #[error("{}: byte {}: damaged: {alerts} alerts are lost; check the disk", file.display(), at.0)]
    Damaged {
        /// The segment.
        file: PathBuf,
        /// Where it is damaged.
        at: ByteCount,
        /// How many alerts it held from there on.
        alerts: u64,
    },
    /// What was known of what arrived is lost. All alerts that are still there are sent once more.
    #[error("{}: damaged: all alerts in the spool are sent once more", file.display())]
    MarkDamaged {
        /// The mark.
        file: PathBuf,
    },
    /// The spool is full: from now on the oldest alerts are lost.
    #[error(
        "the spool is full at {limit}: the oldest alerts are lost, until the receiver takes them faster than they come"
    )]
    Dropping {
        /// Its bound.
        limit: ByteCount,
    },
    /// The disk does not take alerts. From now on they wait in memory.
    #[error("{}: cannot write the spool: {error}; alerts wait in memory and are lost if the process ends", folder.display())]
    SpoolFailed {
        /// The spool.
        folder: PathBuf,
        /// The system's word.
        error: io::Error,
    },
    /// The disk takes alerts again.
    #[error("the spool can be written again; {lost} alerts were lost meanwhile")]
    SpoolBack {
        /// How many did not find room in memory meanwhile.
        lost: u64,
    },
    /// Alerts are lost in a live run, which goes on.
    #[error("{0}")]
    Failed(OutputError),
    /// An output that failed takes alerts again.
    #[error("writing again; {lost} alerts were lost meanwhile")]
    Recovered {
        /// How many.
        lost: u64,
    },
}

impl Event {
    /// True where something is wrong; else it is good to know.
    pub fn is_problem(&self) -> bool {
        !matches!(
            self,
            Self::Connected | Self::Leftover { .. } | Self::SpoolBack { lost: 0 } | Self::Recovered { lost: 0 }
        )
    }
}

/// Tells the events of one output.
#[derive(Clone)]
pub(super) struct Reporter {
    /// The output's name.
    pub name: String,
    /// Whom.
    pub report: Report,
}

impl Reporter {
    /// Tells an event.
    pub fn tell(&self, event: Event) {
        (self.report)(&self.name, event);
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter").field("name", &self.name).finish_non_exhaustive()
    }
}
