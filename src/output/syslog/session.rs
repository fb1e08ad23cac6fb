//! One connection to a syslog receiver, and the messages on their way over it.
//!
//! Syslog has no acknowledgements of its own. TCP's acknowledgement says that the receiver's kernel
//! has the bytes, not that its program has read them. A receiver that is killed loses what it has
//! not read, and what it has read but not stored. The sensor can see neither. An acknowledged
//! message therefore counts as *accepted*, and as *delivered* only after one of these:
//!
//! - The connection has lasted [`CONFIRMATION_TIME`] after the acknowledgement.
//! - The connection was closed in good order: the sensor closes its side, and the receiver, having
//!   read everything, closes its own.
//!
//! If the connection ends in any other way, sending starts again after the last delivered message.
//!
//! Datagrams over UDP and Unix sockets are never acknowledged. They count as accepted when the
//! kernel has them, and as delivered if no error (nobody listens at the port, the socket is gone)
//! comes back within [`DATAGRAM_CONFIRMATION_TIME`].

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::connection::{Connection, PeerState};
use super::message::MessageWriter;
use crate::output::delivery::{Outbox, Session, SessionError, Wakeup};

/// The time that a stream must last after an acknowledgment. A receiver reads and stores a message
/// within milliseconds, unless it is in trouble.
const CONFIRMATION_TIME: Duration = Duration::from_secs(5);
/// The same for datagrams: an error comes back within one round trip.
const DATAGRAM_CONFIRMATION_TIME: Duration = Duration::from_secs(1);

/// The size at which a batch of messages is sent.
const BATCH_SIZE: usize = 64 << 10;
/// The number of datagrams in a burst, and the pause after it. With Linux's default buffer a
/// receiver's socket holds some 90 messages, and drops more.
const DATAGRAM_BURST: usize = 64;
const BURST_PAUSE: Duration = Duration::from_millis(5);

/// The interval at which acknowledgements are checked while some are outstanding. The kernel does
/// not notify when one arrives.
const ACKNOWLEDGEMENT_INTERVAL: Duration = Duration::from_millis(20);
/// The longest time for a TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A session over one connection.
#[derive(Debug)]
pub struct SyslogSession {
    connection: Connection,
    messages: MessageWriter,
    since: Instant,
    /// The batch that is being written: the number after its last record.
    writing: Option<u64>,
    /// Batches that were written and are not acknowledged, in order.
    unacknowledged: VecDeque<Batch>,
    /// Batches that were acknowledged and are not confirmed, in order.
    unconfirmed: VecDeque<Acknowledgement>,
    /// True after the sensor closed its side.
    is_closing: bool,
    /// True if more datagrams follow after a pause.
    is_pausing: bool,
}

/// A batch of messages that was written.
#[derive(Debug)]
struct Batch {
    /// The position of its end in the stream of bytes.
    end: u64,
    /// The number after its last record.
    next_record: u64,
}

/// An acknowledgement of all records before a number.
#[derive(Debug)]
struct Acknowledgement {
    time: Instant,
    next_record: u64,
}

impl SyslogSession {
    /// A session over a connection that was just opened.
    pub fn new(connection: Connection, messages: MessageWriter) -> Self {
        Self {
            connection,
            messages,
            since: Instant::now(),
            writing: None,
            unacknowledged: VecDeque::new(),
            unconfirmed: VecDeque::new(),
            is_closing: false,
            is_pausing: false,
        }
    }

    fn confirmation_time(&self) -> Duration {
        if self.connection.is_datagram() { DATAGRAM_CONFIRMATION_TIME } else { CONFIRMATION_TIME }
    }

    /// Writes batches until the connection accepts no more or no record is left.
    fn send(&mut self, outbox: &mut Outbox) -> io::Result<()> {
        let mut bytes = Vec::new();
        self.is_pausing = false;
        let mut datagrams = 0;
        while self.connection.is_idle() {
            if let Some(next_record) = self.writing.take() {
                self.unacknowledged.push_back(Batch { end: self.connection.written(), next_record });
            }
            if self.connection.is_datagram() {
                if datagrams == DATAGRAM_BURST {
                    self.is_pausing = outbox.peek().is_some();
                    return Ok(());
                }
                datagrams += 1;
            }
            bytes.clear();
            let size = if self.connection.is_datagram() { 1 } else { BATCH_SIZE };
            while bytes.len() < size
                && let Some(record) = outbox.take()
            {
                self.messages.write(&record, &mut bytes);
                self.writing = Some(record.number + 1);
            }
            if self.writing.is_none() {
                return Ok(());
            }
            self.connection.queue(&bytes)?;
            self.connection.transfer()?;
        }
        Ok(())
    }

    /// Checks which batches were acknowledged.
    fn check_acknowledged(&mut self, outbox: &mut Outbox) -> io::Result<()> {
        if self.unacknowledged.is_empty() {
            return Ok(());
        }
        let acknowledged = self.connection.acknowledged()?;
        while let Some(&Batch { end, next_record }) = self.unacknowledged.front()
            && end <= acknowledged
        {
            outbox.mark_accepted(next_record);
            let time = Instant::now();
            match self.unconfirmed.back_mut() {
                // One entry for each interval keeps the queue short.
                Some(last) if time.duration_since(last.time) < ACKNOWLEDGEMENT_INTERVAL => {
                    last.next_record = next_record;
                }
                _ => self.unconfirmed.push_back(Acknowledgement { time, next_record }),
            }
            self.unacknowledged.pop_front();
        }
        Ok(())
    }

    /// Marks as delivered what was acknowledged at least `confirmation_time` ago.
    fn confirm(&mut self, outbox: &mut Outbox, confirmation_time: Duration) {
        while let Some(oldest) = self.unconfirmed.front()
            && oldest.time.elapsed() >= confirmation_time
        {
            outbox.mark_delivered(oldest.next_record);
            self.unconfirmed.pop_front();
        }
    }
}

impl Session for SyslogSession {
    fn advance(&mut self, outbox: &mut Outbox, is_finishing: bool) -> Result<(), SessionError> {
        let peer = self.connection.transfer()?;
        if !self.is_ready() {
            return match peer {
                PeerState::Closed => Err(closed().into()),
                PeerState::Open if self.since.elapsed() > HANDSHAKE_TIMEOUT => {
                    Err(io::Error::new(ErrorKind::TimedOut, "the TLS handshake takes too long").into())
                }
                PeerState::Open => Ok(()),
            };
        }
        self.check_acknowledged(outbox)?;
        if peer == PeerState::Open && !self.is_closing {
            self.send(outbox)?;
            self.check_acknowledged(outbox)?;
        }
        // A receiver that closes after the sensor did has read everything.
        let has_read_all = peer == PeerState::Closed && self.is_closing && !outbox.has_in_flight();
        self.confirm(outbox, if has_read_all { Duration::ZERO } else { self.confirmation_time() });
        if peer == PeerState::Closed {
            return Err(closed().into());
        }
        if is_finishing && !self.is_closing && !outbox.has_in_flight() && outbox.peek().is_none() {
            self.connection.close_write()?;
            self.is_closing = true;
        }
        Ok(())
    }

    fn is_ready(&self) -> bool {
        self.connection.is_ready()
    }

    fn connection(&self) -> Option<String> {
        self.connection.tcp_ends().map(|(own, peer)| format!("{own} {peer}"))
    }

    fn wakeup(&self, now: Instant) -> Wakeup<'_> {
        let at = [
            (!self.unacknowledged.is_empty()).then(|| now + ACKNOWLEDGEMENT_INTERVAL),
            self.unconfirmed.front().map(|oldest| oldest.time + self.confirmation_time()),
            (!self.is_ready()).then(|| self.since + HANDSHAKE_TIMEOUT),
            self.is_pausing.then(|| now + BURST_PAUSE),
        ];
        Wakeup {
            socket: Some(self.connection.as_fd()),
            is_writing: !self.connection.is_idle(),
            at: at.into_iter().flatten().min(),
        }
    }
}

fn closed() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the receiver closed the connection")
}
