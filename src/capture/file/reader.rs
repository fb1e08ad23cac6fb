//! Reads one opened capture into Blocks.

use std::io::{ErrorKind, Read};
use std::path::PathBuf;
use std::sync::Arc;

use crate::capture::block::{BLOCK_CAPACITY, Block, BlockLocation, Frame, Origin, PIECES_PER_BLOCK};
use crate::capture::counts::CaptureCounts;
use crate::capture::error::CaptureError;
use crate::capture::file::damage_log::DamageLog;
use crate::capture::format::{Damage, DamagedRecord, FrameSink, ParseBuffer, ParseProgress, Parser};
use crate::capture::packet_number::PacketNumber;
use crate::units::ByteCount;

/// The number of bytes that are read before the parser goes over them. The parser finds each record
/// only through the one before it, so the bytes should still be in the core's own cache. A capture
/// of 1 GB took 0.088 s with this size and 0.114 s with reads of 2 MiB.
///
/// Each such read makes a piece of a Block, which can later be reread alone.
const READ_SIZE: usize = BLOCK_CAPACITY / PIECES_PER_BLOCK;

/// The number of bytes after which a Block is handed on if it holds a complete record. Only a
/// record that is larger fills more of it.
///
/// Bytes and frames of a Block should still be in the core's own cache (512 KiB to 2 MiB on
/// servers) when they are scanned. On an Intel Xeon with 2 MiB of it, replays take 4 to 6 % longer
/// with 2 MiB and up to 5 % longer with 256 KiB, where handing on costs more.
const USUAL_SIZE: usize = 2 * READ_SIZE;

/// The number of frames for which a Block has room from the start: those of its usual size with
/// some 240 bytes each. It grows if needed.
const INITIAL_FRAMES: usize = USUAL_SIZE / 256;

/// The bytes of a capture, without compression.
pub(super) struct ByteStream {
    pub bytes: Box<dyn Read + Send>,
    /// The stream is a pipe or a connection: the next bytes may be late, so each frame is handed on
    /// as soon as it is complete.
    pub is_streamed: bool,
    /// The bytes come from a decompressor.
    pub is_decompressed: bool,
}

/// An opened capture.
pub(in crate::capture) struct CaptureReader {
    path: PathBuf,
    origin: Arc<Origin>,
    /// The number of the next packet.
    next: PacketNumber,
    stream: ByteStream,
    parser: Parser,
    /// The last bytes from the stream that the parser needs again: an incomplete record, never more
    /// than a Block.
    carry: Vec<u8>,
    /// The offset of `carry` in the capture, or that of the stream's next byte if `carry` is empty.
    start: u64,
    /// The number of bytes from `start` on to skip first.
    skip: u64,
    damage_log: DamageLog,
    has_ended: bool,
}

impl CaptureReader {
    /// A reader for a stream. `carry` holds the bytes already read that the parser still needs, and
    /// `start` is their offset in the capture.
    pub(super) fn new(path: PathBuf, stream: ByteStream, parser: Parser, carry: Vec<u8>, start: u64) -> Self {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Self {
            damage_log: DamageLog::new(path.clone(), stream.is_decompressed),
            path,
            origin: Arc::new(Origin { name }),
            next: PacketNumber { input: 0, number: 1 },
            stream,
            parser,
            carry,
            start,
            skip: 0,
            has_ended: false,
        }
    }

    /// Sets the position of the capture in the list of inputs.
    pub(super) fn with_input_number(mut self, input: u32) -> Self {
        self.next.input = input;
        self
    }

    /// The path of the capture.
    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// Returns true once nothing more comes from the stream.
    pub(in crate::capture) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Returns true if the bytes come from a decompressor.
    pub(in crate::capture) fn is_decompressed(&self) -> bool {
        self.stream.is_decompressed
    }

    /// The offset in the capture of the next byte to parse.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// Continues at another offset, after the caller has moved the stream there. A record must
    /// begin at this offset.
    pub(super) fn restart_at(&mut self, offset: u64) {
        self.carry.clear();
        (self.start, self.skip) = (offset, 0);
    }

    /// Returns the first `count` bytes of the capture, or all bytes of a shorter one. This must be
    /// called before any frame is read. A later [`fill`](Self::fill) reads these bytes too.
    pub(in crate::capture) fn first_bytes(&mut self, count: usize) -> Vec<u8> {
        let skipped = usize::try_from(self.start).unwrap_or(usize::MAX);
        let missing = count.saturating_sub(skipped + self.carry.len());
        let mut more = Vec::new();
        // A read error occurs again, and is reported, when reading continues.
        let _ = (&mut self.stream.bytes).take(missing as u64).read_to_end(&mut more);
        self.carry.extend_from_slice(&more);
        self.carry.clone()
    }

    /// Fills a Block and returns how many frames were read into it.
    pub(in crate::capture) fn fill(
        &mut self,
        block: &mut Block,
        capacity: usize,
        counts: &mut CaptureCounts,
        report: &mut dyn FnMut(CaptureError),
    ) -> usize {
        let start = self.start.saturating_add(self.skip);
        let descriptions = self.parser.descriptions();
        let problems = (counts.damaged, counts.oversized);
        let was_sound = self.skip == 0 && !self.parser.has_pending_state();
        let read = self.fill_frames(block, capacity, counts, report);
        let is_sound =
            self.skip == 0 && !self.parser.has_pending_state() && problems == (counts.damaged, counts.oversized);
        block.location = BlockLocation {
            input: self.next.input,
            start,
            ends: block.location.ends,
            is_seekable: was_sound && is_sound && !self.stream.is_decompressed,
            has_descriptions: descriptions != self.parser.descriptions(),
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
        block.first_packet = Some(self.next);
        block.packet_offsets.clear();
        block.frames.clear();
        block.frames.reserve(INITIAL_FRAMES);
        let usual = capacity.min(USUAL_SIZE).max(self.carry.len());
        if block.bytes.len() < usual {
            block.bytes.resize(usual, 0);
        }
        let Block { bytes, frames, location, .. } = block;
        location.ends = [0; PIECES_PER_BLOCK];
        if !self.skip_bytes(bytes, counts, report) {
            return 0;
        }
        let mut filled = self.carry.len();
        if let Some(front) = bytes.get_mut(..filled) {
            front.copy_from_slice(&self.carry);
        }
        let (mut position, mut piece) = (0, 0);
        loop {
            let offset = self.start.saturating_add(filled as u64);
            // Each read ends at a multiple of its size, however many bytes were carried over: so a
            // Block that is reread ends where it did the first time.
            let end = capacity.min((filled / READ_SIZE + 1).saturating_mul(READ_SIZE));
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            filled += self.read(bytes.get_mut(filled..end).unwrap_or_default(), offset, report);
            let buffer = ParseBuffer {
                bytes: bytes.get(..filled).unwrap_or_default(),
                start: self.start,
                capacity,
                is_final: self.has_ended,
                is_streamed: self.stream.is_streamed,
            };
            let progress = self.parse(&buffer, position, frames, counts, report);
            position = progress.parsed;
            self.skip = progress.skip;
            // The pieces after this one are empty unless something is read into them.
            location.ends.iter_mut().skip(piece).for_each(|end| *end = position as u32);
            piece = (piece + 1).min(PIECES_PER_BLOCK - 1);
            let has_frame_to_hand_on = self.stream.is_streamed && !frames.is_empty();
            let is_full = filled >= USUAL_SIZE && position > 0;
            if has_frame_to_hand_on || self.has_ended || self.skip > 0 || filled >= capacity || is_full {
                break;
            }
        }
        self.start = self.start.saturating_add(position as u64);
        self.carry.clear();
        self.carry.extend_from_slice(bytes.get(position..filled).unwrap_or_default());
        frames.len()
    }

    /// Skips the bytes that the parser wants skipped. Returns false if the file ends within them.
    fn skip_bytes(
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
        while self.skip > 0 && !self.has_ended {
            let most = bytes.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
            let read_offset = self.start.saturating_sub(self.skip);
            self.skip -= self.read(bytes.get_mut(..most).unwrap_or_default(), read_offset, report) as u64;
        }
        if self.skip > 0 {
            counts.damaged += 1;
            let record = DamagedRecord { offset, damage: Damage::Cut, resumed: None };
            self.damage_log.report(record, report);
        }
        self.skip == 0
    }

    /// Reads until the buffer is full, or once from a pipe, and returns how many bytes it got.
    /// `offset` is the offset in the capture of the first of these bytes.
    fn read(&mut self, buffer: &mut [u8], offset: u64, report: &mut dyn FnMut(CaptureError)) -> usize {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.stream.bytes.read(rest) {
                Ok(0) => {
                    self.has_ended = true;
                    break;
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.damage_log.report_read_error(offset.saturating_add(filled as u64), error, report);
                    self.has_ended = true;
                    break;
                }
            }
            if self.stream.is_streamed {
                break;
            }
        }
        filled
    }

    /// Parses a buffer from a position on and updates the counters.
    fn parse(
        &mut self,
        buffer: &ParseBuffer<'_>,
        from: usize,
        frames: &mut Vec<Frame>,
        counts: &mut CaptureCounts,
        report: &mut dyn FnMut(CaptureError),
    ) -> ParseProgress {
        let before = frames.len();
        let mut damaged_records = Vec::new();
        let mut damaged = 0;
        let room = self.damage_log.room();
        let mut note = |record: DamagedRecord| {
            damaged += 1;
            if damaged_records.len() < room {
                damaged_records.push(record);
            }
        };
        let mut sink = FrameSink { frames, captured: 0, cut: 0, oversized: 0, report: &mut note };
        let progress = self.parser.parse(buffer, from, &mut sink);
        counts.bytes += ByteCount(sink.captured);
        counts.cut += sink.cut;
        let oversized = sink.oversized;
        counts.oversized += oversized;
        let packets = (frames.len() - before) as u64;
        counts.packets += packets;
        self.next.number = self.next.number.saturating_add(packets).saturating_add(oversized);
        counts.damaged += damaged;
        for record in damaged_records {
            self.damage_log.report(record, report);
        }
        progress
    }
}
