//! What systemd is told of a service of `Type=notify` (sd_notify(3), systemd.service(5)). Where no systemd listens, nothing is told.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// No pulse is called stopped that is younger: beats come four times a second, and a machine may be busy.
const FRESH: Duration = Duration::from_secs(1);

/// The line to systemd.
pub struct Systemd {
    /// How often systemd wants to hear that all is well, at the least.
    watchdog: Option<Duration>,
    fed: Instant,
    is_late: bool,
    status: String,
}

impl Systemd {
    /// Finds out whether a watchdog is on.
    pub fn new() -> Self {
        Self { watchdog: sd_notify::watchdog_enabled(), fed: Instant::now(), is_late: false, status: String::new() }
    }

    /// The sensor captures, or captures again after a reload.
    pub fn ready(&self) {
        tell(&[NotifyState::Ready]);
    }

    /// A reload begins; [`ready`](Self::ready) ends it. The time is part of the protocol of `Type=notify-reload`.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(error) => log::warn!("systemd is not told of the reload: {error}"),
        }
    }

    /// The sensor ends.
    pub fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    /// What `systemctl status` shows; told where it differs from what was told before.
    pub fn status(&mut self, status: String) {
        if self.status != status {
            tell(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }

    /// Feeds the watchdog where it is time to, and signs of life have come through all stages. `age` is that of the oldest pulse.
    pub fn feed(&mut self, age: Duration) {
        let Some(watchdog) = self.watchdog else { return };
        let is_late = age > (watchdog / 2).max(FRESH);
        if is_late && !self.is_late {
            log::error!(
                "no packet or idle tick came through all stages for {:.1} s; the watchdog is not fed",
                age.as_secs_f64()
            );
        }
        self.is_late = is_late;
        // Half of it is what systemd asks for; a quarter leaves room for a late tick.
        if !is_late && self.fed.elapsed() >= watchdog / 4 {
            self.fed = Instant::now();
            tell(&[NotifyState::Watchdog]);
        }
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::debug!("systemd cannot be told: {error}");
    }
}
