//! What a replay keeps of each Block, so that little has to be read again: where it lies, and which flows its pieces may hold.
//!
//! It takes 32 KiB for each Block of 2 MiB. Of the first Blocks it is kept in memory, of the others in a file without a name: so it
//! takes no place on the disk once the process has ended, however it ends.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::capture::{Block, PIECES, Part};
use crate::scan::FlowBits;

/// Bytes before the flows: input, what is to be known of it, offset, and for each piece where it ends and how many frames it holds.
const HEAD: usize = 16 + 8 * PIECES;

/// Bytes of a Block.
const RECORD: u64 = (HEAD + FlowBits::SIZE) as u64;

/// Of how many Blocks it is kept in memory: 32 MiB, for 2 GiB of captures. A third of what carving costs over a replay was that file.
const KEPT: usize = 1024;

/// The Blocks of a replay. Filled from any thread.
#[derive(Debug)]
pub struct Index {
    /// The first of them.
    kept: Box<[OnceLock<(Entry, FlowBits)>]>,
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
        let file = tempfile::tempfile_in(folder)?;
        let kept = (0..KEPT).map(|_| OnceLock::new()).collect();
        Ok(Self { kept, file, blocks: AtomicU64::new(0), failed: Mutex::default() })
    }

    /// Adds a Block. That it cannot be kept is told when it is read.
    pub fn add(&self, block: &Block, flows: &FlowBits) {
        let entry = Entry::of(block);
        if let Some(kept) = self.slot(block.number) {
            kept.get_or_init(|| (entry, flows.clone()));
        } else if let Err(error) = self.write(block.number, entry, flows) {
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

    /// Where a Block lies.
    pub(super) fn entry(&self, number: u64) -> io::Result<Entry> {
        if let Some((entry, _)) = self.slot(number).and_then(OnceLock::get) {
            return Ok(*entry);
        }
        let mut head = [0; HEAD];
        self.file.read_exact_at(&mut head, number.saturating_mul(RECORD))?;
        Ok(Entry::from_bytes(head))
    }

    /// Which flows a Block may hold. They are read into `room`, where they are not in memory.
    pub(super) fn flows<'a>(&'a self, number: u64, room: &'a mut FlowBits) -> io::Result<&'a FlowBits> {
        if let Some((_, flows)) = self.slot(number).and_then(OnceLock::get) {
            return Ok(flows);
        }
        self.file.read_exact_at(room.bytes_mut(), number.saturating_mul(RECORD) + HEAD as u64)?;
        Ok(room)
    }

    fn slot(&self, number: u64) -> Option<&OnceLock<(Entry, FlowBits)>> {
        self.kept.get(usize::try_from(number).ok()?)
    }

    fn write(&self, number: u64, entry: Entry, flows: &FlowBits) -> io::Result<()> {
        let place = number.saturating_mul(RECORD);
        self.file.write_all_at(&entry.to_bytes(), place)?;
        self.file.write_all_at(flows.bytes(), place + HEAD as u64)
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
        let last = KEPT as u64;
        for number in [1, last, 0, last - 1] {
            let mut block = Block::new(Arc::new(Origin::default()), Arc::default());
            (block.number, block.part) = (number, part(number));
            block.frames.extend([0, 9, 10, 29].map(frame));
            let mut flows = FlowBits::new();
            flows.add(key(number as u8));
            index.add(&block, &flows);
        }
        let mut room = FlowBits::new();
        assert_eq!(index.blocks().unwrap(), last + 1);
        for number in [0, 1, last - 1, last] {
            let entry = index.entry(number).unwrap();
            assert_eq!(entry, Entry { part: part(number), frames: [2, 1, 0, 1, 0, 0, 0, 0] });
            let flows = index.flows(number, &mut room).unwrap();
            assert_eq!((flows.pieces(key(number as u8)), flows.pieces(key(2))), (1, 0));
        }
        assert!(index.entry(last + 1).is_err() && index.flows(last + 1, &mut room).is_err());
    }
}
