//! The places where lines are written to: standard output and files.
//!
//! A file is created before the run begins, because hours of work must not end in "cannot create".
//! If it exists, a replay truncates it: the user expects a file named with `-o` to contain this run
//! and nothing else. A live sensor, and a replay that follows a folder, append to it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{Mode, OutputError};

/// The name of standard output in messages.
pub(super) const STANDARD_OUTPUT: &str = "standard output";

/// A place where lines are written to.
pub trait Sink: Write + Send {
    /// Ends a line that was written in part, if there is one.
    fn end_torn_line(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Completes all writes. Returns the error of an earlier write if the system reports it only
    /// now.
    fn sync(&mut self) -> io::Result<()>;

    /// Opens the file again by its name, if this is a file. After an error the old file stays open.
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens standard output. Nothing is buffered in this process.
pub(super) fn standard_output() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// A file that can be reopened.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    /// True if the last line was written in part.
    is_torn: bool,
}

impl LogFile {
    /// Opens a file. The mode decides whether it is truncated or appended to.
    pub fn open(path: &Path, mode: Mode) -> Result<Self, OutputError> {
        let file = match mode {
            Mode::Replay => File::create(path),
            Mode::Follow | Mode::Live => open_append(path),
        };
        let file = file.map_err(|error| OutputError::Create { path: path.to_owned(), error })?;
        Ok(Self { path: path.to_owned(), is_torn: ends_in_torn_line(path, &file), file })
    }
}

fn open_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Returns true if the last line of a file has no line feed. Anything that cannot be read, or is
/// not a regular file, counts as complete.
fn ends_in_torn_line(path: &Path, file: &File) -> bool {
    let length = file.metadata().ok().filter(fs::Metadata::is_file).map_or(0, |metadata| metadata.len());
    let mut last = [b'\n'];
    // Opened once more, because `file` is open for writing only.
    length > 0 && File::open(path).and_then(|file| file.read_exact_at(&mut last, length - 1)).is_ok() && last != [b'\n']
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.is_torn = bytes[..count].last().map_or(self.is_torn, |last| *last != b'\n');
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Sink for LogFile {
    fn end_torn_line(&mut self) -> io::Result<()> {
        if self.is_torn { self.write_all(b"\n") } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.file = open_append(&self.path)?;
        self.is_torn = ends_in_torn_line(&self.path, &self.file);
        Ok(())
    }
}

impl Sink for File {
    /// A network file system or a quota can refuse data after it accepted the write. Pipes and
    /// devices cannot be synced.
    fn sync(&mut self) -> io::Result<()> {
        if self.metadata()?.is_file() { self.sync_data() } else { Ok(()) }
    }
}
