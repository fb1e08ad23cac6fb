//! Reads the records of the spool in order.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::folder::{EMPTY_SEGMENT, read_record};
use super::state::Segment;
use super::{Record, Spool};

/// A position in the spool.
#[derive(Debug)]
pub struct RecordReader {
    spool: Arc<Spool>,
    /// The number of the next record.
    next: u64,
    segment: Option<OpenSegment>,
    peeked: Option<Record>,
    /// True if the segment with the next record could not be opened.
    is_blocked: bool,
}

/// The segment that is being read.
#[derive(Debug)]
struct OpenSegment {
    first: u64,
    file: File,
    /// The number of the next record in the file, and its offset.
    number: u64,
    offset: u64,
}

/// The location of the next record.
enum Location {
    Memory(Record),
    Segment(Segment),
}

impl RecordReader {
    /// A reader that starts at the first undelivered record.
    pub fn new(spool: Arc<Spool>) -> Self {
        let next = spool.delivered_before();
        Self { spool, next, segment: None, peeked: None, is_blocked: false }
    }

    /// Omits the records before `number`.
    pub fn skip_to(&mut self, number: u64) {
        self.next = self.next.max(number);
        self.peeked.take_if(|record| record.number < number);
    }

    /// Goes back to the first undelivered record.
    pub fn rewind(&mut self) {
        self.next = self.spool.delivered_before();
        self.segment = None;
        self.peeked = None;
    }

    /// Returns the next record without taking it, or `None` if there is none yet.
    pub fn peek(&mut self) -> Option<&Record> {
        if self.peeked.is_none() {
            self.peeked = self.read();
        }
        self.peeked.as_ref()
    }

    /// Returns the next record and advances.
    pub fn take(&mut self) -> Option<Record> {
        self.peek();
        let record = self.peeked.take()?;
        self.next = record.number + 1;
        Some(record)
    }

    /// Returns true if there is a next record that could not be read at the last attempt, because
    /// its file could not be opened. It is tried again at the next call.
    pub fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    fn read(&mut self) -> Option<Record> {
        self.is_blocked = false;
        loop {
            let segment = match self.locate()? {
                Location::Memory(record) => return Some(record),
                Location::Segment(segment) => segment,
            };
            self.next = self.next.max(segment.first);
            match self.read_from(&segment) {
                Some(record) if record.number < self.next => {}
                Some(record) => return Some(record),
                None if self.is_blocked => return None,
                None => {
                    self.segment = None;
                    self.next = segment.end;
                }
            }
        }
    }

    /// Locates the first record that has the number `next` or a greater one.
    fn locate(&mut self) -> Option<Location> {
        let state = self.spool.state();
        // The disk does not get the space of a removed file back while the file is open.
        self.segment.take_if(|open| !state.has_segment(open.first));
        if let Some(segment) = state.segment_after(self.next) {
            return Some(Location::Segment(segment));
        }
        state.memory_after(self.next).cloned().map(Location::Memory)
    }

    /// Reads the next record of a segment. Returns `None` if the rest of it cannot be read, or its
    /// file cannot be opened now.
    fn read_from(&mut self, segment: &Segment) -> Option<Record> {
        let spool = self.spool.clone();
        let folder = spool.folder()?;
        if self.segment.as_ref().is_none_or(|open| open.first != segment.first) {
            let file = match folder.open_segment(segment.first) {
                Ok(file) => file,
                // A missing file was dropped just now. Its records were counted then.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
                // The process may have too many open files. To go on behind it would lose alerts.
                Err(_) => {
                    self.is_blocked = true;
                    return None;
                }
            };
            self.segment =
                Some(OpenSegment { first: segment.first, file, number: segment.first, offset: EMPTY_SEGMENT });
        }
        let open = self.segment.as_mut()?;
        // The segment can end before its last number: the memory of an earlier process was full,
        // and it counted the missing records as lost.
        if open.offset == segment.bytes {
            return None;
        }
        match read_record(&open.file, open.offset, segment.bytes) {
            Ok(record) if record.number == open.number => {
                open.number += 1;
                open.offset += record.size();
                Some(record)
            }
            _ => {
                spool.report_damage(segment, open.number.max(self.next), open.offset);
                None
            }
        }
    }
}
