//! Damaged records, and the search for the next good one (resynchronization).

use crate::capture::format::damage::Damage;
use crate::units::Timestamp;

/// The largest distance between the times of neighboring records during a resynchronization, in
/// nanoseconds. One day: records of quiet captures are still found, and random bytes hardly ever
/// pass.
const MAX_TIME_GAP: u64 = 86_400 * 1_000_000_000;

/// A damaged record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::capture) struct DamagedRecord {
    /// The offset of the record in the capture.
    pub offset: u64,
    /// The kind of damage.
    pub damage: Damage,
    /// The offset at which parsing resumed, if it did.
    pub resumed: Option<u64>,
}

/// A damaged record after which the parser is still searching for a good one.
#[derive(Debug, Clone)]
pub(super) struct PendingDamage {
    /// The offset of the damaged record in the capture.
    pub offset: u64,
    /// The kind of damage.
    pub damage: Damage,
}

impl PendingDamage {
    /// Completes the damaged record with the result of the search.
    pub(super) fn resumed(self, resumed: Option<u64>) -> DamagedRecord {
        DamagedRecord { offset: self.offset, damage: self.damage, resumed }
    }
}

/// The result of a search for a good record.
pub(super) enum Resync {
    /// A good record begins at this position.
    Found(usize),
    /// No good record begins before this position. More bytes are needed to go on.
    Pending(usize),
}

/// The judgement on bytes that may be the beginning of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plausibility {
    /// They look like records.
    Plausible,
    /// They cannot be records.
    Implausible,
    /// More bytes are needed to tell.
    Unknown,
}

/// Returns true if two times are at most [`MAX_TIME_GAP`] apart.
pub(super) fn are_near(one: Timestamp, other: Timestamp) -> bool {
    one.nanos().abs_diff(other.nanos()) <= MAX_TIME_GAP
}
