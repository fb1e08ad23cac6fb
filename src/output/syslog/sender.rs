//! The thread that sends: from the spool to the receiver, again and again until it has arrived.
//!
//! **What counts as arrived.** TCP's acknowledgement says that the receiver's kernel has the bytes, not that its program
//! read them: one that is killed takes along what it had not read, and what it had read but not stored. Neither can be seen from
//! here. So what was acknowledged is *settled*, and the mark moves past it, only once the connection has stood for
//! [`SETTLING`] after that, or has been ended in good order: we say that nothing more comes, and the receiver, having read all,
//! ends its side. Where a connection ends in any other way, sending begins again at the mark. That costs at most some
//! duplicates, which have the same `externalId`, and no alert.
//!
//! Of UDP and Unix datagrams nothing is acknowledged: what the kernel took counts, as long as it reports no error (a port
//! that nobody listens at, a socket that is gone) within [`SETTLING_DATAGRAMS`].

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::connection::{Connection, Peer};
use super::message::Messages;
use super::target::Transport;
use super::tls::Tls;
use crate::output::event::{Event, Reporter};
use crate::output::spool::{Reader, Spool};

/// How long a stream must stand after an acknowledgement until it is believed: a receiver reads and stores within
/// milliseconds unless it is in trouble.
pub const SETTLING: Duration = Duration::from_secs(5);
/// The same of datagrams: an error comes back within one round trip.
pub const SETTLING_DATAGRAMS: Duration = Duration::from_secs(1);

/// How many bytes of messages are queued at a time.
const BATCH: usize = 64 << 10;
/// How many datagrams are sent at a time, and how long is waited after them: a receiver's socket holds some 90 messages by
/// Linux's default, and loses what comes when it is full.
const DATAGRAMS: usize = 64;
const PAUSE: Duration = Duration::from_millis(5);

/// How often acknowledgements are looked for while some are outstanding. Nothing tells when one comes.
const ASKING: Duration = Duration::from_millis(20);
/// How often what is to be kept on disk is brought there.
const KEEPING_UP: Duration = Duration::from_secs(1);

/// How long to wait before another attempt: doubled each time, from the first to the last.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// The longest wait while the end of the run waits for us.
const LONGEST_WAIT_AT_END: Duration = Duration::from_millis(500);

/// A connection that stood this long, or on which something arrived, is one; others are failed attempts.
const PROVEN: Duration = Duration::from_secs(1);
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How many different reasons of one outage are told.
const REASONS: usize = 4;

/// What the sender shares with the thread that writes alerts.
#[derive(Debug)]
pub struct Control {
    wake: OwnedFd,
    /// Set where nothing more comes: send the rest, then end.
    pub finish: AtomicBool,
    /// Set where the rest is to be left.
    pub abandon: AtomicBool,
    /// How many alerts the receiver took.
    pub sent: AtomicU64,
    /// Whether the receiver takes alerts.
    pub is_connected: AtomicBool,
    /// The time of the oldest alert that is not known to have been taken.
    pub oldest: Mutex<Option<Timestamp>>,
}

impl Control {
    /// A sender that runs.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            finish: AtomicBool::new(false),
            abandon: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            is_connected: AtomicBool::new(false),
            oldest: Mutex::new(None),
        })
    }

    /// Has the sender look.
    pub fn wake(&self) {
        // An error means that it has not yet looked since it was woken so often that the counter is full.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }
}

/// The sender.
#[derive(Debug)]
pub struct Sender {
    transport: Transport,
    tls: Option<Tls>,
    messages: Messages,
    spool: Arc<Spool>,
    reader: Reader,
    control: Arc<Control>,
    report: Reporter,
    session: Option<Session>,
    /// How long to wait after the next failure, and until when after the last.
    wait: Duration,
    next_attempt: Instant,
    next_keep_up: Instant,
    /// The reasons told of this outage.
    told: Vec<String>,
}

/// What is under way over one connection.
#[derive(Debug)]
struct Session {
    connection: Connection,
    since: Instant,
    is_proven: bool,
    /// The batch that is being written.
    writing: Option<Batch>,
    /// Batches written, not acknowledged. In order.
    in_flight: VecDeque<Batch>,
    /// When what was acknowledged, as the number after it. In order.
    settling: VecDeque<(Instant, u64)>,
    /// Whether we said that nothing more comes.
    is_ended: bool,
    /// Whether there is more to be sent, a little later.
    has_paused: bool,
}

/// Messages that were sent in one piece.
#[derive(Debug)]
struct Batch {
    /// Where in the stream it ends, once it is written.
    end: u64,
    /// The number after its last record's.
    next: u64,
    /// How many records it has.
    count: u64,
    /// The time of its first.
    oldest: Timestamp,
}

impl Sender {
    /// A sender of what is in the spool.
    pub fn new(
        transport: Transport,
        tls: Option<Tls>,
        messages: Messages,
        spool: Arc<Spool>,
        control: Arc<Control>,
        report: Reporter,
    ) -> Self {
        let now = Instant::now();
        Self {
            transport,
            tls,
            messages,
            reader: Reader::new(spool.clone()),
            spool,
            control,
            report,
            session: None,
            wait: FIRST_WAIT,
            next_attempt: now,
            next_keep_up: now,
            told: Vec::new(),
        }
    }

    /// Sends until all is sent and nothing more comes, or until it is told to leave the rest.
    pub fn run(mut self) {
        while !self.control.abandon.load(Ordering::Relaxed) && !self.is_done() {
            let result = match &mut self.session {
                None => self.attempt(),
                Some(_) => self.step(),
            };
            if let Err(error) = result {
                self.down(&error);
            }
            self.note_oldest();
            let now = Instant::now();
            if now >= self.next_keep_up && self.spool.is_behind() {
                self.spool.keep_up();
                self.next_keep_up = Instant::now() + KEEPING_UP;
            }
            if !self.is_done() {
                self.sleep();
            }
        }
        self.spool.keep_up();
        self.control.is_connected.store(false, Ordering::Relaxed);
    }

    fn is_finishing(&self) -> bool {
        self.control.finish.load(Ordering::Relaxed)
    }

    /// Where nothing is left. Without a connection the reader stands at the mark.
    fn is_done(&mut self) -> bool {
        self.is_finishing()
            && self.reader.peek().is_none()
            && self.session.as_ref().is_none_or(|session| session.is_clear() && session.settling.is_empty())
    }

    /// Tries to connect, if it is time.
    fn attempt(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if self.is_finishing() {
            self.next_attempt = self.next_attempt.min(now + LONGEST_WAIT_AT_END);
        }
        if now < self.next_attempt {
            return Ok(());
        }
        let connection = Connection::open(&self.transport, self.tls.as_ref())?;
        self.reader.rewind();
        self.session = Some(Session {
            connection,
            since: Instant::now(),
            is_proven: false,
            writing: None,
            in_flight: VecDeque::new(),
            settling: VecDeque::new(),
            is_ended: false,
            has_paused: false,
        });
        self.step()
    }

    /// Sends what the connection takes, and sees what became of what was sent.
    fn step(&mut self) -> io::Result<()> {
        let is_finishing = self.is_finishing();
        let Some(session) = &mut self.session else { return Ok(()) };
        let peer = session.connection.pump()?;
        if !session.connection.is_ready() {
            return match peer {
                Peer::Ended => Err(ended()),
                Peer::There if session.since.elapsed() > HANDSHAKE => {
                    Err(io::Error::new(ErrorKind::TimedOut, "the TLS handshake takes too long"))
                }
                Peer::There => Ok(()),
            };
        }
        let mut sent = session.acknowledge(&self.spool)?;
        if peer == Peer::There && !session.is_ended {
            session.send(&mut self.reader, &self.messages)?;
            sent += session.acknowledge(&self.spool)?;
        }
        self.control.sent.fetch_add(sent, Ordering::Relaxed);
        // The answer to our end: it has read all.
        let has_read_all = peer == Peer::Ended && session.is_ended && session.is_clear();
        session.settle(&self.spool, if has_read_all { Duration::ZERO } else { session.settling_time() });
        if peer == Peer::Ended {
            return Err(ended());
        }
        if is_finishing && !session.is_ended && session.is_clear() && self.reader.peek().is_none() {
            session.connection.end()?;
            session.is_ended = true;
        }
        if session.since.elapsed() >= SETTLING {
            self.wait = FIRST_WAIT;
        }
        if !session.is_proven && session.since.elapsed() >= PROVEN {
            session.is_proven = true;
            self.told.clear();
            self.control.is_connected.store(true, Ordering::Relaxed);
            self.report.tell(Event::Connected);
        }
        Ok(())
    }

    /// The connection failed, or could not be made.
    fn down(&mut self, error: &io::Error) {
        if self.is_done() {
            return;
        }
        self.session = None;
        self.reader.rewind();
        self.control.is_connected.store(false, Ordering::Relaxed);
        let error = error.to_string();
        if self.told.len() < REASONS && !self.told.contains(&error) {
            self.told.push(error.clone());
            self.report.tell(Event::Disconnected { error });
        }
        self.next_attempt = Instant::now() + self.wait;
        let longest = if self.is_finishing() { LONGEST_WAIT_AT_END } else { LONGEST_WAIT };
        self.wait = (self.wait * 2).min(longest);
    }

    fn note_oldest(&mut self) {
        let in_flight =
            self.session.as_ref().and_then(|session| session.in_flight.front().or(session.writing.as_ref()));
        let oldest = match in_flight {
            Some(batch) => Some(batch.oldest),
            None => self.reader.peek().map(|record| record.time),
        };
        *self.control.oldest.lock().unwrap_or_else(PoisonError::into_inner) = oldest;
    }

    /// Sleeps until something happens or is due.
    fn sleep(&mut self) {
        let now = Instant::now();
        let mut due: Vec<Instant> = Vec::new();
        if self.spool.is_behind() {
            due.push(self.next_keep_up);
        }
        let mut watched = vec![PollFd::new(&self.control.wake, PollFlags::IN)];
        match &self.session {
            None => due.push(self.next_attempt),
            Some(session) => {
                watched.push(PollFd::new(&session.connection, session.connection.interest()));
                if !session.in_flight.is_empty() {
                    due.push(now + ASKING);
                }
                if let Some((since, _)) = session.settling.front() {
                    due.push(*since + session.settling_time());
                }
                if !session.connection.is_ready() {
                    due.push(session.since + HANDSHAKE);
                } else if !session.is_proven {
                    due.push(session.since + PROVEN);
                }
                if session.has_paused {
                    due.push(now + PAUSE);
                }
            }
        }
        let wait = due.into_iter().min().map(|due| due.saturating_duration_since(now));
        // Rounded up, lest it wakes a moment too early and again.
        let wait = wait.and_then(|wait| Timespec::try_from(wait + Duration::from_millis(1)).ok());
        // An interrupted wait only looks early.
        let _ = poll(&mut watched, wait.as_ref());
        let _ = rustix::io::read(&self.control.wake, &mut [0u8; 8]);
    }
}

impl Session {
    /// Whether all that was taken from the spool was acknowledged.
    fn is_clear(&self) -> bool {
        self.writing.is_none() && self.in_flight.is_empty()
    }

    fn settling_time(&self) -> Duration {
        if self.connection.is_datagram() { SETTLING_DATAGRAMS } else { SETTLING }
    }

    /// Queues messages until the connection takes no more or there are none.
    fn send(&mut self, reader: &mut Reader, messages: &Messages) -> io::Result<()> {
        let mut bytes = Vec::new();
        self.has_paused = false;
        let mut datagrams = 0;
        loop {
            if !self.connection.is_idle() {
                return Ok(());
            }
            if let Some(batch) = self.writing.take() {
                self.in_flight.push_back(Batch { end: self.connection.written(), ..batch });
            }
            if self.connection.is_datagram() {
                if datagrams == DATAGRAMS {
                    self.has_paused = reader.peek().is_some();
                    return Ok(());
                }
                datagrams += 1;
            }
            bytes.clear();
            let longest = if self.connection.is_datagram() { 1 } else { BATCH };
            let Some(oldest) = reader.peek().map(|record| record.time) else { return Ok(()) };
            let (mut next, mut count) = (0, 0);
            while bytes.len() < longest
                && let Some(record) = reader.take()
            {
                messages.write(&record, &mut bytes);
                next = record.number + 1;
                count += 1;
            }
            self.connection.queue(&bytes)?;
            self.writing = Some(Batch { end: 0, next, count, oldest });
            self.connection.pump()?;
        }
    }

    /// Notes what was acknowledged. Tells how many alerts of it were not before, over another connection.
    fn acknowledge(&mut self, spool: &Spool) -> io::Result<u64> {
        if self.in_flight.is_empty() {
            return Ok(0);
        }
        let acknowledged = self.connection.acknowledged()?;
        let mut sent = 0;
        while let Some(batch) = self.in_flight.front()
            && batch.end <= acknowledged
        {
            let before = spool.taken(batch.next);
            sent += batch.next.saturating_sub(before).min(batch.count);
            let now = Instant::now();
            match self.settling.back_mut() {
                // One entry for all of a moment, so that there are never many.
                Some((since, next)) if now.duration_since(*since) < ASKING => *next = batch.next,
                _ => self.settling.push_back((now, batch.next)),
            }
            self.in_flight.pop_front();
        }
        Ok(sent)
    }

    /// Moves the mark past what was acknowledged so long ago.
    fn settle(&mut self, spool: &Spool, time: Duration) {
        while let Some((since, next)) = self.settling.front()
            && since.elapsed() >= time
        {
            spool.settle(*next);
            self.settling.pop_front();
        }
    }
}

fn ended() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the receiver ended the connection")
}
