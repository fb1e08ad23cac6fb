//! A followed folder as a source.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::capture::block::Block;
use crate::capture::counts::CaptureCounts;
use crate::capture::error::CaptureError;
use crate::capture::file::{FileSource, OPENED_AHEAD};
use crate::capture::follow::discovery::{Discovery, OpenedCapture};
use crate::capture::follow::folder::Folder;
use crate::capture::follow::idle::{IdleClock, PacketSpan};
use crate::capture::identity::HeadDigest;
use crate::capture::journal::{Checkpoint, Journal};
use crate::capture::source::{FillStatus, Source};
use crate::capture::stop::StopSignal;

/// The longest wait before the source checks for a stop.
const MAX_WAIT: Duration = Duration::from_millis(200);

/// The interval of empty Blocks while no capture arrives. An empty Block carries the latest
/// checkpoint, and gives the outputs an opportunity for maintenance.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);

/// A followed folder.
pub struct FolderSource {
    discovery: Discovery,
    journal: Arc<Journal>,
    state: PathBuf,
    stop: StopSignal,
    /// Fills the Blocks, filters and counts.
    files: FileSource,
    /// Captures that were opened before their turn.
    ahead: VecDeque<OpenedCapture>,
    current: Option<OpenedCapture>,
    /// The times of the packets of the current capture.
    span: Option<PacketSpan>,
    /// The number of captures read so far.
    number: u64,
    idle: IdleClock,
    last_checkpoint: Instant,
}

impl FolderSource {
    /// Follows a folder. The file `state` lists the captures that were read before. It is created
    /// if it does not exist. `gathered` is how long repeats are gathered.
    ///
    /// `files` brings the filter and the time window. Its own inputs are not read.
    pub fn open(
        folder: &Path,
        state: &Path,
        files: FileSource,
        gathered: Duration,
        stop: &StopSignal,
    ) -> Result<Self, CaptureError> {
        let watched = Folder::open(folder).map_err(|error| CaptureError::Open { path: folder.to_owned(), error })?;
        let (journal, read_before) =
            Journal::open(state).map_err(|error| CaptureError::OpenState { path: state.to_owned(), error })?;
        Ok(Self {
            discovery: Discovery::new(watched, read_before),
            journal,
            state: state.to_owned(),
            stop: stop.clone(),
            files,
            ahead: VecDeque::new(),
            current: None,
            span: None,
            number: 0,
            idle: IdleClock::new(gathered),
            last_checkpoint: Instant::now(),
        })
    }

    /// The journal of the captures that were read.
    pub fn journal(&self) -> Arc<Journal> {
        self.journal.clone()
    }

    /// Finds the captures to read, and rewrites the journal if needed.
    pub(super) fn update(&mut self, report: &mut dyn FnMut(CaptureError)) {
        if self.discovery.update(report) && self.journal.is_stale(self.discovery.known().len()) {
            let opened = self.ahead.iter().chain(&self.current).map(|opened| opened.identity.head);
            let unread: HashSet<HeadDigest> = self.discovery.waiting_heads().chain(opened).collect();
            self.journal.renew(self.discovery.known().all().filter(|known| !unread.contains(&known.head)));
        }
        if let Some(error) = self.journal.take_error() {
            report(CaptureError::WriteState { path: self.state.clone(), error });
        }
    }

    /// Opens captures before their turn, so that compressed ones are decompressed in parallel.
    pub(super) fn open_ahead(&mut self, report: &mut dyn FnMut(CaptureError)) {
        while self.ahead.len() <= OPENED_AHEAD
            && let Some(opened) = self.discovery.open_next(report)
        {
            self.files.count_input();
            self.ahead.push_back(opened);
        }
    }

    /// Reads the next Block of a capture, and notes it in the journal when it has ended.
    fn read(&mut self, mut opened: OpenedCapture, block: &mut Block, report: &mut dyn FnMut(CaptureError)) {
        self.files.fill_from(&mut opened.reader, block, report);
        self.span = PacketSpan::extended(self.span, block.frames.iter().map(|frame| frame.time));
        if !opened.reader.has_ended() {
            self.current = Some(opened);
            return;
        }
        if self.discovery.is_overwritten(&opened) {
            report(CaptureError::Lost { path: opened.path });
        }
        self.number += 1;
        self.journal.note_read(self.number, opened.identity);
        self.idle.capture_ended(self.span.take());
        self.attach_checkpoint(block);
    }

    /// Attaches a checkpoint after all captures read so far.
    fn attach_checkpoint(&mut self, block: &mut Block) {
        block.checkpoint = Some(Checkpoint::new(self.journal.clone(), self.number));
        self.last_checkpoint = Instant::now();
    }
}

impl Source for FolderSource {
    /// Reads until the Block is full or a capture ends. Waits for the next capture, and yields an
    /// empty Block now and then. After a stop it ends at the end of the current capture.
    fn fill(&mut self, block: &mut Block, report: &mut dyn FnMut(CaptureError)) -> FillStatus {
        (block.idle_until, block.beat, block.checkpoint) = (None, None, None);
        loop {
            if let Some(opened) = self.current.take() {
                self.read(opened, block, report);
                return FillStatus::Filled;
            }
            if self.stop.is_requested() {
                block.frames.clear();
                return FillStatus::End;
            }
            self.update(report);
            self.open_ahead(report);
            self.current = self.ahead.pop_front();
            if self.current.is_none() {
                if self.last_checkpoint.elapsed() >= IDLE_INTERVAL {
                    block.frames.clear();
                    block.idle_until = self.idle.advance();
                    self.attach_checkpoint(block);
                    return FillStatus::Filled;
                }
                self.discovery.folder().wait(MAX_WAIT);
            }
        }
    }

    fn counts(&self) -> CaptureCounts {
        self.files.counts()
    }

    fn may_block(&self) -> bool {
        true
    }
}
