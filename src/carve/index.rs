//! The index of a replay: the location of each Block, and the flows that its pieces hold. So only a
//! few Blocks must be reread.
//!
//! It takes four bytes for each packet. The index of the first Blocks is kept in memory, and that
//! of the others in an unnamed file, which is gone when the process ends, however it ends.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::capture::{Block, BlockLocation, PIECES_PER_BLOCK};
use crate::scan::{FlowHashes, SelectedFlows};

/// The length of an entry before its flows: input, flags and offset; and for each piece its end,
/// its number of frames, and the number of flows up to its end.
const ENTRY_LENGTH: usize = 16 + 12 * PIECES_PER_BLOCK;

/// The distance of the Blocks' entries in the file. Most of it is holes, which take no space on the
/// disk. No Block has more flows: there are some 60,000 of the smallest packets in one, and each
/// tunnel adds the 20 bytes of its header to a packet.
const STRIDE: u64 = 1 << 20;

/// The number of Blocks that may be kept in memory: 8 GiB of captures. Each takes some 200 bytes in
/// addition to its flows.
const MAX_BLOCKS_IN_MEMORY: usize = 4096;

/// The number of bytes of flows that are kept in memory: those of eight million packets. With all
/// flows in the file, the file was a third of the cost that carving adds to a replay.
const MAX_BYTES_IN_MEMORY: usize = 32 << 20;

/// The index of the Blocks of a replay. It may be filled from any thread.
#[derive(Debug)]
pub struct BlockIndex {
    /// The first Blocks.
    in_memory: Box<[OnceLock<IndexedBlock>]>,
    bytes_in_memory: AtomicUsize,
    file: File,
    blocks: AtomicU64,
    /// The first error of writing.
    error: Mutex<Option<io::Error>>,
}

/// A Block in memory.
#[derive(Debug)]
struct IndexedBlock {
    entry: IndexEntry,
    flows: FlowHashes,
}

/// The entry of a Block, without its flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IndexEntry {
    pub(super) location: BlockLocation,
    /// For each piece, the number of frames that pass the filter.
    frames: [u32; PIECES_PER_BLOCK],
}

impl IndexEntry {
    fn of(block: &Block) -> Self {
        let mut frames = [0; PIECES_PER_BLOCK];
        let mut before = 0;
        for (frames, end) in frames.iter_mut().zip(block.location.ends) {
            let up_to = block.frames.partition_point(|frame| frame.offset < end);
            *frames = (up_to - before) as u32;
            before = up_to;
        }
        Self { location: block.location, frames }
    }

    /// The number of frames of a piece; of the whole Block for `None`.
    pub(super) fn frames(&self, piece: Option<usize>) -> usize {
        let frames = match piece {
            Some(piece) => self.frames.get(piece).copied().unwrap_or_default(),
            None => self.frames.iter().sum(),
        };
        frames as usize
    }
}

impl BlockIndex {
    /// An empty index with a file in this folder, which must have enough space.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        let in_memory = (0..MAX_BLOCKS_IN_MEMORY).map(|_| OnceLock::new()).collect();
        Ok(Self {
            in_memory,
            bytes_in_memory: AtomicUsize::new(0),
            file,
            blocks: AtomicU64::new(0),
            error: Mutex::default(),
        })
    }

    /// Adds a Block. An error of writing is reported when the index is read.
    pub fn add(&self, block: &Block, flows: &FlowHashes) {
        let entry = IndexEntry::of(block);
        let has_room = || self.bytes_in_memory.fetch_add(flows.size(), Ordering::Relaxed) < MAX_BYTES_IN_MEMORY;
        if let Some(slot) = self.slot(block.number).filter(|_| has_room()) {
            slot.get_or_init(|| IndexedBlock { entry, flows: flows.clone() });
        } else if let Err(error) = self.write(block.number, entry, flows) {
            self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
        self.blocks.fetch_max(block.number + 1, Ordering::Relaxed);
    }

    /// The number of Blocks, or an error if some could not be written.
    pub(super) fn blocks(&self) -> io::Result<u64> {
        match self.error.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(self.blocks.load(Ordering::Relaxed)),
        }
    }

    /// The entry of a Block.
    pub(super) fn entry(&self, number: u64) -> io::Result<IndexEntry> {
        match self.slot(number).and_then(OnceLock::get) {
            Some(indexed) => Ok(indexed.entry),
            None => Ok(self.read(number)?.0),
        }
    }

    /// The pieces of a Block that may hold one of the selected flows: a bit for each piece, the
    /// lowest for the first.
    pub(super) fn pieces(&self, number: u64, selected: &SelectedFlows) -> io::Result<u8> {
        if let Some(indexed) = self.slot(number).and_then(OnceLock::get) {
            return Ok(indexed.flows.pieces(selected));
        }
        let (_, counts) = self.read(number)?;
        let mut bytes = vec![0; counts[PIECES_PER_BLOCK - 1] as usize * size_of::<u32>()];
        self.file.read_exact_at(&mut bytes, number.saturating_mul(STRIDE) + ENTRY_LENGTH as u64)?;
        Ok(FlowHashes::stored(counts, &bytes).pieces(selected))
    }

    fn slot(&self, number: u64) -> Option<&OnceLock<IndexedBlock>> {
        self.in_memory.get(usize::try_from(number).ok()?)
    }

    /// Reads an entry, and for each piece the number of flows up to its end.
    fn read(&self, number: u64) -> io::Result<(IndexEntry, [u32; PIECES_PER_BLOCK])> {
        let mut bytes = [0; ENTRY_LENGTH];
        self.file.read_exact_at(&mut bytes, number.saturating_mul(STRIDE))?;
        Ok(from_bytes(bytes))
    }

    fn write(&self, number: u64, entry: IndexEntry, flows: &FlowHashes) -> io::Result<()> {
        let bytes = [&to_bytes(entry, flows.counts())[..], &flows.bytes()].concat();
        if bytes.len() as u64 > STRIDE {
            return Err(io::Error::other("a Block has more flows than the index has room for"));
        }
        self.file.write_all_at(&bytes, number.saturating_mul(STRIDE))
    }
}

fn to_bytes(entry: IndexEntry, counts: [u32; PIECES_PER_BLOCK]) -> [u8; ENTRY_LENGTH] {
    let IndexEntry { location: BlockLocation { input, start, ends, is_seekable, has_descriptions }, frames } = entry;
    let mut bytes = [0; ENTRY_LENGTH];
    let (numbers, _) = bytes.as_chunks_mut();
    let flags = u32::from(is_seekable) | u32::from(has_descriptions) << 1;
    let values = [input, flags, start as u32, (start >> 32) as u32].into_iter().chain(ends).chain(frames).chain(counts);
    numbers.iter_mut().zip(values).for_each(|(bytes, number)| *bytes = number.to_le_bytes());
    bytes
}

fn from_bytes(bytes: [u8; ENTRY_LENGTH]) -> (IndexEntry, [u32; PIECES_PER_BLOCK]) {
    let (numbers, _) = bytes.as_chunks();
    let mut numbers = numbers.iter().map(|bytes| u32::from_le_bytes(*bytes));
    let mut next = || numbers.next().unwrap_or_default();
    let (input, flags) = (next(), next());
    let start = u64::from(next()) | u64::from(next()) << 32;
    let [ends, frames, counts] = [(); 3].map(|()| [(); PIECES_PER_BLOCK].map(|()| next()));
    (
        IndexEntry {
            location: BlockLocation {
                input,
                start,
                ends,
                is_seekable: flags & 1 == 1,
                has_descriptions: flags & 2 == 2,
            },
            frames,
        },
        counts,
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::capture::{Frame, LinkType, Origin};
    use crate::scan::FlowHash;
    use crate::units::Timestamp;

    #[test]
    fn blocks_come_back_in_their_order_whichever_was_added_first() {
        let index = BlockIndex::new(&std::env::temp_dir()).unwrap();
        let key = |last: u8| FlowHash::of_hosts([10, 0, 0, last].into(), [10, 0, 1, last].into());
        let keys = |number: u64| {
            let mut keys = FlowHashes::default();
            keys.add(key(number as u8));
            keys.bytes()
        };
        let location = |number: u64| BlockLocation {
            input: 7,
            start: 1 << 40 | number,
            ends: [10, 20, 20, 30, 30, 30, 30, 30],
            is_seekable: number == 0,
            has_descriptions: number == 1,
        };
        let frame = |offset| Frame { time: Timestamp::MIN, offset, captured: 1, original: 1, link: LinkType::RAW };
        let last = MAX_BLOCKS_IN_MEMORY as u64;
        for number in [1, last, 0, last - 1] {
            let mut block = Block::new(Arc::new(Origin::default()), Arc::default());
            (block.number, block.location) = (number, location(number));
            block.frames.extend([0, 9, 10, 29].map(frame));
            index.add(&block, &FlowHashes::stored([1; PIECES_PER_BLOCK], &keys(number)));
        }
        assert_eq!(index.blocks().unwrap(), last + 1);
        for number in [0, 1, last - 1, last] {
            let entry = index.entry(number).unwrap();
            assert_eq!(entry, IndexEntry { location: location(number), frames: [2, 1, 0, 1, 0, 0, 0, 0] });
            let pieces = |last: u8| index.pieces(number, &SelectedFlows::new([key(last)])).unwrap();
            assert_eq!((pieces(number as u8), pieces(2)), (1, 0));
        }
        assert!(index.entry(last + 1).is_err() && index.pieces(last + 1, &SelectedFlows::default()).is_err());
    }
}
