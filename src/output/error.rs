//! The errors of outputs.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A failure of an output.
#[derive(Debug, Error)]
pub enum OutputError {
    /// The file cannot be opened. Nothing was written.
    #[error("{}: cannot create the output: {error}; choose a path that can be written", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The output is invalid, or something that it needs cannot be used.
    #[error("{name}: {why}")]
    Target {
        /// The output.
        name: String,
        /// The reason.
        why: String,
    },
    /// The spool cannot be opened.
    #[error("{}: cannot use the spool: {error}", folder.display())]
    Spool {
        /// The receiver's folder in the spool.
        folder: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The file cannot be opened again. Alerts still go to the file that was open before, even if
    /// it was moved.
    #[error("{name}: cannot reopen the output: {error}; alerts still go to the file that was open before")]
    Reopen {
        /// The file.
        name: String,
        /// The system's error.
        error: io::Error,
    },
    /// The output cannot be written to.
    #[error("{name}: cannot write: {error}; the last lines are lost")]
    Write {
        /// The file's path, or `standard output`.
        name: String,
        /// The system's error.
        error: io::Error,
    },
    /// So many alerts wait for an output that no more are kept.
    #[error("{name}: takes alerts too slowly: {waiting} wait for it, and further ones are lost")]
    QueueFull {
        /// The output.
        name: String,
        /// The number of alerts that wait.
        waiting: u64,
    },
    /// The output did not take all alerts before the end of a live run.
    #[error("{name}: {alerts} alerts are lost, since it did not take them before the end of the run")]
    NotTaken {
        /// The output.
        name: String,
        /// The number of alerts.
        alerts: u64,
    },
    /// Alerts for a receiver were lost. Events have reported the reasons.
    #[error("{name}: {alerts} alerts were lost on the way to it")]
    Lost {
        /// The receiver.
        name: String,
        /// The number of alerts.
        alerts: u64,
    },
    /// The receiver did not accept all alerts in time.
    #[error("{name}: {alerts} alerts are not known to have arrived; {}", remedy(*in_memory, spool.as_deref()))]
    Undelivered {
        /// The receiver.
        name: String,
        /// The number of alerts.
        alerts: u64,
        /// The number of them that are only in memory, because the spool could not be written.
        in_memory: u64,
        /// The receiver's folder in the spool, if there is a spool.
        spool: Option<PathBuf>,
    },
}

/// Says what happens to alerts that were not delivered.
fn remedy(in_memory: u64, spool: Option<&Path>) -> String {
    match spool {
        Some(path) if in_memory > 0 => format!(
            "{in_memory} of them are lost with this process, since the spool could not be written; the others stay in {}",
            path.display()
        ),
        Some(path) => format!("they stay in {} and are sent first by the next run", path.display()),
        None => "they are lost; with --spool DIR they would wait for the next run".to_owned(),
    }
}

impl OutputError {
    /// Returns true if the reader at the other end of a pipe has exited. This is a reason to stop,
    /// not a failure.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Write { error, .. } if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
