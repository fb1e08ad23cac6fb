//! Outputs: where alerts go.
//!
//! An output is one file in this folder that implements [`Output`], and one line in the table `KINDS`.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::alert::Alert;

mod cef;
mod file;
mod tally;

pub use cef::{Cef, LONGEST_LINE, Sensor};
pub use file::Lines;
pub use tally::{ClientTally, Others, Row, Tallied, Tally};

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

    /// Lets go of its files and opens them anew under their names, where it has any: somebody may have moved them away. Called
    /// after `flush`. Where a file cannot be opened the output goes on with the one it has.
    fn reopen(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    /// Flushes and closes; called once, last. What only closing brings to light is an error here. An output that is
    /// dropped instead loses what it kept.
    fn close(self: Box<Self>) -> Result<(), OutputError>;
}

/// An output that is ready, or why there is none.
type Opened = Result<Box<dyn Output>, OutputError>;

/// A kind of output, and which targets are its.
struct Kind {
    /// True where the target, as the user wrote it, means this kind.
    takes: fn(&Path) -> bool,
    /// Makes everything ready, so that what is going to fail fails before the work begins.
    open: fn(&Path, Cef, Begin) -> Opened,
}

/// What becomes of the lines that a file holds already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// They go: the file is to hold this run and nothing else.
    Anew,
    /// They stay, and new ones come behind them: a sensor starts again and again.
    Behind,
}

/// All outputs. The first that takes a target gets it; a file takes every target, so it stands last.
const KINDS: [Kind; 2] = [file::STANDARD_OUTPUT, file::FILE];

/// Opens the output that a target names: `-` for standard output, else a file's path.
pub fn open(target: &Path, cef: Cef, begin: Begin) -> Result<Box<dyn Output>, OutputError> {
    let kind = KINDS.iter().find(|kind| (kind.takes)(target)).unwrap_or(&file::FILE);
    (kind.open)(target, cef, begin)
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
    /// It cannot be opened anew; alerts still go to the file that was open before, wherever it is now.
    #[error("{}: cannot reopen the output: {error}; alerts still go to the file that was open before", path.display())]
    Reopen {
        /// The file.
        path: PathBuf,
        /// The system's word.
        error: io::Error,
    },
    /// It cannot be written to.
    #[error("{name}: cannot write: {error}; the last alerts are lost")]
    Write {
        /// The file's path, or `standard output`.
        name: String,
        /// The system's word.
        error: io::Error,
    },
}

impl OutputError {
    /// True where the reader at the other end of a pipe went away: no error, but a reason to stop.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Write { error, .. } if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
