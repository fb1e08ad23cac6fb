//! The records of a spool on their way to a receiver.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;

use crate::output::event::{Event, EventReporter};
use crate::output::spool::{Record, RecordReader, Spool};

/// Gives a session the records of the spool in their order, and learns what became of them.
///
/// Records are numbered. A session reports results for all records before a number, in order: a
/// receiver that answers for a batch passes the number after the batch's last record.
#[derive(Debug)]
pub struct Outbox {
    spool: Arc<Spool>,
    reader: RecordReader,
    /// Records that the session took and the receiver has not accepted yet.
    in_flight: VecDeque<InFlight>,
    /// The number after the last record that the session took. Zero if it took none.
    taken_before: u64,
    /// The number after the last record that the session's receiver accepted. Zero if it accepted
    /// none.
    accepted_before: u64,
    /// Records that the receiver accepted, since the start.
    accepted: u64,
    reporter: EventReporter,
}

#[derive(Debug)]
struct InFlight {
    number: u64,
    time: Timestamp,
}

impl Outbox {
    pub(super) fn new(spool: Arc<Spool>, reporter: EventReporter) -> Self {
        let reader = RecordReader::new(spool.clone());
        Self { spool, reader, in_flight: VecDeque::new(), taken_before: 0, accepted_before: 0, accepted: 0, reporter }
    }

    /// Returns the next record without taking it, or `None` if there is none yet.
    pub fn peek(&mut self) -> Option<&Record> {
        self.reader.peek()
    }

    /// Takes the next record, to send it.
    pub fn take(&mut self) -> Option<Record> {
        let record = self.reader.take()?;
        self.in_flight.push_back(InFlight { number: record.number, time: record.time });
        self.taken_before = record.number + 1;
        Some(record)
    }

    /// Returns true if the receiver has not accepted all records that the session took.
    pub fn has_in_flight(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Records that the receiver accepted all records before `number`.
    pub fn mark_accepted(&mut self, number: u64) {
        self.accepted += self.remove_in_flight(number);
        self.accepted_before = self.accepted_before.max(number);
    }

    /// Records that all records before `number` are known to have arrived. They leave the spool.
    pub fn mark_delivered(&mut self, number: u64) {
        self.mark_accepted(number);
        self.spool.mark_delivered(number);
    }

    /// Records that the receiver refused for good all records before `number` that it has not
    /// accepted. They are lost, and leave the spool. All records before those must be delivered.
    pub fn mark_refused(&mut self, number: u64, reason: &str) {
        let alerts = self.remove_in_flight(number);
        self.spool.count_lost(alerts);
        self.spool.mark_delivered(number);
        self.reporter.report(Event::Refused { alerts, reason: reason.to_owned() });
    }

    /// Returns how many of the records before `number` were in flight and were never accepted
    /// before, neither over an earlier connection nor by being dropped from a full spool.
    fn remove_in_flight(&mut self, number: u64) -> u64 {
        let already = self.spool.mark_sent(number);
        let mut count = 0;
        while let Some(record) = self.in_flight.front()
            && record.number < number
        {
            count += u64::from(record.number >= already);
            self.in_flight.pop_front();
        }
        count
    }

    /// Starts again after the last delivered record.
    pub(super) fn rewind(&mut self) {
        self.reader.rewind();
        self.in_flight.clear();
        self.taken_before = 0;
        self.accepted_before = 0;
    }

    /// Starts after the records before `number`, which an earlier process sent and the receiver has
    /// read.
    pub(super) fn skip_to(&mut self, number: u64) {
        self.spool.mark_sent(number);
        self.reader.skip_to(number);
        self.taken_before = self.taken_before.max(number);
    }

    /// The number after the last record that the receiver accepted over the present connection.
    /// Zero if it accepted none.
    pub(super) fn accepted_before(&self) -> u64 {
        self.accepted_before
    }

    /// Returns true if no record is left to be taken and all that were taken are delivered.
    pub(super) fn is_delivered(&mut self) -> bool {
        self.reader.peek().is_none() && !self.reader.is_blocked() && self.spool.delivered_before() >= self.taken_before
    }

    /// Returns true if the next record could not be read. It has to be tried again.
    pub(super) fn is_blocked(&self) -> bool {
        self.reader.is_blocked()
    }

    /// The time of the oldest record that is not accepted.
    pub(super) fn oldest(&mut self) -> Option<Timestamp> {
        let in_flight = self.in_flight.front().map(|record| record.time);
        in_flight.or_else(|| self.reader.peek().map(|record| record.time))
    }

    /// Records that the receiver accepted, since the start.
    pub(super) fn accepted(&self) -> u64 {
        self.accepted
    }
}
