//! The output that writes lines to a file or to standard output on a thread of its own.
//!
//! A live sensor must not wait for a pipe that nobody reads, or for a disk that hangs. The thread
//! that makes alerts appends their lines to a queue and continues. A second thread writes them. If
//! the queue is full, further alerts are lost for this output alone, and counted.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};

use super::lines::{LineCounters, LineWriter};
use super::progress::Progress;
use super::{LineFormatter, Monitor, Output, OutputError, OutputStatus, Sink};
use crate::alert::Alert;

/// The most bytes of lines that wait for one output: some 45,000 alerts, the work of a minute at
/// 750 alerts a second. A sensor with a few outputs keeps within some hundred megabytes.
const QUEUE_LIMIT: usize = 32 << 20;

/// The time that an output has at the end of the run to write what waits for it. Together with
/// [`STOP_PATIENCE`] it is less than the ten seconds that a run may take to end.
const END_PATIENCE: Duration = Duration::from_secs(8);
/// The time that the writing thread has to end when it is told to stop. It checks for this ten
/// times a second, unless the system holds it in a write to a disk that hangs.
const STOP_PATIENCE: Duration = Duration::from_secs(1);
/// The interval at which progress is checked at the end.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Writes one line for each alert, on a thread of its own.
pub struct QueuedOutput {
    name: String,
    formatter: Box<dyn LineFormatter>,
    queue: Arc<LineQueue>,
    /// Disconnected when the thread ends.
    ended: Receiver<()>,
}

impl QueuedOutput {
    /// Starts the thread that writes into `sink`. `progress` is the one that the sink's waits
    /// record.
    pub fn start<S: Sink + 'static>(
        name: String,
        thread_name: String,
        sink: S,
        progress: Arc<Progress>,
        formatter: Box<dyn LineFormatter>,
    ) -> Result<Self, OutputError> {
        let writer = LineWriter::new(name.clone(), sink);
        let queue = Arc::new(LineQueue {
            state: Mutex::default(),
            ready: Condvar::new(),
            progress,
            counters: writer.counters(),
            accepted: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            is_full: AtomicBool::new(false),
        });
        let (end, ended) = bounded::<()>(0);
        let of_thread = queue.clone();
        let run = move || {
            of_thread.write_all(writer);
            drop(end);
        };
        thread::Builder::new().name(thread_name).spawn(run).map_err(|error| OutputError::Target {
            name: name.clone(),
            why: format!("cannot start to write: {error}"),
        })?;
        Ok(Self { name, formatter, queue, ended })
    }

    /// Waits until the thread has written everything. Returns false if it does not.
    fn wait_for_end(&self) -> bool {
        let began = Instant::now();
        while began.elapsed() < END_PATIENCE && !self.queue.is_stalled() {
            if self.has_ended(PROGRESS_INTERVAL) {
                return true;
            }
        }
        false
    }

    fn has_ended(&self, patience: Duration) -> bool {
        self.ended.recv_timeout(patience).is_err_and(|error| error.is_disconnected())
    }
}

impl Output for QueuedOutput {
    fn write(&mut self, alert: &Alert) -> Result<(), OutputError> {
        let mut line = String::new();
        self.formatter.write(alert, &mut line);
        if self.queue.push(line) {
            return self.queue.take_error();
        }
        Err(OutputError::QueueFull { name: self.name.clone(), waiting: self.queue.waiting() })
    }

    /// Returns the error of the thread's last writes, if there was one. The thread itself writes as
    /// soon as it can.
    fn flush(&mut self) -> Result<(), OutputError> {
        self.queue.take_error()
    }

    fn reopen(&mut self) -> Result<(), OutputError> {
        self.queue.push_reopen();
        self.queue.take_error()
    }

    fn close(self: Box<Self>) -> Result<(), OutputError> {
        self.queue.close();
        if self.wait_for_end() {
            return self.queue.take_error();
        }
        let alerts = self.queue.waiting();
        self.queue.progress.stop();
        let has_ended = self.has_ended(STOP_PATIENCE);
        // The thread has counted those that were in its hands, if it could be stopped.
        self.queue.dropped.fetch_add(self.queue.waiting(), Ordering::Relaxed);
        match (alerts, has_ended) {
            (0, true) => self.queue.take_error(),
            // The file cannot be closed.
            (0, false) => Err(OutputError::Write { name: self.name.clone(), error: io::ErrorKind::TimedOut.into() }),
            (alerts, _) => Err(OutputError::NotTaken { name: self.name.clone(), alerts }),
        }
    }

    fn monitors(&self) -> Vec<Monitor> {
        let (name, queue) = (self.name.clone(), self.queue.clone());
        vec![Monitor::new(move || queue.status(&name))]
    }
}

impl Drop for QueuedOutput {
    fn drop(&mut self) {
        self.queue.progress.stop();
        self.queue.close();
    }
}

/// The lines on their way to the thread that writes them, and what became of them.
#[derive(Debug)]
struct LineQueue {
    state: Mutex<QueueState>,
    /// Notified when there is an item, and when the queue is closed.
    ready: Condvar,
    progress: Arc<Progress>,
    counters: Arc<LineCounters>,
    /// Alerts that were put into the queue.
    accepted: AtomicU64,
    /// Alerts that did not fit into the queue, or were left in it at the end.
    dropped: AtomicU64,
    /// Set when an alert does not fit, until everything that waits is written.
    is_full: AtomicBool,
}

#[derive(Debug, Default)]
struct QueueState {
    items: VecDeque<Item>,
    /// Bytes of the lines in `items`.
    bytes: usize,
    is_closed: bool,
    /// An error that the owner has not seen yet.
    error: Option<OutputError>,
}

#[derive(Debug)]
enum Item {
    Line(String),
    Reopen,
}

impl LineQueue {
    /// Appends a line. Returns false if it does not fit.
    fn push(&self, line: String) -> bool {
        let mut state = self.state();
        if state.bytes + line.len() > QUEUE_LIMIT {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            self.is_full.store(true, Ordering::Relaxed);
            return false;
        }
        if self.waiting() == 0 {
            self.progress.note();
        }
        state.bytes += line.len();
        state.items.push_back(Item::Line(line));
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.ready.notify_one();
        true
    }

    /// Asks the thread to reopen the file after the lines that wait now.
    fn push_reopen(&self) {
        let mut state = self.state();
        if !matches!(state.items.back(), Some(Item::Reopen)) {
            state.items.push_back(Item::Reopen);
            self.ready.notify_one();
        }
    }

    fn close(&self) {
        self.state().is_closed = true;
        self.ready.notify_one();
    }

    /// Waits for an item. Returns `None` at the end.
    fn take(&self) -> Option<Item> {
        let mut state = self.state();
        while !self.progress.is_stopped() {
            if let Some(item) = state.items.pop_front() {
                if let Item::Line(line) = &item {
                    state.bytes -= line.len();
                }
                return Some(item);
            }
            if state.is_closed {
                return None;
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    /// The thread: writes all items until the queue is closed.
    fn write_all<S: Sink>(&self, mut writer: LineWriter<S>) {
        while let Some(item) = self.take() {
            self.note(match item {
                Item::Line(line) => writer.write(|buffer| buffer.push_str(&line)),
                Item::Reopen => writer.reopen(),
            });
            if self.state().items.is_empty() {
                self.note(writer.flush());
                self.is_full.store(false, Ordering::Relaxed);
            }
            self.progress.note();
        }
        if !self.progress.is_stopped() {
            self.note(writer.close());
        }
    }

    /// Keeps an error for the owner. The end of the pipe's reader matters more than any other.
    fn note(&self, result: Result<(), OutputError>) {
        if let Err(error) = result {
            let mut state = self.state();
            if !state.error.as_ref().is_some_and(OutputError::is_closed_pipe) {
                state.error = Some(error);
            }
        }
    }

    fn take_error(&self) -> Result<(), OutputError> {
        self.state().error.take().map_or(Ok(()), Err)
    }

    /// Alerts that were put into the queue and not written.
    fn waiting(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed).saturating_sub(self.counters.done())
    }

    fn is_stalled(&self) -> bool {
        self.waiting() > 0 && self.progress.is_stalled()
    }

    fn status(&self, name: &str) -> OutputStatus {
        let of_writer = self.counters.status(name);
        let is_stalled = self.is_stalled();
        OutputStatus {
            lost: of_writer.lost + self.dropped.load(Ordering::Relaxed),
            waiting: self.waiting(),
            is_stalled,
            is_connected: of_writer.is_connected && !is_stalled && !self.is_full.load(Ordering::Relaxed),
            ..of_writer
        }
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
