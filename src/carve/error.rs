//! The errors of carving.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::capture::CaptureError;

/// An error of carving.
#[derive(Debug, Error)]
pub enum CarveError {
    /// The input is standard input or a pipe.
    #[error("{}: cannot be read twice: write it to a file first", .0.display())]
    Stream(PathBuf),
    /// The evidence file cannot be created. Nothing was read.
    #[error("{}: cannot create the file: {error}; choose a path that can be written", path.display())]
    Create {
        /// The evidence file.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
    /// The evidence file cannot be written.
    #[error("{}: cannot write: {error}; the evidence is missing", path.display())]
    Write {
        /// The evidence file.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
    /// The index of the first pass cannot be written or read.
    #[error("{}: cannot keep the index in the same folder, which takes four bytes for each packet: {error}; choose a folder with enough space", path.display())]
    BlockIndex {
        /// The evidence file.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
    /// A capture cannot be read again.
    #[error("{0}; its packets are missing in the evidence")]
    Capture(CaptureError),
    /// A capture changed after it was replayed.
    #[error("{}: changed after it was replayed: the evidence may lack packets of it, or hold wrong ones", .0.display())]
    Changed(PathBuf),
}
