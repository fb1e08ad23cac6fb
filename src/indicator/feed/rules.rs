//! The rules that decide which entries of a list are used.

use std::time::Duration;

use crate::units::Timestamp;

/// Decides which entries of a list are used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeedRules {
    /// Selects these malware families by key, printable name or alias. Empty: all families.
    pub families: Vec<String>,
    /// Accepts the patterns that [`crate::indicator::too_broad()`] would reject.
    pub allow_broad: bool,
    /// The lifetime of an indicator, counted from the time at which its source last saw it, or else
    /// first saw it.
    pub indicator_max_age: Option<Duration>,
    /// The current time. `None`: nothing expires.
    pub now: Option<Timestamp>,
}
