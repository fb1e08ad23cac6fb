//! Parts of capture files, read once more.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::sync::Arc;

use super::{Input, Metered, Reader};
use crate::capture::filter::Filter;
use crate::capture::{BLOCK_CAPACITY, Block, CaptureCounts, CaptureError, Part, Place, TimeWindow};

/// Reads Blocks of [`Files`](super::Files) again, each with the same frames.
pub struct Again {
    inputs: Vec<Input>,
    window: Option<TimeWindow>,
    filter: Option<Filter>,
    open: Option<Open>,
    pub(super) capacity: usize,
}

struct Open {
    input: u32,
    reader: Reader,
    /// Shares its place in the file with the reader's own.
    file: File,
}

impl Again {
    /// The same inputs, filter and window as those of the files that were read.
    pub fn new(inputs: Vec<Input>, filter: Option<Filter>, window: Option<TimeWindow>) -> Self {
        Self { inputs, window, filter, open: None, capacity: BLOCK_CAPACITY }
    }

    /// Reads the Block that had this part, or only the piece of it that is named. Of an input that is [sought](Part::is_sought) all may
    /// be passed over but the first Block and those that [describe](Part::describes), which are to be read whole; of another no Block
    /// before the last that is wanted, nor any piece.
    ///
    /// Damage was told the first time. After an error the Block holds the frames before it.
    pub fn read(&mut self, part: &Part, piece: Option<usize>, block: &mut Block) -> Result<(), CaptureError> {
        block.frames.clear();
        let mut open = match self.open.take().filter(|open| open.input == part.input) {
            Some(open) => open,
            None => self.open(part.input)?,
        };
        let mut capacity = self.capacity;
        if let Some(piece) = piece {
            let end = |piece: usize| part.ends.get(piece).copied().unwrap_or_default();
            let start = piece.checked_sub(1).map_or(0, end);
            open.seek(part.start.saturating_add(start.into()))?;
            capacity = end(piece).saturating_sub(start) as usize;
        } else if open.reader.start != part.start && part.is_sought {
            open.seek(part.start)?;
        }
        let mut failed = None;
        let mut report = |error| {
            if matches!(error, CaptureError::Read { .. }) {
                failed = Some(error);
            }
        };
        open.reader.fill(block, capacity, &mut CaptureCounts::default(), &mut report);
        if let Some(window) = self.window {
            block.retain(|frame, _| window.holds(frame.time));
        }
        if let Some(filter) = &mut self.filter {
            filter.apply(block, &mut |_, _| ());
        }
        block.part.input = open.input;
        // After a seek nobody knows.
        block.first = None;
        self.open = Some(open);
        failed.map_or(Ok(()), Err)
    }

    fn open(&self, number: u32) -> Result<Open, CaptureError> {
        let path = match self.inputs.get(number as usize) {
            Some(Input::File(path)) => path.clone(),
            _ => "-".into(),
        };
        let opened = File::open(&path).and_then(|file| Ok((file.try_clone()?, file)));
        let (file, shared) = opened.map_err(|error| CaptureError::Open { path: path.clone(), error })?;
        let reader = Reader::new(path, Metered { file: shared, left: 0, progress: Arc::default() }, false)?;
        Ok(Open { input: number, reader, file })
    }
}

impl Open {
    /// Goes on at an offset, where a record begins.
    fn seek(&mut self, offset: u64) -> Result<(), CaptureError> {
        let Self { reader, file, .. } = self;
        file.seek(SeekFrom::Start(offset)).map_err(|error| {
            let place = Place { offset, unpacked: false };
            CaptureError::Read { path: reader.path.clone(), place, error }
        })?;
        reader.carry.clear();
        (reader.start, reader.skip) = (offset, 0);
        Ok(())
    }
}
