//! The spool's files: segments, the mark, and the lock.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::record::{self, HEADER, Record};

/// What a segment begins with.
const MAGIC: &[u8; 8] = b"RATSPL01";
/// The length of a segment without a record.
pub const EMPTY: u64 = MAGIC.len() as u64;
/// The end of a segment's name; before it stands its first record's number, in 20 digits, so that names sort as numbers.
const ENDING: &str = ".segment";
/// No record has a number beyond this: nothing that counts from one reaches it, and sums with it cannot overflow.
const HIGHEST: u64 = 1 << 62;
/// The bytes of the mark before its sum, which is in hexadecimal.
const MARK: &str = "rattap spool mark ";

/// A spool's folder, which is this process's alone as long as this lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Holds the lock.
    _lock: File,
}

impl Folder {
    /// Takes the folder; makes it where there is none. Only its owner may look into it.
    ///
    /// An error of the kind `WouldBlock` means that another process has it.
    pub fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let lock = private().write(true).create(true).truncate(false).open(path.join("lock"))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a segment is.
    pub fn segment(&self, first: u64) -> PathBuf {
        self.path.join(format!("{first:020}{ENDING}"))
    }

    /// The first number and the length of every segment, in order. Files with other names are not the spool's.
    pub fn segments(&self) -> io::Result<Vec<(u64, u64)>> {
        list_segments(&self.path)
    }

    /// Makes a segment without a record.
    pub fn create(&self, first: u64) -> io::Result<File> {
        let path = self.segment(first);
        let mut file = private().read(true).write(true).create(true).truncate(true).open(&path)?;
        if let Err(error) = file.write_all(MAGIC) {
            // Empty, it would be taken for a torn one at the next start.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        Ok(file)
    }

    /// Opens a segment that is there.
    pub fn read(&self, first: u64) -> io::Result<File> {
        File::open(self.segment(first))
    }

    /// Cuts a segment off.
    pub fn cut(&self, first: u64, length: u64) -> io::Result<()> {
        OpenOptions::new().write(true).open(self.segment(first))?.set_len(length)
    }

    /// Removes a segment.
    pub fn remove(&self, first: u64) -> io::Result<()> {
        fs::remove_file(self.segment(first))
    }

    /// The first record that is not known to have arrived. `None` where no mark was ever set; an error of the kind
    /// `InvalidData` where it is damaged.
    pub fn mark(&self) -> io::Result<Option<u64>> {
        let text = match fs::read(self.path.join("mark")) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mark = std::str::from_utf8(&text).ok().and_then(|text| {
            let number = text.strip_prefix(MARK)?.split(' ').next()?.parse().ok()?;
            (mark_text(number) == text && number <= HIGHEST).then_some(number)
        });
        mark.map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Replaces the mark, whole or not at all.
    pub fn set_mark(&self, mark: u64) -> io::Result<()> {
        let new = self.path.join("mark.new");
        let mut file = private().write(true).create(true).truncate(true).open(&new)?;
        file.write_all(mark_text(mark).as_bytes())?;
        file.sync_data()?;
        fs::rename(new, self.path.join("mark"))
    }

    /// Waits until the folder's entries are on the disk.
    pub fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

fn list_segments(folder: &Path) -> io::Result<Vec<(u64, u64)>> {
    let mut list = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(digits) = name.to_str().and_then(|name| name.strip_suffix(ENDING)) else { continue };
        let is_name = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
        if let Ok(first @ 1..=HIGHEST) = digits.parse::<u64>()
            && is_name
            && entry.file_type()?.is_file()
        {
            list.push((first, entry.metadata()?.len()));
        }
    }
    list.sort_unstable();
    Ok(list)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

fn mark_text(mark: u64) -> String {
    let sum = crc32fast::hash(mark.to_string().as_bytes());
    format!("{MARK}{mark} {sum:08x}\n")
}

/// The folders below `path` that hold segments.
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

/// The record at `offset` of a segment of which `length` bytes count. An error of the kind `InvalidData` where there is none.
pub fn record_at(file: &File, offset: u64, length: u64) -> io::Result<Record> {
    let damaged = || io::Error::from(io::ErrorKind::InvalidData);
    let mut bytes = vec![0; HEADER];
    if offset == EMPTY {
        let mut magic = [0; MAGIC.len()];
        file.read_exact_at(&mut magic, 0)?;
        if magic != *MAGIC {
            return Err(damaged());
        }
    }
    file.read_exact_at(&mut bytes, offset)?;
    let line = bytes.first_chunk().and_then(record::length).ok_or_else(damaged)?;
    if offset + (HEADER + line) as u64 > length {
        return Err(damaged());
    }
    bytes.resize(HEADER + line, 0);
    file.read_exact_at(&mut bytes[HEADER..], offset + HEADER as u64)?;
    Record::decode(&bytes).ok_or_else(damaged)
}
