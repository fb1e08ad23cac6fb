//! Finds the captures to read in a followed folder, and keeps them in order until they are read.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant, SystemTime};

use crate::capture::error::CaptureError;
use crate::capture::file::{CaptureReader, open_input};
use crate::capture::follow::folder::{FileEvent, Folder, finished_files};
use crate::capture::follow::identify::{HEAD_LENGTH, Identifier, digest_at_length};
use crate::capture::follow::known::KnownCaptures;
use crate::capture::identity::{CaptureIdentity, FileState, HeadDigest};
use crate::capture::inputs::Input;
use crate::units::Timestamp;

/// The interval of listings while the kernel reports events. There are no events about other
/// machines.
const LISTING_INTERVAL: Duration = Duration::from_secs(60);

/// The interval of listings if the kernel reports no events.
const LISTING_INTERVAL_UNWATCHED: Duration = Duration::from_secs(2);

/// The position of a capture in the reading order: by the time of its first packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct ReadingOrder {
    first: Timestamp,
    head: HeadDigest,
}

/// A name of a capture, and the state of the file when it was examined.
struct NamedFile {
    path: PathBuf,
    state: FileState,
}

/// A capture that was opened to be read.
pub(super) struct OpenedCapture {
    pub(super) reader: CaptureReader,
    pub(super) path: PathBuf,
    pub(super) identity: CaptureIdentity,
}

/// A capture that was not found under any of its names.
struct MissingCapture {
    order: ReadingOrder,
    path: PathBuf,
}

/// Finds the captures in a folder.
pub(super) struct Discovery {
    folder: Folder,
    known: KnownCaptures,
    identifier: Identifier,
    /// Files that cannot be read, which was reported once.
    unreadable: HashSet<FileState>,
    /// Files that were created and are not closed yet.
    being_written: HashSet<OsString>,
    /// Captures that wait to be read, with all names under which they were seen.
    waiting: BTreeMap<ReadingOrder, Vec<NamedFile>>,
    /// Captures that were not found, until the next listing.
    missing: Vec<MissingCapture>,
    last_listing: Option<Instant>,
    /// The last listing has new files that may not be finished.
    has_unfinished: bool,
}

impl Discovery {
    /// Starts with the captures that were read before.
    pub(super) fn new(folder: Folder, read_before: Vec<CaptureIdentity>) -> Self {
        let mut known = KnownCaptures::default();
        read_before.into_iter().for_each(|identity| known.add(identity));
        Self {
            folder,
            known,
            identifier: Identifier::new(),
            unreadable: HashSet::new(),
            being_written: HashSet::new(),
            waiting: BTreeMap::new(),
            missing: Vec::new(),
            last_listing: None,
            has_unfinished: false,
        }
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The captures that are or were in the folder.
    pub(super) fn known(&self) -> &KnownCaptures {
        &self.known
    }

    /// The captures that wait to be read.
    pub(super) fn waiting_heads(&self) -> impl Iterator<Item = HeadDigest> {
        self.waiting.keys().map(|order| order.head)
    }

    /// Processes the events since the last call, and lists the folder if needed. Returns true if it
    /// listed the folder.
    pub(super) fn update(&mut self, report: &mut dyn FnMut(CaptureError)) -> bool {
        let mut has_listed = false;
        let events = self.folder.read_events();
        if events.is_incomplete {
            // Some of these may have been closed.
            self.being_written.clear();
        }
        // An unfinished file may have a successor now, and must be read before it.
        if self.has_unfinished && events.list.iter().any(|event| matches!(event, FileEvent::Created(_))) {
            has_listed |= self.list(report);
        }
        for event in events.list {
            match event {
                FileEvent::Created(name) => drop(self.being_written.insert(name)),
                FileEvent::Removed(name) => drop(self.being_written.remove(&name)),
                FileEvent::Finished(name) => {
                    self.being_written.remove(&name);
                    if !self.examine(&name, report)
                        && !events.renamed.contains(&name)
                        && !self.folder.has_compressed(&name)
                    {
                        report(CaptureError::Lost { path: self.folder.path().join(&name) });
                    }
                }
            }
        }
        let interval = if self.folder.is_watched() { LISTING_INTERVAL } else { LISTING_INTERVAL_UNWATCHED };
        let is_due = self.last_listing.is_none_or(|last| last.elapsed() >= interval);
        if is_due || events.is_incomplete || !self.missing.is_empty() {
            has_listed |= self.list(report);
        }
        has_listed
    }

    /// Lists the folder and examines its new finished files. Returns false if listing failed.
    fn list(&mut self, report: &mut dyn FnMut(CaptureError)) -> bool {
        self.folder.watch();
        let list = match self.folder.list() {
            Ok(list) => list,
            Err(error) => {
                // Reported when the problem begins, not at each listing.
                if self.known.is_before_first_listing() || self.last_listing.is_some() {
                    report(CaptureError::Open { path: self.folder.path().to_owned(), error });
                }
                self.last_listing = None;
                if self.known.is_before_first_listing() {
                    self.known.begin_listing();
                }
                return false;
            }
        };
        self.last_listing = Some(Instant::now());
        self.known.begin_listing();
        let present = list.len();
        let states: HashSet<FileState> = list.iter().map(|file| file.state).collect();
        self.unreadable.retain(|unreadable| states.contains(unreadable));
        let list: Vec<_> = list.into_iter().filter(|file| file.state.length > 0).collect();
        let unknown = list
            .iter()
            .filter(|file| !self.being_written.contains(&file.name) && self.known.identity(&file.state).is_none());
        let unknown: HashSet<OsString> = unknown.map(|file| file.name.clone()).collect();
        let finished = finished_files(list, SystemTime::now());
        self.has_unfinished = finished.iter().filter(|file| unknown.contains(&file.name)).count() < unknown.len();
        for file in finished {
            if !self.known.is_unchanged(&file.state) && !self.being_written.contains(&file.name) {
                // If the file was deleted after the listing, either an event reports it, or nobody
                // knew that it was finished.
                self.examine(&file.name, report);
            }
        }
        self.known.forget_deleted(present);
        for MissingCapture { order, path } in std::mem::take(&mut self.missing) {
            if !self.waiting.contains_key(&order) && !self.known.has_head(&order.head) {
                report(CaptureError::Lost { path });
            }
        }
        true
    }

    /// Examines a finished file, and adds it to the waiting captures if it is a new capture.
    /// Returns false if the file does not exist.
    fn examine(&mut self, name: &OsStr, report: &mut dyn FnMut(CaptureError)) -> bool {
        let path = self.folder.path().join(name);
        let state = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() && metadata.len() > 0 => FileState::new(&metadata),
            Err(error) if error.kind() == ErrorKind::NotFound => return false,
            // Includes other errors: the file cannot be read then.
            _ => return true,
        };
        if self.known.is_unchanged(&state) || self.unreadable.contains(&state) {
            return true;
        }
        let head = match self.identifier.read_head(&path) {
            Ok(head) => head,
            Err(CaptureError::Open { error, .. }) if error.kind() == ErrorKind::NotFound => return false,
            Err(error) => {
                self.unreadable.insert(state);
                report(error);
                return true;
            }
        };
        let identity = head.identity;
        let first = head.first.unwrap_or(Timestamp::from_nanos(identity.file.modified));
        let order = ReadingOrder { first, head: identity.head };
        let before = self.known.identity(&identity.file);
        let named = NamedFile { path, state: identity.file };
        if !head.is_compressed && before.is_some_and(|before| has_grown(&named.path, &before, &identity)) {
            // A capture that was not read yet is now read whole. Otherwise its first part is read
            // again.
            let was_waiting = before.is_some_and(|before| self.remove_waiting(&before));
            if !was_waiting {
                report(CaptureError::Grew { path: named.path.clone() });
            }
            self.known.add(identity);
            self.waiting.entry(order).or_default().push(named);
        } else if let Some(names) = self.waiting.get_mut(&order) {
            names.push(named);
            self.known.add(identity);
        } else {
            let is_new = !self.known.has_head(&identity.head);
            self.known.add(identity);
            if is_new {
                self.waiting.insert(order, vec![named]);
            }
        }
        true
    }

    /// Removes a capture from the waiting ones. Returns false if it was not waiting.
    fn remove_waiting(&mut self, identity: &CaptureIdentity) -> bool {
        let order = self.waiting.keys().find(|order| order.head == identity.head).copied();
        order.is_some_and(|order| self.waiting.remove(&order).is_some())
    }

    /// Returns true if the writer has overwritten a capture while it was being read, as it does
    /// with a ring of names. The new capture is read when it is finished.
    pub(super) fn is_overwritten(&mut self, opened: &OpenedCapture) -> bool {
        let CaptureIdentity { head, file } = opened.identity;
        let Ok(now) = fs::metadata(&opened.path).map(|metadata| FileState::new(&metadata)) else { return false };
        now.inode() == file.inode()
            && now != file
            && (now.length < file.length
                || self.identifier.read_head(&opened.path).map_or(true, |now| now.identity.head != head))
    }

    /// Opens the next capture in the reading order. `None` if there is none, or if it was not
    /// found: it may just have been compressed, and the next update finds it before later captures
    /// are opened.
    pub(super) fn open_next(&mut self, report: &mut dyn FnMut(CaptureError)) -> Option<OpenedCapture> {
        while let Some((order, names)) = self.waiting.pop_first() {
            if let Some(opened) = self.open(order, &names, report) {
                return Some(opened);
            }
            if !self.missing.is_empty() {
                return None;
            }
        }
        None
    }

    /// Opens a capture under the first of its names that is still valid.
    fn open(
        &mut self,
        order: ReadingOrder,
        names: &[NamedFile],
        report: &mut dyn FnMut(CaptureError),
    ) -> Option<OpenedCapture> {
        for NamedFile { path, state } in names {
            let is_unchanged = fs::metadata(path).is_ok_and(|metadata| FileState::new(&metadata) == *state);
            if !is_unchanged && !self.identifier.read_head(path).is_ok_and(|head| head.identity.head == order.head) {
                continue;
            }
            match open_input(&Input::File(path.clone()), 0, &Arc::new(AtomicU64::new(0))) {
                Ok(reader) => {
                    let identity = CaptureIdentity { head: order.head, file: *state };
                    return Some(OpenedCapture { reader, path: path.clone(), identity });
                }
                Err(CaptureError::Open { error, .. }) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    report(error);
                    return None;
                }
            }
        }
        // It may come back under another name, or compressed.
        self.known.remove_head(&order.head);
        for NamedFile { path, state } in names {
            self.known.remove_file(state);
            if self.missing.last().is_none_or(|missing| missing.order != order) {
                self.missing.push(MissingCapture { order, path: path.clone() });
            }
        }
        None
    }
}

/// Returns true if a known file has the same content as before, and more.
fn has_grown(path: &Path, before: &CaptureIdentity, now: &CaptureIdentity) -> bool {
    if now.file.length <= before.file.length {
        return false;
    }
    let length = usize::try_from(before.file.length).unwrap_or(usize::MAX);
    now.head == before.head
        || (length < HEAD_LENGTH && digest_at_length(path, length).is_some_and(|head| head == before.head))
}
