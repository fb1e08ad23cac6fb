//! Reads single Blocks of capture files a second time.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::sync::Arc;

use crate::capture::block::{BLOCK_CAPACITY, Block, BlockLocation};
use crate::capture::counts::CaptureCounts;
use crate::capture::error::{CaptureError, CaptureOffset};
use crate::capture::file::open::open_stream;
use crate::capture::file::progress::ProgressReader;
use crate::capture::file::reader::CaptureReader;
use crate::capture::filter::Filter;
use crate::capture::inputs::Input;
use crate::capture::time_window::TimeWindow;

/// Reads Blocks of [`FileSource`](super::FileSource) again. Each Block has the same frames as the
/// first time.
pub struct BlockRereader {
    inputs: Vec<Input>,
    window: Option<TimeWindow>,
    filter: Option<Filter>,
    open: Option<SeekableCapture>,
}

/// An opened capture that can be read from any offset.
struct SeekableCapture {
    input: u32,
    reader: CaptureReader,
    /// Shares its position in the file with the reader's descriptor.
    file: File,
}

impl BlockRereader {
    /// A reader for these inputs. Inputs, filter and window must be those of the first time.
    pub fn new(inputs: Vec<Input>, filter: Option<Filter>, window: Option<TimeWindow>) -> Self {
        Self { inputs, window, filter, open: None }
    }

    /// Reads the Block with this location, or only one piece of it.
    ///
    /// If all Blocks of an input are [seekable](BlockLocation::is_seekable), the caller may skip
    /// any of them except the first one and those that [have
    /// descriptions](BlockLocation::has_descriptions), and these must be read whole. Of any other
    /// input the caller must read every Block, whole, up to the last one that it needs.
    ///
    /// Damage is not reported again. After an error the Block holds the frames before the error.
    pub fn read(
        &mut self,
        location: &BlockLocation,
        piece: Option<usize>,
        block: &mut Block,
    ) -> Result<(), CaptureError> {
        block.frames.clear();
        let mut open = match self.open.take().filter(|open| open.input == location.input) {
            Some(open) => open,
            None => self.open(location.input)?,
        };
        let mut capacity = BLOCK_CAPACITY;
        if let Some(piece) = piece {
            let end = |piece: usize| location.ends.get(piece).copied().unwrap_or_default();
            let start = piece.checked_sub(1).map_or(0, end);
            open.seek(location.start.saturating_add(start.into()))?;
            capacity = end(piece).saturating_sub(start) as usize;
        } else if open.reader.start() != location.start && location.is_seekable {
            open.seek(location.start)?;
        }
        let mut failed = None;
        let mut report = |error| {
            if matches!(error, CaptureError::Read { .. }) {
                failed = Some(error);
            }
        };
        open.reader.fill(block, capacity, &mut CaptureCounts::default(), &mut report);
        if let Some(window) = self.window {
            block.retain(|frame, _| window.contains(frame.time));
        }
        if let Some(filter) = &mut self.filter {
            filter.apply(block, &mut |_, _| ());
        }
        block.location.input = open.input;
        // After a seek the packet number is unknown.
        block.first_packet = None;
        self.open = Some(open);
        failed.map_or(Ok(()), Err)
    }

    fn open(&self, number: u32) -> Result<SeekableCapture, CaptureError> {
        let path = match self.inputs.get(number as usize) {
            Some(Input::File(path)) => path.clone(),
            _ => "-".into(),
        };
        let opened = File::open(&path).and_then(|file| Ok((file.try_clone()?, file)));
        let (file, shared) = opened.map_err(|error| CaptureError::Open { path: path.clone(), error })?;
        let reader = open_stream(path, ProgressReader::new(shared, 0, Arc::default()), false)?;
        Ok(SeekableCapture { input: number, reader, file })
    }
}

impl SeekableCapture {
    /// Continues at an offset where a record begins.
    fn seek(&mut self, offset: u64) -> Result<(), CaptureError> {
        let Self { reader, file, .. } = self;
        file.seek(SeekFrom::Start(offset)).map_err(|error| {
            let offset = CaptureOffset { bytes: offset, is_decompressed: false };
            CaptureError::Read { path: reader.path().clone(), offset, error }
        })?;
        reader.restart_at(offset);
        Ok(())
    }
}
