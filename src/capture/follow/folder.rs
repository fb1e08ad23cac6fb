//! A folder in which captures appear: what the kernel says of it (inotify(7)), and what is in it.
//!
//! A file that is closed after writing, or moved in, is finished: so much the kernel tells. Of what lay there before, and on network file
//! systems, whose other users it knows nothing of, only the listing tells: a file is finished when one of the same series was created
//! after its last write, as tcpdump and dumpcap do it, or when it has not been written to for long.

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

use super::super::journal::Stored;

/// How long a file without a successor is left alone after its last write: a quiet link keeps a writer's buffer for minutes.
const SETTLED: Duration = Duration::from_secs(600);

/// Endings of names under which others write until they rename: downloads and copies.
const UNFINISHED: [&str; 9] =
    [".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload", ".download", ".unfinished", "~"];

/// What compressors put behind a name.
const COMPRESSED: [&str; 2] = [".gz", ".zst"];

/// What the kernel says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Happened {
    /// Somebody closed it after writing, or moved it here.
    Finished(OsString),
    /// It was created, and is being written.
    Begun(OsString),
    /// It is here no more under this name.
    Gone(OsString),
}

/// What happened since the last call.
#[derive(Debug, Default)]
pub(super) struct FolderEvents {
    pub list: Vec<Happened>,
    /// Names that became other names in this folder.
    pub renamed: HashSet<OsString>,
    /// More happened than the kernel could keep.
    pub is_partial: bool,
}

/// A regular file in the folder.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub name: OsString,
    pub stored: Stored,
    /// When it was created, where the file system knows.
    pub created: Option<SystemTime>,
    pub modified: SystemTime,
}

pub(super) struct Folder {
    path: PathBuf,
    inotify: Option<OwnedFd>,
    is_watched: bool,
    buffer: Vec<MaybeUninit<u8>>,
}

impl Folder {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // Without it, as where too many are in use, the folder is listed more often.
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

    /// Whether the kernel tells what happens.
    pub(super) fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// Asks the kernel to tell, where it does not yet: the folder may have been away.
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

    /// Waits until something happens, or for so long.
    pub(super) fn wait(&self, time: Duration) {
        let Some(inotify) = self.inotify.as_ref().filter(|_| self.is_watched) else { return thread::sleep(time) };
        let time = Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() };
        // Interrupted or not, the caller looks again.
        let _ = poll(&mut [PollFd::new(inotify, PollFlags::IN)], Some(&time));
    }

    /// What happened since the last call.
    pub(super) fn news(&mut self) -> FolderEvents {
        let mut news = FolderEvents::default();
        let Some(inotify) = &self.inotify else { return news };
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
                news.is_partial = true;
            }
            if flags.contains(ReadFlags::IGNORED) {
                self.is_watched = false;
                news.is_partial = true;
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
                news.renamed.extend(moved.remove(&event.cookie()));
            }
            if is_passed_over(&name) {
                continue;
            }
            news.list.push(match flags {
                _ if flags.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::MOVED_TO) => Happened::Finished(name),
                _ if flags.contains(ReadFlags::CREATE) => Happened::Begun(name),
                _ => Happened::Gone(name),
            });
        }
        news
    }

    /// The regular files in the folder, without those whose names say that they are unfinished.
    pub(super) fn list(&self) -> io::Result<Vec<Listed>> {
        let mut list = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            if is_passed_over(&name) || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
                continue;
            }
            // It may have gone since.
            let Ok(metadata) = entry.metadata() else { continue };
            let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let created = metadata.created().ok();
            list.push(Listed { name, stored: Stored::of(&metadata), created, modified });
        }
        Ok(list)
    }

    /// Whether a file that is gone lies there compressed.
    pub(super) fn has_compressed(&self, name: &OsStr) -> bool {
        COMPRESSED.iter().any(|ending| {
            let mut compressed = self.path.join(name).into_os_string();
            compressed.push(ending);
            Path::new(&compressed).exists()
        })
    }
}

/// Those of a listing that are finished, as far as a listing tells.
pub(super) fn finished(list: Vec<Listed>, now: SystemTime) -> Vec<Listed> {
    let mut latest: HashMap<OsString, SystemTime> = HashMap::new();
    for listed in &list {
        if let Some(created) = listed.created {
            let of_series = latest.entry(series(&listed.name)).or_insert(created);
            *of_series = created.max(*of_series);
        }
    }
    let is_finished = |listed: &Listed| {
        // One's own creation comes before one's own last write, unless whoever copied it put the old time back, and is done.
        let has_successor = latest.get(&series(&listed.name)).is_some_and(|created| *created > listed.modified);
        has_successor || now.duration_since(listed.modified).is_ok_and(|age| age >= SETTLED)
    };
    list.into_iter().filter(is_finished).collect()
}

/// A name without its digits: what a rotating writer's files have in common.
fn series(name: &OsStr) -> OsString {
    OsString::from_vec(name.as_bytes().iter().copied().filter(|byte| !byte.is_ascii_digit()).collect())
}

/// Whether a name says that its file is hidden or unfinished.
fn is_passed_over(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.starts_with(b".") || UNFINISHED.iter().any(|ending| name.ends_with(ending.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn listed(name: &str, created: u64, modified: u64) -> Listed {
        let stored = Stored { device: 1, inode: 1, length: 1, modified: 0 };
        Listed { name: name.into(), stored, created: Some(at(created)), modified: at(modified) }
    }

    #[test]
    fn a_listing_tells_by_successor_and_by_age() {
        let list = vec![
            listed("a.pcap0", 100, 160),
            listed("a.pcap1", 161, 220),
            // Another writer, which writes still, and began last.
            listed("eth-b.pcap", 90, 219),
            listed("eth-c.pcap", 170, 171),
            listed("old.pcap", 1, 2),
        ];
        let names = |now| finished(list.clone(), at(now)).into_iter().map(|listed| listed.name).collect::<Vec<_>>();
        assert_eq!(names(220), ["a.pcap0"]);
        assert_eq!(names(602), ["a.pcap0", "old.pcap"]);
        assert_eq!(names(820).len(), 5);
    }

    #[test]
    fn what_is_written_under_another_name_is_passed_over() {
        for name in [".x.pcap.Ab12", "x.pcap.part", "x.pcap~", "x.tmp"] {
            assert!(is_passed_over(name.as_ref()), "{name}");
        }
        for name in ["x.pcap", "part", "x.pcap00001", "x.pcapng.gz"] {
            assert!(!is_passed_over(name.as_ref()), "{name}");
        }
    }

    #[test]
    fn the_kernel_tells_what_is_finished_begun_and_gone() {
        let place = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(place.path()).unwrap();
        assert!(folder.is_watched());
        let path = |name: &str| place.path().join(name);
        fs::write(path("a.part"), "1").unwrap();
        fs::rename(path("a.part"), path("a")).unwrap();
        fs::write(path("b"), "1").unwrap();
        fs::rename(path("b"), path("c")).unwrap();
        fs::remove_file(path("c")).unwrap();
        fs::create_dir(path("d")).unwrap();
        let news = folder.news();
        let (finished, gone) = (|name: &str| Happened::Finished(name.into()), |name: &str| Happened::Gone(name.into()));
        let expected = [finished("a"), Happened::Begun("b".into()), finished("b"), gone("b"), finished("c"), gone("c")];
        assert_eq!(news.list, expected);
        assert_eq!(news.renamed, ["a.part", "b"].map(OsString::from).into());
        assert!(folder.news().list.is_empty());
        fs::remove_dir_all(place.path()).unwrap();
        assert!(folder.news().is_partial && !folder.is_watched());
    }
}
