//! The contents of a list: how many entries are used, skipped and refused.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::indicator::Pattern;
use crate::units::Timestamp;

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// An address with a port.
    Endpoint,
    /// An address.
    Address,
    /// A range of addresses.
    Network,
    /// A domain.
    Domain,
    /// A URL, of which the host is used.
    Url,
}

impl EntryKind {
    pub(super) fn of(pattern: &Pattern) -> Self {
        match pattern {
            Pattern::Endpoint(..) => Self::Endpoint,
            Pattern::Address(_) => Self::Address,
            Pattern::Network(_) => Self::Network,
            Pattern::Domain(_) => Self::Domain,
        }
    }

    /// The name of the kind.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Endpoint => "ip:port",
            Self::Address => "ip",
            Self::Network => "cidr",
            Self::Domain => "domain",
            Self::Url => "url",
        }
    }
}

/// The reason why a valid entry is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkipReason {
    /// A hash, a mail address or a path, by which a sensor cannot recognize a host.
    OtherKind,
    /// Of a malware family that was not selected.
    OtherFamily,
    /// Expired.
    Expired,
    /// Revoked by its source.
    Revoked,
    /// Marked by its source as not for detection.
    Context,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherKind => "of a kind that is not looked for",
            Self::OtherFamily => "of other families",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Context => "not for detection",
        })
    }
}

/// A line that is invalid or too broad.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
pub struct Refusal {
    /// The line, counted from 1.
    pub line: usize,
    /// The reason, with the value that was found.
    pub reason: String,
}

/// The contents of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedContents {
    /// The file.
    pub path: PathBuf,
    /// The name of the format.
    pub format: &'static str,
    /// The number of entries that are used, by kind, before duplicates are merged.
    pub kinds: BTreeMap<EntryKind, u64>,
    /// The number of valid entries that are not used, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// The lines that are refused.
    pub refusals: Vec<Refusal>,
    /// The number of refused lines beyond those.
    pub more_refusals: u64,
    /// The date of the list: the one in its header, or else that of its newest entry.
    pub date: Option<Timestamp>,
    /// True if the format names the malware family of each entry, so that families can be selected.
    pub names_families: bool,
    /// Some of the families that were not selected.
    pub other_families: Vec<String>,
}

impl FeedContents {
    /// The number of entries that are used.
    pub fn used(&self) -> u64 {
        self.kinds.values().sum()
    }

    /// The number of refused lines.
    pub fn refused(&self) -> u64 {
        self.refusals.len() as u64 + self.more_refusals
    }

    /// The age of the list at a time.
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        self.date.map(|date| now.since(date))
    }
}
