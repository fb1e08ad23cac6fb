//! What the exit codes mean; scripts rely on them.

use std::process::{ExitCode, Termination};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All was done.
    Done = 0,
    /// An input could not be read or was damaged, or alerts could not be written. Everything else was done.
    Failed = 1,
    /// Wrong usage or settings; nothing was done.
    Usage = 2,
    /// All was done and there were alerts, where the user asked to be told so.
    Alerts = 10,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}
