//! The progress of an output, and the wait for one that takes nothing for a while.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::Event;
use super::event::{EventReporter, STALLED_AFTER};

/// The time at which an output took something last. It is shared by the thread that writes and the
/// one that watches.
#[derive(Debug)]
pub(super) struct Progress {
    began: Instant,
    /// Milliseconds after `began`.
    latest: AtomicU64,
    is_stopped: AtomicBool,
}

impl Progress {
    /// Progress that was made just now.
    pub fn new() -> Self {
        Self { began: Instant::now(), latest: AtomicU64::new(0), is_stopped: AtomicBool::new(false) }
    }

    /// Records that the output took something, or that the first alert now waits for it.
    pub fn note(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.latest.fetch_max(now, Ordering::Relaxed);
    }

    /// Returns true if the output has taken nothing for [`STALLED_AFTER`]. This means something
    /// only while alerts wait.
    pub fn is_stalled(&self) -> bool {
        let latest = Duration::from_millis(self.latest.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(latest) >= STALLED_AFTER
    }

    /// Ends every wait of a [`Waiter`] with an error.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// Returns true after [`stop`](Self::stop).
    pub fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }
}

/// Waits for the reader of a pipe.
#[derive(Debug)]
pub struct Waiter {
    progress: Arc<Progress>,
    /// Reports the wait, if no other thread watches the progress.
    reporter: Option<EventReporter>,
}

impl Waiter {
    /// Waits until the reader takes something, however long that is, and reports once for whom the
    /// run waits.
    pub(super) fn of_replay(progress: Arc<Progress>, reporter: EventReporter) -> Self {
        Self { progress, reporter: Some(reporter) }
    }

    /// Waits until another thread stops the wait.
    pub(super) fn watched(progress: Arc<Progress>) -> Self {
        Self { progress, reporter: None }
    }

    /// Records that the reader took something, or that a wait begins.
    pub(super) fn note_progress(&self) {
        self.progress.note();
    }

    /// Called again and again during a wait. An error ends the wait.
    pub(super) fn check(&mut self) -> io::Result<()> {
        if self.progress.is_stopped() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads it, and the run ends"));
        }
        if self.progress.is_stalled()
            && let Some(reporter) = self.reporter.take()
        {
            reporter.report(Event::Awaited);
        }
        Ok(())
    }
}
