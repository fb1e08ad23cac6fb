//! Signs of life that travel with Blocks, from the capture through every stage to the output.
//!
//! A watchdog that is fed by a thread of its own proves that this thread lives, and nothing else. Here each live source has a
//! [`Heartbeat`] and now and then marks a Block with a [`Beat`] of it; whoever is last on the way lets the beat arrive. So a pulse is
//! fresh only while Blocks of that source really come through.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What one source's beats that arrived say of it.
#[derive(Debug)]
pub struct Heartbeat {
    began: Instant,
    /// When the latest beat that arrived was made, in milliseconds after `began`.
    latest: AtomicU64,
}

impl Heartbeat {
    /// A pulse that is fresh now.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), latest: AtomicU64::new(0) })
    }

    /// How long ago the latest beat that came through was made.
    pub fn age(&self) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_millis(self.latest.load(Ordering::Relaxed)))
    }

    /// A beat of now.
    pub fn beat(self: &Arc<Self>) -> Beat {
        let made = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Beat { pulse: self.clone(), made }
    }
}

/// One sign of life on its way.
#[derive(Debug, Clone)]
pub struct Beat {
    pulse: Arc<Heartbeat>,
    made: u64,
}

impl Beat {
    /// It came through.
    pub fn arrive(self) {
        self.pulse.latest.fetch_max(self.made, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_is_as_old_as_the_latest_beat_that_came_through() {
        let pulse = Arc::new(Heartbeat { began: Instant::now() - Duration::from_secs(60), latest: AtomicU64::new(0) });
        let (early, lost) = (pulse.beat(), pulse.beat());
        assert!(pulse.age() >= Duration::from_secs(60));
        Beat { made: 50_000, ..early.clone() }.arrive();
        assert!(pulse.age() < Duration::from_secs(60) && pulse.age() >= Duration::from_secs(10));
        Beat { made: 1_000, ..early }.arrive();
        assert!(pulse.age() < Duration::from_secs(60));
        drop(lost);
        assert!(pulse.age() >= Duration::from_secs(10));
    }
}
