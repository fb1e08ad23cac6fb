//! The signals that control a replay of a followed folder, or a live sensor.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;

/// The exit code after a second SIGINT. A shell gives the same for a command that the signal
/// killed.
const INTERRUPTED: i32 = 128 + SIGINT;

/// The signals that have arrived and are not handled yet.
pub struct Signals {
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
    statistics: Arc<AtomicBool>,
}

impl Signals {
    /// Starts to listen for signals. From now on SIGINT and SIGTERM no longer end the process by
    /// themselves.
    pub fn listen() -> io::Result<Self> {
        let signals = Self { stop: Arc::default(), reload: Arc::default(), statistics: Arc::default() };
        // The order matters: a signal runs the handlers in this order, so the first SIGINT sets the
        // flag only after it was checked, and the second finds it set.
        let is_interrupted = Arc::new(AtomicBool::new(false));
        flag::register_conditional_shutdown(SIGINT, INTERRUPTED, is_interrupted.clone())?;
        flag::register(SIGINT, is_interrupted)?;
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, signals.stop.clone())?;
        }
        flag::register(SIGHUP, signals.reload.clone())?;
        flag::register(SIGUSR1, signals.statistics.clone())?;
        Ok(signals)
    }

    /// Returns true if SIGINT or SIGTERM has arrived since the last call.
    pub fn take_stop(&self) -> bool {
        take(&self.stop)
    }

    /// Returns true if SIGHUP has arrived since the last call.
    pub fn take_reload(&self) -> bool {
        take(&self.reload)
    }

    /// Returns true if SIGUSR1 has arrived since the last call.
    pub fn take_statistics(&self) -> bool {
        take(&self.statistics)
    }
}

fn take(flag: &AtomicBool) -> bool {
    flag.swap(false, Ordering::Relaxed)
}
