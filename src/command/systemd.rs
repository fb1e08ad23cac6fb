//! Notifications to systemd for a service of `Type=notify` (sd_notify(3), systemd.service(5)).
//! Without systemd they do nothing.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// The least age of a heartbeat that counts as late: heartbeats come four times a second, and a
/// machine may be busy.
const MIN_LATE_HEARTBEAT: Duration = Duration::from_secs(1);

/// The connection to systemd.
pub struct Systemd {
    /// The longest time between two notifications that systemd's watchdog accepts.
    watchdog: Option<Duration>,
    last_fed: Instant,
    is_late: bool,
    status: String,
}

impl Systemd {
    /// Reads from the environment whether systemd has a watchdog for this process.
    pub fn new() -> Self {
        Self {
            watchdog: sd_notify::watchdog_enabled(),
            last_fed: Instant::now(),
            is_late: false,
            status: String::new(),
        }
    }

    /// Reports that the sensor captures, or that a reload has ended.
    pub fn ready(&self) {
        notify(&[NotifyState::Ready]);
    }

    /// Reports that a reload begins; [`ready`](Self::ready) ends it. `Type=notify-reload` requires
    /// the time in the message.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => notify(&[NotifyState::Reloading, now]),
            Err(error) => log::warn!("cannot notify systemd of the reload: {error}"),
        }
    }

    /// Reports that the sensor is ending.
    pub fn stopping(&self) {
        notify(&[NotifyState::Stopping]);
    }

    /// Sets the line that `systemctl status` shows. Sends it only if it has changed.
    pub fn set_status(&mut self, status: String) {
        if self.status != status {
            notify(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }

    /// Feeds the watchdog if it is time to, and if heartbeats pass through all stages. `age` is the
    /// age of the oldest heartbeat.
    pub fn feed_watchdog(&mut self, age: Duration) {
        let Some(watchdog) = self.watchdog else { return };
        let is_late = age > (watchdog / 2).max(MIN_LATE_HEARTBEAT);
        if is_late && !self.is_late {
            log::error!(
                "no packet or heartbeat passed through all stages for {:.1} s; the watchdog is not fed",
                age.as_secs_f64()
            );
        }
        self.is_late = is_late;
        // systemd recommends half of the time. A quarter leaves room for a late tick.
        if !is_late && self.last_fed.elapsed() >= watchdog / 4 {
            self.last_fed = Instant::now();
            notify(&[NotifyState::Watchdog]);
        }
    }
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::debug!("cannot notify systemd: {error}");
    }
}
