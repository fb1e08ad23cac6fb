//! A stretch of packet time: the frames outside it are left out.

use super::block::Frame;
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
    /// Keeps the frames that lie in it and returns how many did not. A capture need not be in order of time, so all are looked at.
    pub(super) fn apply(self, frames: &mut Vec<Frame>) -> u64 {
        let before = frames.len();
        frames.retain(|frame| self.from <= frame.time && frame.time < self.to);
        (before - frames.len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::LinkType;

    #[test]
    fn its_beginning_is_in_it_and_its_end_is_not() {
        let frame = |nanos| Frame {
            time: Timestamp::from_nanos(nanos),
            offset: 0,
            captured: 1,
            original: 1,
            link: LinkType::ETHERNET,
        };
        let mut frames: Vec<Frame> = [30, 9, 10, 29, 11, 31].map(frame).into();
        let window = TimeWindow { from: Timestamp::from_nanos(10), to: Timestamp::from_nanos(30) };
        assert_eq!(window.apply(&mut frames), 3);
        assert_eq!(frames, [10, 29, 11].map(frame));
    }
}
