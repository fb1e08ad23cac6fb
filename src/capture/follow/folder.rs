//! The followed folder: the kernel's events about it (inotify(7)), and its content.
//!
//! The kernel reports when a file is closed after writing, or moved into the folder: then it is
//! finished. About files from before, and about other users of a network file system, there are no
//! events, only the listing. There a file counts as finished if another file of its series was
//! created after its last write, as tcpdump and dumpcap do it, or if it was not written to for
//! long.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use crate::capture::identity::FileState;

/// The time for which a file without a successor must be unchanged to count as finished. On a quiet
/// link a writer may buffer for minutes.
const UNCHANGED_TIME: Duration = Duration::from_secs(600);

/// Endings of the temporary names that programs use until a file is finished: downloads and copies.
const TEMPORARY_ENDINGS: [&str; 9] =
    [".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload", ".download", ".unfinished", "~"];

/// Endings that compressors append.
const COMPRESSED_ENDINGS: [&str; 2] = [".gz", ".zst"];

/// An event about a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FileEvent {
    /// The file was closed after writing, or moved here.
    Finished(OsString),
    /// The file was created, and is being written.
    Created(OsString),
    /// The file was deleted, or has another name now.
    Removed(OsString),
}

/// The events since the last call.
#[derive(Debug, Default)]
pub(super) struct FolderEvents {
    pub list: Vec<FileEvent>,
    /// The old names of files that were renamed within the folder.
    pub renamed: HashSet<OsString>,
    /// The kernel dropped events, because there were too many or the folder was deleted.
    pub is_incomplete: bool,
}

/// A regular file in the folder.
#[derive(Debug, Clone)]
pub(super) struct FolderFile {
    pub name: OsString,
    pub state: FileState,
    /// The time of its creation, if the file system has it.
    pub created: Option<SystemTime>,
    pub modified: SystemTime,
}

/// A followed folder.
pub(super) struct Folder {
    path: PathBuf,
    inotify: Option<OwnedFd>,
    is_watched: bool,
    buffer: Vec<MaybeUninit<u8>>,
}

impl Folder {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // Without inotify, as when all instances are in use, the folder is listed more often.
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok();
        let buffer = vec![MaybeUninit::uninit(); 64 << 10];
        let mut folder = Self { path: path.to_owned(), inotify, is_watched: false, buffer };
        fs::read_dir(path)?;
        folder.watch();
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns true if the kernel reports events about the folder.
    pub(super) fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// Asks the kernel for events, unless it already reports them. The folder may have been deleted
    /// and created again.
    pub(super) fn watch(&mut self) {
        let Some(inotify) = self.inotify.as_ref().filter(|_| !self.is_watched) else { return };
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::ONLYDIR;
        self.is_watched = inotify::add_watch(inotify, &self.path, flags).is_ok();
    }

    /// Waits for the next event, at most this long.
    pub(super) fn wait(&self, time: Duration) {
        let Some(inotify) = self.inotify.as_ref().filter(|_| self.is_watched) else { return thread::sleep(time) };
        let time = Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() };
        // Even if the call is interrupted, the caller checks again.
        let _ = poll(&mut [PollFd::new(inotify, PollFlags::IN)], Some(&time));
    }

    /// Returns the events since the last call.
    pub(super) fn read_events(&mut self) -> FolderEvents {
        let mut events = FolderEvents::default();
        let Some(inotify) = &self.inotify else { return events };
        let mut moved: HashMap<u32, OsString> = HashMap::new();
        let mut reader = inotify::Reader::new(inotify, &mut self.buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                Err(_) => break,
            };
            let flags = event.events();
            if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                events.is_incomplete = true;
            }
            if flags.contains(ReadFlags::IGNORED) {
                self.is_watched = false;
                events.is_incomplete = true;
            }
            let Some(name) = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()).to_owned()) else {
                continue;
            };
            if flags.contains(ReadFlags::ISDIR) {
                continue;
            }
            if flags.contains(ReadFlags::MOVED_FROM) {
                moved.insert(event.cookie(), name.clone());
            }
            if flags.contains(ReadFlags::MOVED_TO) {
                events.renamed.extend(moved.remove(&event.cookie()));
            }
            if is_ignored(&name) {
                continue;
            }
            events.list.push(match flags {
                _ if flags.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::MOVED_TO) => FileEvent::Finished(name),
                _ if flags.contains(ReadFlags::CREATE) => FileEvent::Created(name),
                _ => FileEvent::Removed(name),
            });
        }
        events
    }

    /// Lists the regular files in the folder, without hidden and temporary ones.
    pub(super) fn list(&self) -> io::Result<Vec<FolderFile>> {
        let mut list = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            if is_ignored(&name) || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
                continue;
            }
            // It may have been deleted since.
            let Ok(metadata) = entry.metadata() else { continue };
            let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let created = metadata.created().ok();
            list.push(FolderFile { name, state: FileState::new(&metadata), created, modified });
        }
        Ok(list)
    }

    /// Returns true if a compressed version of a deleted file exists.
    pub(super) fn has_compressed(&self, name: &OsStr) -> bool {
        COMPRESSED_ENDINGS.iter().any(|ending| {
            let mut compressed = self.path.join(name).into_os_string();
            compressed.push(ending);
            Path::new(&compressed).exists()
        })
    }
}

/// Returns the files of a listing that are finished, as far as a listing shows it.
pub(super) fn finished_files(list: Vec<FolderFile>, now: SystemTime) -> Vec<FolderFile> {
    let mut latest: HashMap<OsString, SystemTime> = HashMap::new();
    for file in &list {
        if let Some(created) = file.created {
            let of_series = latest.entry(series(&file.name)).or_insert(created);
            *of_series = created.max(*of_series);
        }
    }
    let is_finished = |file: &FolderFile| {
        // A file is created before its last write. An exception is a copy to which the old
        // modification time was restored: that copy is finished.
        let has_successor = latest.get(&series(&file.name)).is_some_and(|created| *created > file.modified);
        has_successor || now.duration_since(file.modified).is_ok_and(|age| age >= UNCHANGED_TIME)
    };
    list.into_iter().filter(is_finished).collect()
}

/// A name without its digits: the common part of the names of a rotating writer.
fn series(name: &OsStr) -> OsString {
    OsString::from_vec(name.as_bytes().iter().copied().filter(|byte| !byte.is_ascii_digit()).collect())
}

/// Returns true for the name of a hidden or temporary file.
fn is_ignored(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.starts_with(b".") || TEMPORARY_ENDINGS.iter().any(|ending| name.ends_with(ending.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn file(name: &str, created: u64, modified: u64) -> FolderFile {
        let state = FileState { device: 1, inode: 1, length: 1, modified: 0 };
        FolderFile { name: name.into(), state, created: Some(at(created)), modified: at(modified) }
    }

    #[test]
    fn a_listing_tells_by_successor_and_by_age() {
        let list = vec![
            file("a.pcap0", 100, 160),
            file("a.pcap1", 161, 220),
            // Another writer, which is still writing.
            file("eth-b.pcap", 90, 219),
            file("eth-c.pcap", 170, 171),
            file("old.pcap", 1, 2),
        ];
        let names = |now| finished_files(list.clone(), at(now)).into_iter().map(|file| file.name).collect::<Vec<_>>();
        assert_eq!(names(220), ["a.pcap0"]);
        assert_eq!(names(602), ["a.pcap0", "old.pcap"]);
        assert_eq!(names(820).len(), 5);
    }

    #[test]
    fn files_with_temporary_names_are_ignored() {
        for name in [".x.pcap.Ab12", "x.pcap.part", "x.pcap~", "x.tmp"] {
            assert!(is_ignored(name.as_ref()), "{name}");
        }
        for name in ["x.pcap", "part", "x.pcap00001", "x.pcapng.gz"] {
            assert!(!is_ignored(name.as_ref()), "{name}");
        }
    }

    #[test]
    fn the_kernel_tells_what_is_finished_created_and_removed() {
        let parent = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(parent.path()).unwrap();
        assert!(folder.is_watched());
        let path = |name: &str| parent.path().join(name);
        fs::write(path("a.part"), "1").unwrap();
        fs::rename(path("a.part"), path("a")).unwrap();
        fs::write(path("b"), "1").unwrap();
        fs::rename(path("b"), path("c")).unwrap();
        fs::remove_file(path("c")).unwrap();
        fs::create_dir(path("d")).unwrap();
        let events = folder.read_events();
        let (finished, removed) =
            (|name: &str| FileEvent::Finished(name.into()), |name: &str| FileEvent::Removed(name.into()));
        let expected =
            [finished("a"), FileEvent::Created("b".into()), finished("b"), removed("b"), finished("c"), removed("c")];
        assert_eq!(events.list, expected);
        assert_eq!(events.renamed, ["a.part", "b"].map(OsString::from).into());
        assert!(folder.read_events().list.is_empty());
        fs::remove_dir_all(parent.path()).unwrap();
        assert!(folder.read_events().is_incomplete && !folder.is_watched());
    }
}
