//! Problems with the inputs.

use std::fmt;

use super::text::printable;

/// The maximum number of problems in a report.
pub const MAX_PROBLEMS: usize = 200;

/// Problems with the inputs, bounded by [`MAX_PROBLEMS`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems {
    pub(super) list: Vec<String>,
    /// The number of problems that are not in the list.
    pub(super) further: u64,
}

impl Problems {
    /// Adds a problem.
    pub fn note(&mut self, problem: &impl fmt::Display) {
        if self.list.len() < MAX_PROBLEMS {
            self.list.push(printable(&problem.to_string()));
        } else {
            self.further += 1;
        }
    }
}
