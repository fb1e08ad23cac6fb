//! A folder in which captures appear, as a source of Blocks: each capture once, in order of time, as one history.
//!
//! `folder` says which files are finished. Each is looked at then: its first bytes tell it from others (`journal`), under whatever
//! name, compressed or not; and the time of its first packet gives it its place among those that wait. So a folder full of captures is
//! read in the order in which they were taken, and no alert comes before all that are there have been looked at.
//!
//! Time is packet time. Where no capture comes for longer than one ever took, and for as long as repeats are gathered, an empty Block says
//! that so much time has passed: what was held back is told, also at the end of all captures.
//!
//! Memory: some 300 bytes for each file in the folder.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant, SystemTime};

use super::block::{Block, Origin};
use super::file::{Files, OPENED_AHEAD, Reader};
use super::inputs::Input;
use super::journal::{Identity, Journal, Mark, Stored};
use super::stop::Stop;
use super::{CaptureCounts, CaptureError, Fill, Source};
use crate::indicator::IndicatorSet;
use crate::units::Timestamp;

mod folder;

use folder::{Folder, Happened, finished};

/// How many first bytes, decompressed, tell a capture from others: the headers of every format, and some packets with their times.
const HEAD: usize = 8 << 10;

/// How far the first packet is looked for, behind all that a pcapng file may say before it.
const FIRST_PACKET: usize = 512 << 10;

/// How often the folder is listed although the kernel tells what happens: it does not tell of other machines.
const RELISTED: Duration = Duration::from_secs(60);

/// The same where the kernel does not tell.
const RELISTED_UNWATCHED: Duration = Duration::from_secs(2);

/// How long a wait is at the most, so that a stop is soon seen.
const WAIT: Duration = Duration::from_millis(200);

/// How often an empty Block goes through while nothing comes: it carries word of what is done, and has outputs look after themselves.
const PULSE: Duration = Duration::from_secs(1);

/// For how many steps of time an empty Block says that it has passed: one closes what was gathered, the next what that left.
const IDLE_STEPS: u32 = 2;

/// A step of time is not shorter than this: packets of one capture may be out of order by so much.
const SHORTEST_STEP: Duration = Duration::from_secs(60);

/// The longest time that a capture is believed to take where no other comes: a wrong time stamp must not hold back for ever what was found.
const LONGEST_SPAN: Duration = Duration::from_secs(3600);

/// For how many listings a file that is gone is known: it may come back compressed.
const LISTINGS_KNOWN: u64 = 10;

/// How many files that are gone are borne with before they are forgotten.
const MOST_GONE: usize = 8192;

/// When a capture begins, and its head.
type Place = (Timestamp, [u8; 16]);

/// A folder that is followed.
pub struct Follow {
    folder: Folder,
    journal: Arc<Journal>,
    state: PathBuf,
    stop: Stop,
    /// What reads, leaves out and counts.
    files: Files,
    known: Known,
    /// What cannot be read, told once.
    refused: HashSet<Stored>,
    /// Files that were created and are not closed yet.
    begun: HashSet<OsString>,
    /// Captures that are to be read, with all names under which they were seen.
    waiting: BTreeMap<Place, Vec<(PathBuf, Stored)>>,
    /// Captures that were not where they should be.
    missing: Vec<(Place, PathBuf)>,
    ahead: VecDeque<Opened>,
    current: Option<Opened>,
    /// Captures read so far.
    number: u64,
    listed: Option<Instant>,
    /// Whether the last listing found files of which nobody knew whether they are finished.
    is_holding: bool,
    /// What looks are read into.
    scratch: Block,
    idle: Idle,
    pulse: Instant,
}

/// An opened capture.
struct Opened {
    reader: Reader,
    path: PathBuf,
    identity: Identity,
    /// Of its packets so far.
    span: Option<(Timestamp, Timestamp)>,
}

/// What a first look says.
struct Look {
    identity: Identity,
    first: Option<Timestamp>,
    /// Whether the file is as long as it seems: not compressed.
    is_plain: bool,
}

/// Captures that were met before.
#[derive(Default)]
struct Known {
    /// With the number of the last listing in which it was seen.
    by_head: HashMap<[u8; 16], (Stored, u64)>,
    by_inode: HashMap<(u64, u64), (Identity, u64)>,
    listing: u64,
}

impl Known {
    fn add(&mut self, identity: Identity) {
        let stored = identity.stored;
        self.by_head.insert(identity.head, (stored, self.listing));
        self.by_inode.insert((stored.device, stored.inode), (identity, self.listing));
    }

    /// What is known of a file, whatever has become of it.
    fn at(&self, stored: &Stored) -> Option<Identity> {
        self.by_inode.get(&(stored.device, stored.inode)).map(|(identity, _)| *identity)
    }

    /// Whether the file is known just as it is; then it is not forgotten.
    fn holds(&mut self, stored: &Stored) -> bool {
        let Some((identity, seen)) = self.by_inode.get_mut(&(stored.device, stored.inode)) else { return false };
        if identity.stored != *stored {
            return false;
        }
        *seen = self.listing;
        if let Some((_, seen)) = self.by_head.get_mut(&identity.head) {
            *seen = self.listing;
        }
        true
    }

    /// Forgets what has long been gone, where it is much.
    fn forget(&mut self, present: usize) {
        if self.by_head.len().max(self.by_inode.len()) > 2 * present + MOST_GONE {
            let oldest = self.listing.saturating_sub(LISTINGS_KNOWN);
            self.by_head.retain(|_, (_, seen)| *seen >= oldest);
            self.by_inode.retain(|_, (_, seen)| *seen >= oldest);
        }
    }

    fn all(&self) -> impl Iterator<Item = Identity> {
        let heads = self.by_head.iter().map(|(head, (stored, _))| Identity { head: *head, stored: *stored });
        let others = self.by_inode.values().map(|(identity, _)| *identity);
        let others = others.filter(|one| self.by_head.get(&one.head).is_none_or(|(stored, _)| *stored != one.stored));
        heads.chain(others)
    }
}

/// How time passes where nothing comes.
struct Idle {
    step: Duration,
    steps: u32,
    since: Instant,
    /// The highest time of all packets.
    latest: Option<Timestamp>,
    longest: Duration,
}

impl Idle {
    fn capture_ended(&mut self, span: Option<(Timestamp, Timestamp)>) {
        (self.steps, self.since) = (0, Instant::now());
        if let Some((first, last)) = span {
            self.latest = self.latest.max(Some(last));
            self.longest = self.longest.max(last.since(first).min(LONGEST_SPAN));
        }
    }

    /// How late it is, where that is to be said now.
    fn until(&mut self, quiet: Duration) -> Option<Timestamp> {
        let passed = self.step * (self.steps + 1);
        if self.steps >= IDLE_STEPS || quiet < passed.max(self.longest * 2) {
            return None;
        }
        self.steps += 1;
        self.latest.map(|latest| latest + passed)
    }
}

impl Follow {
    /// Follows a folder. What was read before is in the file `state`, which is begun where it is not there. `gathered` is how long
    /// repeats are gathered.
    ///
    /// `files` says what of the captures is wanted; its own inputs are not read.
    pub fn open(
        folder: &Path,
        state: &Path,
        files: Files,
        gathered: Duration,
        stop: &Stop,
    ) -> Result<Self, CaptureError> {
        let watched = Folder::open(folder).map_err(|error| CaptureError::Open { path: folder.to_owned(), error })?;
        let (journal, read) =
            Journal::open(state).map_err(|error| CaptureError::NoState { path: state.to_owned(), error })?;
        let mut known = Known::default();
        read.into_iter().for_each(|identity| known.add(identity));
        Ok(Self {
            folder: watched,
            journal,
            state: state.to_owned(),
            stop: stop.clone(),
            files,
            known,
            refused: HashSet::new(),
            begun: HashSet::new(),
            waiting: BTreeMap::new(),
            missing: Vec::new(),
            ahead: VecDeque::new(),
            current: None,
            number: 0,
            listed: None,
            is_holding: false,
            scratch: Block::new(Arc::new(Origin::default()), Arc::new(IndicatorSet::default())),
            idle: Idle {
                step: gathered.max(SHORTEST_STEP),
                steps: 0,
                since: Instant::now(),
                latest: None,
                longest: Duration::ZERO,
            },
            pulse: Instant::now(),
        })
    }

    /// What was read: to be settled when the run has ended with all alerts out.
    pub fn journal(&self) -> Arc<Journal> {
        self.journal.clone()
    }

    /// Finds out what there is to read.
    fn survey(&mut self, report: &mut dyn FnMut(CaptureError)) {
        let news = self.folder.news();
        if news.is_partial {
            // Nobody knows which of them were closed.
            self.begun.clear();
        }
        // What was held back may have a successor now, and comes before it.
        if self.is_holding && news.list.iter().any(|happened| matches!(happened, Happened::Begun(_))) {
            self.list(report);
        }
        for happened in news.list {
            match happened {
                Happened::Begun(name) => drop(self.begun.insert(name)),
                Happened::Gone(name) => drop(self.begun.remove(&name)),
                Happened::Finished(name) => {
                    self.begun.remove(&name);
                    if !self.consider(&name, report)
                        && !news.renamed.contains(&name)
                        && !self.folder.has_compressed(&name)
                    {
                        report(CaptureError::Lost { path: self.folder.path().join(&name) });
                    }
                }
            }
        }
        let pause = if self.folder.is_watched() { RELISTED } else { RELISTED_UNWATCHED };
        let is_due = self.listed.is_none_or(|listed| listed.elapsed() >= pause);
        if is_due || news.is_partial || !self.missing.is_empty() {
            self.list(report);
        }
        if let Some(error) = self.journal.take_error() {
            report(CaptureError::State { path: self.state.clone(), error });
        }
    }

    fn list(&mut self, report: &mut dyn FnMut(CaptureError)) {
        self.folder.watch();
        let list = match self.folder.list() {
            Ok(list) => list,
            Err(error) => {
                // Told when it begins, not each time.
                if self.known.listing == 0 || self.listed.is_some() {
                    report(CaptureError::Open { path: self.folder.path().to_owned(), error });
                }
                self.listed = None;
                self.known.listing = self.known.listing.max(1);
                return;
            }
        };
        self.listed = Some(Instant::now());
        self.known.listing += 1;
        let present = list.len();
        let stored: HashSet<Stored> = list.iter().map(|listed| listed.stored).collect();
        self.refused.retain(|refused| stored.contains(refused));
        let new: Vec<_> = list.into_iter().filter(|listed| listed.stored.length > 0).collect();
        let unknown =
            new.iter().filter(|listed| !self.begun.contains(&listed.name) && self.known.at(&listed.stored).is_none());
        let unknown: HashSet<OsString> = unknown.map(|listed| listed.name.clone()).collect();
        let finished = finished(new, SystemTime::now());
        self.is_holding = finished.iter().filter(|listed| unknown.contains(&listed.name)).count() < unknown.len();
        for listed in finished {
            if !self.known.holds(&listed.stored) && !self.begun.contains(&listed.name) {
                // What went since the listing is told of by the kernel, or nobody saw it finished.
                self.consider(&listed.name, report);
            }
        }
        self.known.forget(present);
        for (place, path) in std::mem::take(&mut self.missing) {
            if !self.waiting.contains_key(&place) && !self.known.by_head.contains_key(&place.1) {
                report(CaptureError::Lost { path });
            }
        }
        if self.journal.is_stale(self.known.by_head.len()) {
            let waiting: HashSet<[u8; 16]> = self.waiting.keys().map(|(_, head)| *head).collect();
            let opened = self.ahead.iter().chain(&self.current).map(|opened| opened.identity.head);
            let unread: HashSet<[u8; 16]> = waiting.into_iter().chain(opened).collect();
            self.journal.renew(self.known.all().filter(|known| !unread.contains(&known.head)));
        }
    }

    /// Looks at a finished file, and has it wait where it is a capture that is not known. False where it is not there.
    fn consider(&mut self, name: &OsStr, report: &mut dyn FnMut(CaptureError)) -> bool {
        let path = self.folder.path().join(name);
        let stored = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() && metadata.len() > 0 => Stored::of(&metadata),
            Err(error) if error.kind() == ErrorKind::NotFound => return false,
            // Also where it cannot be told, as it cannot be read then.
            _ => return true,
        };
        if self.known.holds(&stored) || self.refused.contains(&stored) {
            return true;
        }
        let look = match self.look(&path) {
            Ok(look) => look,
            Err(CaptureError::Open { error, .. }) if error.kind() == ErrorKind::NotFound => return false,
            Err(error) => {
                self.refused.insert(stored);
                report(error);
                return true;
            }
        };
        let identity = look.identity;
        let place = (look.first.unwrap_or(Timestamp::from_nanos(identity.stored.modified)), identity.head);
        let before = self.known.at(&identity.stored);
        if look.is_plain && before.is_some_and(|before| self.has_grown(&path, &before, &identity)) {
            // Where it was not read yet it is read whole.
            let was_waiting = before.is_some_and(|before| self.stops_waiting(&before));
            if !was_waiting {
                report(CaptureError::Grew { path: path.clone() });
            }
            self.known.add(identity);
            self.waiting.entry(place).or_default().push((path, identity.stored));
        } else if let Some(names) = self.waiting.get_mut(&place) {
            names.push((path, identity.stored));
            self.known.add(identity);
        } else {
            let is_new = !self.known.by_head.contains_key(&identity.head);
            self.known.add(identity);
            if is_new {
                self.waiting.insert(place, vec![(path, identity.stored)]);
            }
        }
        true
    }

    /// Whether a known file has more behind what it held.
    fn has_grown(&self, path: &Path, before: &Identity, now: &Identity) -> bool {
        if now.stored.length <= before.stored.length {
            return false;
        }
        let held = usize::try_from(before.stored.length).unwrap_or(usize::MAX);
        now.head == before.head || (held < HEAD && head_of(path, held).is_some_and(|head| head == before.head))
    }

    /// Takes a capture back from those that wait, if it does.
    fn stops_waiting(&mut self, identity: &Identity) -> bool {
        let place = self.waiting.iter().find(|((_, head), _)| *head == identity.head).map(|(place, _)| *place);
        place.is_some_and(|place| self.waiting.remove(&place).is_some())
    }

    fn look(&mut self, path: &Path) -> Result<Look, CaptureError> {
        let failed = |error| CaptureError::Open { path: path.to_owned(), error };
        let file = File::open(path).map_err(failed)?;
        let stored = Stored::of(&file.metadata().map_err(failed)?);
        let mut reader = Reader::glance(path, file)?;
        let is_plain = !reader.is_unpacked();
        let head = reader.first_bytes(HEAD);
        let digest = digest(&head);
        // What is wrong further on is told when it is read.
        let mut first = None;
        for capacity in [HEAD, FIRST_PACKET] {
            reader.fill(&mut self.scratch, capacity, &mut CaptureCounts::default(), &mut |_| ());
            first = self.scratch.frames.first().map(|frame| frame.time);
            if first.is_some() || reader.ended {
                break;
            }
        }
        self.scratch.frames.clear();
        Ok(Look { identity: Identity { head: digest, stored }, first, is_plain })
    }

    /// Whether its writer, in a ring of names, has begun another capture in the file that was being read. That one is read when it is
    /// finished.
    fn is_written_over(&mut self, opened: &Opened) -> bool {
        let Identity { head, stored } = opened.identity;
        let Ok(now) = fs::metadata(&opened.path).map(|metadata| Stored::of(&metadata)) else { return false };
        let is_same_file = (now.device, now.inode) == (stored.device, stored.inode);
        is_same_file
            && now != stored
            && (now.length < stored.length || self.look(&opened.path).map_or(true, |look| look.identity.head != head))
    }

    /// Opens captures before their turn, so that compressed ones are decompressed side by side.
    fn open_ahead(&mut self, report: &mut dyn FnMut(CaptureError)) {
        while self.ahead.len() <= OPENED_AHEAD
            && let Some((place, names)) = self.waiting.pop_first()
        {
            match self.open_one(place, &names, report) {
                Some(opened) => {
                    self.files.count_input();
                    self.ahead.push_back(opened);
                }
                // It may have been compressed in this moment: the next survey finds it, before what comes after it is opened.
                None if !self.missing.is_empty() => break,
                None => {}
            }
        }
    }

    /// Opens a capture under the first of its names that is still its.
    fn open_one(
        &mut self,
        place: Place,
        names: &[(PathBuf, Stored)],
        report: &mut dyn FnMut(CaptureError),
    ) -> Option<Opened> {
        for (path, stored) in names {
            let is_as_before = fs::metadata(path).is_ok_and(|metadata| Stored::of(&metadata) == *stored);
            if !is_as_before && !self.look(path).is_ok_and(|look| look.identity.head == place.1) {
                continue;
            }
            match Reader::open((0, Input::File(path.clone())), &Arc::new(AtomicU64::new(0))) {
                Ok(reader) => {
                    let identity = Identity { head: place.1, stored: *stored };
                    return Some(Opened { reader, path: path.clone(), identity, span: None });
                }
                Err(CaptureError::Open { error, .. }) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    report(error);
                    return None;
                }
            }
        }
        // It may come back under another name, or compressed.
        self.known.by_head.remove(&place.1);
        for (path, stored) in names {
            self.known.by_inode.remove(&(stored.device, stored.inode));
            if self.missing.last().is_none_or(|(missing, _)| *missing != place) {
                self.missing.push((place, path.clone()));
            }
        }
        None
    }

    /// What a Block without packets says: which captures are done, and how late it is.
    fn nothing(&mut self, block: &mut Block) {
        self.pulse = Instant::now();
        block.frames.clear();
        block.idle_until = self.idle.until(self.idle.since.elapsed());
        block.mark = Some(Mark::new(self.journal.clone(), self.number));
    }
}

impl Source for Follow {
    /// Reads on until the Block is full or a capture ends; waits for the next one, with an empty Block now and then. Once a stop is
    /// ordered it ends where the capture does that is being read.
    fn fill(&mut self, block: &mut Block, report: &mut dyn FnMut(CaptureError)) -> Fill {
        (block.idle_until, block.beat, block.mark) = (None, None, None);
        loop {
            if let Some(mut opened) = self.current.take() {
                self.files.read_on(&mut opened.reader, block, report);
                let span = block.frames.iter().map(|frame| frame.time);
                let (first, last) = (span.clone().min(), span.max());
                opened.span = match (opened.span, first.zip(last)) {
                    (Some((first, last)), Some(more)) => Some((first.min(more.0), last.max(more.1))),
                    (known, more) => known.or(more),
                };
                if opened.reader.ended {
                    if self.is_written_over(&opened) {
                        report(CaptureError::Lost { path: opened.path });
                    }
                    self.number += 1;
                    self.journal.note_read(self.number, opened.identity);
                    self.idle.capture_ended(opened.span);
                    block.mark = Some(Mark::new(self.journal.clone(), self.number));
                    self.pulse = Instant::now();
                } else {
                    self.current = Some(opened);
                }
                return Fill::Filled;
            }
            if self.stop.is_ordered() {
                block.frames.clear();
                return Fill::End;
            }
            self.survey(report);
            self.open_ahead(report);
            self.current = self.ahead.pop_front();
            if self.current.is_none() {
                if self.pulse.elapsed() >= PULSE {
                    self.nothing(block);
                    return Fill::Filled;
                }
                self.folder.wait(WAIT);
            }
        }
    }

    fn counts(&self) -> CaptureCounts {
        self.files.counts()
    }

    fn waits(&self) -> bool {
        true
    }
}

/// The head of a file that held so many bytes, none of them compressed.
fn head_of(path: &Path, held: usize) -> Option<[u8; 16]> {
    let mut reader = Reader::glance(path, File::open(path).ok()?).ok()?;
    Some(digest(&reader.first_bytes(held)))
}

fn digest(bytes: &[u8]) -> [u8; 16] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
