//! The sender with a receiver that answers each batch, as an HTTP server would.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::sender::{Sender, SenderControl};
use super::*;
use crate::output::Event;
use crate::output::event::EventReporter;
use crate::output::spool::Spool;

/// The number of records in a batch.
const BATCH: usize = 3;

/// The answer of the receiver to a batch or to a sign-in.
#[derive(Debug)]
enum Answer {
    Delivered,
    Refused,
    RetryAfter(Duration),
}

/// A receiver that answers as planned, and then accepts everything.
#[derive(Clone, Default)]
struct PlannedReceiver {
    sign_ins: Arc<Mutex<VecDeque<Answer>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    /// The lines of each batch that arrived.
    batches: Arc<Mutex<Vec<String>>>,
}

struct PlannedSession {
    receiver: PlannedReceiver,
    has_more: bool,
}

fn unavailable(retry_after: Duration) -> SessionError {
    SessionError { reason: "unavailable".to_owned(), retry_after: Some(retry_after) }
}

impl Receiver for PlannedReceiver {
    fn connect(&mut self) -> Result<Box<dyn Session>, SessionError> {
        match self.sign_ins.lock().unwrap().pop_front() {
            Some(Answer::RetryAfter(wait)) => Err(unavailable(wait)),
            _ => Ok(Box::new(PlannedSession { receiver: self.clone(), has_more: false })),
        }
    }
}

impl Session for PlannedSession {
    fn advance(&mut self, outbox: &mut Outbox, _is_finishing: bool) -> Result<(), SessionError> {
        let records: Vec<_> = std::iter::from_fn(|| outbox.take()).take(BATCH).collect();
        let Some(last) = records.last().map(|record| record.number) else { return Ok(()) };
        let answer = self.receiver.answers.lock().unwrap().pop_front().unwrap_or(Answer::Delivered);
        let lines: Vec<_> = records.into_iter().map(|record| record.line).collect();
        self.receiver.batches.lock().unwrap().push(lines.join(" "));
        match answer {
            Answer::Delivered => outbox.mark_delivered(last + 1),
            Answer::Refused => outbox.mark_refused(last + 1, "malformed"),
            Answer::RetryAfter(wait) => return Err(unavailable(wait)),
        }
        self.has_more = outbox.peek().is_some();
        Ok(())
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn wakeup(&self, now: Instant) -> Wakeup<'_> {
        Wakeup { at: self.has_more.then_some(now), ..Wakeup::default() }
    }
}

/// A run of the sender from its start to its end.
struct Run {
    spool: Arc<Spool>,
    control: Arc<SenderControl>,
    events: Vec<String>,
}

/// Sends seven lines, from `1` to `7`, and waits until the sender has ended.
fn send(receiver: &PlannedReceiver) -> Run {
    let (report, events) = mpsc::channel();
    let handler = Arc::new(move |_: &str, event: Event| drop(report.send(event.to_string())));
    let reporter = EventReporter { name: "test".to_owned(), handler };
    let spool = Arc::new(Spool::in_memory(reporter.clone()));
    (1..=7).for_each(|line| spool.append(line.to_string()));
    let control = Arc::new(SenderControl::new().unwrap());
    control.finish.store(true, Ordering::Relaxed);
    let (receiver, given) = (Box::new(receiver.clone()), (spool.clone(), control.clone()));
    let sender = Sender::new(receiver, given.0, given.1, reporter);
    thread::spawn(move || sender.run()).join().unwrap();
    Run { spool, control, events: events.try_iter().collect() }
}

fn batches(receiver: &PlannedReceiver) -> Vec<String> {
    receiver.batches.lock().unwrap().clone()
}

#[test]
fn acknowledged_batches_are_sent_once_and_leave_the_spool() {
    let receiver = PlannedReceiver::default();
    let run = send(&receiver);
    assert_eq!(batches(&receiver), ["1 2 3", "4 5 6", "7"]);
    let level = run.spool.level();
    assert_eq!((level.waiting, level.lost, level.bytes, run.spool.undelivered()), (0, 0, 0, 0));
    assert_eq!(run.control.sent.load(Ordering::Relaxed), 7);
    assert_eq!(run.events, [""; 0]);
}

#[test]
fn a_batch_that_is_to_be_retried_is_sent_again_after_the_time_that_was_asked_for() {
    let receiver = PlannedReceiver::default();
    let wait = Duration::from_millis(300);
    receiver.answers.lock().unwrap().extend([Answer::Delivered, Answer::RetryAfter(wait)]);
    let started = Instant::now();
    let run = send(&receiver);
    assert!(started.elapsed() >= wait);
    assert_eq!(batches(&receiver), ["1 2 3", "4 5 6", "4 5 6", "7"]);
    assert_eq!((run.control.sent.load(Ordering::Relaxed), run.spool.level().lost), (7, 0));
    assert_eq!(run.events.len(), 1, "{:?}", run.events);
    assert!(run.events[0].starts_with("not connected: unavailable; "), "{:?}", run.events);
}

#[test]
fn a_refused_batch_is_lost_counted_and_reported_and_the_rest_is_sent() {
    let receiver = PlannedReceiver::default();
    receiver.answers.lock().unwrap().extend([Answer::Delivered, Answer::Refused]);
    let run = send(&receiver);
    assert_eq!(batches(&receiver), ["1 2 3", "4 5 6", "7"]);
    let level = run.spool.level();
    assert_eq!((level.waiting, level.lost, run.spool.undelivered()), (0, 3, 0));
    assert_eq!(run.control.sent.load(Ordering::Relaxed), 4);
    assert_eq!(run.events, ["3 alerts are lost, because the receiver refused them: malformed"]);
}

#[test]
fn a_failed_sign_in_is_tried_again_and_reported_once() {
    let receiver = PlannedReceiver::default();
    let wait = Duration::from_millis(1);
    receiver.sign_ins.lock().unwrap().extend([Answer::RetryAfter(wait), Answer::RetryAfter(wait)]);
    let run = send(&receiver);
    assert_eq!(batches(&receiver), ["1 2 3", "4 5 6", "7"]);
    assert_eq!(run.events.len(), 1, "{:?}", run.events);
}
