//! What a replay keeps of each Block, so that little has to be read again: where it lies, and which flows its pieces may hold.
//!
//! It goes into a file without a name, 32 KiB for each Block of 2 MiB: so it takes no memory, and no place on the disk once the process
//! has ended, however it ends.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::capture::{Block, PIECES, Part};
use crate::scan::FlowBits;

/// Bytes before the flows: input, what is to be known of it, offset, and for each piece where it ends and how many frames it holds.
const HEAD: usize = 16 + 8 * PIECES;

/// Bytes of a Block.
const RECORD: u64 = (HEAD + FlowBits::SIZE) as u64;

/// The Blocks of a replay. Filled from any thread.
#[derive(Debug)]
pub struct Index {
    file: File,
    blocks: AtomicU64,
    failed: Mutex<Option<io::Error>>,
}

/// What is known of a Block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) part: Part,
    /// How many frames each piece holds that pass the filter.
    frames: [u32; PIECES],
}

impl Entry {
    fn of(block: &Block) -> Self {
        let mut frames = [0; PIECES];
        let mut before = 0;
        for (frames, end) in frames.iter_mut().zip(block.part.ends) {
            let up_to = block.frames.partition_point(|frame| frame.offset < end);
            *frames = (up_to - before) as u32;
            before = up_to;
        }
        Self { part: block.part, frames }
    }

    /// How many frames a piece holds; without one, the Block.
    pub(super) fn frames(&self, piece: Option<usize>) -> usize {
        let frames = match piece {
            Some(piece) => self.frames.get(piece).copied().unwrap_or_default(),
            None => self.frames.iter().sum(),
        };
        frames as usize
    }

    fn to_bytes(self) -> [u8; HEAD] {
        let Self { part: Part { input, start, ends, is_sought, describes }, frames } = self;
        let mut bytes = [0; HEAD];
        let (numbers, _) = bytes.as_chunks_mut();
        let flags = u32::from(is_sought) | u32::from(describes) << 1;
        let told = [input, flags, start as u32, (start >> 32) as u32].into_iter().chain(ends).chain(frames);
        numbers.iter_mut().zip(told).for_each(|(bytes, number)| *bytes = number.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: [u8; HEAD]) -> Self {
        let (numbers, _) = bytes.as_chunks();
        let mut numbers = numbers.iter().map(|bytes| u32::from_le_bytes(*bytes));
        let mut next = || numbers.next().unwrap_or_default();
        let (input, flags) = (next(), next());
        let start = u64::from(next()) | u64::from(next()) << 32;
        let (ends, frames) = ([(); PIECES].map(|()| next()), [(); PIECES].map(|()| next()));
        Self { part: Part { input, start, ends, is_sought: flags & 1 == 1, describes: flags & 2 == 2 }, frames }
    }
}

impl Index {
    /// An empty one, in a folder that has room for it.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self { file: tempfile::tempfile_in(folder)?, blocks: AtomicU64::new(0), failed: Mutex::default() })
    }

    /// Adds a Block. That it cannot be kept is told when it is read.
    pub fn add(&self, block: &Block, flows: &FlowBits) {
        let place = block.number.saturating_mul(RECORD);
        let written = self.file.write_all_at(&Entry::of(block).to_bytes(), place);
        if let Err(error) = written.and_then(|()| self.file.write_all_at(flows.bytes(), place + HEAD as u64)) {
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
        self.blocks.fetch_max(block.number + 1, Ordering::Relaxed);
    }

    /// How many Blocks there are. An error if not all could be kept.
    pub(super) fn blocks(&self) -> io::Result<u64> {
        match self.failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(self.blocks.load(Ordering::Relaxed)),
        }
    }

    /// Reads where a Block lies.
    pub(super) fn entry(&self, number: u64) -> io::Result<Entry> {
        let mut head = [0; HEAD];
        self.file.read_exact_at(&mut head, number.saturating_mul(RECORD))?;
        Ok(Entry::from_bytes(head))
    }

    /// Reads which flows a Block may hold.
    pub(super) fn flows(&self, number: u64, flows: &mut FlowBits) -> io::Result<()> {
        self.file.read_exact_at(flows.bytes_mut(), number.saturating_mul(RECORD) + HEAD as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::capture::{Frame, LinkType, Origin};
    use crate::scan::FlowKey;
    use crate::units::Timestamp;

    #[test]
    fn blocks_come_back_in_their_order_whichever_was_added_first() {
        let index = Index::new(&std::env::temp_dir()).unwrap();
        let key = |last: u8| FlowKey::of_hosts([10, 0, 0, last].into(), [10, 0, 1, last].into());
        let part = |number: u64| Part {
            input: 7,
            start: 1 << 40 | number,
            ends: [10, 20, 20, 30, 30, 30, 30, 30],
            is_sought: number == 0,
            describes: number == 1,
        };
        let frame = |offset| Frame { time: Timestamp::MIN, offset, captured: 1, original: 1, link: LinkType::RAW };
        for number in [1, 0] {
            let mut block = Block::new(Arc::new(Origin::default()), Arc::default());
            (block.number, block.part) = (number, part(number));
            block.frames.extend([0, 9, 10, 29].map(frame));
            let mut flows = FlowBits::new();
            flows.add(key(number as u8));
            index.add(&block, &flows);
        }
        let mut flows = FlowBits::new();
        assert_eq!(index.blocks().unwrap(), 2);
        for number in 0..2 {
            let entry = index.entry(number).unwrap();
            assert_eq!(entry, Entry { part: part(number), frames: [2, 1, 0, 1, 0, 0, 0, 0] });
            index.flows(number, &mut flows).unwrap();
            assert_eq!((flows.pieces(key(number as u8)), flows.pieces(key(1 - number as u8))), (1, 0));
        }
        assert!(index.entry(2).is_err() && index.flows(2, &mut flows).is_err());
    }
}
