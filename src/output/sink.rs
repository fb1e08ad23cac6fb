//! The places where lines are written to: standard output and files.
//!
//! A file is created before the run begins, because hours of work must not end in "cannot create".
//! If it exists, a replay truncates it: the user expects a file named with `-o` to contain this run
//! and nothing else. A live sensor, and a replay that follows a folder, append to it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;

use super::pipe::{self, CHECK_INTERVAL};
use super::progress::Waiter;
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

/// Standard output. Nothing is buffered in this process.
#[derive(Debug)]
pub(super) struct StandardOutput {
    file: File,
    /// False for a pipe or a terminal, which may take nothing for a while.
    is_regular: bool,
    waiter: Waiter,
}

impl StandardOutput {
    pub fn open(waiter: Waiter) -> io::Result<Self> {
        let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        Ok(Self { is_regular: file.metadata()?.is_file(), file, waiter })
    }
}

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_regular { self.file.write(bytes) } else { pipe::write(&self.file, bytes, &mut self.waiter) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Sink for StandardOutput {
    fn sync(&mut self) -> io::Result<()> {
        sync(&self.file)
    }
}

/// A file of lines that is open before its output starts. A sensor opens it with rights that it
/// then gives up.
#[derive(Debug)]
pub struct OpenedFile {
    path: PathBuf,
    /// `None` for a named pipe without a reader.
    file: Option<File>,
    /// True if the last line of the file has no line feed.
    is_torn: bool,
}

impl OpenedFile {
    /// Opens a file. The mode decides whether it is truncated or appended to.
    pub fn open(path: &Path, mode: Mode) -> io::Result<Self> {
        Ok(Self::of(path, open_file(path, mode)?))
    }

    /// A file that was opened to append. `None` stands for a named pipe without a reader.
    pub fn of(path: &Path, file: Option<File>) -> Self {
        let is_torn = file.as_ref().is_some_and(|file| ends_in_torn_line(path, file));
        Self { path: path.to_owned(), file, is_torn }
    }

    /// The path by which the file was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A file that can be reopened. It may be a named pipe (fifo(7)), which need not have a reader yet.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    mode: Mode,
    /// `None` for a named pipe without a reader.
    file: Option<File>,
    /// True if the last line was written in part.
    is_torn: bool,
    waiter: Waiter,
}

impl LogFile {
    /// Opens a file. The mode decides whether it is truncated or appended to.
    pub fn open(path: &Path, mode: Mode, waiter: Waiter) -> Result<Self, OutputError> {
        let opened = OpenedFile::open(path, mode);
        let opened = opened.map_err(|error| OutputError::Create { path: path.to_owned(), error })?;
        Ok(Self::new(opened, mode, waiter))
    }

    /// Writes to a file that is open already.
    pub fn new(OpenedFile { path, file, is_torn }: OpenedFile, mode: Mode, waiter: Waiter) -> Self {
        Self { path, mode, file, is_torn, waiter }
    }

    /// Waits for a reader of the named pipe. Returns true if there was none before.
    fn wait_for_reader(&mut self) -> io::Result<bool> {
        if self.file.is_some() {
            return Ok(false);
        }
        self.waiter.note_progress();
        loop {
            self.file = open_file(&self.path, self.mode)?;
            if self.file.is_some() {
                return Ok(true);
            }
            thread::sleep(CHECK_INTERVAL);
            self.waiter.check()?;
        }
    }

    /// Writes to the file that is open.
    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotConnected.into()) };
        if file.metadata()?.is_file() { file.write(bytes) } else { pipe::write(file, bytes, &mut self.waiter) }
    }

    /// Returns true if the reader of a named pipe has exited and a live sensor waits for the next
    /// one.
    fn waits_for_next_reader(&self, error: &io::Error) -> bool {
        let is_fifo = |file: &File| file.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo());
        self.mode == Mode::Live && error.kind() == io::ErrorKind::BrokenPipe && self.file.as_ref().is_some_and(is_fifo)
    }
}

/// Opens a file without waiting. Returns `None` for a named pipe without a reader.
fn open_file(path: &Path, mode: Mode) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.create(true).custom_flags(libc::O_NONBLOCK);
    match mode {
        Mode::Replay => options.write(true).truncate(true),
        Mode::Follow | Mode::Live => options.append(true),
    };
    match options.open(path) {
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) && is_named_pipe(path) => Ok(None),
        file => file.map(Some),
    }
}

fn is_named_pipe(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

/// Returns true if the last line of a file has no line feed. Anything that cannot be read, or is
/// not a regular file, counts as complete.
fn ends_in_torn_line(path: &Path, file: &File) -> bool {
    let length = file.metadata().ok().filter(fs::Metadata::is_file).map_or(0, |metadata| metadata.len());
    let mut last = [b'\n'];
    // Opened once more, because `file` is open for writing only.
    length > 0 && File::open(path).and_then(|file| file.read_exact_at(&mut last, length - 1)).is_ok() && last != [b'\n']
}

/// A network file system or a quota can refuse data after it accepted the write. Pipes and devices
/// cannot be synced.
fn sync(file: &File) -> io::Result<()> {
    if file.metadata()?.is_file() { file.sync_data() } else { Ok(()) }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = loop {
            if self.wait_for_reader()? && std::mem::take(&mut self.is_torn) {
                // The reader before has the start of this line. The next one must not get its rest.
                break memchr::memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1);
            }
            match self.write_some(bytes) {
                Err(error) if self.waits_for_next_reader(&error) => self.file = None,
                count => break count?,
            }
        };
        self.is_torn = bytes[..count].last().map_or(self.is_torn, |last| *last != b'\n');
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), File::flush)
    }
}

impl Sink for LogFile {
    fn end_torn_line(&mut self) -> io::Result<()> {
        if self.is_torn { self.write_all(b"\n") } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), sync)
    }

    fn reopen(&mut self) -> io::Result<()> {
        // Only a replay truncates, and it must not do so twice.
        let mode = if self.mode == Mode::Replay { Mode::Follow } else { self.mode };
        self.file = open_file(&self.path, mode)?;
        self.is_torn = self.file.as_ref().is_some_and(|file| ends_in_torn_line(&self.path, file));
        Ok(())
    }
}
