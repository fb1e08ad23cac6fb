//! The operations of a spool.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Record;
use super::disk;
use super::folder::SpoolFolder;
use super::marks::AcceptedMark;
use super::recovery::recover;
use super::state::{DiskFailure, LARGEST_SEGMENT, LEAST_SEGMENTS, Segment, SpoolState};
use crate::output::clock;
use crate::output::event::{Event, EventReporter};
use crate::units::ByteCount;

/// The most bytes of alerts in memory while they cannot be on disk: some 90,000 alerts.
pub const MEMORY_LIMIT: u64 = 64 << 20;

/// The interval at which the disk is tried again after a failure.
pub const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The alerts on their way to one receiver. One thread appends them, another sends them.
#[derive(Debug)]
pub struct Spool {
    /// `None` for a spool in memory.
    folder: Option<SpoolFolder>,
    limit: u64,
    /// The number of the first record that no earlier process appended.
    first_new: u64,
    accepted_before_start: Option<AcceptedMark>,
    state: Mutex<SpoolState>,
    /// Notified when records leave the spool.
    room: Condvar,
    reporter: EventReporter,
}

/// The fill level of a spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolLevel {
    /// Records that the receiver has not accepted.
    pub waiting: u64,
    /// Records that were lost before they were sent, since the start.
    pub lost: u64,
    /// Bytes on disk and in memory.
    pub bytes: u64,
    /// Bytes in memory only.
    pub in_memory: u64,
    /// True if there is a disk and it does not accept records.
    pub is_failing: bool,
}

impl Spool {
    /// Opens the spool in a folder, with the records that an earlier run left.
    pub fn open(path: &Path, limit: ByteCount, reporter: EventReporter) -> io::Result<Self> {
        let folder = SpoolFolder::open(path)?;
        let checkpoint = match folder.read_checkpoint() {
            Ok(checkpoint) => checkpoint.unwrap_or(1),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                reporter.report(Event::DamagedCheckpoint { file: folder.checkpoint_path() });
                1
            }
            Err(error) => return Err(error),
        };
        let state = SpoolState::new(checkpoint, recover(&folder, checkpoint, &reporter)?);
        let (limit, first_new) = (limit.0, state.next);
        let mark = folder.read_accepted().filter(|mark| checkpoint < mark.before && mark.before <= first_new);
        if mark.is_none() {
            // A later process must not take it for a mark of records that are still to come.
            let _ = folder.remove_accepted();
        }
        let (folder, state) = (Some(folder), Mutex::new(state));
        let accepted_before_start = mark;
        let spool = Self { folder, limit, first_new, accepted_before_start, state, room: Condvar::new(), reporter };
        spool.drop_over_limit(&mut spool.state());
        Ok(spool)
    }

    /// A spool without a folder. Its records are lost if the process is killed.
    pub fn in_memory(reporter: EventReporter) -> Self {
        let state = Mutex::new(SpoolState::new(1, VecDeque::new()));
        Self {
            folder: None,
            limit: MEMORY_LIMIT,
            first_new: 1,
            accepted_before_start: None,
            state,
            room: Condvar::new(),
            reporter,
        }
    }

    /// The spool's folder.
    pub(super) fn folder(&self) -> Option<&SpoolFolder> {
        self.folder.as_ref()
    }

    /// The path of the spool's folder.
    pub fn path(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.path().to_owned())
    }

    /// Appends an alert's line. It survives the death of the process once this returns, unless the
    /// disk fails.
    pub fn append(&self, line: String) {
        let mut state = self.state();
        let record = Record { number: state.next, time: clock::time_of_day(), line };
        state.next += 1;
        state.push_memory(record);
        self.move_to_disk(&mut state);
        let lost_before = state.lost;
        let limit = MEMORY_LIMIT.min(self.limit);
        // One record always stays, however long it is.
        while state.memory_bytes > limit && state.count_in_memory_from(0) > 1 {
            let Some(dropped) = state.pop_memory() else { break };
            state.lost += u64::from(dropped.number >= state.sent_before);
        }
        if state.lost > lost_before {
            self.report_full(&mut state, limit);
        }
    }

    /// Waits until another alert fits without dropping one. Returns false if no record was
    /// delivered for as long as `patience`.
    pub fn wait_for_room(&self, patience: Duration) -> bool {
        let mut state = self.state();
        let (mut since, mut delivered_before) = (Instant::now(), state.delivered_before);
        let margin = LARGEST_SEGMENT.min(self.limit / LEAST_SEGMENTS);
        while state.disk_bytes + state.memory_bytes + margin > self.limit || state.memory_bytes + margin > MEMORY_LIMIT
        {
            if state.delivered_before != delivered_before {
                (since, delivered_before) = (Instant::now(), state.delivered_before);
            }
            let Some(left) = patience.checked_sub(since.elapsed()) else { return false };
            state = self.room.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Records that the receiver accepted all records before `number`. It may still lose them.
    /// Returns the number before which all records had been sent or dropped already.
    pub fn mark_sent(&self, number: u64) -> u64 {
        let mut state = self.state();
        let before = state.sent_before;
        state.sent_before = before.max(number);
        if state.sent_before == state.next {
            state.is_dropping = false;
        }
        before
    }

    /// Records that all records before `number` are known to have arrived.
    pub fn mark_delivered(&self, number: u64) {
        let mut state = self.state();
        state.delivered_before = state.delivered_before.max(number).min(state.next);
        state.sent_before = state.sent_before.max(state.delivered_before);
        while state.oldest_in_memory().is_some_and(|record| record.number < state.delivered_before) {
            state.pop_memory();
        }
        self.room.notify_all();
    }

    /// The mark of the last connection of an earlier process. `None` if the receiver accepted no
    /// more over it than is known to have arrived.
    pub fn accepted_before_start(&self) -> Option<&AcceptedMark> {
        self.accepted_before_start.as_ref()
    }

    /// Returns the lines of the records that are in memory only.
    #[cfg(test)]
    pub fn lines_in_memory(&self) -> Vec<String> {
        let state = self.state();
        let first = state.memory_after(0).map(|record| record.number);
        let numbers = first.into_iter().flat_map(|first| first..state.next);
        numbers.filter_map(|number| state.memory_after(number)).map(|record| record.line.clone()).collect()
    }

    /// Keeps on the disk that the receiver accepted all records before a number over a connection.
    /// If that fails, the next process sends them once more. Records in memory are left out: the
    /// next process gives their numbers to others.
    pub fn keep_accepted(&self, mark: &AcceptedMark) {
        if let Some(folder) = &self.folder {
            let in_memory = self.state().oldest_in_memory().map_or(u64::MAX, |record| record.number);
            let _ = folder.write_accepted(&AcceptedMark { before: mark.before.min(in_memory), ..mark.clone() });
        }
    }

    /// Removes what [`Self::keep_accepted`] kept: the connection broke, so the receiver may have
    /// lost it.
    pub fn forget_accepted(&self) {
        if let Some(folder) = &self.folder {
            let _ = folder.remove_accepted();
        }
    }

    /// Reports how many records of an earlier run are to be sent. Those before `read` are not.
    pub fn report_leftover(&self, read: Option<u64>) {
        let alerts = {
            let state = self.state();
            let first = state.delivered_before.max(read.unwrap_or_default());
            state.count_from(first).saturating_sub(state.count_from(self.first_new))
        };
        if alerts > 0 {
            self.reporter.report(Event::Leftover { alerts });
        }
    }

    /// Counts records that the receiver refused as lost.
    pub fn count_lost(&self, records: u64) {
        self.state().lost += records;
    }

    /// Writes to the disk what is not there yet, and removes what was delivered. The sender calls
    /// this once a second. A slow disk delays only the sender.
    pub fn sync(&self) {
        let Some(folder) = &self.folder else { return };
        let (file, checkpoint) = {
            let mut state = self.state();
            self.move_to_disk(&mut state);
            let file = state.file.clone().filter(|_| state.is_dirty);
            state.is_dirty = false;
            (file, Some(state.delivered_before).filter(|number| *number > state.checkpoint))
        };
        let synced = file.map_or(Ok(()), |file| disk::sync(&file).and_then(|()| folder.sync()));
        let written = checkpoint.map_or(Ok(()), |number| self.write_checkpoint(folder, number));
        let mut state = self.state();
        match (synced.and(written), checkpoint) {
            (Err(error), _) => self.disk_failed(&mut state, error),
            (Ok(()), Some(number)) => {
                state.checkpoint = number;
                state.remove_segments_before(number, folder);
                self.room.notify_all();
            }
            (Ok(()), None) => {}
        }
        if state.oldest_in_memory().is_none()
            && let Some(failure) =
                state.disk_failure.take_if(|failure| clock::since(failure.last_attempt) >= RETRY_INTERVAL)
        {
            self.reporter.report(Event::SpoolRecovered { lost: state.lost - failure.lost_before });
        }
    }

    /// Writes the checkpoint. If the disk has no room even for that, the delivered segments are
    /// removed first.
    fn write_checkpoint(&self, folder: &SpoolFolder, number: u64) -> io::Result<()> {
        folder.write_checkpoint(number).or_else(|_| {
            self.state().remove_segments_before(number, folder);
            folder.write_checkpoint(number)
        })
    }

    /// Tries the disk once more before the process ends. Records that are still in memory only and
    /// were not sent are counted as lost. Returns how many undelivered records are in memory only.
    pub fn abandon(&self) -> u64 {
        let mut state = self.state();
        if let Some(failure) = &mut state.disk_failure
            && let Some(long_ago) = failure.last_attempt.checked_sub(RETRY_INTERVAL)
        {
            failure.last_attempt = long_ago;
        }
        self.move_to_disk(&mut state);
        state.lost += state.count_in_memory_from(state.sent_before);
        state.count_in_memory_from(state.delivered_before)
    }

    /// Returns true if [`Self::sync`] has something to do.
    pub fn needs_sync(&self) -> bool {
        let state = self.state();
        self.folder.is_some()
            && (state.is_dirty || state.delivered_before > state.checkpoint || state.disk_failure.is_some())
    }

    /// Counts and reports the records from `number` to the end of a segment, which cannot be read.
    /// Repeated calls count each record once.
    pub(super) fn report_damage(&self, segment: &Segment, number: u64, offset: u64) {
        let alerts = {
            let mut state = self.state();
            let alerts = segment.end.saturating_sub(number.max(state.damage_counted_before));
            state.damage_counted_before = state.damage_counted_before.max(segment.end);
            state.lost += alerts;
            alerts
        };
        if alerts > 0
            && let Some(folder) = &self.folder
        {
            let (file, offset) = (folder.segment_path(segment.first), ByteCount(offset));
            self.reporter.report(Event::DamagedSegment { file, offset, alerts });
        }
    }

    /// The current fill level.
    pub fn level(&self) -> SpoolLevel {
        let state = self.state();
        SpoolLevel {
            waiting: state.count_from(state.sent_before),
            lost: state.lost,
            bytes: state.disk_bytes + state.memory_bytes,
            in_memory: state.memory_bytes,
            is_failing: state.disk_failure.is_some(),
        }
    }

    /// The number of records that are not known to have arrived.
    pub fn undelivered(&self) -> u64 {
        let state = self.state();
        state.count_from(state.delivered_before)
    }

    /// The number of the first record that is not known to have arrived.
    pub fn delivered_before(&self) -> u64 {
        self.state().delivered_before
    }

    pub(super) fn state(&self) -> MutexGuard<'_, SpoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the records in memory to the disk, as far as the disk accepts them.
    fn move_to_disk(&self, state: &mut SpoolState) {
        let Some(folder) = &self.folder else { return };
        if state.disk_failure.is_some_and(|failure| clock::since(failure.last_attempt) < RETRY_INTERVAL) {
            return;
        }
        while let Some(record) = state.oldest_in_memory().cloned() {
            if let Err(error) = state.write_to_disk(folder, &record, self.limit) {
                return self.disk_failed(state, error);
            }
            state.pop_memory();
            self.drop_over_limit(state);
        }
    }

    fn disk_failed(&self, state: &mut SpoolState, error: io::Error) {
        let last_attempt = clock::now();
        match &mut state.disk_failure {
            Some(failure) => failure.last_attempt = last_attempt,
            None => {
                state.disk_failure = Some(DiskFailure { last_attempt, lost_before: state.lost });
                self.reporter.report(Event::SpoolFailed { folder: self.path().unwrap_or_default(), error });
            }
        }
    }

    /// Drops the oldest segments while the spool is over its limit.
    fn drop_over_limit(&self, state: &mut SpoolState) {
        let Some(folder) = &self.folder else { return };
        while state.disk_bytes > self.limit
            && let Some(lost) = state.drop_oldest_segment(folder)
        {
            if lost > 0 {
                self.report_full(state, self.limit);
            }
        }
    }

    /// Reports that the oldest alerts are being dropped, once until the receiver has caught up.
    fn report_full(&self, state: &mut SpoolState, limit: u64) {
        if !state.is_dropping {
            state.is_dropping = true;
            self.reporter.report(Event::SpoolFull { limit: ByteCount(limit) });
        }
    }
}
