//! What a replay keeps of each Block, so that little has to be read again: where it lies, and which flows its pieces hold.
//!
//! It takes four bytes for each packet. Of the first Blocks it is kept in memory, of the others in a file without a name: so it takes no
//! place on the disk once the process has ended, however it ends.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::capture::{Block, PIECES, Part};
use crate::scan::{FlowHashes, SelectedFlows};

/// Bytes before the flows: input, what is to be known of it, offset, and for each piece where it ends, how many frames it holds, and how
/// many flows there are up to its end.
const HEAD: usize = 16 + 12 * PIECES;

/// How far the Blocks lie apart in the file, most of which are holes, which take no place on the disk: no Block has more flows. Of the
/// smallest packets there are some 60,000 in one, and each tunnel that one lies in makes it longer by the 20 bytes of its header.
const STRIDE: u64 = 1 << 20;

/// Of how many Blocks it may be kept in memory, 8 GiB of captures: each takes some 200 bytes beside its flows.
const MOST_KEPT: usize = 4096;

/// How many bytes of flows are kept in memory: those of eight million packets. A third of what carving cost over a replay was that file.
const KEPT_BYTES: usize = 32 << 20;

/// The Blocks of a replay. Filled from any thread.
#[derive(Debug)]
pub struct Index {
    /// The first of them.
    kept: Box<[OnceLock<(Entry, FlowHashes)>]>,
    kept_bytes: AtomicUsize,
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
}

impl Index {
    /// An empty one, in a folder that has room for it.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        let kept = (0..MOST_KEPT).map(|_| OnceLock::new()).collect();
        Ok(Self { kept, kept_bytes: AtomicUsize::new(0), file, blocks: AtomicU64::new(0), failed: Mutex::default() })
    }

    /// Adds a Block. That it cannot be kept is told when it is read.
    pub fn add(&self, block: &Block, flows: &FlowHashes) {
        let entry = Entry::of(block);
        let has_room = || self.kept_bytes.fetch_add(flows.size(), Ordering::Relaxed) < KEPT_BYTES;
        if let Some(kept) = self.slot(block.number).filter(|_| has_room()) {
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
        match self.slot(number).and_then(OnceLock::get) {
            Some((entry, _)) => Ok(*entry),
            None => Ok(self.read(number)?.0),
        }
    }

    /// The pieces of a Block that hold one of these flows: a bit for each.
    pub(super) fn pieces(&self, number: u64, wanted: &SelectedFlows) -> io::Result<u8> {
        if let Some((_, flows)) = self.slot(number).and_then(OnceLock::get) {
            return Ok(flows.pieces(wanted));
        }
        let (_, counts) = self.read(number)?;
        let mut bytes = vec![0; counts[PIECES - 1] as usize * size_of::<u32>()];
        self.file.read_exact_at(&mut bytes, number.saturating_mul(STRIDE) + HEAD as u64)?;
        Ok(FlowHashes::stored(counts, &bytes).pieces(wanted))
    }

    fn slot(&self, number: u64) -> Option<&OnceLock<(Entry, FlowHashes)>> {
        self.kept.get(usize::try_from(number).ok()?)
    }

    fn read(&self, number: u64) -> io::Result<(Entry, [u32; PIECES])> {
        let mut head = [0; HEAD];
        self.file.read_exact_at(&mut head, number.saturating_mul(STRIDE))?;
        Ok(from_bytes(head))
    }

    fn write(&self, number: u64, entry: Entry, flows: &FlowHashes) -> io::Result<()> {
        let bytes = [&to_bytes(entry, flows.counts())[..], &flows.bytes()].concat();
        if bytes.len() as u64 > STRIDE {
            return Err(io::Error::other("a Block has more flows than there is room for"));
        }
        self.file.write_all_at(&bytes, number.saturating_mul(STRIDE))
    }
}

fn to_bytes(entry: Entry, counts: [u32; PIECES]) -> [u8; HEAD] {
    let Entry { part: Part { input, start, ends, is_sought, describes }, frames } = entry;
    let mut bytes = [0; HEAD];
    let (numbers, _) = bytes.as_chunks_mut();
    let flags = u32::from(is_sought) | u32::from(describes) << 1;
    let told = [input, flags, start as u32, (start >> 32) as u32].into_iter().chain(ends).chain(frames).chain(counts);
    numbers.iter_mut().zip(told).for_each(|(bytes, number)| *bytes = number.to_le_bytes());
    bytes
}

fn from_bytes(bytes: [u8; HEAD]) -> (Entry, [u32; PIECES]) {
    let (numbers, _) = bytes.as_chunks();
    let mut numbers = numbers.iter().map(|bytes| u32::from_le_bytes(*bytes));
    let mut next = || numbers.next().unwrap_or_default();
    let (input, flags) = (next(), next());
    let start = u64::from(next()) | u64::from(next()) << 32;
    let [ends, frames, counts] = [(); 3].map(|()| [(); PIECES].map(|()| next()));
    (Entry { part: Part { input, start, ends, is_sought: flags & 1 == 1, describes: flags & 2 == 2 }, frames }, counts)
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
        let index = Index::new(&std::env::temp_dir()).unwrap();
        let key = |last: u8| FlowHash::of_hosts([10, 0, 0, last].into(), [10, 0, 1, last].into());
        let keys = |number: u64| {
            let mut keys = FlowHashes::default();
            keys.add(key(number as u8));
            keys.bytes()
        };
        let part = |number: u64| Part {
            input: 7,
            start: 1 << 40 | number,
            ends: [10, 20, 20, 30, 30, 30, 30, 30],
            is_sought: number == 0,
            describes: number == 1,
        };
        let frame = |offset| Frame { time: Timestamp::MIN, offset, captured: 1, original: 1, link: LinkType::RAW };
        let last = MOST_KEPT as u64;
        for number in [1, last, 0, last - 1] {
            let mut block = Block::new(Arc::new(Origin::default()), Arc::default());
            (block.number, block.part) = (number, part(number));
            block.frames.extend([0, 9, 10, 29].map(frame));
            index.add(&block, &FlowHashes::stored([1; PIECES], &keys(number)));
        }
        assert_eq!(index.blocks().unwrap(), last + 1);
        for number in [0, 1, last - 1, last] {
            let entry = index.entry(number).unwrap();
            assert_eq!(entry, Entry { part: part(number), frames: [2, 1, 0, 1, 0, 0, 0, 0] });
            let pieces = |last: u8| index.pieces(number, &SelectedFlows::new([key(last)])).unwrap();
            assert_eq!((pieces(number as u8), pieces(2)), (1, 0));
        }
        assert!(index.entry(last + 1).is_err() && index.pieces(last + 1, &SelectedFlows::default()).is_err());
    }
}
