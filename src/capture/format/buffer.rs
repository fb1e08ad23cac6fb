//! The input and output of a parser.

use crate::capture::block::Frame;
use crate::capture::format::resync::DamagedRecord;

/// The bytes that a parser goes over.
#[derive(Debug, Clone, Copy)]
pub(in crate::capture) struct ParseBuffer<'a> {
    /// The filled front part of a Block's buffer; never more than `u32::MAX` bytes.
    pub bytes: &'a [u8],
    /// The offset of the first of these bytes in the capture.
    pub start: u64,
    /// The number of bytes that the whole buffer can hold.
    pub capacity: usize,
    /// The capture ends with these bytes.
    pub is_final: bool,
    /// The capture comes over a pipe or a connection: the next bytes may be late, so the parser
    /// decides by what it has.
    pub is_streamed: bool,
}

impl ParseBuffer<'_> {
    /// Converts a position in the buffer to an offset in the capture.
    pub(super) fn offset(&self, position: usize) -> u64 {
        self.start.saturating_add(position as u64)
    }

    /// Returns true if waiting cannot bring more bytes after `position` into this buffer: the
    /// capture ends here, or the buffer is full and nothing before `position` can be removed.
    pub(super) fn is_exhausted(&self, position: usize) -> bool {
        self.is_final || (position == 0 && self.bytes.len() >= self.capacity)
    }
}

/// Collects the results of a parser.
pub(in crate::capture) struct FrameSink<'a> {
    /// The frames, with offsets into the buffer.
    pub frames: &'a mut Vec<Frame>,
    /// Captured bytes of the frames.
    pub captured: u64,
    /// Frames of which fewer bytes were captured than were on the wire.
    pub cut: u64,
    /// Records skipped because they are larger than the buffer.
    pub oversized: u64,
    /// Receives each damaged record as it is found.
    pub report: &'a mut dyn FnMut(DamagedRecord),
}

/// The progress of a parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::capture) struct ParseProgress {
    /// The position in the buffer up to which everything is parsed. The parser needs the bytes from
    /// there on again, with more bytes after them.
    pub parsed: usize,
    /// The number of bytes from there on to skip first: a record too large for the buffer.
    pub skip: u64,
}

impl ParseProgress {
    /// Parsed up to a position, with nothing to skip.
    pub(super) const fn to(parsed: usize) -> Self {
        Self { parsed, skip: 0 }
    }
}
