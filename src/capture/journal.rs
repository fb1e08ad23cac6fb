//! The journal of a followed folder: which captures were read. It is kept in a file, so that a
//! restart continues where the run before ended.
//!
//! The file is text with one line for each capture, appended when the capture is done. When most
//! lines are about deleted captures the file is rewritten under another name, which then replaces
//! it. A line cut short by a crash is ignored.
//!
//! A capture is done when the output has written its alerts, and when the tracker held nothing at
//! its end that could change the alerts of later captures. After a crash, a capture that is not
//! done is read again, with all captures after it. So the same alerts appear with the same
//! identifiers, and so do those that were not written yet.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::capture::identity::{CaptureIdentity, FileState};
use crate::units::Timestamp;

/// The longest time that the tracker waits for the missing pieces of a request, a TLS hello or a
/// datagram. What it held of them at the end of a capture is reported by then, or never.
const REASSEMBLY_TIMEOUT: Duration = Duration::from_secs(60);

/// The first line of the file. A file that begins differently is not touched.
const TITLE: &str = "rattap captures read 1";

/// The longest packet time that is read again after a crash, if there are always findings: longer
/// than the tracker waits for any conversation to continue. Alerts that are then repeated have
/// other identifiers if their window began earlier.
const MAX_LOOK_BACK: Duration = Duration::from_secs(3 * 3600);

/// The number of lines about deleted captures that are accepted before the file is rewritten.
const MAX_STALE: usize = 8192;

/// The ending of the name under which a state file is rewritten.
pub const STATE_REWRITTEN: &str = ".new";

/// The default name of the state file for a folder.
pub fn default_state_name(folder: &Path) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, folder.as_os_str().as_bytes());
    format!("follow-{}", hex(digest.as_ref().get(..8).unwrap_or_default()))
}

/// The captures that were read, and the state file that lists them.
pub struct Journal(Mutex<Inner>);

/// A capture that was read, and is not yet done.
struct ReadCapture {
    number: u64,
    identity: CaptureIdentity,
    /// The state of the tracker at its end. Set once the alerts up to there are written.
    tracker: Option<TrackerSnapshot>,
}

/// The state that a tracker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackerSnapshot {
    /// True if it holds anything about findings: windows, conversations, addresses.
    pub findings: bool,
    /// True if it holds pieces of data that may yet become a finding.
    pub pieces: bool,
    /// Its clock, in packet time.
    pub clock: Option<Timestamp>,
}

struct Inner {
    path: PathBuf,
    file: File,
    /// Captures that were read and are not done yet, in order.
    read: VecDeque<ReadCapture>,
    lines: usize,
    /// The latest error, until it is reported.
    error: Option<io::Error>,
}

impl Journal {
    /// Opens or creates the state file. Returns the captures that it lists.
    pub(super) fn open(path: &Path) -> io::Result<(Arc<Self>, Vec<CaptureIdentity>)> {
        // Anything else would be replaced by the rewriting, or could be read forever.
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(io::Error::other("it is not a regular file"));
        }
        let known = match fs::read(path) {
            Ok(bytes) => parse(&String::from_utf8_lossy(&bytes))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let file = rewrite(path, &known)?;
        let inner = Inner { path: path.to_owned(), file, read: VecDeque::new(), lines: known.len(), error: None };
        Ok((Arc::new(Self(Mutex::new(inner))), known))
    }

    /// Notes that the capture with this number was read to its end. Numbers must increase.
    pub(super) fn note_read(&self, number: u64, identity: CaptureIdentity) {
        self.lock().read.push_back(ReadCapture { number, identity, tracker: None });
    }

    /// Marks all captures that were read as done. Call this when the run has ended and all alerts
    /// are written.
    pub fn commit_all(&self) -> io::Result<()> {
        let mut inner = self.lock();
        inner.write_done(usize::MAX);
        inner.file.sync_data()?;
        inner.error.take().map_or(Ok(()), Err)
    }

    /// Returns the latest error of the file since the last call.
    pub(super) fn take_error(&self) -> Option<io::Error> {
        self.lock().error.take()
    }

    /// Returns true if most lines are about deleted captures, given the number of known captures.
    pub(super) fn is_stale(&self, known: usize) -> bool {
        self.lock().lines > 2 * known + MAX_STALE
    }

    /// Rewrites the file with the known captures, except those that are not done.
    pub(super) fn renew(&self, known: impl Iterator<Item = CaptureIdentity>) {
        let mut inner = self.lock();
        let done: Vec<_> =
            known.filter(|known| !inner.read.iter().any(|read| read.identity.head == known.head)).collect();
        match rewrite(&inner.path, &done) {
            Ok(file) => (inner.file, inner.lines) = (file, done.len()),
            Err(error) => inner.error = Some(error),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Handles an acknowledged checkpoint: the alerts of all captures up to this number are
    /// written.
    fn acknowledge(&mut self, number: u64, tracker: TrackerSnapshot) {
        let written = self.read.partition_point(|read| read.number <= number);
        if let Some(last) = written.checked_sub(1).and_then(|last| self.read.get_mut(last)) {
            // Since the end of the capture only time has passed, so its clock stays the first one
            // noted.
            let clock = last.tracker.map_or(tracker.clock, |noted| noted.clock);
            last.tracker = Some(TrackerSnapshot { clock, ..tracker });
        }
        let is_done = |read: &ReadCapture| {
            let Some(at_end) = read.tracker else { return false };
            let passed = tracker.clock.zip(at_end.clock).map_or(Duration::ZERO, |(now, then)| now.since(then));
            let is_reported = !at_end.findings && (!at_end.pieces || passed > REASSEMBLY_TIMEOUT);
            is_reported || passed > MAX_LOOK_BACK
        };
        let done = self.read.iter().take(written).rposition(is_done).map_or(0, |last| last + 1);
        self.write_done(done);
    }

    /// Appends the first `count` captures that were read to the file, as done.
    fn write_done(&mut self, count: usize) {
        let count = count.min(self.read.len());
        if count == 0 {
            return;
        }
        let text: String = self.read.iter().take(count).map(|read| format_line(&read.identity)).collect();
        match self.file.write_all(text.as_bytes()) {
            Ok(()) => {
                self.read.drain(..count);
                self.lines += count;
            }
            Err(error) => self.error = Some(error),
        }
    }
}

/// Follows the packets of captures through all stages. The output acknowledges it when the alerts
/// of these captures are written.
#[derive(Clone)]
pub struct Checkpoint {
    journal: Arc<Journal>,
    /// The number of the latest of those captures.
    number: u64,
}

impl Checkpoint {
    pub(super) fn new(journal: Arc<Journal>, number: u64) -> Self {
        Self { journal, number }
    }

    /// Acknowledges the checkpoint: all alerts before it are written. `held` is the state of the
    /// tracker when the checkpoint passed it.
    pub fn acknowledge(self, held: TrackerSnapshot) {
        self.journal.lock().acknowledge(self.number, held);
    }
}

impl std::fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkpoint").field("number", &self.number).finish_non_exhaustive()
    }
}

/// Writes a whole file under another name, which then replaces the old one. Even after a crash one
/// of the two is complete.
fn rewrite(path: &Path, known: &[CaptureIdentity]) -> io::Result<File> {
    let mut new = path.as_os_str().to_owned();
    new.push(STATE_REWRITTEN);
    let new = PathBuf::from(new);
    let text: String = std::iter::once(format!("{TITLE}\n")).chain(known.iter().map(format_line)).collect();
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    fs::rename(&new, path)?;
    File::options().append(true).open(path)
}

fn format_line(identity: &CaptureIdentity) -> String {
    let FileState { device, inode, length, modified } = identity.file;
    format!("{} {device} {inode} {length} {modified}\n", hex(&identity.head))
}

fn parse(text: &str) -> io::Result<Vec<CaptureIdentity>> {
    let Some(lines) = text.strip_prefix(TITLE).and_then(|rest| rest.strip_prefix('\n')) else {
        let problem = if text.is_empty() { "it is empty" } else { "it holds no list of captures written by rattap" };
        return Err(io::Error::other(format!("{problem} (remove it to read all captures again)")));
    };
    // A line cut short by a crash counts as not done.
    let whole = lines.rsplit_once('\n').map_or("", |(whole, _)| whole);
    Ok(whole.lines().filter_map(parse_line).collect())
}

fn parse_line(line: &str) -> Option<CaptureIdentity> {
    let mut words = line.split(' ');
    let head = u128::from_str_radix(words.next()?, 16).ok()?.to_be_bytes();
    let mut number = || words.next()?.parse::<i128>().ok();
    let file = FileState {
        device: number()?.try_into().ok()?,
        inode: number()?.try_into().ok()?,
        length: number()?.try_into().ok()?,
        modified: number()?.try_into().ok()?,
    };
    Some(CaptureIdentity { head, file })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(number: u8) -> CaptureIdentity {
        let file = FileState { device: 1, inode: number.into(), length: 100, modified: -5 };
        CaptureIdentity { head: [number; 16], file }
    }

    fn held(what: &str, seconds: i64) -> TrackerSnapshot {
        let clock = Some(Timestamp::from_parts(seconds, 0));
        TrackerSnapshot { findings: what.contains("findings"), pieces: what.contains("pieces"), clock }
    }

    fn known(path: &Path) -> Vec<u8> {
        Journal::open(path).unwrap().1.iter().map(|identity| identity.head[0]).collect()
    }

    #[test]
    fn a_capture_is_done_when_its_alerts_are_out_and_nothing_is_held_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (journal, before) = Journal::open(&path).unwrap();
        assert!(before.is_empty());
        for number in 1..=6 {
            journal.note_read(number, identity(number as u8));
        }
        let acknowledge = |number, what: &str, seconds| {
            Checkpoint::new(journal.clone(), number).acknowledge(held(what, seconds));
            fs::read_to_string(&path).unwrap().lines().count() - 1
        };
        assert_eq!(acknowledge(1, "findings", 10), 0);
        assert_eq!(acknowledge(2, "", 20), 2, "what the first left was told");
        assert_eq!(acknowledge(3, "pieces", 30), 2);
        assert_eq!(acknowledge(4, "findings and pieces", 80), 2);
        assert_eq!(acknowledge(4, "findings", 91), 3, "what came in pieces was told");
        assert_eq!(acknowledge(5, "findings", 100), 3);
        assert_eq!(acknowledge(6, "findings", 81 + 3 * 3600), 4, "too old to be read again");
        journal.commit_all().unwrap();
        let (_, all) = Journal::open(&path).unwrap();
        assert_eq!(all, (1..=6).map(identity).collect::<Vec<_>>());
    }

    #[test]
    fn a_line_cut_short_is_none_and_a_foreign_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let whole = format!("{TITLE}\n{}{}", format_line(&identity(1)), format_line(&identity(2)));
        for cut in TITLE.len() + 1..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            assert!(known(&path).len() < 2, "{cut}");
        }
        fs::write(&path, &whole).unwrap();
        assert_eq!(known(&path), [1, 2]);
        for foreign in ["", "CEF:0|Rattap|\n", "rattap captures read 2\n"] {
            fs::write(&path, foreign).unwrap();
            assert!(Journal::open(&path).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), foreign);
        }
    }

    #[test]
    fn it_is_written_anew_without_what_is_gone_and_what_is_not_done() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (journal, _) = Journal::open(&path).unwrap();
        for number in 1..=3 {
            journal.note_read(number, identity(number as u8));
        }
        Checkpoint::new(journal.clone(), 2).acknowledge(held("", 1));
        journal.renew([identity(2), identity(3)].into_iter());
        journal.commit_all().unwrap();
        assert_eq!(known(&path), [2, 3]);
    }
}
