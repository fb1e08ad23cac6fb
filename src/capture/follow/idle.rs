//! The passing of time while no capture arrives.

use std::time::{Duration, Instant};

use crate::units::Timestamp;

/// The number of time steps while no capture arrives. The first one closes the windows, and the
/// second one closes those that the first one opened.
const IDLE_STEPS: u32 = 2;

/// The shortest step. The packets of one capture may be out of order by this much.
const MIN_STEP: Duration = Duration::from_secs(60);

/// The longest duration that is accepted for one capture. A wrong time stamp must not hold back
/// alerts forever.
const MAX_SPAN: Duration = Duration::from_secs(3600);

/// The times of the first and the last packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct PacketSpan {
    first: Timestamp,
    last: Timestamp,
}

impl PacketSpan {
    /// The smallest span that covers `span`, if any, and these times.
    pub(super) fn extended(span: Option<Self>, times: impl Iterator<Item = Timestamp> + Clone) -> Option<Self> {
        let times = times.clone().min().zip(times.max()).map(|(first, last)| Self { first, last });
        match (span, times) {
            (Some(one), Some(other)) => {
                Some(Self { first: one.first.min(other.first), last: one.last.max(other.last) })
            }
            (one, other) => one.or(other),
        }
    }
}

/// Advances packet time while no capture arrives.
pub(super) struct IdleClock {
    step: Duration,
    steps: u32,
    since: Instant,
    /// The highest time of all packets.
    latest: Option<Timestamp>,
    /// The longest duration of a capture so far.
    longest: Duration,
}

impl IdleClock {
    /// A clock for a sensor that gathers repeats for this long.
    pub(super) fn new(repeat_window: Duration) -> Self {
        Self {
            step: repeat_window.max(MIN_STEP),
            steps: 0,
            since: Instant::now(),
            latest: None,
            longest: Duration::ZERO,
        }
    }

    /// Notes the end of a capture with packets of this span.
    pub(super) fn capture_ended(&mut self, span: Option<PacketSpan>) {
        (self.steps, self.since) = (0, Instant::now());
        if let Some(PacketSpan { first, last }) = span {
            self.latest = self.latest.max(Some(last));
            self.longest = self.longest.max(last.since(first).min(MAX_SPAN));
        }
    }

    /// Returns the packet time that has been reached, if another step has passed.
    pub(super) fn advance(&mut self) -> Option<Timestamp> {
        let passed = self.step * (self.steps + 1);
        if self.steps >= IDLE_STEPS || self.since.elapsed() < passed.max(self.longest * 2) {
            return None;
        }
        self.steps += 1;
        self.latest.map(|latest| latest + passed)
    }
}
