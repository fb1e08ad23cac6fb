//! Capture files as a source of Blocks.
//!
//! What the kernel or a decompressor yields is read straight into the Block, and the walker goes over it there: one copy, and
//! none after. A record that is unfinished at the buffer's end is carried over to the front of the next Block.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, ErrorKind, Read};
use std::iter::{Enumerate, Peekable};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::vec;

use flate2::bufread::MultiGzDecoder;

use crate::capture::block::{BLOCK_CAPACITY, Block, Frame, Origin, PIECES, PacketNumber, Part};
use crate::capture::decompress::Decompressed;
use crate::capture::filter::Filter;
use crate::capture::inputs::Input;
use crate::capture::magic::{Content, HEAD, content};
use crate::capture::pcap::PcapWalker;
use crate::capture::pcapng::PcapngWalker;
use crate::capture::walk::{Damage, Fault, Progress, Sink, Window};
use crate::capture::window::TimeWindow;
use crate::capture::{CaptureCounts, CaptureError, Fill, Place, Source};
use crate::units::ByteCount;

/// How much is read before the walker goes over it: so much lies in a core's own cache still when the walk, in which each record is
/// found only through the one before it, comes there. A capture of 1 GB took 0.088 s so and 0.114 s with reads of 2 MiB.
///
/// What is walked over at a time is a piece of a Block, which can be read by itself later.
const READ: usize = BLOCK_CAPACITY / PIECES;

/// How much of a compressed file is read at a time: large enough that the calls cost nothing beside decompressing it.
const COMPRESSED_READ: usize = 256 << 10;

/// The same where only the beginning is wanted.
const GLANCED: usize = 8 << 10;

/// How many files are opened before their turn, so that compressed ones are decompressed side by side. Each may hold some 16 MiB ready.
pub(super) const OPENED_AHEAD: usize = 3;

/// How many damaged places of one file are listed; a file damaged all over would drown the log. The rest is counted.
const MAX_LISTED: u32 = 10;

/// How many frames a Block has room for from the start: a buffer full of frames of some 240 bytes. It grows where needed.
const FRAMES: usize = BLOCK_CAPACITY / 256;

mod again;

pub use again::Again;

/// A list of capture files as one history: each is read to its end, then the next.
pub struct Files {
    inputs: Peekable<Enumerate<vec::IntoIter<Input>>>,
    current: Option<Reader>,
    /// Files that were opened before their turn, or what is wrong with them.
    ahead: VecDeque<Result<Reader, CaptureError>>,
    window: Option<TimeWindow>,
    filter: Option<Filter>,
    counts: CaptureCounts,
    progress: Arc<AtomicU64>,
    capacity: usize,
}

impl Files {
    /// A source that reads these inputs and hands on the frames that pass the filter.
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

    /// The same source with the frames inside the window alone. Costs one question a Block where there is none.
    #[must_use]
    pub fn within(mut self, window: Option<TimeWindow>) -> Self {
        self.window = window;
        self
    }

    /// A source that reads one capture from a stream of bytes, under the name that its alerts and errors give.
    ///
    /// For captures that lie in no file: in memory, or on their way over a connection. So each frame is handed on as soon as the
    /// stream has given the whole of it. What the stream holds is told by its first bytes, which are read here.
    ///
    /// ```
    /// use rattap::capture::Files;
    ///
    /// let mut problems = Vec::new();
    /// Files::from_stream("upload", &b"no capture"[..], None, &mut |error| problems.push(error.to_string()));
    /// assert!(problems[0].starts_with("upload: not a capture"));
    /// ```
    pub fn from_stream(
        name: impl Into<PathBuf>,
        stream: impl Read + Send + 'static,
        filter: Option<Filter>,
        report: &mut dyn FnMut(CaptureError),
    ) -> Self {
        let mut files = Self::new(Vec::new(), filter);
        files.current = Reader::new(name.into(), stream, true).map_err(report).ok();
        files.counts.inputs = u64::from(files.current.is_some());
        files
    }

    /// Bytes read so far of the inputs as stored, compressed where they are; it grows with each read.
    pub fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.progress)
    }

    /// Fills a Block from a capture, leaves out what is not wanted, and returns how many frames were read before that.
    pub(super) fn read_on(
        &mut self,
        reader: &mut Reader,
        block: &mut Block,
        report: &mut dyn FnMut(CaptureError),
    ) -> usize {
        let read = reader.fill(block, self.capacity, &mut self.counts, report);
        if let Some(window) = self.window {
            self.counts.outside += block.retain(|frame, _| window.holds(frame.time));
        }
        if let Some(filter) = &mut self.filter {
            let mut failed = |link, error| report(CaptureError::Filter { link, error });
            self.counts.filtered += filter.apply(block, &mut failed);
        }
        read
    }

    /// One more input turned out to be a capture.
    pub(super) fn count_input(&mut self) {
        self.counts.inputs += 1;
    }

    /// The next input that is a capture; `None` where all were read. What cannot be read is handed to `report`.
    fn next_reader(&mut self, report: &mut dyn FnMut(CaptureError)) -> Option<Reader> {
        loop {
            let opened = match self.ahead.pop_front() {
                Some(opened) => opened,
                None => Reader::open(self.inputs.next()?, &self.progress),
            };
            while self.ahead.len() < OPENED_AHEAD
                && let Some(input) = self.inputs.next_if(is_regular)
            {
                self.ahead.push_back(Reader::open(input, &self.progress));
            }
            match opened {
                Ok(reader) => return Some(reader),
                Err(error) => report(error),
            }
        }
    }
}

/// Whether opening an input has no effect and takes no time: a pipe would wait for its writer.
fn is_regular((_, input): &(usize, Input)) -> bool {
    matches!(input, Input::File(path) if fs::metadata(path).is_ok_and(|metadata| metadata.is_file()))
}

impl Source for Files {
    /// Reads on until the Block is full or the input ends; from a pipe, until there is a frame.
    ///
    /// A Block whose frames the filter dropped is handed on as well, so that the caller is never away for long.
    fn fill(&mut self, block: &mut Block, report: &mut dyn FnMut(CaptureError)) -> Fill {
        block.frames.clear();
        loop {
            let mut reader = match self.current.take() {
                Some(reader) => reader,
                None => match self.next_reader(report) {
                    Some(reader) => {
                        self.count_input();
                        reader
                    }
                    None => return Fill::End,
                },
            };
            let read = self.read_on(&mut reader, block, report);
            if !reader.ended {
                self.current = Some(reader);
                return Fill::Filled;
            }
            if read > 0 {
                return Fill::Filled;
            }
        }
    }

    fn counts(&self) -> CaptureCounts {
        self.counts
    }
}

/// A walker over either format.
enum Walker {
    Pcap(PcapWalker),
    Pcapng(PcapngWalker),
}

impl Walker {
    fn walk(&mut self, window: &Window<'_>, from: usize, sink: &mut Sink<'_>) -> Progress {
        match self {
            Self::Pcap(walker) => walker.walk(window, from, sink),
            Self::Pcapng(walker) => walker.walk(window, from, sink),
        }
    }

    /// Whether it is in the midst of what a reader that begins here would not know of.
    fn is_lost(&self) -> bool {
        match self {
            Self::Pcap(walker) => walker.is_lost(),
            Self::Pcapng(walker) => walker.is_lost(),
        }
    }

    /// How much it was told that later records cannot be read without.
    fn described(&self) -> u64 {
        match self {
            Self::Pcap(_) => 0,
            Self::Pcapng(walker) => walker.described(),
        }
    }
}

/// One opened capture.
pub(super) struct Reader {
    path: PathBuf,
    origin: Arc<Origin>,
    /// The next packet, and so the place among the inputs.
    next: PacketNumber,
    stream: Box<dyn Read + Send>,
    walker: Walker,
    /// The bytes before the stream's next that the walker still wants: an unfinished record, never more than a Block.
    carry: Vec<u8>,
    /// Where `carry` begins in the capture; the stream's next byte, if it is empty.
    start: u64,
    /// How many bytes from there on are to be passed over first.
    skip: u64,
    /// Reading more may take long, so that each frame is handed on as soon as it is there.
    prompt: bool,
    /// What is read comes from a decompressor.
    unpacked: bool,
    /// Damaged places listed so far.
    listed: u32,
    /// Nothing more comes from the stream.
    pub(super) ended: bool,
    /// Nothing more comes because reading failed.
    failed: bool,
}

impl Reader {
    /// Opens an input and tells what it is.
    pub(super) fn open((number, input): (usize, Input), progress: &Arc<AtomicU64>) -> Result<Self, CaptureError> {
        let path = match &input {
            Input::Standard => PathBuf::from("-"),
            Input::File(path) => path.clone(),
        };
        let opened = match &input {
            // The descriptor itself: the standard library's handle has a buffer of its own.
            Input::Standard => io::stdin().as_fd().try_clone_to_owned().map(File::from),
            Input::File(path) => File::open(path),
        };
        match opened.and_then(|file| file.metadata().map(|metadata| (file, metadata))) {
            Ok((file, metadata)) => {
                let left = if metadata.is_file() { metadata.len() } else { 0 };
                let metered = Metered { file, left, progress: Arc::clone(progress) };
                let mut reader = Self::new(path, metered, !metadata.is_file())?;
                reader.next.input = u32::try_from(number).unwrap_or(u32::MAX);
                Ok(reader)
            }
            Err(error) => Err(CaptureError::Open { path, error }),
        }
    }

    /// A reader for what a stream of bytes turns out to be.
    fn new(path: PathBuf, mut stream: impl Read + Send + 'static, prompt: bool) -> Result<Self, CaptureError> {
        let failed =
            |error| CaptureError::Read { path: path.clone(), place: Place { offset: 0, unpacked: false }, error };
        let head = read_head(&mut stream).map_err(failed)?;
        let kind = content(&head);
        if !matches!(kind, Content::Gzip | Content::Zstd) {
            return Self::plain(&path, Box::new(stream), head, kind, prompt, false);
        }
        let decoder = decoder(&kind, Cursor::new(head).chain(stream), COMPRESSED_READ);
        let unpacked = decoder.and_then(|decoder| Decompressed::new(decoder, prompt));
        let mut stream = unpacked.map_err(failed)?;
        let head = read_head(&mut stream).map_err(failed)?;
        let kind = content(&head);
        Self::plain(&path, Box::new(stream), head, kind, prompt, true)
    }

    /// A reader for the beginning of a file: it decompresses as it is read, and nothing ahead.
    pub(super) fn glance(path: &Path, mut file: File) -> Result<Self, CaptureError> {
        let failed =
            |error| CaptureError::Read { path: path.to_owned(), place: Place { offset: 0, unpacked: false }, error };
        let head = read_head(&mut file).map_err(failed)?;
        let kind = content(&head);
        if !matches!(kind, Content::Gzip | Content::Zstd) {
            return Self::plain(path, Box::new(file), head, kind, false, false);
        }
        let mut stream = decoder(&kind, Cursor::new(head).chain(file), GLANCED).map_err(failed)?;
        let head = read_head(&mut stream).map_err(failed)?;
        let kind = content(&head);
        Self::plain(path, stream, head, kind, false, true)
    }

    /// So many first bytes of the capture, or all that it has; read before any frame, and still to be read then.
    pub(super) fn first_bytes(&mut self, count: usize) -> Vec<u8> {
        let held = usize::try_from(self.start).unwrap_or(usize::MAX);
        let missing = count.saturating_sub(held + self.carry.len());
        let mut more = Vec::new();
        // What cannot be read is found missing again by whoever reads on.
        let _ = (&mut self.stream).take(missing as u64).read_to_end(&mut more);
        self.carry.extend_from_slice(&more);
        self.carry.clone()
    }

    /// Whether what is read comes from a decompressor.
    pub(super) fn is_unpacked(&self) -> bool {
        self.unpacked
    }

    /// A reader for a stream without compression, of which the head was read already.
    fn plain(
        path: &Path,
        stream: Box<dyn Read + Send>,
        head: Vec<u8>,
        kind: Content,
        prompt: bool,
        unpacked: bool,
    ) -> Result<Self, CaptureError> {
        let path = path.to_owned();
        let (walker, carry) = match (kind, head.first_chunk()) {
            (Content::Pcap, Some(header)) => match PcapWalker::new(header) {
                Ok(walker) => (Walker::Pcap(walker), Vec::new()),
                Err(why) => return Err(CaptureError::Unsupported { path, why }),
            },
            (Content::Pcap, None) => {
                let looks = "a pcap file cut short within its file header".to_owned();
                return Err(CaptureError::NotCapture { path, looks });
            }
            (Content::Pcapng, _) => (Walker::Pcapng(PcapngWalker::new()), head),
            (Content::Gzip | Content::Zstd, _) => {
                let looks = "it is compressed twice: decompress it once first".to_owned();
                return Err(CaptureError::NotCapture { path, looks });
            }
            (Content::Other(looks), _) => {
                let looks = if unpacked { format!("decompressed, {looks}") } else { looks };
                return Err(CaptureError::NotCapture { path, looks });
            }
        };
        let start = if carry.is_empty() { HEAD as u64 } else { 0 };
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let origin = Arc::new(Origin { name });
        Ok(Self {
            path,
            origin,
            next: PacketNumber { input: 0, number: 1 },
            stream,
            walker,
            carry,
            start,
            skip: 0,
            prompt,
            unpacked,
            listed: 0,
            ended: false,
            failed: false,
        })
    }

    /// Fills a Block and returns how many frames were read into it.
    pub(super) fn fill(
        &mut self,
        block: &mut Block,
        capacity: usize,
        counts: &mut CaptureCounts,
        report: &mut dyn FnMut(CaptureError),
    ) -> usize {
        let start = self.start.saturating_add(self.skip);
        let described = self.walker.described();
        let troubles = (counts.damaged, counts.oversized);
        let was_sound = self.skip == 0 && !self.walker.is_lost();
        let read = self.fill_frames(block, capacity, counts, report);
        let is_sound = self.skip == 0 && !self.walker.is_lost() && troubles == (counts.damaged, counts.oversized);
        block.part = Part {
            input: self.next.input,
            start,
            ends: block.part.ends,
            is_sought: was_sound && is_sound && !self.unpacked,
            describes: described != self.walker.described(),
        };
        read
    }

    fn fill_frames(
        &mut self,
        block: &mut Block,
        capacity: usize,
        counts: &mut CaptureCounts,
        report: &mut dyn FnMut(CaptureError),
    ) -> usize {
        block.origin = Arc::clone(&self.origin);
        block.first = Some(self.next);
        block.kept.clear();
        block.frames.clear();
        block.frames.reserve(FRAMES);
        if block.bytes.len() != capacity {
            block.bytes.resize(capacity, 0);
        }
        let Block { bytes, frames, part, .. } = block;
        part.ends = [0; PIECES];
        if !self.pass_over(bytes, counts, report) {
            return 0;
        }
        let mut filled = self.carry.len();
        if let Some(front) = bytes.get_mut(..filled) {
            front.copy_from_slice(&self.carry);
        }
        let (mut position, mut piece) = (0, 0);
        loop {
            let at = self.start.saturating_add(filled as u64);
            let end = capacity.min(filled.saturating_add(READ));
            filled += self.read(bytes.get_mut(filled..end).unwrap_or_default(), at, report);
            let window = Window {
                bytes: bytes.get(..filled).unwrap_or_default(),
                start: self.start,
                capacity,
                complete: self.ended,
                prompt: self.prompt,
            };
            let progress = self.walk(&window, position, frames, counts, report);
            position = progress.done;
            self.skip = progress.skip;
            // What comes after it is empty, if nothing does.
            part.ends.iter_mut().skip(piece).for_each(|end| *end = position as u32);
            piece = (piece + 1).min(PIECES - 1);
            let handed_on = self.prompt && !frames.is_empty();
            if handed_on || self.ended || self.skip > 0 || filled >= capacity {
                break;
            }
        }
        self.start = self.start.saturating_add(position as u64);
        self.carry.clear();
        self.carry.extend_from_slice(bytes.get(position..filled).unwrap_or_default());
        frames.len()
    }

    /// Passes over what the walker wants skipped; false where the file ends within it.
    fn pass_over(
        &mut self,
        bytes: &mut [u8],
        counts: &mut CaptureCounts,
        report: &mut dyn FnMut(CaptureError),
    ) -> bool {
        let offset = self.start;
        let carried = self.carry.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
        self.carry.drain(..carried);
        self.start = offset.saturating_add(self.skip);
        self.skip -= carried as u64;
        while self.skip > 0 && !self.ended {
            let most = bytes.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
            let at = self.start.saturating_sub(self.skip);
            self.skip -= self.read(bytes.get_mut(..most).unwrap_or_default(), at, report) as u64;
        }
        if self.skip > 0 {
            counts.damaged += 1;
            self.fault(Fault { offset, damage: Damage::Cut, resumed: None }, report);
        }
        self.skip == 0
    }

    /// Reads from offset `at` of the capture until the buffer is full, from a pipe once, and returns how many bytes it got.
    fn read(&mut self, buffer: &mut [u8], at: u64, report: &mut dyn FnMut(CaptureError)) -> usize {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.stream.read(rest) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(got) => filled += got,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    let place = self.place(at.saturating_add(filled as u64));
                    report(CaptureError::Read { path: self.path.clone(), place, error });
                    (self.ended, self.failed) = (true, true);
                    break;
                }
            }
            if self.prompt {
                break;
            }
        }
        filled
    }

    /// Lets the walker go over a window, and counts.
    fn walk(
        &mut self,
        window: &Window<'_>,
        from: usize,
        frames: &mut Vec<Frame>,
        counts: &mut CaptureCounts,
        report: &mut dyn FnMut(CaptureError),
    ) -> Progress {
        let before = frames.len();
        let mut faults = Vec::new();
        let mut damaged = 0;
        let room = MAX_LISTED.saturating_sub(self.listed) as usize + 1;
        let mut note = |fault: Fault| {
            damaged += 1;
            if faults.len() < room {
                faults.push(fault);
            }
        };
        let mut sink = Sink { frames, captured: 0, cut: 0, oversized: 0, report: &mut note };
        let progress = self.walker.walk(window, from, &mut sink);
        counts.bytes += ByteCount(sink.captured);
        counts.cut += sink.cut;
        let oversized = sink.oversized;
        counts.oversized += oversized;
        let packets = (frames.len() - before) as u64;
        counts.packets += packets;
        self.next.number = self.next.number.saturating_add(packets).saturating_add(oversized);
        counts.damaged += damaged;
        for fault in faults {
            self.fault(fault, report);
        }
        progress
    }

    /// Lists a damaged place, while there are not too many.
    fn fault(&mut self, fault: Fault, report: &mut dyn FnMut(CaptureError)) {
        // Where reading failed, that was said already.
        if self.listed > MAX_LISTED || (self.failed && fault.damage == Damage::Cut) {
            return;
        }
        let path = self.path.clone();
        report(if self.listed < MAX_LISTED {
            let Fault { offset, damage, resumed } = fault;
            CaptureError::Damaged { path, place: self.place(offset), damage, resumed }
        } else {
            CaptureError::MoreDamage { path }
        });
        self.listed += 1;
    }

    fn place(&self, offset: u64) -> Place {
        Place { offset, unpacked: self.unpacked }
    }
}

/// A file that counts what is read of it; what is not, because it turned out unreadable, counts when it is closed.
struct Metered {
    file: File,
    /// What of its length was not yet read; 0 for a pipe.
    left: u64,
    progress: Arc<AtomicU64>,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read(buffer)?;
        self.left = self.left.saturating_sub(got as u64);
        self.progress.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        self.progress.fetch_add(self.left, Ordering::Relaxed);
    }
}

/// A decompressor that reads so much at a time.
fn decoder(kind: &Content, packed: impl Read + Send + 'static, at_a_time: usize) -> io::Result<Box<dyn Read + Send>> {
    let packed = BufReader::with_capacity(at_a_time, packed);
    Ok(match kind {
        Content::Gzip => Box::new(MultiGzDecoder::new(packed)),
        _ => Box::new(zstd::Decoder::with_buffer(packed)?),
    })
}

/// The first bytes of a stream: [`HEAD`] of them, or all that it has.
fn read_head(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD);
    stream.take(HEAD as u64).read_to_end(&mut head)?;
    Ok(head)
}

#[cfg(test)]
mod tests;
