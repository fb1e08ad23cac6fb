//! The spool's files: the segments, the checkpoint, and the lock.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::marks::{AcceptedMark, GREATEST_NUMBER, checkpoint_text, parse_checkpoint};
use super::record::{HEADER_LENGTH, Record, line_length};

/// The first bytes of a segment file.
const MAGIC: &[u8; 8] = b"RATSPL01";
/// The length of a segment without records.
pub const EMPTY_SEGMENT: u64 = MAGIC.len() as u64;
/// The end of a segment's file name. Before it stands the number of the first record, in 20 digits,
/// so that names sort as numbers.
const SEGMENT_SUFFIX: &str = ".segment";
/// The name of the checkpoint's file.
const CHECKPOINT_FILE: &str = "mark";
/// The name of the file with the mark of what was accepted.
const ACCEPTED_FILE: &str = "accepted";

/// The folder of one receiver's spool. It is locked while this value lives.
#[derive(Debug)]
pub struct SpoolFolder {
    path: PathBuf,
    /// Holds the lock.
    _lock: File,
}

impl SpoolFolder {
    /// Opens and locks the folder. It is created if it does not exist. Only its owner can read it.
    ///
    /// An error of the kind `WouldBlock` means that another process has locked it.
    pub fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let lock = private_file().write(true).create(true).truncate(false).open(path.join("lock"))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the segment whose first record has the number `first`.
    pub fn segment_path(&self, first: u64) -> PathBuf {
        self.path.join(format!("{first:020}{SEGMENT_SUFFIX}"))
    }

    /// Lists all segments in order. Files with other names do not belong to the spool.
    pub fn segments(&self) -> io::Result<Vec<SegmentFile>> {
        list_segments(&self.path)
    }

    /// Creates a segment without records.
    pub fn create_segment(&self, first: u64) -> io::Result<File> {
        let path = self.segment_path(first);
        let mut file = private_file().read(true).write(true).create(true).truncate(true).open(&path)?;
        if let Err(error) = file.write_all(MAGIC) {
            // The next start would report an empty file as damaged.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        Ok(file)
    }

    /// Opens a segment for reading.
    pub fn open_segment(&self, first: u64) -> io::Result<File> {
        File::open(self.segment_path(first))
    }

    /// Truncates a segment.
    pub fn truncate_segment(&self, first: u64, length: u64) -> io::Result<()> {
        OpenOptions::new().write(true).open(self.segment_path(first))?.set_len(length)
    }

    /// Removes a segment.
    pub fn remove_segment(&self, first: u64) -> io::Result<()> {
        fs::remove_file(self.segment_path(first))
    }

    /// Reads the checkpoint. Returns `None` if there is none yet, and an error of the kind
    /// `InvalidData` if it is damaged.
    pub fn read_checkpoint(&self) -> io::Result<Option<u64>> {
        let text = match fs::read(self.checkpoint_path()) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        parse_checkpoint(&text).map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Replaces the checkpoint atomically.
    pub fn write_checkpoint(&self, number: u64) -> io::Result<()> {
        let new = self.path.join(format!("{CHECKPOINT_FILE}.new"));
        let mut file = private_file().write(true).create(true).truncate(true).open(&new)?;
        file.write_all(checkpoint_text(number).as_bytes())?;
        file.sync_data()?;
        fs::rename(new, self.checkpoint_path())
    }

    /// Reads the mark of what was accepted. Returns `None` if there is none or it is damaged: then
    /// some alerts are sent once more.
    pub fn read_accepted(&self) -> Option<AcceptedMark> {
        AcceptedMark::parse(&fs::read(self.path.join(ACCEPTED_FILE)).ok()?)
    }

    /// Writes the mark of what was accepted over the one before. This is not flushed to the disk:
    /// the mark means nothing after a restart of the machine.
    pub fn write_accepted(&self, mark: &AcceptedMark) -> io::Result<()> {
        let file = private_file().write(true).create(true).truncate(false).open(self.path.join(ACCEPTED_FILE))?;
        file.write_all_at(mark.text().as_bytes(), 0)
    }

    /// Removes the mark of what was accepted.
    pub fn remove_accepted(&self) -> io::Result<()> {
        fs::remove_file(self.path.join(ACCEPTED_FILE))
    }

    /// The path of the checkpoint's file.
    pub fn checkpoint_path(&self) -> PathBuf {
        self.path.join(CHECKPOINT_FILE)
    }

    /// Flushes the folder's entries to the disk.
    pub fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
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

fn list_segments(folder: &Path) -> io::Result<Vec<SegmentFile>> {
    let mut list = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(digits) = name.to_str().and_then(|name| name.strip_suffix(SEGMENT_SUFFIX)) else { continue };
        let is_name = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
        if let Ok(first @ 1..=GREATEST_NUMBER) = digits.parse::<u64>()
            && is_name
            && entry.file_type()?.is_file()
        {
            list.push(SegmentFile { first, length: entry.metadata()?.len() });
        }
    }
    list.sort_unstable();
    Ok(list)
}

/// Options for a file that only its owner can read.
fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Lists the folders in `path` that contain segments.
pub fn folders_with_alerts(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut list = Vec::new();
    for entry in fs::read_dir(path)? {
        let folder = entry?.path();
        if folder.is_dir() && !list_segments(&folder)?.is_empty() {
            list.push(folder);
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
