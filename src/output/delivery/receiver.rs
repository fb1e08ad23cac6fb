//! The interface of a receiver.

use std::any::Any;
use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use url::Url;

use super::Outbox;
use crate::output::{LineFormatter, Sensor};

/// A kind of receiver: an entry in the table of `target.rs`.
#[derive(Debug, Clone, Copy)]
pub struct ReceiverKind {
    /// The URL schemes of its targets.
    pub schemes: &'static [&'static str],
    /// Parses a URL with one of these schemes. An error is the reason for which the URL is refused.
    pub parse: fn(&Url) -> Result<Arc<dyn ReceiverSettings>, String>,
}

/// The checked settings of one receiver. Nothing is opened yet.
pub trait ReceiverSettings: Any + fmt::Debug + Send + Sync {
    /// The URL scheme.
    fn scheme(&self) -> &'static str;

    /// The part of the URL between `scheme://` and its options. Together with the scheme it names
    /// the receiver in messages and metrics, and the receiver's folder in the spool.
    fn address(&self) -> String;

    /// The files that [`Self::receiver`] reads, such as certificates.
    fn files_read(&self) -> Vec<PathBuf>;

    /// Returns true if `other` is of the same kind and has the same settings.
    fn is_equal(&self, other: &dyn ReceiverSettings) -> bool;

    /// Returns the formatter for the lines that are put into the spool.
    fn formatter(&self, sensor: &Sensor) -> Box<dyn LineFormatter>;

    /// Reads the files and makes a receiver, which is not connected yet. An error is a message for
    /// the operator.
    fn receiver(&self, sensor: &Sensor) -> Result<Box<dyn Receiver>, String>;
}

/// Connects to one receiver, again and again.
///
/// It outlives its sessions, so it can cache what the next session needs, such as a sign-in token.
pub trait Receiver: Send {
    /// Connects, and starts to sign in if the protocol requires it. May block for some seconds, but
    /// not forever.
    fn connect(&mut self) -> Result<Box<dyn Session>, SessionError>;

    /// Says what became of the last connection of an earlier process, which [`Session::connection`]
    /// named. A receiver about which nothing can be learned leaves this out.
    fn earlier_connection(&self, _connection: &str) -> EarlierConnection {
        EarlierConnection::Unknown
    }
}

/// The end of a connection whose process was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarlierConnection {
    /// The receiver read everything that was sent.
    ReadToEnd,
    /// The receiver may still be reading.
    Ending,
    /// The receiver may have lost what it had not read, or nothing can be learned.
    Unknown,
}

/// One connection to a receiver, or one series of requests.
///
/// The sender calls [`Self::advance`] when the session's [`Wakeup`] says so, when records were
/// appended to the spool, and when the run ends. After an error the session is dropped. The sender
/// waits, connects again, and sends again what was not delivered.
pub trait Session: Send {
    /// Takes records from the outbox and sends them as far as the receiver accepts them, and tells
    /// the outbox which records were accepted, delivered or refused. `is_finishing` means that the
    /// run ends: no record follows those that are in the outbox.
    ///
    /// A session over a socket must not block. A session of requests may block for one request with
    /// a timeout.
    fn advance(&mut self, outbox: &mut Outbox, is_finishing: bool) -> Result<(), SessionError>;

    /// Returns true if the session is signed in and can send.
    fn is_ready(&self) -> bool;

    /// Names the connection, so that a later process can ask what became of it, with
    /// [`Receiver::earlier_connection`]. `None` if nothing could be learned then.
    fn connection(&self) -> Option<String> {
        None
    }

    /// Says when the session needs the next call of [`Self::advance`], if nothing else happens.
    fn wakeup(&self, now: Instant) -> Wakeup<'_>;
}

/// The conditions under which a session has something to do. Any one of them suffices.
#[derive(Debug, Default)]
pub struct Wakeup<'a> {
    /// A socket that becomes readable.
    pub socket: Option<BorrowedFd<'a>>,
    /// True if the session also waits until the socket becomes writable.
    pub is_writing: bool,
    /// A time.
    pub at: Option<Instant>,
}

/// The reason for which a session failed. All records that were not delivered will be sent again.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{reason}")]
pub struct SessionError {
    /// A message for the operator. Repetitions of the same text are reported once for each outage,
    /// so it should not contain a time or a counter.
    pub reason: String,
    /// The time that the receiver asked to wait before the next attempt, as with HTTP's
    /// `Retry-After`. Without it the sender chooses the time.
    pub retry_after: Option<Duration>,
}

impl From<io::Error> for SessionError {
    fn from(error: io::Error) -> Self {
        Self { reason: error.to_string(), retry_after: None }
    }
}
