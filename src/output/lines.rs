//! The output that writes alerts as lines to a file or to standard output.
//!
//! Lines are buffered and written as whole lines. If a line was written in part, because the disk
//! was full or the process died, it is ended before the next line is written, so that it spoils no
//! other. The standard library's buffers are not used: `BufWriter` ignores errors when it is
//! dropped, and standard output's own buffer would copy every line once more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::{io, mem};

use super::progress::Progress;
use super::{LONGEST_LINE, LineFormatter, Monitor, Output, OutputError, OutputStatus, Sink};
use crate::alert::Alert;
use crate::units::ByteCount;

/// The size of the buffer: the capacity of a pipe on Linux, some 80 lines.
const BUFFER_SIZE: usize = 64 << 10;

/// Writes one line for each alert.
pub struct LineOutput<S> {
    formatter: Box<dyn LineFormatter>,
    lines: LineWriter<S>,
    /// The progress that the sink's waits record.
    progress: Arc<Progress>,
}

/// Buffers lines, writes them to a sink, and counts them.
pub(super) struct LineWriter<S> {
    /// The output's name in errors.
    name: String,
    sink: S,
    buffer: String,
    /// Alerts in the buffer.
    buffered: u64,
    counters: Arc<LineCounters>,
}

/// The counts of an output of lines. They are shared with its monitor.
#[derive(Debug, Default)]
pub(super) struct LineCounters {
    written: AtomicU64,
    lost: AtomicU64,
    /// True if the last write failed.
    has_failed: AtomicBool,
}

impl LineCounters {
    /// The state of the output with this name.
    pub fn status(&self, name: &str) -> OutputStatus {
        OutputStatus {
            name: name.to_owned(),
            is_receiver: false,
            sent: self.written.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            waiting: 0,
            spool: ByteCount(0),
            in_memory: ByteCount(0),
            spool_fails: false,
            oldest_waiting: None,
            is_stalled: false,
            is_connected: !self.has_failed.load(Ordering::Relaxed),
        }
    }

    /// Alerts that were written or lost.
    pub fn done(&self) -> u64 {
        self.written.load(Ordering::Relaxed) + self.lost.load(Ordering::Relaxed)
    }
}

impl<S: Sink> LineWriter<S> {
    /// A writer into `sink`. Errors call it `name`.
    pub fn new(name: String, sink: S) -> Self {
        Self { name, sink, buffer: String::with_capacity(BUFFER_SIZE), buffered: 0, counters: Arc::default() }
    }

    pub fn counters(&self) -> Arc<LineCounters> {
        self.counters.clone()
    }

    /// Appends the line of one alert to the buffer, which is written when it is full.
    pub fn write(&mut self, append_line: impl FnOnce(&mut String)) -> Result<(), OutputError> {
        append_line(&mut self.buffer);
        self.buffered += 1;
        if self.buffer.len() > BUFFER_SIZE - LONGEST_LINE { self.flush() } else { Ok(()) }
    }

    /// Writes the buffer.
    pub fn flush(&mut self) -> Result<(), OutputError> {
        if self.buffered == 0 {
            return Ok(());
        }
        let (lines, written) = self.write_buffer();
        let lines = if written.is_ok() { self.buffered } else { lines.min(self.buffered) };
        // The lines are discarded also after an error. A part of the first one may have been
        // written, and writing that again would make it count twice.
        self.buffer.clear();
        let lost = mem::take(&mut self.buffered) - lines;
        self.counters.written.fetch_add(lines, Ordering::Relaxed);
        self.counters.lost.fetch_add(lost, Ordering::Relaxed);
        self.counters.has_failed.store(written.is_err(), Ordering::Relaxed);
        self.write_error(written)
    }

    /// Writes the buffer as far as the sink takes it. Returns the number of whole lines that it
    /// took.
    fn write_buffer(&mut self) -> (u64, io::Result<()>) {
        let sink = &mut self.sink;
        if let Err(error) = sink.end_torn_line() {
            return (0, Err(error));
        }
        let (mut rest, mut lines) = (self.buffer.as_bytes(), 0);
        while !rest.is_empty() {
            match sink.write(rest) {
                Ok(0) => return (lines, Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => {
                    lines += memchr::memchr_iter(b'\n', &rest[..count]).count() as u64;
                    rest = &rest[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // A line that lacks only its end is whole once that is written.
                    let lacks_end = rest[0] == b'\n' && rest.len() < self.buffer.len();
                    return (lines + u64::from(lacks_end), Err(error));
                }
            }
        }
        (lines, sink.flush())
    }

    /// As [`Output::reopen`].
    pub fn reopen(&mut self) -> Result<(), OutputError> {
        let flushed = self.flush();
        let reopened = self.sink.reopen().map_err(|error| OutputError::Reopen { name: self.name.clone(), error });
        flushed.and(reopened)
    }

    /// As [`Output::close`].
    pub fn close(mut self) -> Result<(), OutputError> {
        self.flush()?;
        let synced = self.sink.sync();
        self.write_error(synced)
    }

    fn write_error(&self, result: io::Result<()>) -> Result<(), OutputError> {
        result.map_err(|error| OutputError::Write { name: self.name.clone(), error })
    }
}

impl<S: Sink> LineOutput<S> {
    /// An output into `sink`. Errors call it `name`.
    pub fn new(name: String, sink: S, formatter: Box<dyn LineFormatter>) -> Self {
        Self { formatter, lines: LineWriter::new(name, sink), progress: Arc::new(Progress::new()) }
    }

    /// Has [`Monitor::stop_waiting`] end the waits of the sink that record this progress.
    #[must_use]
    pub(super) fn with_progress(mut self, progress: Arc<Progress>) -> Self {
        self.progress = progress;
        self
    }
}

impl<S: Sink> Output for LineOutput<S> {
    fn write(&mut self, alert: &Alert) -> Result<(), OutputError> {
        self.lines.write(|buffer| self.formatter.write(alert, buffer))
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        self.lines.flush()
    }

    fn reopen(&mut self) -> Result<(), OutputError> {
        self.lines.reopen()
    }

    fn close(self: Box<Self>) -> Result<(), OutputError> {
        self.lines.close()
    }

    fn monitors(&self) -> Vec<Monitor> {
        let (name, counters) = (self.lines.name.clone(), self.lines.counters());
        let progress = self.progress.clone();
        vec![Monitor::new(move || counters.status(&name)).with_stop(move || progress.stop())]
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;
    use std::sync::Mutex;

    use super::*;
    use crate::output::progress::{Progress, Waiter};
    use crate::output::sink::LogFile;
    use crate::output::testing::query;
    use crate::output::{Cef, LineFormat, Mode, Sensor};

    /// A sink whose calls fail with the given errors.
    #[derive(Clone, Default)]
    struct Faulty {
        written: Arc<Mutex<Vec<u8>>>,
        write_error: Option<io::ErrorKind>,
        sync_error: Option<io::ErrorKind>,
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
        fn sync(&mut self) -> io::Result<()> {
            self.sync_error.map_or(Ok(()), |kind| Err(kind.into()))
        }
    }

    fn formatter() -> Box<dyn LineFormatter> {
        LineFormat::Cef.formatter(&Sensor::default())
    }

    fn open(path: &Path, mode: Mode) -> Result<LineOutput<LogFile>, OutputError> {
        let sink = LogFile::open(path, mode, Waiter::watched(Arc::new(Progress::new())))?;
        Ok(LineOutput::new(path.display().to_string(), sink, formatter()))
    }

    fn lines<S: Sink>(sink: S) -> Box<LineOutput<S>> {
        Box::new(LineOutput::new("alerts.cef".to_owned(), sink, formatter()))
    }

    #[test]
    fn a_file_is_emptied_at_once_and_whole_when_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.cef");
        std::fs::write(&path, "of an earlier run").unwrap();
        let cef = Cef::new(Sensor::default());
        let mut output = Box::new(open(&path, Mode::Replay).unwrap());
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
        let mut output = Box::new(open(&path, Mode::Live).unwrap());
        output.write(&query()).unwrap();
        std::fs::rename(&path, &rotated).unwrap();
        // The lines that are buffered now belong into the old file.
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
        let mut output = Box::new(open(&path, Mode::Live).unwrap());
        output.write(&query()).unwrap();
        output.flush().unwrap();
        // As on a full disk: a part of a line, then an error.
        output.lines.sink.write_all(b"torn by a full di").unwrap();
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
        let error = open(&path, Mode::Replay).err().unwrap();
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
            Faulty { sync_error: Some(io::ErrorKind::QuotaExceeded), ..Faulty::default() },
        ] {
            let mut output = lines(sink);
            output.write(&query()).unwrap();
            assert!(output.close().is_err());
        }
    }

    #[test]
    fn the_buffer_is_written_when_full_and_never_grows() {
        let mut output = lines(Faulty::default());
        let written = output.lines.sink.written.clone();
        let capacity = output.lines.buffer.capacity();
        while written.lock().unwrap().is_empty() {
            output.write(&query()).unwrap();
        }
        assert_eq!(output.lines.buffer.capacity(), capacity);
        assert!(written.lock().unwrap().ends_with(b"\n"));
    }
}
