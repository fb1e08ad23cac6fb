//! Identifies a capture by its beginning.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::capture::block::{Block, Origin};
use crate::capture::counts::CaptureCounts;
use crate::capture::error::CaptureError;
use crate::capture::file::open_beginning;
use crate::capture::identity::{CaptureIdentity, FileState, HeadDigest, head_digest};
use crate::indicator::IndicatorSet;
use crate::units::Timestamp;

/// The number of first bytes, after decompression, that identify a capture: the headers of every
/// format, and some packets with their times.
pub(super) const HEAD_LENGTH: usize = 8 << 10;

/// The number of bytes in which the first packet is searched for. A pcapng file may have other
/// blocks before it.
const FIRST_PACKET_RANGE: usize = 512 << 10;

/// The beginning of a capture.
pub(super) struct CaptureHead {
    pub identity: CaptureIdentity,
    /// The time of the first packet.
    pub first: Option<Timestamp>,
    pub is_compressed: bool,
}

/// Reads the beginnings of captures.
pub(super) struct Identifier {
    /// A buffer for the first packet.
    scratch: Block,
}

impl Identifier {
    pub(super) fn new() -> Self {
        Self { scratch: Block::new(Arc::new(Origin::default()), Arc::new(IndicatorSet::default())) }
    }

    /// Reads the beginning of a capture.
    pub(super) fn read_head(&mut self, path: &Path) -> Result<CaptureHead, CaptureError> {
        let failed = |error| CaptureError::Open { path: path.to_owned(), error };
        let file = File::open(path).map_err(failed)?;
        let state = FileState::new(&file.metadata().map_err(failed)?);
        let mut reader = open_beginning(path, file)?;
        let is_compressed = reader.is_decompressed();
        let head = head_digest(&reader.first_bytes(HEAD_LENGTH));
        // Errors further on are reported when the capture is read.
        let mut first = None;
        for capacity in [HEAD_LENGTH, FIRST_PACKET_RANGE] {
            reader.fill(&mut self.scratch, capacity, &mut CaptureCounts::default(), &mut |_| ());
            first = self.scratch.frames.first().map(|frame| frame.time);
            if first.is_some() || reader.has_ended() {
                break;
            }
        }
        self.scratch.frames.clear();
        Ok(CaptureHead { identity: CaptureIdentity { head, file: state }, first, is_compressed })
    }
}

/// The digest that an uncompressed file had when it was `length` bytes long.
pub(super) fn digest_at_length(path: &Path, length: usize) -> Option<HeadDigest> {
    let mut reader = open_beginning(path, File::open(path).ok()?).ok()?;
    Some(head_digest(&reader.first_bytes(length)))
}
