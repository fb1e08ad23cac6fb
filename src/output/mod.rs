//! Outputs: where alerts go.
//!
//! An output is one file or folder here that implements [`Output`], and one kind of [`Target`]. Any number of them work at once:
//! [`open`] makes one output of all.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use thiserror::Error;

use crate::alert::Alert;
use crate::units::ByteCount;

mod audit;
mod cef;
mod event;
mod fan_out;
mod file;
mod json;
mod names;
mod spool;
pub mod syslog;
mod tally;
mod target;
#[cfg(test)]
mod tests;
mod watched;

pub use audit::Audited;
pub use cef::{Cef, LONGEST_LINE, Sensor};
pub use event::{Event, Report};
pub use file::{LineForm, Lines, Sink};
pub use json::Json;
pub use names::NameList;
pub use tally::{ClientTally, Others, Row, SharedTally, Tally};
pub use target::{Form, Target, TargetError};
pub use watched::Watched;

/// Takes alerts, one after the other, in the order in which the tracker made them.
///
/// All methods are called from one thread. Each returns:
/// - `Ok(())`: nothing is lost so far.
/// - An error for which [`OutputError::is_closed_pipe`] is true: whoever read the output went away on purpose
///   (`rattap replay … | head`). The caller stops the run, without a message and as after success.
/// - Any other error: alerts were lost. The caller tells it, and the run fails. The output stays usable: later alerts are
///   tried again, those of the failed call are not.
pub trait Output: Send {
    /// Takes one alert: called once for each. The output may keep it in memory until `flush` or `close`.
    fn write(&mut self, alert: &Alert) -> Result<(), OutputError>;

    /// Hands on everything that `write` kept. Called whenever no alert waits, so that a lone alert does not.
    fn flush(&mut self) -> Result<(), OutputError>;

    /// Lets go of its files and opens them anew under their names, where it has any: somebody may have moved them away, as logrotate
    /// does. Called after `flush`. Where a file cannot be opened the output goes on with the one it has.
    fn reopen(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    /// Flushes and closes; called once, last. What only closing brings to light is an error here. An output that is
    /// dropped instead loses what it kept. A receiver is waited for within a bound, which [`Mode`] gives.
    fn close(self: Box<Self>) -> Result<(), OutputError>;

    /// What shows the output's state while it works, from any thread: one for each output that is in it.
    fn monitors(&self) -> Vec<Monitor> {
        Vec::new()
    }
}

/// How a run treats its outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Evidence must be whole. Files are emptied first. An output that fails ends the run. Where a spool is full, the run
    /// waits for the receiver; at the end it waits as long as the receiver goes on taking alerts, and 30 seconds more.
    Replay,
    /// A replay that follows a folder: files are appended to, for a run goes on where the one before it ended. All else is as with
    /// `Replay`: what was read is only done when its alerts are out.
    Follow,
    /// The sensor goes on. Files are appended to. Of outputs that fail, [`Event`]s tell. Where a spool is full, the oldest alerts
    /// are dropped; at the end receivers get 10 seconds, and what is left stays in the spool.
    Live,
}

/// Where alerts wait for their receivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolSettings {
    /// A folder, which is made where there is none; each receiver has its own in it.
    pub folder: PathBuf,
    /// How much each receiver's alerts may take on the disk; at least [`SpoolSettings::LEAST`].
    pub limit: ByteCount,
}

impl SpoolSettings {
    /// The usual limit: some 1.4 million alerts, or a day with sixteen every second; more than any receiver is down unnoticed.
    pub const LIMIT: ByteCount = ByteCount(1 << 30);
    /// Under this the parts that are dropped at a time would hold few alerts.
    pub const LEAST: ByteCount = ByteCount(1 << 20);
}

/// The state of one output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputStatus {
    /// A file's path, `standard output`, or a receiver as `tcp://log.example:514`.
    pub name: String,
    /// Alerts written, or taken by the receiver's TCP.
    pub sent: u64,
    /// Alerts lost, since the start.
    pub lost: u64,
    /// Alerts that the receiver did not take yet.
    pub waiting: u64,
    /// What the spool takes, on disk and in memory. Alerts that were sent stay until they are surely stored at the other end.
    pub spool: ByteCount,
    /// What of it is in memory alone: lost where the process is killed.
    pub in_memory: ByteCount,
    /// Whether the disk does not take the spool.
    pub spool_fails: bool,
    /// When the oldest of those that wait was made.
    pub oldest_waiting: Option<Timestamp>,
    /// Whether the output takes alerts.
    pub is_connected: bool,
}

/// Shows the state of one output, from any thread, while it works and after.
#[derive(Clone)]
pub struct Monitor(Arc<dyn Fn() -> OutputStatus + Send + Sync>);

impl Monitor {
    fn new(status: impl Fn() -> OutputStatus + Send + Sync + 'static) -> Self {
        Self(Arc::new(status))
    }

    /// The state now.
    pub fn status(&self) -> OutputStatus {
        (self.0)()
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Monitor").field(&self.status()).finish()
    }
}

/// Opens all targets as one output. What is going to fail fails here, before the work begins; but that a receiver is not there
/// is no error, and `report` is told of it. Without a spool, alerts for syslog receivers wait in memory.
pub fn open(
    targets: &[Target],
    cef: &Cef,
    mode: Mode,
    spool: Option<&SpoolSettings>,
    report: &Report,
) -> Result<Box<dyn Output>, OutputError> {
    for (index, target) in targets.iter().enumerate() {
        if targets[..index].iter().any(|other| other.to_string() == target.to_string()) {
            return Err(OutputError::Target { name: target.to_string(), why: "is named twice".to_owned() });
        }
    }
    if let Some(spool) = spool {
        tell_orphans(spool, targets, report)?;
    }
    // Spooled first: what any output has shown must survive whatever happens next.
    let (syslog, lines): (Vec<_>, Vec<_>) = targets.iter().partition(|target| matches!(target, Target::Syslog(_)));
    let outputs = syslog.into_iter().chain(lines).map(|target| {
        let output: Box<dyn Output> = match target {
            Target::StandardOutput(Form::Cef) => Box::new(file::standard_output(cef.clone())?),
            Target::StandardOutput(Form::Json) => Box::new(file::standard_output(Json::new(cef.sensor()))?),
            Target::File(path, Form::Cef) => Box::new(file::open(path, mode, cef.clone())?),
            Target::File(path, Form::Json) => Box::new(file::open(path, mode, Json::new(cef.sensor()))?),
            Target::Syslog(target) => Box::new(syslog::Syslog::open(target, cef.clone(), mode, spool, report)?),
        };
        Ok((target.to_string(), output))
    });
    Ok(Box::new(fan_out::FanOut::new(outputs.collect::<Result<_, OutputError>>()?, mode, report.clone())))
}

/// Tells of alerts that wait for a receiver that is not among the targets: its name may have been changed.
fn tell_orphans(spool: &SpoolSettings, targets: &[Target], report: &Report) -> Result<(), OutputError> {
    let folder = &spool.folder;
    let found = match spool::folders_with_alerts(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(|error| OutputError::Spool { folder: folder.clone(), error })?,
    };
    let own: Vec<_> = targets.iter().map(|target| folder.join(syslog::folder_name(&target.to_string()))).collect();
    for folder in found.into_iter().filter(|folder| !own.contains(folder)) {
        report("spool", Event::Orphan { folder });
    }
    Ok(())
}

/// What can go wrong with an output.
#[derive(Debug, Error)]
pub enum OutputError {
    /// It cannot be opened. Nothing was written.
    #[error("{}: cannot create the output: {error}; choose a path that can be written", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// The system's word.
        error: io::Error,
    },
    /// The target makes no sense, or what it names cannot be used.
    #[error("{name}: {why}")]
    Target {
        /// The output.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// The spool cannot be opened.
    #[error("{}: cannot use the spool: {error}", folder.display())]
    Spool {
        /// The receiver's folder in it.
        folder: PathBuf,
        /// The system's word.
        error: io::Error,
    },
    /// It cannot be opened anew; alerts still go to the file that was open before, wherever it is now.
    #[error("{name}: cannot reopen the output: {error}; alerts still go to the file that was open before")]
    Reopen {
        /// The file.
        name: String,
        /// The system's word.
        error: io::Error,
    },
    /// It cannot be written to.
    #[error("{name}: cannot write: {error}; the last lines are lost")]
    Write {
        /// The file's path, or `standard output`.
        name: String,
        /// The system's word.
        error: io::Error,
    },
    /// Alerts are gone that should have been sent: events told why.
    #[error("{name}: {alerts} alerts were lost on the way to it")]
    Lost {
        /// The receiver.
        name: String,
        /// How many.
        alerts: u64,
    },
    /// The receiver did not take all alerts.
    #[error("{name}: {alerts} alerts are not known to have arrived; {}", left(*in_memory, spool.as_ref()))]
    Undelivered {
        /// The receiver.
        name: String,
        /// How many.
        alerts: u64,
        /// How many of them the spool's disk did not take.
        in_memory: u64,
        /// Where they are kept, if they are.
        spool: Option<PathBuf>,
    },
}

fn left(in_memory: u64, spool: Option<&PathBuf>) -> String {
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
    /// True where the reader at the other end of a pipe went away: no error, but a reason to stop.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Write { error, .. } if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
