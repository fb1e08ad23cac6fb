//! The exit codes. Scripts rely on them.

use std::process::{ExitCode, Termination};

/// The exit code of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Success = 0,
    /// An input could not be read or was damaged, or alerts could not be written. Everything else
    /// was done.
    Failure = 1,
    /// Wrong usage or settings. Nothing was done.
    Usage = 2,
    /// Everything was done and there were alerts, if the user asked for this exit code.
    Alerts = 10,
    /// Ctrl-C ended a replay before the end of its input. A shell gives the same for a command that
    /// the signal killed.
    Interrupted = 130,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}
