//! The state of a spool: its segments, its records in memory, and its counters.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::Record;
use super::disk;
use super::folder::{EMPTY_SEGMENT, SpoolFolder};

/// The largest size of a segment: some 6,000 alerts. Segments are removed as a whole, and damage
/// costs at most the rest of one.
pub const LARGEST_SEGMENT: u64 = 4 << 20;

/// A spool has room for at least this many segments, so that only a small part of it is dropped
/// when it is full.
pub const LEAST_SEGMENTS: u64 = 8;

/// A file of records with consecutive numbers.
#[derive(Debug, Clone, Copy)]
pub struct Segment {
    /// The number of the first record.
    pub first: u64,
    /// The number after the last record.
    pub end: u64,
    /// The length of the valid part of the file.
    pub bytes: u64,
}

/// A period in which the disk does not accept records.
#[derive(Debug, Clone, Copy)]
pub struct DiskFailure {
    /// The time of the last attempt to write.
    pub last_attempt: Instant,
    /// The number of records that had been lost when the period began.
    pub lost_before: u64,
}

/// The state of a spool. It is shared by the thread that appends and the one that sends.
#[derive(Debug)]
pub struct SpoolState {
    segments: VecDeque<Segment>,
    /// The file of the last segment, if this process created it. Records are appended to it.
    pub file: Option<Arc<File>>,
    /// Records that are not on the disk. Their numbers are greater than all that are.
    memory: VecDeque<Record>,
    pub memory_bytes: u64,
    pub disk_bytes: u64,
    /// The number of the first record that is not delivered.
    pub delivered_before: u64,
    /// The checkpoint on the disk: an earlier value of `delivered_before`.
    pub checkpoint: u64,
    /// The number of the first record that the receiver has not accepted.
    pub sent_before: u64,
    /// The number of the next record that is appended.
    pub next: u64,
    /// Records that were lost before they were sent, since the start.
    pub lost: u64,
    /// True if records were written that may not be on the disk yet.
    pub is_dirty: bool,
    /// True while the oldest records are being dropped.
    pub is_dropping: bool,
    /// Damaged records before this number are counted.
    pub damage_counted_before: u64,
    pub disk_failure: Option<DiskFailure>,
}

impl SpoolState {
    /// The state after a start with the segments of an earlier run.
    pub fn new(delivered_before: u64, segments: VecDeque<Segment>) -> Self {
        let next = segments.back().map_or(1, |segment| segment.end).max(delivered_before);
        Self {
            disk_bytes: segments.iter().map(|segment| segment.bytes).sum(),
            segments,
            file: None,
            memory: VecDeque::new(),
            memory_bytes: 0,
            delivered_before,
            checkpoint: delivered_before,
            sent_before: delivered_before,
            next,
            lost: 0,
            is_dirty: false,
            is_dropping: false,
            damage_counted_before: delivered_before,
            disk_failure: None,
        }
    }

    /// Returns true if the segment has not been removed.
    pub fn has_segment(&self, first: u64) -> bool {
        self.segments.binary_search_by_key(&first, |segment| segment.first).is_ok()
    }

    /// Returns the first segment that ends after `number`.
    pub fn segment_after(&self, number: u64) -> Option<Segment> {
        self.segments.get(self.segments.partition_point(|segment| segment.end <= number)).copied()
    }

    /// Returns the first record in memory that has the number `number` or a greater one.
    pub fn memory_after(&self, number: u64) -> Option<&Record> {
        self.memory.get(self.memory.partition_point(|record| record.number < number))
    }

    /// Adds a record to those in memory.
    pub fn push_memory(&mut self, record: Record) {
        self.memory_bytes += record.size();
        self.memory.push_back(record);
    }

    /// The oldest record in memory.
    pub fn oldest_in_memory(&self) -> Option<&Record> {
        self.memory.front()
    }

    /// Returns how many records in memory have the number `number` or a greater one.
    pub fn count_in_memory_from(&self, number: u64) -> u64 {
        (self.memory.len() - self.memory.partition_point(|record| record.number < number)) as u64
    }

    /// Removes the oldest record from memory and returns it.
    pub fn pop_memory(&mut self) -> Option<Record> {
        let record = self.memory.pop_front()?;
        self.memory_bytes -= record.size();
        Some(record)
    }

    /// Returns how many records have the number `number` or a greater one.
    pub fn count_from(&self, number: u64) -> u64 {
        let on_disk = self.segments.iter().map(|segment| segment.end.saturating_sub(segment.first.max(number)));
        on_disk.sum::<u64>() + self.count_in_memory_from(number)
    }

    /// Appends a record to the last segment, or to a new one.
    pub fn write_to_disk(&mut self, folder: &SpoolFolder, record: &Record, limit: u64) -> io::Result<()> {
        let largest = LARGEST_SEGMENT.min(limit / LEAST_SEGMENTS);
        let fits = |segment: &&mut Segment| {
            segment.end == record.number && (segment.bytes == EMPTY_SEGMENT || segment.bytes + record.size() <= largest)
        };
        let (file, segment) = match (&self.file, self.segments.back_mut().filter(fits)) {
            (Some(file), Some(segment)) => (file, segment),
            _ => {
                if let Some(file) = self.file.take() {
                    disk::sync(&file)?;
                }
                let file = self.file.insert(Arc::new(folder.create_segment(record.number)?));
                self.disk_bytes += EMPTY_SEGMENT;
                self.segments.push_back(Segment { first: record.number, end: record.number, bytes: EMPTY_SEGMENT });
                let Some(segment) = self.segments.back_mut() else { return Ok(()) };
                (&*file, segment)
            }
        };
        if let Err(error) = disk::write_at(file, &record.encode(), segment.bytes) {
            // The next attempt would overwrite the incomplete record. It is cut off all the same,
            // because a full disk needs the space.
            let _ = file.set_len(segment.bytes);
            return Err(error);
        }
        segment.bytes += record.size();
        segment.end += 1;
        self.disk_bytes += record.size();
        self.is_dirty = true;
        Ok(())
    }

    /// Removes the segments whose records are all before `number`. The checkpoint on the disk may
    /// be older: then the remaining records are sent once more.
    pub fn remove_segments_before(&mut self, number: u64, folder: &SpoolFolder) {
        while self.segments.front().is_some_and(|segment| segment.end <= number) {
            self.remove_oldest_segment(folder);
        }
    }

    /// Drops the oldest segment to make room, unless it is the only one. Returns how many of its
    /// records were not sent.
    pub fn drop_oldest_segment(&mut self, folder: &SpoolFolder) -> Option<u64> {
        let segment = *self.segments.front().filter(|_| self.segments.len() > 1)?;
        let lost = segment.end.saturating_sub(segment.first.max(self.sent_before));
        self.lost += lost;
        self.sent_before = self.sent_before.max(segment.end);
        self.remove_oldest_segment(folder);
        Some(lost)
    }

    fn remove_oldest_segment(&mut self, folder: &SpoolFolder) {
        if let Some(segment) = self.segments.pop_front() {
            self.disk_bytes -= segment.bytes;
            if self.segments.is_empty() {
                self.file = None;
            }
            // A file that cannot be removed now is removed at the next start.
            let _ = folder.remove_segment(segment.first);
        }
    }
}
