//! A list of capture files as one source.

use std::collections::VecDeque;
use std::fs;
use std::io::Read;
use std::iter::{Enumerate, Peekable};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::vec;

use crate::capture::block::{BLOCK_CAPACITY, Block};
use crate::capture::counts::CaptureCounts;
use crate::capture::error::CaptureError;
use crate::capture::file::open::{open_input, open_stream};
use crate::capture::file::reader::CaptureReader;
use crate::capture::filter::Filter;
use crate::capture::inputs::Input;
use crate::capture::source::{FillStatus, Source};
use crate::capture::time_window::TimeWindow;

/// The number of files that are opened before their turn, so that compressed ones are decompressed
/// in parallel. Each may hold some 16 MiB of decompressed bytes.
pub(in crate::capture) const OPENED_AHEAD: usize = 3;

/// A list of capture files that are read as one history: each file to its end, then the next.
pub struct FileSource {
    inputs: Peekable<Enumerate<vec::IntoIter<Input>>>,
    pub(super) current: Option<CaptureReader>,
    /// Files that were opened before their turn, or their errors.
    ahead: VecDeque<Result<CaptureReader, CaptureError>>,
    window: Option<TimeWindow>,
    filter: Option<Filter>,
    counts: CaptureCounts,
    progress: Arc<AtomicU64>,
    pub(super) capacity: usize,
}

impl FileSource {
    /// A source that reads these inputs and yields the frames that pass the filter.
    pub fn new(inputs: Vec<Input>, filter: Option<Filter>) -> Self {
        Self {
            inputs: inputs.into_iter().enumerate().peekable(),
            current: None,
            ahead: VecDeque::new(),
            window: None,
            filter,
            counts: CaptureCounts::default(),
            progress: Arc::default(),
            capacity: BLOCK_CAPACITY,
        }
    }

    /// Restricts the source to the frames inside a time window. `None` costs one check for each
    /// Block.
    #[must_use]
    pub fn within(mut self, window: Option<TimeWindow>) -> Self {
        self.window = window;
        self
    }

    /// A source that reads one capture from a stream of bytes. `name` appears in its alerts and
    /// errors.
    ///
    /// This is for captures that are not in a file: in memory, or on their way over a connection.
    /// So each frame is handed on as soon as the stream has delivered it completely. This call
    /// reads the first bytes of the stream and detects the format.
    ///
    /// ```
    /// use rattap::capture::FileSource;
    ///
    /// let mut problems = Vec::new();
    /// FileSource::from_stream("upload", &b"no capture"[..], None, &mut |error| problems.push(error.to_string()));
    /// assert!(problems[0].starts_with("upload: not a capture"));
    /// ```
    pub fn from_stream(
        name: impl Into<PathBuf>,
        stream: impl Read + Send + 'static,
        filter: Option<Filter>,
        report: &mut dyn FnMut(CaptureError),
    ) -> Self {
        let mut files = Self::new(Vec::new(), filter);
        files.current = open_stream(name.into(), stream, true).map_err(report).ok();
        files.counts.inputs = u64::from(files.current.is_some());
        files
    }

    /// The number of bytes read so far, as stored: compressed bytes of a compressed input. It grows
    /// with each read.
    pub fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.progress)
    }

    /// Fills a Block from a capture and applies the time window and the filter. Returns how many
    /// frames were read before that.
    pub(in crate::capture) fn fill_from(
        &mut self,
        reader: &mut CaptureReader,
        block: &mut Block,
        report: &mut dyn FnMut(CaptureError),
    ) -> usize {
        let read = reader.fill(block, self.capacity, &mut self.counts, report);
        if self.window.is_some() || self.filter.is_some() {
            for frame in &block.frames {
                self.counts.extend_read_span(frame.time, frame.time);
            }
        }
        if let Some(window) = self.window {
            self.counts.outside += block.retain(|frame, _| window.contains(frame.time));
        }
        if let Some(filter) = &mut self.filter {
            let mut failed = |link, error| report(CaptureError::Filter { link, error });
            self.counts.filtered += filter.apply(block, &mut failed);
        }
        read
    }

    /// Counts an input that turned out to be a capture.
    pub(in crate::capture) fn count_input(&mut self) {
        self.counts.inputs += 1;
    }

    /// Returns the next input that is a capture, or `None` at the end of the list. Reports the
    /// inputs that cannot be read.
    fn next_reader(&mut self, report: &mut dyn FnMut(CaptureError)) -> Option<CaptureReader> {
        loop {
            let opened = match self.ahead.pop_front() {
                Some(opened) => opened,
                None => {
                    let (number, input) = self.inputs.next()?;
                    open_input(&input, number, &self.progress)
                }
            };
            while self.ahead.len() < OPENED_AHEAD
                && let Some((number, input)) = self.inputs.next_if(|(_, input)| is_regular(input))
            {
                self.ahead.push_back(open_input(&input, number, &self.progress));
            }
            match opened {
                Ok(reader) => return Some(reader),
                Err(error) => report(error),
            }
        }
    }
}

/// Returns true for a regular file. Opening anything else may have an effect or block: a pipe would
/// wait for its writer.
fn is_regular(input: &Input) -> bool {
    matches!(input, Input::File(path) if fs::metadata(path).is_ok_and(|metadata| metadata.is_file()))
}

impl Source for FileSource {
    /// Reads until the Block is full or the input ends; from a pipe, until there is a frame.
    ///
    /// A Block whose frames were all filtered out is returned too, so that the call never takes
    /// long.
    fn fill(&mut self, block: &mut Block, report: &mut dyn FnMut(CaptureError)) -> FillStatus {
        block.frames.clear();
        loop {
            let mut reader = match self.current.take() {
                Some(reader) => reader,
                None => match self.next_reader(report) {
                    Some(reader) => {
                        self.count_input();
                        reader
                    }
                    None => return FillStatus::End,
                },
            };
            let read = self.fill_from(&mut reader, block, report);
            if !reader.has_ended() {
                self.current = Some(reader);
                return FillStatus::Filled;
            }
            if read > 0 {
                return FillStatus::Filled;
            }
        }
    }

    fn counts(&self) -> CaptureCounts {
        self.counts
    }
}
