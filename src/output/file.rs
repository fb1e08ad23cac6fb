//! Lines into a file or to standard output.
//!
//! A file is created before the work begins: hours of work must not end in "cannot create". Where it exists, a replay empties it,
//! since whoever names a file with `-o` expects it to hold this run and nothing else; a live sensor and a replay that follows a folder go on
//! behind what it holds.
//!
//! Lines are kept in one buffer and written in whole lines. A line that was written in part, because the disk was full or the process
//! died, is ended before the next begins, so that it spoils no other. The buffer is our own, because `BufWriter` swallows the
//! error where it is dropped, and standard output's own would copy every line once more.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{Cef, LONGEST_LINE, Mode, Monitor, Output, OutputError, OutputStatus};
use crate::alert::Alert;
use crate::units::ByteCount;

/// How many bytes of lines are kept before they are written: the capacity of a pipe on Linux, some 80 lines.
const BUFFER: usize = 64 << 10;

/// Lines to standard output.
pub(super) fn standard_output<F: LineForm>(form: F) -> Result<Lines<File, F>, OutputError> {
    let error = |error| OutputError::Write { name: "standard output".to_owned(), error };
    let file = File::from(io::stdout().as_fd().try_clone_to_owned().map_err(error)?);
    Ok(Lines::new("standard output".to_owned(), file, form))
}

/// Lines into a file: emptied first, or at its end.
pub(super) fn open<F: LineForm>(path: &Path, mode: Mode, form: F) -> Result<Lines<LogFile, F>, OutputError> {
    Ok(Lines::new(path.display().to_string(), LogFile::open(path, mode)?, form))
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Whether the last line of a file lacks its end. What cannot be read, or is no file, counts as whole.
fn is_torn(path: &Path, file: &File) -> bool {
    let length = file.metadata().ok().filter(fs::Metadata::is_file).map_or(0, |metadata| metadata.len());
    let mut last = [b'\n'];
    // Opened once more, since the file is open for writing alone.
    length > 0 && File::open(path).and_then(|file| file.read_exact_at(&mut last, length - 1)).is_ok() && last != [b'\n']
}

/// Where lines can be written to.
pub trait Sink: Write + Send {
    /// Ends a line that was written in part, if there is one.
    fn end_torn_line(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Makes sure that nothing is in the air any more and tells what went wrong with earlier writes, where the system
    /// tells it only now.
    fn settle(&mut self) -> io::Result<()>;

    /// Goes on in a new file of the same name, where it is a file. After an error it goes on where it was.
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file that can be opened anew.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    /// Whether the last line was written in part.
    is_torn: bool,
}

impl LogFile {
    /// Emptied first, or at its end.
    pub(super) fn open(path: &Path, mode: Mode) -> Result<Self, OutputError> {
        let file = match mode {
            Mode::Replay => File::create(path),
            Mode::Follow | Mode::Live => append(path),
        };
        let file = file.map_err(|error| OutputError::Create { path: path.to_owned(), error })?;
        Ok(Self { path: path.to_owned(), is_torn: is_torn(path, &file), file })
    }
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

    fn settle(&mut self) -> io::Result<()> {
        self.file.settle()
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.file = append(&self.path)?;
        self.is_torn = is_torn(&self.path, &self.file);
        Ok(())
    }
}

impl Sink for File {
    /// A network file system or a quota may refuse at the end what it took before. Pipes and devices have nothing to settle.
    fn settle(&mut self) -> io::Result<()> {
        if self.metadata()?.is_file() { self.sync_data() } else { Ok(()) }
    }
}

/// How an alert becomes a line.
pub trait LineForm: Send {
    /// Adds the alert's line, with its line feed, at the end of `out`. It holds no other line feed.
    fn write(&self, alert: &Alert, out: &mut String);
}

impl LineForm for Cef {
    fn write(&self, alert: &Alert, out: &mut String) {
        self.write(alert, out);
    }
}

/// One line for each alert.
#[derive(Debug)]
pub struct Lines<S, F = Cef> {
    /// What errors call the output.
    name: String,
    sink: S,
    form: F,
    buffer: String,
    /// Alerts in the buffer.
    kept: u64,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    written: AtomicU64,
    lost: AtomicU64,
    has_failed: AtomicBool,
}

impl<S: Sink, F: LineForm> Lines<S, F> {
    /// An output into `sink`, which errors call `name`.
    pub fn new(name: String, sink: S, form: F) -> Self {
        let counters = Arc::default();
        Self { name, sink, form, buffer: String::with_capacity(BUFFER), kept: 0, counters }
    }

    fn named(&self, result: io::Result<()>) -> Result<(), OutputError> {
        result.map_err(|error| OutputError::Write { name: self.name.clone(), error })
    }
}

impl<S: Sink, F: LineForm> Output for Lines<S, F> {
    fn write(&mut self, alert: &Alert) -> Result<(), OutputError> {
        self.form.write(alert, &mut self.buffer);
        self.kept += 1;
        if self.buffer.len() > BUFFER - LONGEST_LINE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        if self.kept == 0 {
            return Ok(());
        }
        let sink = &mut self.sink;
        let written =
            sink.end_torn_line().and_then(|()| sink.write_all(self.buffer.as_bytes())).and_then(|()| sink.flush());
        // Also after an error: some of the lines may be out, and writing those twice would count them twice.
        self.buffer.clear();
        let counter = if written.is_ok() { &self.counters.written } else { &self.counters.lost };
        counter.fetch_add(std::mem::take(&mut self.kept), Ordering::Relaxed);
        self.counters.has_failed.store(written.is_err(), Ordering::Relaxed);
        self.named(written)
    }

    fn reopen(&mut self) -> Result<(), OutputError> {
        let flushed = self.flush();
        let reopened = self.sink.reopen().map_err(|error| OutputError::Reopen { name: self.name.clone(), error });
        flushed.and(reopened)
    }

    fn close(mut self: Box<Self>) -> Result<(), OutputError> {
        self.flush()?;
        let settled = self.sink.settle();
        self.named(settled)
    }

    fn monitors(&self) -> Vec<Monitor> {
        let (name, counters) = (self.name.clone(), self.counters.clone());
        vec![Monitor::new(move || OutputStatus {
            name: name.clone(),
            sent: counters.written.load(Ordering::Relaxed),
            lost: counters.lost.load(Ordering::Relaxed),
            waiting: 0,
            spool: ByteCount(0),
            in_memory: ByteCount(0),
            spool_fails: false,
            oldest_waiting: None,
            is_connected: !counters.has_failed.load(Ordering::Relaxed),
        })]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::output::Sensor;
    use crate::output::cef::tests::query;

    /// A sink that fails as it is told to.
    #[derive(Clone, Default)]
    struct Faulty {
        written: Arc<Mutex<Vec<u8>>>,
        write_error: Option<io::ErrorKind>,
        settle_error: Option<io::ErrorKind>,
    }

    impl Write for Faulty {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(kind) = self.write_error.take() {
                return Err(kind.into());
            }
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink for Faulty {
        fn settle(&mut self) -> io::Result<()> {
            self.settle_error.map_or(Ok(()), |kind| Err(kind.into()))
        }
    }

    fn lines<S: Sink>(sink: S) -> Box<Lines<S>> {
        Box::new(Lines::new("alerts.cef".to_owned(), sink, Cef::new(Sensor::default())))
    }

    #[test]
    fn a_file_is_emptied_at_once_and_whole_when_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.cef");
        std::fs::write(&path, "of an earlier run").unwrap();
        let cef = Cef::new(Sensor::default());
        let mut output = Box::new(open(&path, Mode::Replay, cef.clone()).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        let mut expected = String::new();
        for _ in 0..300 {
            output.write(&query()).unwrap();
            cef.write(&query(), &mut expected);
        }
        output.close().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    }

    #[test]
    fn a_live_file_is_appended_to_and_goes_on_in_a_new_one_when_reopened() {
        let folder = tempfile::tempdir().unwrap();
        let (path, rotated) = (folder.path().join("alerts.cef"), folder.path().join("alerts.cef.1"));
        std::fs::write(&path, "of an earlier run\n").unwrap();
        let cef = Cef::new(Sensor::default());
        let mut line = String::new();
        cef.write(&query(), &mut line);
        let mut output = Box::new(open(&path, Mode::Live, cef).unwrap());
        output.write(&query()).unwrap();
        std::fs::rename(&path, &rotated).unwrap();
        // What was kept until now belongs into the old one.
        output.reopen().unwrap();
        output.write(&query()).unwrap();
        let monitor = output.monitors().remove(0);
        output.close().unwrap();
        assert_eq!(std::fs::read_to_string(&rotated).unwrap(), format!("of an earlier run\n{line}"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), line);
        assert_eq!((monitor.status().sent, monitor.status().lost), (2, 0));
    }

    #[test]
    fn a_line_that_was_written_in_part_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.cef");
        std::fs::write(&path, "whole\ntorn by a ki").unwrap();
        let cef = Cef::new(Sensor::default());
        let mut line = String::new();
        cef.write(&query(), &mut line);
        let mut output = Box::new(open(&path, Mode::Live, cef).unwrap());
        output.write(&query()).unwrap();
        output.flush().unwrap();
        // As a disk that became full: a part of the lines, then an error.
        output.sink.write_all(b"torn by a full di").unwrap();
        output.write(&query()).unwrap();
        output.write(&query()).unwrap();
        output.flush().unwrap();
        output.reopen().unwrap();
        output.write(&query()).unwrap();
        output.close().unwrap();
        let expected = format!("whole\ntorn by a ki\n{line}torn by a full di\n{line}{line}{line}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    }

    #[test]
    fn a_file_that_cannot_be_created_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("alerts.cef");
        let error = open(&path, Mode::Replay, Cef::new(Sensor::default())).err().unwrap();
        assert!(error.to_string().starts_with(&format!("{}: cannot create", path.display())), "{error}");
        assert!(!error.is_closed_pipe());
    }

    #[test]
    fn a_full_disk_is_an_error_and_a_closed_pipe_is_told_apart() {
        for (kind, closed) in [(io::ErrorKind::StorageFull, false), (io::ErrorKind::BrokenPipe, true)] {
            let sink = Faulty { write_error: Some(kind), ..Faulty::default() };
            let written = sink.written.clone();
            let mut output = lines(sink);
            output.write(&query()).unwrap();
            let error = output.flush().unwrap_err();
            assert_eq!(error.is_closed_pipe(), closed);
            assert!(error.to_string().starts_with("alerts.cef: cannot write"), "{error}");
            output.write(&query()).unwrap();
            output.close().unwrap();
            assert_eq!(written.lock().unwrap().iter().filter(|&&byte| byte == b'\n').count(), 1);
        }
    }

    #[test]
    fn what_only_closing_brings_to_light_is_an_error_too() {
        for sink in [
            Faulty { write_error: Some(io::ErrorKind::StorageFull), ..Faulty::default() },
            Faulty { settle_error: Some(io::ErrorKind::QuotaExceeded), ..Faulty::default() },
        ] {
            let mut output = lines(sink);
            output.write(&query()).unwrap();
            assert!(output.close().is_err());
        }
    }

    #[test]
    fn the_buffer_is_written_when_full_and_never_grows() {
        let mut output = lines(Faulty::default());
        let written = output.sink.written.clone();
        let capacity = output.buffer.capacity();
        while written.lock().unwrap().is_empty() {
            output.write(&query()).unwrap();
        }
        assert_eq!(output.buffer.capacity(), capacity);
        assert!(written.lock().unwrap().ends_with(b"\n"));
    }
}
