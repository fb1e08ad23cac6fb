//! The plan of which privileges to drop.

use std::path::PathBuf;

use crate::privileges::account::Account;

/// The choice of which privileges to drop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivilegePlan {
    /// The account that a process of root becomes.
    pub account: Account,
    /// Keep one thread with the privilege to open captures.
    pub reopens: bool,
    /// Confine the process to the files below.
    pub confines: bool,
    /// Files and folders to read. A file stands for its whole folder, because a file is replaced by
    /// renaming another one.
    pub reads: Vec<PathBuf>,
    /// Files and folders to write. A file stands for its folder here too.
    pub writes: Vec<PathBuf>,
}
