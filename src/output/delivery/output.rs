//! The output that writes alerts to a spool and delivers them to a receiver.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver as ChannelReceiver, bounded};

use super::ReceiverTarget;
use super::sender::{Sender, SenderControl};
use crate::alert::Alert;
use crate::output::event::STALLED_AFTER;
use crate::output::event::{Event, EventReporter};
use crate::output::spool::Spool;
use crate::output::{
    EventHandler, LineFormatter, Mode, Monitor, Output, OutputError, OutputStatus, Sensor, SpoolSettings,
};
use crate::units::ByteCount;

/// A replay waits for its receiver as long as alerts are accepted at least this often.
const REPLAY_PATIENCE: Duration = Duration::from_secs(30);
/// The interval at which a replay reports that it waits at its end.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// At its end a live sensor, or a replay that follows a folder, gives the receiver this long. The
/// rest stays in the spool for the next run. Together with [`STOP_PATIENCE`] it is the ten seconds
/// that a run may take to end.
const LIVE_PATIENCE: Duration = Duration::from_secs(8);
/// The time that a sender has to save its state when it is told to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(2);
/// The interval at which progress is checked at the end.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// The output for one receiver.
pub struct SpooledOutput {
    name: String,
    formatter: Box<dyn LineFormatter>,
    mode: Mode,
    spool: Arc<Spool>,
    control: Arc<SenderControl>,
    /// Disconnected when the sender ends.
    ended: ChannelReceiver<()>,
    line: String,
    reporter: EventReporter,
    /// True once it was reported that a replay waits for room in the spool.
    has_reported_wait: bool,
}

impl SpooledOutput {
    /// Opens the spool, reads the files that the receiver needs, and starts the sender. An
    /// unreachable receiver is not an error.
    pub fn open(
        target: &ReceiverTarget,
        sensor: &Sensor,
        mode: Mode,
        spool: Option<&SpoolSettings>,
        handler: &EventHandler,
    ) -> Result<Self, OutputError> {
        let name = target.to_string();
        let invalid = |why| OutputError::Target { name: name.clone(), why };
        let no_sender = |error| invalid(format!("cannot start to send: {error}"));
        let receiver = target.settings().receiver(sensor).map_err(invalid)?;
        let formatter = target.settings().formatter(sensor);
        let reporter = EventReporter { name: name.clone(), handler: handler.clone() };
        let control = Arc::new(SenderControl::new().map_err(no_sender)?);
        let spool = Arc::new(match spool {
            None => Spool::in_memory(reporter.clone()),
            Some(SpoolSettings { folder, limit }) => {
                let folder = folder.join(target.spool_folder_name());
                let spool = Spool::open(&folder, *limit, reporter.clone());
                spool.map_err(|error| OutputError::Spool { folder, error: explain_lock(error) })?
            }
        });
        let sender = Sender::new(receiver, spool.clone(), control.clone(), reporter.clone());
        let (end, ended) = bounded::<()>(0);
        let run = move || {
            sender.run();
            drop(end);
        };
        thread::Builder::new().name(format!("out-{}", target.settings().address())).spawn(run).map_err(no_sender)?;
        Ok(Self {
            name,
            formatter,
            mode,
            spool,
            control,
            ended,
            line: String::new(),
            reporter,
            has_reported_wait: false,
        })
    }

    /// Waits for the sender as long as the mode allows. Returns true if it delivered everything.
    fn wait_for_sender(&self) -> bool {
        let spool = self.spool.clone();
        let progress = || (spool.level().waiting, spool.delivered_before());
        let (mut since, mut last, mut next_report) = (Instant::now(), progress(), REPORT_INTERVAL);
        let patience = match self.mode {
            Mode::Replay => REPLAY_PATIENCE,
            Mode::Follow | Mode::Live => LIVE_PATIENCE,
        };
        while since.elapsed() < patience && !self.stops_waiting() {
            if self.ended.recv_timeout(PROGRESS_INTERVAL).is_err_and(|error| error.is_disconnected()) {
                return true;
            }
            if self.mode == Mode::Replay && progress() != last {
                (since, last, next_report) = (Instant::now(), progress(), REPORT_INTERVAL);
            }
            if self.mode == Mode::Replay && since.elapsed() >= next_report {
                next_report += REPORT_INTERVAL;
                let left = patience.saturating_sub(since.elapsed());
                self.reporter.report(Event::Waiting { alerts: spool.undelivered(), left });
            }
        }
        false
    }

    /// Waits until another alert fits into the spool without dropping one. Returns false if the
    /// receiver takes nothing for too long.
    fn wait_for_room(&mut self) -> bool {
        let (mut since, mut last) = (Instant::now(), self.spool.delivered_before());
        while !self.spool.wait_for_room(PROGRESS_INTERVAL) {
            if self.spool.delivered_before() != last {
                (since, last) = (Instant::now(), self.spool.delivered_before());
            }
            if since.elapsed() >= STALLED_AFTER && !std::mem::replace(&mut self.has_reported_wait, true) {
                self.reporter.report(Event::Awaited);
            }
            if since.elapsed() >= REPLAY_PATIENCE || self.stops_waiting() {
                return false;
            }
        }
        true
    }

    fn stops_waiting(&self) -> bool {
        self.control.stop_waiting.load(Ordering::Relaxed)
    }

    /// Tells the sender to stop at once.
    fn abandon(&self) {
        self.control.abandon.store(true, Ordering::Relaxed);
        self.control.wake();
    }

    fn undelivered(&self, in_memory: u64) -> OutputError {
        let (alerts, spool) = (self.spool.undelivered(), self.spool.path());
        OutputError::Undelivered { name: self.name.clone(), alerts, in_memory, spool }
    }
}

impl Output for SpooledOutput {
    fn write(&mut self, alert: &Alert) -> Result<(), OutputError> {
        if self.mode.stops_on_failure() && !self.wait_for_room() {
            return Err(self.undelivered(0));
        }
        self.control.note_first_waiting();
        self.line.clear();
        self.formatter.write(alert, &mut self.line);
        self.spool.append(self.line.trim_end_matches('\n').to_owned());
        self.control.wake();
        Ok(())
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), OutputError> {
        self.control.finish.store(true, Ordering::Relaxed);
        self.control.wake();
        if self.wait_for_sender() {
            let lost = self.spool.level().lost;
            return if lost == 0 { Ok(()) } else { Err(OutputError::Lost { name: self.name.clone(), alerts: lost }) };
        }
        self.abandon();
        // The sender may be waiting for a name server or for a request. Neither can be interrupted.
        let _ = self.ended.recv_timeout(STOP_PATIENCE);
        let in_memory = self.spool.abandon();
        Err(self.undelivered(in_memory))
    }

    fn monitors(&self) -> Vec<Monitor> {
        let (name, spool, control) = (self.name.clone(), self.spool.clone(), self.control.clone());
        let of_stop = control.clone();
        vec![
            Monitor::new(move || {
                let level = spool.level();
                let is_connected = control.is_connected.load(Ordering::Relaxed);
                let is_stalled = is_connected && level.waiting > 0 && control.progress.is_stalled();
                OutputStatus {
                    name: name.clone(),
                    is_receiver: true,
                    sent: control.sent.load(Ordering::Relaxed),
                    lost: level.lost,
                    waiting: level.waiting,
                    spool: ByteCount(level.bytes),
                    in_memory: ByteCount(level.in_memory),
                    spool_fails: level.is_failing,
                    oldest_waiting: *control.oldest_waiting.lock().unwrap_or_else(PoisonError::into_inner),
                    is_stalled,
                    is_connected: is_connected && !is_stalled,
                }
            })
            .with_stop(move || of_stop.stop_waiting.store(true, Ordering::Relaxed)),
        ]
    }
}

impl Drop for SpooledOutput {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// Replaces the error of a locked folder by one that an operator understands.
fn explain_lock(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock {
        return io::Error::other("another rattap uses it; give each its own");
    }
    error
}
