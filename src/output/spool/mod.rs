//! The spool: alerts wait here until they are known to have arrived.
//!
//! Alerts are appended to segment files and never changed. A reader sends them; the *mark* is the number of the first
//! that is not known to have arrived, and moves only forward. What lies before the mark is removed, segment by segment.
//!
//! **What survives what.** Each alert is handed to the kernel with one `write` before the next is taken, so a process that is
//! killed loses none. Once a second what was written since is flushed to the disk (`fdatasync`), so a loss of power costs the
//! alerts of the last second that were not sent yet. A record that was written in part is found by its sum when the
//! spool is opened, and cut off. The mark is replaced by a rename, and if it is lost all is sent once more.
//!
//! **Where there is no room.** The spool is bounded; beyond that the oldest segment is dropped, and its alerts that were not
//! sent are counted. Where the disk takes nothing more, alerts wait in memory, within a bound, and are sent from there, or
//! move to the disk once it takes them; what the process still has in memory when it ends is lost, and counted. All of this is reported
//! once, when it begins. Without a folder, memory is all there is.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::event::{Event, Reporter};
use crate::units::ByteCount;

mod folder;
mod reader;
mod record;
#[cfg(test)]
mod tests;

pub(super) use folder::folders_with_alerts;
use folder::{EMPTY, Folder, record_at};
pub(super) use reader::Reader;
pub(super) use record::Record;

/// The largest a segment grows: some 6,000 alerts. It is what is removed at a time, and what damage can cost at the most.
const LARGEST_SEGMENT: u64 = 4 << 20;

/// A spool has room for this many segments, so that to drop the oldest is to drop a small part.
const SEGMENTS: u64 = 8;

/// How many bytes of alerts are kept in memory where they cannot be on disk: some 90,000.
const MOST_MEMORY: u64 = 64 << 20;

/// How often the disk is tried again after it failed.
const RETRY: Duration = Duration::from_secs(1);

/// Alerts on their way, shared by the thread that writes them and the one that sends them.
#[derive(Debug)]
pub(super) struct Spool {
    folder: Option<Folder>,
    limit: u64,
    state: Mutex<State>,
    /// Notified as room is made.
    room: Condvar,
    report: Reporter,
}

/// A file of records with consecutive numbers.
#[derive(Debug, Clone, Copy)]
struct Segment {
    first: u64,
    /// The number after the last record's.
    end: u64,
    bytes: u64,
}

#[derive(Debug)]
struct State {
    segments: VecDeque<Segment>,
    /// The last segment, where this process began it: what is appended to.
    file: Option<Arc<File>>,
    /// What is not on the disk. Their numbers are higher than all that are.
    memory: VecDeque<Record>,
    memory_bytes: u64,
    disk_bytes: u64,
    /// The first record that is not known to have arrived.
    mark: u64,
    /// The mark on the disk.
    saved_mark: u64,
    /// The first record that the receiver did not take yet: not before the mark.
    taken: u64,
    /// The next record's number.
    next: u64,
    /// Records dropped before they were taken, since the start.
    lost: u64,
    /// Whether records were written that may not be on the disk yet.
    is_dirty: bool,
    /// Whether the oldest are being dropped.
    is_dropping: bool,
    /// Damage before this number is counted.
    damage_counted: u64,
    /// Since when the disk takes nothing, and how many were lost until then.
    failed: Option<(Instant, u64)>,
}

/// What the metrics are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    /// Records that the receiver did not take yet.
    pub waiting: u64,
    /// Records dropped before they were taken, since the start.
    pub lost: u64,
    /// Bytes on disk and in memory.
    pub bytes: u64,
    /// Those in memory alone.
    pub in_memory: u64,
    /// Whether there is a disk that does not take them.
    pub is_failing: bool,
}

impl Spool {
    /// A spool in a folder of its own, with what an earlier run left in it.
    pub fn open(path: &Path, limit: ByteCount, report: Reporter) -> io::Result<Self> {
        let folder = Folder::open(path)?;
        let mark = match folder.mark() {
            Ok(mark) => mark.unwrap_or(1),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                report.tell(Event::MarkDamaged { file: path.join("mark") });
                1
            }
            Err(error) => return Err(error),
        };
        let segments = recover(&folder, mark, &report)?;
        let next = segments.back().map_or(1, |segment| segment.end).max(mark);
        let waiting = segments.iter().map(|segment| segment.end - segment.first.max(mark)).sum();
        let disk_bytes = segments.iter().map(|segment| segment.bytes).sum();
        let state = State { segments, disk_bytes, ..State::new(mark, next) };
        let spool =
            Self { folder: Some(folder), limit: limit.0, state: Mutex::new(state), room: Condvar::new(), report };
        if waiting > 0 {
            spool.report.tell(Event::Leftover { alerts: waiting });
        }
        spool.keep_within_limit(&mut spool.state());
        Ok(spool)
    }

    /// A spool without a disk: what it holds is lost where the process is killed.
    pub fn in_memory(report: Reporter) -> Self {
        let state = Mutex::new(State::new(1, 1));
        Self { folder: None, limit: MOST_MEMORY, state, room: Condvar::new(), report }
    }

    /// Where it is.
    pub fn path(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.path().to_owned())
    }

    /// Takes an alert. Once this returns, it survives the death of the process, unless the disk failed.
    pub fn append(&self, line: String) {
        let mut state = self.state();
        let record = Record { number: state.next, time: Timestamp::now(), line };
        state.next += 1;
        state.memory_bytes += record.size();
        state.memory.push_back(record);
        self.unload(&mut state);
        let before = state.lost;
        while state.memory_bytes > MOST_MEMORY.min(self.limit) && state.memory.len() > 1 {
            let dropped = state.forget_oldest();
            state.lost += u64::from(dropped >= state.taken);
        }
        if state.lost > before && !state.is_dropping {
            state.is_dropping = true;
            self.report.tell(Event::Dropping { limit: ByteCount(MOST_MEMORY.min(self.limit)) });
        }
    }

    /// Waits until there is room for another alert without dropping one. False where the receiver took nothing for as long as
    /// `patience`.
    pub fn wait_for_room(&self, patience: Duration) -> bool {
        let mut state = self.state();
        let mut since = (Instant::now(), state.mark);
        let margin = LARGEST_SEGMENT.min(self.limit / SEGMENTS);
        while state.disk_bytes + state.memory_bytes + margin > self.limit || state.memory_bytes + margin > MOST_MEMORY {
            if state.mark != since.1 {
                since = (Instant::now(), state.mark);
            }
            let Some(left) = patience.checked_sub(since.0.elapsed()) else { return false };
            state = self.room.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// The receiver took all before `number`. It may still lose them. Tells before which it had taken all before.
    pub fn taken(&self, number: u64) -> u64 {
        let mut state = self.state();
        let before = state.taken;
        state.taken = before.max(number);
        if state.taken == state.next {
            state.is_dropping = false;
        }
        before
    }

    /// All before `number` are known to have arrived.
    pub fn settle(&self, number: u64) {
        let mut state = self.state();
        state.mark = state.mark.max(number).min(state.next);
        state.taken = state.taken.max(state.mark);
        while state.memory.front().is_some_and(|record| record.number < state.mark) {
            state.forget_oldest();
        }
        self.room.notify_all();
    }

    /// Once a second: brings to disk what is not there yet, and removes what arrived. The disk may be slow; only the sender waits.
    pub fn keep_up(&self) {
        let Some(folder) = &self.folder else { return };
        let (file, mark) = {
            let mut state = self.state();
            self.unload(&mut state);
            let file = state.file.clone().filter(|_| state.is_dirty);
            state.is_dirty = false;
            (file, Some(state.mark).filter(|mark| *mark > state.saved_mark))
        };
        let done = file.map_or(Ok(()), |file| file.sync_data().and_then(|()| folder.sync()));
        let set = mark.map_or(Ok(()), |mark| self.set_mark(folder, mark));
        let mut state = self.state();
        let done = done.and(set);
        match (done, mark) {
            (Err(error), _) => self.fail(&mut state, error),
            (Ok(()), Some(mark)) => {
                state.saved_mark = mark;
                state.remove_before(mark, folder);
                self.room.notify_all();
            }
            (Ok(()), None) => {}
        }
        if state.memory.is_empty()
            && let Some((_, before)) = state.failed.take_if(|(since, _)| since.elapsed() >= RETRY)
        {
            self.report.tell(Event::SpoolBack { lost: state.lost - before });
        }
    }

    /// Brings the mark to disk. Where there is no room even for that, what arrived makes room first.
    fn set_mark(&self, folder: &Folder, mark: u64) -> io::Result<()> {
        folder.set_mark(mark).or_else(|_| {
            self.state().remove_before(mark, folder);
            folder.set_mark(mark)
        })
    }

    /// The process ends: tries the disk once more, and counts as lost what is in memory alone and was not taken. Tells how many of
    /// those that are not known to have arrived are in memory alone.
    pub fn leave(&self) -> u64 {
        let mut state = self.state();
        if let Some((since, lost)) = state.failed
            && let Some(long_ago) = since.checked_sub(RETRY)
        {
            state.failed = Some((long_ago, lost));
        }
        self.unload(&mut state);
        let taken = state.taken;
        state.lost += state.memory.iter().filter(|record| record.number >= taken).count() as u64;
        let mark = state.mark;
        state.memory.iter().filter(|record| record.number >= mark).count() as u64
    }

    /// Whether [`Self::keep_up`] has anything to do.
    pub fn is_behind(&self) -> bool {
        let state = self.state();
        self.folder.is_some() && (state.is_dirty || state.mark > state.saved_mark || state.failed.is_some())
    }

    /// Records from `from` to before `end` cannot be read. Tells how many of them were not counted yet.
    fn damaged(&self, from: u64, end: u64) -> u64 {
        let mut state = self.state();
        let lost = end.saturating_sub(from.max(state.damage_counted));
        state.damage_counted = state.damage_counted.max(end);
        state.lost += lost;
        lost
    }

    /// How much is in it.
    pub fn level(&self) -> Level {
        let state = self.state();
        Level {
            waiting: state.count_from(state.taken),
            lost: state.lost,
            bytes: state.disk_bytes + state.memory_bytes,
            in_memory: state.memory_bytes,
            is_failing: state.failed.is_some(),
        }
    }

    /// How many records are not known to have arrived.
    pub fn unsettled(&self) -> u64 {
        let state = self.state();
        state.count_from(state.mark)
    }

    /// The number of the first record that is not known to have arrived.
    pub fn mark(&self) -> u64 {
        self.state().mark
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves what is in memory to the disk, as far as that takes it.
    fn unload(&self, state: &mut State) {
        let Some(folder) = &self.folder else { return };
        if state.failed.is_some_and(|(since, _)| since.elapsed() < RETRY) {
            return;
        }
        while let Some(record) = state.memory.front() {
            let record = record.clone();
            if let Err(error) = state.store(folder, &record, self.limit) {
                return self.fail(state, error);
            }
            state.forget_oldest();
            self.keep_within_limit(state);
        }
    }

    fn fail(&self, state: &mut State, error: io::Error) {
        let folder = self.path().unwrap_or_default();
        match &mut state.failed {
            Some((since, _)) => *since = Instant::now(),
            None => {
                state.failed = Some((Instant::now(), state.lost));
                self.report.tell(Event::SpoolFailed { folder, error });
            }
        }
    }

    fn keep_within_limit(&self, state: &mut State) {
        let Some(folder) = &self.folder else { return };
        while state.disk_bytes > self.limit && state.segments.len() > 1 {
            let Some(segment) = state.segments.front().copied() else { return };
            let lost = segment.end.saturating_sub(segment.first.max(state.taken));
            state.lost += lost;
            state.taken = state.taken.max(segment.end);
            state.remove_oldest(folder);
            if lost > 0 && !state.is_dropping {
                state.is_dropping = true;
                self.report.tell(Event::Dropping { limit: ByteCount(self.limit) });
            }
        }
    }
}

impl State {
    fn new(mark: u64, next: u64) -> Self {
        Self {
            segments: VecDeque::new(),
            file: None,
            memory: VecDeque::new(),
            memory_bytes: 0,
            disk_bytes: 0,
            mark,
            saved_mark: mark,
            taken: mark,
            next,
            lost: 0,
            is_dirty: false,
            is_dropping: false,
            damage_counted: mark,
            failed: None,
        }
    }

    /// Appends a record to the last segment, or to a new one.
    fn store(&mut self, folder: &Folder, record: &Record, limit: u64) -> io::Result<()> {
        let largest = LARGEST_SEGMENT.min(limit / SEGMENTS);
        let fits = |segment: &&mut Segment| {
            segment.end == record.number && (segment.bytes == EMPTY || segment.bytes + record.size() <= largest)
        };
        let (file, segment) = match (&self.file, self.segments.back_mut().filter(fits)) {
            (Some(file), Some(segment)) => (file, segment),
            _ => {
                if let Some(file) = self.file.take() {
                    file.sync_data()?;
                }
                let file = self.file.insert(Arc::new(folder.create(record.number)?));
                self.disk_bytes += EMPTY;
                self.segments.push_back(Segment { first: record.number, end: record.number, bytes: EMPTY });
                let Some(segment) = self.segments.back_mut() else { return Ok(()) };
                (&*file, segment)
            }
        };
        if let Err(error) = file.write_all_at(&record.encode(), segment.bytes) {
            // What was written in part does not count, and the next attempt goes over it; but a full disk wants it back.
            let _ = file.set_len(segment.bytes);
            return Err(error);
        }
        segment.bytes += record.size();
        segment.end += 1;
        self.disk_bytes += record.size();
        self.is_dirty = true;
        Ok(())
    }

    /// How many records there are from `number` on.
    fn count_from(&self, number: u64) -> u64 {
        let on_disk = self.segments.iter().map(|segment| segment.end.saturating_sub(segment.first.max(number)));
        let before = self.memory.partition_point(|record| record.number < number);
        on_disk.sum::<u64>() + (self.memory.len() - before) as u64
    }

    /// Takes the oldest record out of memory; tells its number.
    fn forget_oldest(&mut self) -> u64 {
        let Some(record) = self.memory.pop_front() else { return 0 };
        self.memory_bytes -= record.size();
        record.number
    }

    /// Removes the segments that lie before `mark` as a whole. That the mark on disk is older does no harm: all that is still there is
    /// sent once more.
    fn remove_before(&mut self, mark: u64, folder: &Folder) {
        while self.segments.front().is_some_and(|segment| segment.end <= mark) {
            self.remove_oldest(folder);
        }
    }

    fn remove_oldest(&mut self, folder: &Folder) {
        if let Some(segment) = self.segments.pop_front() {
            self.disk_bytes -= segment.bytes;
            if self.segments.is_empty() {
                self.file = None;
            }
            // A file that stays is removed at the next start.
            let _ = folder.remove(segment.first);
        }
    }
}

/// The segments from the mark on; those before it are removed. A torn end of the last one is cut off: what is
/// appended goes to a new segment.
fn recover(folder: &Folder, mark: u64, report: &Reporter) -> io::Result<VecDeque<Segment>> {
    let found = folder.segments()?;
    let mut segments = VecDeque::new();
    for (index, &(first, length)) in found.iter().enumerate() {
        let (end, bytes) = match found.get(index + 1) {
            // What is in it shows as it is read.
            Some(&(next, _)) => (next, length),
            None => whole_records(folder, first, length)?,
        };
        if bytes < length {
            let file = folder.segment(first);
            report.tell(Event::Torn { file, at: ByteCount(bytes), bytes: ByteCount(length - bytes) });
            folder.cut(first, bytes)?;
        }
        if end <= mark || end == first {
            folder.remove(first)?;
        } else {
            segments.push_back(Segment { first, end, bytes });
        }
    }
    Ok(segments)
}

/// The number after the last record's of a segment, and where that record ends.
fn whole_records(folder: &Folder, first: u64, length: u64) -> io::Result<(u64, u64)> {
    let file = folder.read(first)?;
    let (mut number, mut offset) = (first, EMPTY);
    loop {
        match record_at(&file, offset, length) {
            Ok(record) if record.number == number => {
                number += 1;
                offset += record.size();
            }
            Ok(_) => return Ok((number, offset.min(length))),
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
                return Ok((number, offset.min(length)));
            }
            Err(error) => return Err(error),
        }
    }
}
