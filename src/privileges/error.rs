//! The errors of dropping privileges.

use thiserror::Error;

/// An error of dropping privileges. The process is then in an intermediate state and must end.
#[derive(Debug, Error)]
pub enum PrivilegesError {
    /// The account does not exist.
    #[error("no account {name} on this machine: create it (adduser --system --group NAME) or name another")]
    NoAccount {
        /// The name.
        name: String,
    },
    /// Other threads already run and would keep their privileges.
    #[error("{threads} threads run already, of which all but one would keep their privileges: a bug in this program")]
    Threads {
        /// The number of threads.
        threads: usize,
    },
    /// A step failed.
    #[error("cannot {step}: {error}; start the sensor as the user that it runs as, with CAP_NET_RAW alone")]
    Step {
        /// The action that failed.
        step: &'static str,
        /// The error of the system.
        error: String,
    },
    /// All steps succeeded, but the result is not as expected.
    #[error("privileges were dropped, but {problem}: a bug in this program or in this system")]
    Kept {
        /// The deviation from the expected state.
        problem: String,
    },
}

/// A failed step.
pub(super) fn step_failed(step: &'static str, error: impl ToString) -> PrivilegesError {
    PrivilegesError::Step { step, error: error.to_string() }
}
