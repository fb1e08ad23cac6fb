//! Heartbeats that travel with Blocks, from the capture through every stage to the output.
//!
//! A watchdog that is fed by a thread of its own proves only that this thread is alive. Here each
//! live source has a [`Heartbeat`] and regularly attaches a [`HeartbeatSignal`] to a Block. The
//! last stage acknowledges it. So a heartbeat is recent only while Blocks of that source really
//! pass through all stages.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The latest acknowledged heartbeat of one source.
#[derive(Debug)]
pub struct Heartbeat {
    began: Instant,
    /// The time at which the latest acknowledged beat was made, in milliseconds after `began`.
    latest: AtomicU64,
}

impl Heartbeat {
    /// A heartbeat with age zero.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), latest: AtomicU64::new(0) })
    }

    /// The time since the latest acknowledged beat was made.
    pub fn age(&self) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_millis(self.latest.load(Ordering::Relaxed)))
    }

    /// Makes a beat, to be attached to a Block.
    pub fn beat(self: &Arc<Self>) -> HeartbeatSignal {
        let made = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        HeartbeatSignal { heartbeat: self.clone(), made }
    }
}

/// One beat on its way through the stages.
#[derive(Debug, Clone)]
pub struct HeartbeatSignal {
    heartbeat: Arc<Heartbeat>,
    /// Milliseconds after the heartbeat began.
    made: u64,
}

impl HeartbeatSignal {
    /// Acknowledges the beat: it has passed all stages.
    pub fn acknowledge(self) {
        self.heartbeat.latest.fetch_max(self.made, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_is_as_old_as_the_latest_beat_that_came_through() {
        let heartbeat =
            Arc::new(Heartbeat { began: Instant::now() - Duration::from_secs(60), latest: AtomicU64::new(0) });
        let (early, lost) = (heartbeat.beat(), heartbeat.beat());
        assert!(heartbeat.age() >= Duration::from_secs(60));
        HeartbeatSignal { made: 50_000, ..early.clone() }.acknowledge();
        assert!(heartbeat.age() < Duration::from_secs(60) && heartbeat.age() >= Duration::from_secs(10));
        HeartbeatSignal { made: 1_000, ..early }.acknowledge();
        assert!(heartbeat.age() < Duration::from_secs(60));
        drop(lost);
        assert!(heartbeat.age() >= Duration::from_secs(10));
    }
}
