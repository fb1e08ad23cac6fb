//! The sender: the thread that connects to a receiver and sends what is in the spool.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::{EarlierConnection, Outbox, Receiver, Session, SessionError};
use crate::output::clock;
use crate::output::event::{Event, EventReporter};
use crate::output::progress::Progress;
use crate::output::spool::{AcceptedMark, Spool};

/// The interval at which the spool is flushed to the disk.
const SPOOL_SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// The wait before the next attempt to connect. It doubles with each failure, from the first value
/// to the last.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// The longest wait while the end of the run waits for the sender.
const LONGEST_WAIT_AT_END: Duration = Duration::from_millis(500);
/// The longest wait that a receiver can ask for. A faulty or hostile one must not stop alerts for a
/// day.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(600);

/// A session counts as connected when it has lasted this long. A receiver that accepts a connection
/// and closes it at once is not connected.
const CONNECTED_AFTER: Duration = Duration::from_secs(1);
/// After a session of this length the wait between attempts starts again at its first value.
const STABLE_AFTER: Duration = Duration::from_secs(5);

/// The longest wait for the receiver to read the last connection of an earlier process to its end.
/// One that takes longer is in trouble, and gets the alerts once more.
const EARLIER_PATIENCE: Duration = Duration::from_secs(5);
/// The interval at which that is checked. A receiver that works takes some milliseconds.
const EARLIER_INTERVAL: Duration = Duration::from_millis(20);

/// The number of different reasons that are reported during one outage. A receiver that alternates
/// between errors must not flood the log.
const MOST_REASONS: usize = 4;

/// The state that the sender shares with the thread that writes alerts.
#[derive(Debug)]
pub struct SenderControl {
    wake: OwnedFd,
    /// Set when no more alerts follow: the sender sends the rest and ends.
    pub finish: AtomicBool,
    /// Set to end the sender at once. Alerts that are not sent stay in the spool.
    pub abandon: AtomicBool,
    /// Set to end the waits of a replay for the receiver.
    pub stop_waiting: AtomicBool,
    /// Alerts that the receiver accepted, since the start.
    pub sent: AtomicU64,
    /// True while the receiver accepts alerts.
    pub is_connected: AtomicBool,
    /// The time of the oldest alert that the receiver has not accepted.
    pub oldest_waiting: Mutex<Option<Timestamp>>,
    /// The time at which the receiver accepted an alert last.
    pub progress: Progress,
}

impl SenderControl {
    /// The control of a sender that is to run.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            finish: AtomicBool::new(false),
            abandon: AtomicBool::new(false),
            stop_waiting: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            is_connected: AtomicBool::new(false),
            oldest_waiting: Mutex::new(None),
            progress: Progress::new(),
        })
    }

    /// Called before an alert is appended to the spool. If none waits, the time in which the
    /// receiver has to accept it begins now.
    pub fn note_first_waiting(&self) {
        if self.oldest_waiting.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            self.progress.note();
        }
    }

    /// Wakes the sender, so that it checks for new alerts and for the flags.
    pub fn wake(&self) {
        // This fails only if the eventfd's counter is full. Then a wakeup is pending anyway.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }
}

/// The sender.
pub struct Sender {
    receiver: Box<dyn Receiver>,
    outbox: Outbox,
    spool: Arc<Spool>,
    control: Arc<SenderControl>,
    reporter: EventReporter,
    connection: Option<Connection>,
    /// The receiver read all records before this number over the last connection of an earlier
    /// process. They are delivered if the first connection of this one lasts, and are sent again if
    /// it breaks.
    read_earlier: Option<u64>,
    /// The wait after the next failure.
    wait: Duration,
    next_attempt: Instant,
    next_sync: Instant,
    /// The reasons that were reported during this outage.
    reported_reasons: Vec<String>,
}

struct Connection {
    session: Box<dyn Session>,
    /// The mark of what was accepted over this connection, as it was kept last. `None` if no later
    /// process could learn what became of it.
    kept: Option<AcceptedMark>,
    since: Instant,
    /// True once [`Event::Connected`] was reported.
    is_reported: bool,
}

impl Sender {
    /// A sender of the records in `spool`.
    pub fn new(
        receiver: Box<dyn Receiver>,
        spool: Arc<Spool>,
        control: Arc<SenderControl>,
        reporter: EventReporter,
    ) -> Self {
        let now = clock::now();
        Self {
            receiver,
            outbox: Outbox::new(spool.clone(), reporter.clone()),
            spool,
            control,
            reporter,
            connection: None,
            read_earlier: None,
            wait: FIRST_WAIT,
            next_attempt: now,
            next_sync: now,
            reported_reasons: Vec::new(),
        }
    }

    /// Sends until everything is delivered and no more alerts follow, or until it is told to stop.
    pub fn run(mut self) {
        self.ask_about_earlier();
        self.spool.report_leftover(self.read_earlier);
        while !self.control.abandon.load(Ordering::Relaxed) && !self.is_done() {
            self.step();
            if !self.is_done() {
                self.sleep();
            }
        }
        self.spool.sync();
        self.control.is_connected.store(false, Ordering::Relaxed);
    }

    /// Does what there is to do at the moment.
    pub(super) fn step(&mut self) {
        let result = match &self.connection {
            None => self.connect(),
            Some(_) => self.advance(),
        };
        if let Err(error) = result {
            self.disconnect(error);
        }
        self.update_oldest();
        self.sync();
    }

    fn is_finishing(&self) -> bool {
        self.control.finish.load(Ordering::Relaxed)
    }

    pub(super) fn is_done(&mut self) -> bool {
        self.is_finishing() && self.outbox.is_delivered()
    }

    /// Tries to connect if the wait after the last failure is over.
    fn connect(&mut self) -> Result<(), SessionError> {
        let now = clock::now();
        if self.is_finishing() {
            self.next_attempt = self.next_attempt.min(now + LONGEST_WAIT_AT_END);
        }
        if now < self.next_attempt {
            return Ok(());
        }
        let session = self.receiver.connect()?;
        self.outbox.rewind();
        if let Some(number) = self.read_earlier {
            self.outbox.skip_to(number);
        }
        self.control.progress.note();
        let kept = session.connection().map(|connection| AcceptedMark { before: 0, connection });
        self.connection = Some(Connection { session, kept, since: clock::now(), is_reported: false });
        self.advance()
    }

    /// Learns whether the receiver read the last connection of an earlier process to its end.
    pub(super) fn ask_about_earlier(&mut self) {
        let Some(mark) = self.spool.accepted_before_start().cloned() else { return };
        let began = clock::now();
        while !self.control.abandon.load(Ordering::Relaxed) {
            match self.receiver.earlier_connection(&mark.connection) {
                EarlierConnection::Ending if clock::since(began) < EARLIER_PATIENCE => clock::sleep(EARLIER_INTERVAL),
                EarlierConnection::ReadToEnd => {
                    self.read_earlier = Some(mark.before);
                    return;
                }
                EarlierConnection::Ending | EarlierConnection::Unknown => return,
            }
            self.sync();
        }
    }

    /// Flushes the spool to the disk, at most once in an interval.
    fn sync(&mut self) {
        if clock::now() >= self.next_sync && self.spool.needs_sync() {
            self.spool.sync();
            self.next_sync = clock::now() + SPOOL_SYNC_INTERVAL;
        }
    }

    fn advance(&mut self) -> Result<(), SessionError> {
        let is_finishing = self.is_finishing();
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let result = connection.session.advance(&mut self.outbox, is_finishing);
        let accepted = self.outbox.accepted();
        if self.control.sent.swap(accepted, Ordering::Relaxed) != accepted {
            self.control.progress.note();
        }
        if let Some(mark) = connection.kept.as_mut().filter(|mark| mark.before < self.outbox.accepted_before()) {
            mark.before = self.outbox.accepted_before();
            self.spool.keep_accepted(mark);
        }
        result?;
        if !connection.session.is_ready() {
            return Ok(());
        }
        if clock::since(connection.since) >= STABLE_AFTER {
            self.wait = FIRST_WAIT;
        }
        if (is_finishing || clock::since(connection.since) >= STABLE_AFTER)
            && let Some(number) = self.read_earlier.take()
        {
            self.spool.mark_delivered(number);
        }
        if !connection.is_reported && clock::since(connection.since) >= CONNECTED_AFTER {
            connection.is_reported = true;
            self.reported_reasons.clear();
            self.control.is_connected.store(true, Ordering::Relaxed);
            self.reporter.report(Event::Connected);
        }
        Ok(())
    }

    /// Handles a failed session or a failed attempt to connect.
    fn disconnect(&mut self, error: SessionError) {
        // At the end of a run the receiver closes the connection when it has everything.
        if self.is_done() {
            return;
        }
        self.connection = None;
        self.read_earlier = None;
        self.spool.forget_accepted();
        self.outbox.rewind();
        self.control.is_connected.store(false, Ordering::Relaxed);
        let SessionError { reason, retry_after } = error;
        if self.reported_reasons.len() < MOST_REASONS && !self.reported_reasons.contains(&reason) {
            self.reported_reasons.push(reason.clone());
            self.reporter.report(Event::Disconnected { reason });
        }
        let wait = retry_after.map_or(self.wait, |wait| wait.clamp(self.wait, LONGEST_RETRY_AFTER));
        self.next_attempt = clock::now() + wait;
        let longest = if self.is_finishing() { LONGEST_WAIT_AT_END } else { LONGEST_WAIT };
        self.wait = (self.wait * 2).min(longest);
    }

    fn update_oldest(&mut self) {
        *self.control.oldest_waiting.lock().unwrap_or_else(PoisonError::into_inner) = self.outbox.oldest();
    }

    /// Sleeps until the session, the spool, or the control needs attention.
    fn sleep(&mut self) {
        let now = clock::now();
        let mut due: Vec<Instant> = Vec::new();
        if self.spool.needs_sync() {
            due.push(self.next_sync);
        }
        if self.outbox.is_blocked() {
            due.push(now + SPOOL_SYNC_INTERVAL);
        }
        let mut sockets = vec![PollFd::new(&self.control.wake, PollFlags::IN)];
        match &self.connection {
            None => due.push(self.next_attempt),
            Some(connection) => {
                let wakeup = connection.session.wakeup(now);
                due.extend(wakeup.at);
                if let Some(socket) = wakeup.socket {
                    let write = if wakeup.is_writing { PollFlags::OUT } else { PollFlags::empty() };
                    sockets.push(PollFd::from_borrowed_fd(socket, PollFlags::IN | write));
                }
                if !connection.is_reported && connection.session.is_ready() {
                    due.push(connection.since + CONNECTED_AFTER);
                }
                if self.read_earlier.is_some() {
                    due.push(connection.since + STABLE_AFTER);
                }
            }
        }
        let wait = due.into_iter().min().map(|due| due.saturating_duration_since(now));
        // Rounded up, because a wakeup just before the time would only lead to another short sleep.
        let wait = wait.and_then(|wait| Timespec::try_from(wait + Duration::from_millis(1)).ok());
        // An interrupted poll only makes the loop run once more.
        let _ = poll(&mut sockets, wait.as_ref());
        let _ = rustix::io::read(&self.control.wake, &mut [0u8; 8]);
    }
}
