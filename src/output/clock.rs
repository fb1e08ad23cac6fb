//! The clocks of the outputs. A test with simulated faults sets them itself.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// The present time for waits and timeouts.
pub(super) fn now() -> Instant {
    #[cfg(test)]
    if let Some(time) = simulated::now() {
        return time;
    }
    Instant::now()
}

/// The time that has passed since `earlier`.
pub(super) fn since(earlier: Instant) -> Duration {
    now().saturating_duration_since(earlier)
}

/// The present time of day, which an operator may set back.
pub(super) fn time_of_day() -> Timestamp {
    #[cfg(test)]
    if let Some(time) = simulated::time_of_day() {
        return time;
    }
    Timestamp::now()
}

/// Sleeps.
pub(super) fn sleep(time: Duration) {
    #[cfg(test)]
    if simulated::pass(time) {
        return;
    }
    std::thread::sleep(time);
}

/// Clocks of the present thread that only the test moves.
#[cfg(test)]
pub(super) mod simulated {
    use std::cell::Cell;
    use std::time::{Duration, Instant};

    use jiff::{SignedDuration, Timestamp};

    thread_local! {
        static NOW: Cell<Option<Instant>> = const { Cell::new(None) };
        static TIME_OF_DAY: Cell<Timestamp> = const { Cell::new(Timestamp::UNIX_EPOCH) };
    }

    /// Replaces the clocks of this thread.
    pub fn start() {
        NOW.set(Some(Instant::now()));
        TIME_OF_DAY.set(Timestamp::constant(1_795_485_200, 0));
    }

    pub fn now() -> Option<Instant> {
        NOW.get()
    }

    pub fn time_of_day() -> Option<Timestamp> {
        NOW.get().map(|_| TIME_OF_DAY.get())
    }

    /// Lets time pass. Returns false if the clocks are the real ones.
    pub fn pass(time: Duration) -> bool {
        let Some(now) = NOW.get() else { return false };
        NOW.set(Some(now + time));
        set(SignedDuration::try_from(time).unwrap_or_default());
        true
    }

    /// Sets the time of day forward or back.
    pub fn set(by: SignedDuration) {
        TIME_OF_DAY.set(TIME_OF_DAY.get() + by);
    }
}
