//! A stretch of packet time: the frames outside it are left out.

use crate::units::Timestamp;

/// A stretch of packet time: `from` is in it, `to` no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeWindow {
    /// The first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

impl TimeWindow {
    /// Whether a moment lies in it.
    pub(super) fn holds(self, time: Timestamp) -> bool {
        self.from <= time && time < self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_beginning_is_in_it_and_its_end_is_not() {
        let window = TimeWindow { from: Timestamp::from_nanos(10), to: Timestamp::from_nanos(30) };
        let held = [30, 9, 10, 29, 11, 31].map(|nanos| window.holds(Timestamp::from_nanos(nanos)));
        assert_eq!(held, [false, false, true, true, true, false]);
    }
}
