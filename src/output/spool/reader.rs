//! Reads the spool, from the mark on.

use std::fs::File;
use std::sync::Arc;

use super::folder::{EMPTY, record_at};
use super::{Event, Record, Segment, Spool};
use crate::units::ByteCount;

/// A place in the spool.
#[derive(Debug)]
pub struct Reader {
    spool: Arc<Spool>,
    /// The next record's number.
    next: u64,
    open: Option<Open>,
    peeked: Option<Record>,
}

/// A segment that is being read.
#[derive(Debug)]
struct Open {
    first: u64,
    file: File,
    /// Of which record `offset` is the place.
    number: u64,
    offset: u64,
}

/// Where the next record is.
enum Place {
    Memory(Record),
    Segment(Segment),
}

impl Reader {
    /// A reader at the mark.
    pub fn new(spool: Arc<Spool>) -> Self {
        let next = spool.mark();
        Self { spool, next, open: None, peeked: None }
    }

    /// Back to the mark: what was read since then is read once more.
    pub fn rewind(&mut self) {
        self.next = self.spool.mark();
        self.open = None;
        self.peeked = None;
    }

    /// The next record, without taking it. `None` where there is none yet.
    pub fn peek(&mut self) -> Option<&Record> {
        if self.peeked.is_none() {
            self.peeked = self.read();
        }
        self.peeked.as_ref()
    }

    /// The next record.
    pub fn take(&mut self) -> Option<Record> {
        self.peek();
        let record = self.peeked.take()?;
        self.next = record.number + 1;
        Some(record)
    }

    fn read(&mut self) -> Option<Record> {
        loop {
            let segment = match self.place()? {
                Place::Memory(record) => return Some(record),
                Place::Segment(segment) => segment,
            };
            self.next = self.next.max(segment.first);
            match self.read_from(&segment) {
                Some(record) if record.number < self.next => {}
                Some(record) => return Some(record),
                None => {
                    self.open = None;
                    self.next = segment.end;
                }
            }
        }
    }

    /// Where the next record is: the first there is that is not before `next`.
    fn place(&mut self) -> Option<Place> {
        let state = self.spool.state();
        // As long as a removed file is open the disk does not get its room back.
        let is_there = |open: &Open| state.segments.binary_search_by_key(&open.first, |segment| segment.first).is_ok();
        self.open.take_if(|open| !is_there(open));
        if let Some(segment) = state.segments.get(state.segments.partition_point(|segment| segment.end <= self.next)) {
            return Some(Place::Segment(*segment));
        }
        let index = state.memory.partition_point(|record| record.number < self.next);
        state.memory.get(index).cloned().map(Place::Memory)
    }

    /// The next record of the segment. `None` where nothing more can be read from it.
    fn read_from(&mut self, segment: &Segment) -> Option<Record> {
        let spool = self.spool.clone();
        let folder = spool.folder.as_ref()?;
        if self.open.as_ref().is_none_or(|open| open.first != segment.first) {
            // Where it is gone, it was dropped just now, and counted then.
            let file = folder.read(segment.first).ok()?;
            self.open = Some(Open { first: segment.first, file, number: segment.first, offset: EMPTY });
        }
        let open = self.open.as_mut()?;
        // An earlier process's memory was full here: the numbers after this place were counted as lost by it.
        if open.offset == segment.bytes {
            return None;
        }
        match record_at(&open.file, open.offset, segment.bytes) {
            Ok(record) if record.number == open.number => {
                open.number += 1;
                open.offset += record.size();
                Some(record)
            }
            _ => {
                let alerts = spool.damaged(open.number.max(self.next), segment.end);
                if alerts > 0 {
                    let (file, at) = (folder.segment(segment.first), ByteCount(open.offset));
                    spool.report.tell(Event::Damaged { file, at, alerts });
                }
                None
            }
        }
    }
}
