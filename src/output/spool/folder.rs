//! The spool's files: the segments, the checkpoint, and the lock.
//!
//! The folder is opened once. Every file in it is opened relative to the folder and must be a
//! regular file: a symbolic link is never followed, because it could make a sensor with the rights
//! of root write over any file. Only the path up to the receiver's folder may have links, since it
//! comes from the operator.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, flock, mkdirat, open, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::path::Arg;

use super::disk;
use super::marks::{AcceptedMark, GREATEST_NUMBER, checkpoint_text, parse_checkpoint};
use super::record::{HEADER_LENGTH, Record, line_length};

/// The first bytes of a segment file.
const MAGIC: &[u8; 8] = b"RATSPL01";
/// The length of a segment without records.
pub const EMPTY_SEGMENT: u64 = MAGIC.len() as u64;
/// The end of a segment's file name. Before it stands the number of the first record, in 20 digits,
/// so that names sort as numbers.
const SEGMENT_SUFFIX: &str = ".segment";
/// The name of the lock's file.
const LOCK_FILE: &str = "lock";
/// The name of the checkpoint's file.
const CHECKPOINT_FILE: &str = "mark";
/// The name of the next checkpoint's file, before it replaces the one before.
const NEW_CHECKPOINT_FILE: &str = "mark.new";
/// The name of the file with the mark of what was accepted.
const ACCEPTED_FILE: &str = "accepted";

/// The rights of files and folders: only the owner can read them.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
const FOLDER_MODE: Mode = Mode::RWXU;
const OPEN_FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);
const CREATE: OFlags = OFlags::CREATE.union(OFlags::WRONLY);

/// The folder of one receiver's spool. It is locked while this value lives.
#[derive(Debug)]
pub struct SpoolFolder {
    files: Files,
    /// Holds the lock.
    _lock: File,
}

impl SpoolFolder {
    /// Opens and locks the folder. It is created if it does not exist. Only its owner can read it.
    /// A folder that is or contains a symbolic link is refused.
    ///
    /// An error of the kind `WouldBlock` means that another process has locked it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let files = Files::open(path, true)?;
        if let Some(link) = files.first_link()? {
            return Err(link_error(&link));
        }
        let lock = files.open_file(LOCK_FILE, CREATE)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { files, _lock: lock })
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.files.path
    }

    /// The path of the segment whose first record has the number `first`.
    pub fn segment_path(&self, first: u64) -> PathBuf {
        self.files.path.join(segment_name(first))
    }

    /// Lists all segments in order. Files with other names do not belong to the spool.
    pub fn segments(&self) -> io::Result<Vec<SegmentFile>> {
        self.files.segments()
    }

    /// Creates a segment without records.
    pub fn create_segment(&self, first: u64) -> io::Result<File> {
        let name = segment_name(first);
        let file = self.files.open_file(&name, OFlags::CREATE | OFlags::TRUNC | OFlags::RDWR)?;
        if let Err(error) = disk::write_at(&file, MAGIC, 0) {
            // The next start would report an empty file as damaged.
            let _ = self.files.remove(&name);
            return Err(error);
        }
        Ok(file)
    }

    /// Opens a segment for reading.
    pub fn open_segment(&self, first: u64) -> io::Result<File> {
        self.files.open_file(&segment_name(first), OFlags::RDONLY)
    }

    /// Truncates a segment.
    pub fn truncate_segment(&self, first: u64, length: u64) -> io::Result<()> {
        self.files.open_file(&segment_name(first), OFlags::WRONLY)?.set_len(length)
    }

    /// Removes a segment.
    pub fn remove_segment(&self, first: u64) -> io::Result<()> {
        self.files.remove(&segment_name(first))
    }

    /// Reads the checkpoint. Returns `None` if there is none yet, and an error of the kind
    /// `InvalidData` if it is damaged.
    pub fn read_checkpoint(&self) -> io::Result<Option<u64>> {
        match self.files.read(CHECKPOINT_FILE) {
            Ok(text) => parse_checkpoint(&text).map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces the checkpoint atomically.
    pub fn write_checkpoint(&self, number: u64) -> io::Result<()> {
        let file = self.files.open_file(NEW_CHECKPOINT_FILE, CREATE | OFlags::TRUNC)?;
        disk::write_at(&file, checkpoint_text(number).as_bytes(), 0)?;
        disk::sync(&file)?;
        self.files.rename(NEW_CHECKPOINT_FILE, CHECKPOINT_FILE)
    }

    /// Reads the mark of what was accepted. Returns `None` if there is none or it is damaged: then
    /// some alerts are sent once more.
    pub fn read_accepted(&self) -> Option<AcceptedMark> {
        AcceptedMark::parse(&self.files.read(ACCEPTED_FILE).ok()?)
    }

    /// Writes the mark of what was accepted over the one before. This is not flushed to the disk:
    /// the mark means nothing after a restart of the machine.
    pub fn write_accepted(&self, mark: &AcceptedMark) -> io::Result<()> {
        disk::write_at(&self.files.open_file(ACCEPTED_FILE, CREATE)?, mark.text().as_bytes(), 0)
    }

    /// Removes the mark of what was accepted.
    pub fn remove_accepted(&self) -> io::Result<()> {
        self.files.remove(ACCEPTED_FILE)
    }

    /// The path of the checkpoint's file.
    pub fn checkpoint_path(&self) -> PathBuf {
        self.files.path.join(CHECKPOINT_FILE)
    }

    /// Flushes the folder's entries to the disk.
    pub fn sync(&self) -> io::Result<()> {
        disk::check()?;
        self.files.folder.sync_all()
    }
}

/// An open folder and the files in it, which are named without a path.
#[derive(Debug)]
struct Files {
    path: PathBuf,
    folder: File,
}

impl Files {
    /// Opens a folder, which may not be a symbolic link itself. With `creates` it is created if it
    /// does not exist.
    fn open(path: &Path, creates: bool) -> io::Result<Self> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        if creates {
            DirBuilder::new().recursive(true).mode(FOLDER_MODE.bits()).create(parent)?;
        }
        let parent = open(parent, OPEN_FOLDER, Mode::empty())?;
        if creates {
            match mkdirat(&parent, name, FOLDER_MODE) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match openat(&parent, name, OPEN_FOLDER | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(folder) => Ok(Self { path: path.to_owned(), folder: folder.into() }),
            Err(_) if is_link(&parent, name) => Err(link_error(path)),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a file. It is an error if it is not a regular file.
    fn open_file(&self, name: &str, flags: OFlags) -> io::Result<File> {
        disk::check()?;
        // A named pipe in place of a file must not make the open wait.
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.folder, name, flags, FILE_MODE) {
            Err(Errno::LOOP) => return Err(link_error(&self.path.join(name))),
            file => File::from(file?),
        };
        if !file.metadata()?.is_file() {
            let path = self.path.join(name);
            return Err(io::Error::other(format!("{} is not a regular file; remove it", path.display())));
        }
        Ok(file)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open_file(name, OFlags::RDONLY)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        disk::check()?;
        Ok(renameat(&self.folder, from, &self.folder, to)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        disk::check()?;
        Ok(unlinkat(&self.folder, name, AtFlags::empty())?)
    }

    /// The names in the folder. Names that are not UTF-8 do not belong to the spool.
    fn names(&self) -> io::Result<Vec<String>> {
        let mut list = Vec::new();
        for entry in Dir::read_from(&self.folder)? {
            if let Ok(name) = entry?.file_name().to_str() {
                list.push(name.to_owned());
            }
        }
        Ok(list)
    }

    /// The path of a symbolic link in the folder, if there is one.
    fn first_link(&self) -> io::Result<Option<PathBuf>> {
        let link = self.names()?.into_iter().find(|name| is_link(&self.folder, name.as_str()));
        Ok(link.map(|name| self.path.join(name)))
    }

    fn segments(&self) -> io::Result<Vec<SegmentFile>> {
        let mut list = Vec::new();
        for name in self.names()? {
            let Some(digits) = name.strip_suffix(SEGMENT_SUFFIX) else { continue };
            let is_name = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
            if let Ok(first @ 1..=GREATEST_NUMBER) = digits.parse::<u64>()
                && is_name
            {
                let stat = statat(&self.folder, name.as_str(), AtFlags::SYMLINK_NOFOLLOW)?;
                if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
                    list.push(SegmentFile { first, length: u64::try_from(stat.st_size).unwrap_or_default() });
                }
            }
        }
        list.sort_unstable();
        Ok(list)
    }
}

/// A segment file of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentFile {
    /// The number of the first record.
    pub first: u64,
    /// The length of the file in bytes.
    pub length: u64,
}

fn segment_name(first: u64) -> String {
    format!("{first:020}{SEGMENT_SUFFIX}")
}

fn is_link(folder: impl AsFd, name: impl Arg) -> bool {
    let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

fn link_error(path: &Path) -> io::Error {
    io::Error::other(format!("{} is a symbolic link, which a spool never follows; remove it", path.display()))
}

/// Lists the folders in `path` that contain segments. Symbolic links are not followed.
pub fn folders_with_alerts(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut list = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && !Files::open(&entry.path(), false)?.segments()?.is_empty() {
            list.push(entry.path());
        }
    }
    list.sort();
    Ok(list)
}

/// Reads the record at `offset` of a segment, of which the first `length` bytes are valid. Returns
/// an error of the kind `InvalidData` or `UnexpectedEof` if there is no intact record.
pub fn read_record(segment: &File, offset: u64, length: u64) -> io::Result<Record> {
    let damaged = || io::Error::from(io::ErrorKind::InvalidData);
    let mut bytes = vec![0; HEADER_LENGTH];
    if offset == EMPTY_SEGMENT {
        let mut magic = [0; MAGIC.len()];
        segment.read_exact_at(&mut magic, 0)?;
        if magic != *MAGIC {
            return Err(damaged());
        }
    }
    segment.read_exact_at(&mut bytes, offset)?;
    let line = bytes.first_chunk().and_then(line_length).ok_or_else(damaged)?;
    if offset + (HEADER_LENGTH + line) as u64 > length {
        return Err(damaged());
    }
    bytes.resize(HEADER_LENGTH + line, 0);
    segment.read_exact_at(&mut bytes[HEADER_LENGTH..], offset + HEADER_LENGTH as u64)?;
    Record::decode(&bytes).ok_or_else(damaged)
}
