//! A range of packet time. Frames outside it are filtered out.

use crate::units::Timestamp;

/// A range of packet time, from `from` (inclusive) to `to` (exclusive).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeWindow {
    /// The first time inside the window.
    pub from: Timestamp,
    /// The first time after the window.
    pub to: Timestamp,
}

impl TimeWindow {
    /// Returns true if a time is inside the window.
    pub(super) fn contains(self, time: Timestamp) -> bool {
        self.from <= time && time < self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_beginning_is_in_it_and_its_end_is_not() {
        let window = TimeWindow { from: Timestamp::from_nanos(10), to: Timestamp::from_nanos(30) };
        let held = [30, 9, 10, 29, 11, 31].map(|nanos| window.contains(Timestamp::from_nanos(nanos)));
        assert_eq!(held, [false, false, true, true, true, false]);
    }
}
