//! Which captures of a followed folder were read: kept in a file, so that a restart goes on where the run before ended.
//!
//! The file is text, a line a capture, added when it is done; it is written anew, under another name that then takes its place, when
//! most of its lines are of captures that are gone. A line cut short by a crash is no line.
//!
//! A capture is done when its alerts were handed on by the output, and when the tracker held nothing at its end that would make what
//! comes after it look different. Until then a run that was killed reads it again, with all that came behind it, and so makes the
//! same alerts with the same identifiers, and those that were held back.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::units::Timestamp;

/// How long the pieces of a request, a hello or a datagram are waited for at the most: what was held of them when a capture ended was
/// told by then, or never will be.
const PIECES: Duration = Duration::from_secs(60);

/// The first line. A file that begins otherwise is left alone.
const TITLE: &str = "rattap captures read 1";

/// How far back in packet time captures are read again at the most, where findings never pause: longer than the tracker waits for
/// any conversation to speak again. What is told twice so has other identifiers where a window began before.
const LONGEST_LOOK_BACK: Duration = Duration::from_secs(3 * 3600);

/// How many lines of captures that are gone are borne with before the file is written anew.
const MOST_STALE: usize = 8192;

/// What tells one capture from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    /// The first half of the SHA-256 of its first bytes, decompressed: they hold the time of its first packet. So a capture that was
    /// compressed or copied since is known again.
    pub head: [u8; 16],
    pub stored: Stored,
}

/// What tells a stored file from another without opening it. Renaming changes none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Stored {
    pub device: u64,
    pub inode: u64,
    pub length: u64,
    /// Nanoseconds since the epoch.
    pub modified: i64,
}

impl Stored {
    pub(super) fn of(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
        }
    }
}

/// The name of a state file for a folder, where the user gives none.
pub fn state_name(folder: &Path) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, folder.as_os_str().as_bytes());
    format!("follow-{}", hex(digest.as_ref().get(..8).unwrap_or_default()))
}

/// What was read, and the file that says so.
pub struct Journal(Mutex<Inner>);

/// A capture that was read.
struct Read {
    number: u64,
    identity: Identity,
    /// What the tracker held at its end, once the alerts up to there are out.
    held: Option<Held>,
}

/// What a tracker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Anything about findings: windows, conversations, addresses.
    pub findings: bool,
    /// Pieces of what may yet become a finding.
    pub pieces: bool,
    /// Its clock.
    pub clock: Option<Timestamp>,
}

struct Inner {
    path: PathBuf,
    file: File,
    /// Captures that were read and are not done yet, in order.
    read: VecDeque<Read>,
    lines: usize,
    /// What went wrong, until it is told.
    error: Option<io::Error>,
}

impl Journal {
    /// Opens the file, or begins it, and says what was read before.
    pub(super) fn open(path: &Path) -> io::Result<(Arc<Self>, Vec<Identity>)> {
        // What would take its place, or could be read for ever.
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(io::Error::other("it is no regular file"));
        }
        let known = match fs::read(path) {
            Ok(bytes) => parse(&String::from_utf8_lossy(&bytes))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let file = write_anew(path, &known)?;
        let inner = Inner { path: path.to_owned(), file, read: VecDeque::new(), lines: known.len(), error: None };
        Ok((Arc::new(Self(Mutex::new(inner))), known))
    }

    /// The capture of this number was read to its end. Numbers grow.
    pub(super) fn note_read(&self, number: u64, identity: Identity) {
        self.held().read.push_back(Read { number, identity, held: None });
    }

    /// All captures that were read are done: the run has ended, and everything was told.
    pub fn settle(&self) -> io::Result<()> {
        let mut inner = self.held();
        inner.settle(usize::MAX);
        inner.file.sync_data()?;
        inner.error.take().map_or(Ok(()), Err)
    }

    /// What went wrong with the file since the last call.
    pub(super) fn take_error(&self) -> Option<io::Error> {
        self.held().error.take()
    }

    /// Whether most lines are of captures that are gone, where so many are known.
    pub(super) fn is_stale(&self, known: usize) -> bool {
        self.held().lines > 2 * known + MOST_STALE
    }

    /// Writes the file anew with what is `known`, apart from what is not done.
    pub(super) fn renew(&self, known: impl Iterator<Item = Identity>) {
        let mut inner = self.held();
        let done: Vec<_> =
            known.filter(|known| !inner.read.iter().any(|read| read.identity.head == known.head)).collect();
        match write_anew(&inner.path, &done) {
            Ok(file) => (inner.file, inner.lines) = (file, done.len()),
            Err(error) => inner.error = Some(error),
        }
    }

    fn held(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The alerts of all captures up to this number are out.
    fn arrived(&mut self, number: u64, now: Held) {
        let arrived = self.read.partition_point(|read| read.number <= number);
        if let Some(last) = arrived.checked_sub(1).and_then(|last| self.read.get_mut(last)) {
            // Nothing came since its end but time.
            let clock = last.held.map_or(now.clock, |held| held.clock);
            last.held = Some(Held { clock, ..now });
        }
        let is_done = |read: &Read| {
            let Some(held) = read.held else { return false };
            let passed = now.clock.zip(held.clock).map_or(Duration::ZERO, |(now, then)| now.since(then));
            let is_told = !held.findings && (!held.pieces || passed > PIECES);
            is_told || passed > LONGEST_LOOK_BACK
        };
        let done = self.read.iter().take(arrived).rposition(is_done).map_or(0, |last| last + 1);
        self.settle(done);
    }

    /// Writes down the first captures of those that were read.
    fn settle(&mut self, count: usize) {
        let count = count.min(self.read.len());
        if count == 0 {
            return;
        }
        let text: String = self.read.iter().take(count).map(|read| line(&read.identity)).collect();
        match self.file.write_all(text.as_bytes()) {
            Ok(()) => {
                self.read.drain(..count);
                self.lines += count;
            }
            Err(error) => self.error = Some(error),
        }
    }
}

/// Goes behind the packets of captures through all stages.
#[derive(Clone)]
pub struct Mark {
    journal: Arc<Journal>,
    /// The latest of those captures.
    number: u64,
}

impl Mark {
    pub(super) fn new(journal: Arc<Journal>, number: u64) -> Self {
        Self { journal, number }
    }

    /// All alerts that were made before it are out; the tracker held this when it came by.
    pub fn arrive(self, held: Held) {
        self.journal.held().arrived(self.number, held);
    }
}

impl std::fmt::Debug for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mark({})", self.number)
    }
}

/// Writes a whole file under another name, which then takes its place. Whatever happens, one of both is whole.
fn write_anew(path: &Path, known: &[Identity]) -> io::Result<File> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    let unfinished = PathBuf::from(unfinished);
    let text: String = std::iter::once(format!("{TITLE}\n")).chain(known.iter().map(line)).collect();
    let mut file = File::create(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    fs::rename(&unfinished, path)?;
    File::options().append(true).open(path)
}

fn line(identity: &Identity) -> String {
    let Stored { device, inode, length, modified } = identity.stored;
    format!("{} {device} {inode} {length} {modified}\n", hex(&identity.head))
}

fn parse(text: &str) -> io::Result<Vec<Identity>> {
    let Some(lines) = text.strip_prefix(TITLE).and_then(|rest| rest.strip_prefix('\n')) else {
        let what = if text.is_empty() { "it is empty" } else { "it is no list of captures that rattap wrote" };
        return Err(io::Error::other(format!("{what} (remove it to read all captures anew)")));
    };
    // What a crash cut short was not yet done.
    let whole = lines.rsplit_once('\n').map_or("", |(whole, _)| whole);
    Ok(whole.lines().filter_map(identity).collect())
}

fn identity(line: &str) -> Option<Identity> {
    let mut words = line.split(' ');
    let head = u128::from_str_radix(words.next()?, 16).ok()?.to_be_bytes();
    let mut number = || words.next()?.parse::<i128>().ok();
    let stored = Stored {
        device: number()?.try_into().ok()?,
        inode: number()?.try_into().ok()?,
        length: number()?.try_into().ok()?,
        modified: number()?.try_into().ok()?,
    };
    Some(Identity { head, stored })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(number: u8) -> Identity {
        let stored = Stored { device: 1, inode: number.into(), length: 100, modified: -5 };
        Identity { head: [number; 16], stored }
    }

    fn held(what: &str, seconds: i64) -> Held {
        let clock = Some(Timestamp::from_parts(seconds, 0));
        Held { findings: what.contains("findings"), pieces: what.contains("pieces"), clock }
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
        let arrive = |number, what: &str, seconds| {
            Mark::new(journal.clone(), number).arrive(held(what, seconds));
            fs::read_to_string(&path).unwrap().lines().count() - 1
        };
        assert_eq!(arrive(1, "findings", 10), 0);
        assert_eq!(arrive(2, "", 20), 2, "what the first left was told");
        assert_eq!(arrive(3, "pieces", 30), 2);
        assert_eq!(arrive(4, "findings and pieces", 80), 2);
        assert_eq!(arrive(4, "findings", 91), 3, "what came in pieces was told");
        assert_eq!(arrive(5, "findings", 100), 3);
        assert_eq!(arrive(6, "findings", 81 + 3 * 3600), 4, "too old to be read again");
        journal.settle().unwrap();
        let (_, all) = Journal::open(&path).unwrap();
        assert_eq!(all, (1..=6).map(identity).collect::<Vec<_>>());
    }

    #[test]
    fn a_line_cut_short_is_none_and_a_foreign_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let whole = format!("{TITLE}\n{}{}", line(&identity(1)), line(&identity(2)));
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
        Mark::new(journal.clone(), 2).arrive(held("", 1));
        journal.renew([identity(2), identity(3)].into_iter());
        journal.settle().unwrap();
        assert_eq!(known(&path), [2, 3]);
    }
}
