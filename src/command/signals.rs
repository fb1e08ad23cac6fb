//! The signals that control a run.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;

/// The interval at which a thread checks for a signal: short beside the patience of a user.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The exit code after a second SIGINT. A shell gives the same for a command that the signal
/// killed.
const INTERRUPTED: i32 = 128 + SIGINT;

/// Becomes true when SIGINT or SIGTERM arrives, and stays so.
pub type StopFlag = Arc<AtomicBool>;

/// Listens for SIGINT and SIGTERM alone. The second one ends the process at once.
pub fn listen_for_stop() -> io::Result<StopFlag> {
    let is_stopped = StopFlag::default();
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, 128 + signal, is_stopped.clone())?;
        flag::register(signal, is_stopped.clone())?;
    }
    Ok(is_stopped)
}

/// Calls `then` on a thread of its own, `grace` after the first signal.
pub fn after_stop(is_stopped: StopFlag, grace: Duration, then: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let wait = move || {
        while !is_stopped.load(Ordering::Relaxed) {
            thread::sleep(CHECK_INTERVAL);
        }
        thread::sleep(grace);
        then();
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop)
}

/// The signals that have arrived and are not handled yet.
pub struct Signals {
    stop: Arc<AtomicBool>,
    is_stopped: StopFlag,
    reload: Arc<AtomicBool>,
    statistics: Arc<AtomicBool>,
}

impl Signals {
    /// Starts to listen for signals. From now on SIGINT and SIGTERM no longer end the process by
    /// themselves.
    pub fn listen() -> io::Result<Self> {
        let signals = Self {
            stop: Arc::default(),
            is_stopped: StopFlag::default(),
            reload: Arc::default(),
            statistics: Arc::default(),
        };
        // The order matters: a signal runs the handlers in this order, so the first SIGINT sets the
        // flag only after it was checked, and the second finds it set.
        let is_interrupted = Arc::new(AtomicBool::new(false));
        flag::register_conditional_shutdown(SIGINT, INTERRUPTED, is_interrupted.clone())?;
        flag::register(SIGINT, is_interrupted)?;
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, signals.stop.clone())?;
            flag::register(signal, signals.is_stopped.clone())?;
        }
        flag::register(SIGHUP, signals.reload.clone())?;
        flag::register(SIGUSR1, signals.statistics.clone())?;
        Ok(signals)
    }

    /// Returns true if SIGINT or SIGTERM has arrived since the last call.
    pub fn take_stop(&self) -> bool {
        take(&self.stop)
    }

    /// A flag that stays true after SIGINT or SIGTERM has arrived.
    pub fn stop_flag(&self) -> StopFlag {
        self.is_stopped.clone()
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
