//! Errors of lists that cannot be used at all.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// The error of a list that cannot be used at all.
#[derive(Debug, Error)]
pub enum FeedError {
    /// The file does not exist, or the folder is empty.
    #[error("{}: this list of indicators is absent: {reason}", path.display())]
    Absent {
        /// The file or folder.
        path: PathBuf,
        /// The missing part.
        reason: &'static str,
    },
    /// The file cannot be read.
    #[error("{}: this list of indicators is unreadable: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        error: io::Error,
    },
    /// The file can be read, but is not a list.
    #[error("{}: this list of indicators is unreadable: {reason}", path.display())]
    NotAList {
        /// The file.
        path: PathBuf,
        /// The fault and its place.
        reason: String,
    },
}
