//! CEF lines to a syslog receiver, by way of the spool.
//!
//! The thread that makes alerts puts each into the spool and goes on, whatever the receiver does. A
//! thread of its own, the sender, takes them from there.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};

use super::event::Reporter;
use super::spool::Spool;
use super::{Cef, Mode, Monitor, Output, OutputError, OutputStatus, Report, SpoolSettings};
use crate::alert::Alert;
use crate::units::ByteCount;

mod acknowledged;
mod connection;
mod message;
mod sender;
mod target;
mod tls;

pub use target::*;

use message::Messages;
use sender::{Control, Sender};
use tls::Tls;

/// A replay waits for its receiver as long as that takes something at least this often.
const PATIENCE: Duration = Duration::from_secs(30);
/// A live sensor that is told to end gives its receiver this long; what is left stays in the spool for the next run.
const LIVE_PATIENCE: Duration = Duration::from_secs(10);
/// How long a sender that is to leave the rest may take to save where it was.
const LEAVING: Duration = Duration::from_secs(2);
/// How often progress is looked for at the end.
const LOOKING: Duration = Duration::from_millis(100);

/// One receiver.
#[derive(Debug)]
pub struct Syslog {
    name: String,
    cef: Cef,
    mode: Mode,
    spool: Arc<Spool>,
    control: Arc<Control>,
    /// Ends with the sender.
    ended: Receiver<()>,
    line: String,
}

impl Syslog {
    /// Opens the spool, reads what TLS needs, and starts to send. That the receiver is not there is no error.
    pub fn open(
        target: &SyslogTarget,
        cef: Cef,
        mode: Mode,
        spool: Option<&SpoolSettings>,
        report: &Report,
    ) -> Result<Self, OutputError> {
        let name = target.to_string();
        target.check().map_err(|error| OutputError::Target { name: name.clone(), why: error.why })?;
        let tls = match &target.transport {
            Transport::Tls { address, tls, .. } => {
                let tls = Tls::new(tls, &address.host);
                Some(tls.map_err(|why| OutputError::Target { name: name.clone(), why })?)
            }
            _ => None,
        };
        let report = Reporter { name: name.clone(), report: report.clone() };
        let messages = Messages::new(target, cef.sensor_host());
        let (control, spool) = match spool {
            None => (Control::new(), Ok(Spool::in_memory(report.clone()))),
            Some(SpoolSettings { folder, limit }) => {
                let folder = folder.join(folder_name(&name));
                let spool = Spool::open(&folder, *limit, report.clone());
                (Control::new(), spool.map_err(|error| OutputError::Spool { folder, error: described(error) }))
            }
        };
        let spool = Arc::new(spool?);
        let no_thread = |error| OutputError::Write { name: name.clone(), error };
        let control = Arc::new(control.map_err(no_thread)?);
        let sender = Sender::new(target.transport.clone(), tls, messages, spool.clone(), control.clone(), report);
        let (end, ended) = bounded(0);
        let sending = move || {
            sender.run();
            drop::<crossbeam_channel::Sender<()>>(end);
        };
        thread::Builder::new().name("sender".to_owned()).spawn(sending).map_err(no_thread)?;
        Ok(Self { name, cef, mode, spool, control, ended, line: String::new() })
    }

    /// Waits for the sender as long as the mode allows. True where it sent all.
    fn wait_for_the_end(&self) -> bool {
        let progress = || (self.spool.level().waiting, self.spool.mark());
        let (mut since, mut last) = (Instant::now(), progress());
        let patience = match self.mode {
            Mode::Replay | Mode::Follow => PATIENCE,
            Mode::Live => LIVE_PATIENCE,
        };
        while since.elapsed() < patience {
            // Nothing is ever sent: the channel ends.
            if self.ended.recv_timeout(LOOKING).is_err_and(|error| error.is_disconnected()) {
                return true;
            }
            if self.mode != Mode::Live && progress() != last {
                (since, last) = (Instant::now(), progress());
            }
        }
        false
    }

    fn leave(&self) {
        self.control.abandon.store(true, Ordering::Relaxed);
        self.control.wake();
    }

    fn undelivered(&self, in_memory: u64) -> OutputError {
        let (alerts, spool) = (self.spool.unsettled(), self.spool.path());
        OutputError::Undelivered { name: self.name.clone(), alerts, in_memory, spool }
    }
}

impl Output for Syslog {
    fn write(&mut self, alert: &Alert) -> Result<(), OutputError> {
        if self.mode != Mode::Live && !self.spool.wait_for_room(PATIENCE) {
            return Err(self.undelivered(0));
        }
        self.line.clear();
        self.cef.write(alert, &mut self.line);
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
        if self.wait_for_the_end() {
            let lost = self.spool.level().lost;
            return if lost == 0 { Ok(()) } else { Err(OutputError::Lost { name: self.name.clone(), alerts: lost }) };
        }
        self.leave();
        // It may be waiting for a name server, which nothing shortens.
        let _ = self.ended.recv_timeout(LEAVING);
        let in_memory = self.spool.leave();
        Err(self.undelivered(in_memory))
    }

    fn monitors(&self) -> Vec<Monitor> {
        let (name, spool, control) = (self.name.clone(), self.spool.clone(), self.control.clone());
        vec![Monitor::new(move || {
            let level = spool.level();
            OutputStatus {
                name: name.clone(),
                sent: control.sent.load(Ordering::Relaxed),
                lost: level.lost,
                waiting: level.waiting,
                spool: ByteCount(level.bytes),
                in_memory: ByteCount(level.in_memory),
                spool_fails: level.is_failing,
                oldest_waiting: *control.oldest.lock().unwrap_or_else(PoisonError::into_inner),
                is_connected: control.is_connected.load(Ordering::Relaxed),
            }
        })]
    }
}

impl Drop for Syslog {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The name of a target's folder in the spool: the same as long as the receiver is the same.
pub(super) fn folder_name(name: &str) -> String {
    let name = name.replace("://", "-");
    name.chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-') { letter } else { '_' })
        .collect()
}

fn described(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock {
        return io::Error::other("another rattap uses it; give each its own");
    }
    error
}
