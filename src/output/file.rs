//! CEF lines into a file or to standard output.
//!
//! A file is created before the work begins: hours of work must not end in "cannot create". Where it exists, a replay empties it,
//! since whoever names a file with `-o` expects it to hold this run and nothing else, and a live sensor goes on behind what it holds.
//!
//! Lines are kept in one buffer and written in whole lines. The buffer is our own, because `BufWriter` swallows the
//! error where it is dropped, and standard output's own would copy every line once more.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::{Begin, Cef, Kind, LONGEST_LINE, Output, OutputError};
use crate::alert::Alert;

/// How many bytes of lines are kept before they are written: the capacity of a pipe on Linux, some 80 lines.
const BUFFER: usize = 64 << 10;

/// `-`: standard output.
pub(super) const STANDARD_OUTPUT: Kind = Kind {
    takes: |target| target.as_os_str() == "-",
    open: |_, cef, _| {
        let error = |error| OutputError::Write { name: "standard output".to_owned(), error };
        let file = File::from(io::stdout().as_fd().try_clone_to_owned().map_err(error)?);
        Ok(Box::new(Lines::new("standard output".to_owned(), file, cef)))
    },
};

/// Any other target: a file.
pub(super) const FILE: Kind = Kind {
    takes: |_| true,
    open: |path, cef, begin| {
        let file = open_file(path, begin).map_err(|error| OutputError::Create { path: path.to_owned(), error })?;
        Ok(Box::new(Named { path: path.to_owned(), lines: Lines::new(path.display().to_string(), file, cef) }))
    },
};

fn open_file(path: &Path, begin: Begin) -> io::Result<File> {
    match begin {
        Begin::Anew => File::create(path),
        Begin::Behind => File::options().create(true).append(true).open(path),
    }
}

/// Lines into a file that can be opened again by its name.
struct Named {
    path: PathBuf,
    lines: Lines<File>,
}

impl Output for Named {
    fn write(&mut self, alert: &Alert) -> Result<(), OutputError> {
        self.lines.write(alert)
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        self.lines.flush()
    }

    fn reopen(&mut self) -> Result<(), OutputError> {
        let opened = open_file(&self.path, Begin::Behind);
        let file = opened.map_err(|error| OutputError::Reopen { path: self.path.clone(), error })?;
        let mut old = std::mem::replace(&mut self.lines.sink, file);
        self.lines.named(old.settle())
    }

    fn close(self: Box<Self>) -> Result<(), OutputError> {
        Box::new(self.lines).close()
    }
}

/// Where lines can be written to.
pub trait Sink: Write + Send {
    /// Makes sure that nothing is in the air any more and tells what went wrong with earlier writes, where the system
    /// tells it only now.
    fn settle(&mut self) -> io::Result<()>;
}

impl Sink for File {
    /// A network file system or a quota may refuse at the end what it took before. Pipes and devices have nothing to settle.
    fn settle(&mut self) -> io::Result<()> {
        if self.metadata()?.is_file() { self.sync_data() } else { Ok(()) }
    }
}

/// One CEF line for each alert.
#[derive(Debug)]
pub struct Lines<S> {
    /// What errors call the output.
    name: String,
    sink: S,
    cef: Cef,
    buffer: String,
}

impl<S: Sink> Lines<S> {
    /// An output into `sink`, which errors call `name`.
    pub fn new(name: String, sink: S, cef: Cef) -> Self {
        Self { name, sink, cef, buffer: String::with_capacity(BUFFER) }
    }

    fn named(&self, result: io::Result<()>) -> Result<(), OutputError> {
        result.map_err(|error| OutputError::Write { name: self.name.clone(), error })
    }
}

impl<S: Sink> Output for Lines<S> {
    fn write(&mut self, alert: &Alert) -> Result<(), OutputError> {
        self.cef.write(alert, &mut self.buffer);
        if self.buffer.len() > BUFFER - LONGEST_LINE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        let written = self.sink.write_all(self.buffer.as_bytes()).and_then(|()| self.sink.flush());
        // Also after an error: some of the lines may be out, and writing those twice would count them twice.
        self.buffer.clear();
        self.named(written)
    }

    fn close(mut self: Box<Self>) -> Result<(), OutputError> {
        self.flush()?;
        let settled = self.sink.settle();
        self.named(settled)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::super::open;
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
        let mut output = open(&path, cef.clone(), Begin::Anew).unwrap();
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
    fn a_file_that_was_moved_away_is_made_anew_when_it_is_reopened() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("alerts.cef"), folder.path().join("alerts.cef.1"));
        std::fs::write(&path, "of an earlier run\n").unwrap();
        let mut output = open(&path, Cef::new(Sensor::default()), Begin::Behind).unwrap();
        output.write(&query()).unwrap();
        output.flush().unwrap();
        std::fs::rename(&path, &moved).unwrap();
        output.write(&query()).unwrap();
        output.flush().unwrap();
        output.reopen().unwrap();
        output.write(&query()).unwrap();
        output.flush().unwrap();
        output.reopen().unwrap();
        output.write(&query()).unwrap();
        // Where it cannot be opened, alerts go on into the one that is open.
        let kept = folder.path().join("kept");
        std::fs::rename(&path, &kept).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(matches!(output.reopen(), Err(OutputError::Reopen { .. })));
        output.close().unwrap();
        let lines = |path| std::fs::read_to_string(path).unwrap().lines().count();
        assert_eq!((lines(&moved), lines(&kept)), (3, 2));
    }

    #[test]
    fn a_dash_is_standard_output_and_every_other_target_a_file() {
        for (target, standard) in [("-", true), ("./-", false), ("alerts.cef", false), ("", false)] {
            assert_eq!((STANDARD_OUTPUT.takes)(target.as_ref()), standard, "{target}");
            assert!((FILE.takes)(target.as_ref()), "{target}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_created_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("alerts.cef");
        let error = open(&path, Cef::new(Sensor::default()), Begin::Anew).err().unwrap();
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
