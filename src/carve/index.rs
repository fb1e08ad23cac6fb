//! What a replay keeps of each Block, so that few have to be read again: where it lies, and which flows it may hold.
//!
//! It goes into a file without a name, 24 KiB for each Block of 2 MiB: so it takes no memory, and no place on the disk once the process
//! has ended, however it ends.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::capture::{Block, Part};
use crate::scan::FlowBits;

/// Bytes before the flows: input, what is to be known of it, offset, number of frames.
const HEAD: usize = 24;

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
    /// How many frames it holds that pass the filter.
    pub(super) frames: u64,
}

impl Index {
    /// An empty one, in a folder that has room for it.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self { file: tempfile::tempfile_in(folder)?, blocks: AtomicU64::new(0), failed: Mutex::default() })
    }

    /// Adds a Block. That it cannot be kept is told when it is read.
    pub fn add(&self, block: &Block, flows: &FlowBits) {
        let Part { input, start, is_sought, describes } = block.part;
        let flags = u32::from(is_sought) | u32::from(describes) << 1;
        let mut head = [0; HEAD];
        head[..4].copy_from_slice(&input.to_le_bytes());
        head[4..8].copy_from_slice(&flags.to_le_bytes());
        head[8..16].copy_from_slice(&start.to_le_bytes());
        head[16..].copy_from_slice(&(block.frames.len() as u64).to_le_bytes());
        let place = block.number.saturating_mul(RECORD);
        let written = self.file.write_all_at(&head, place);
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

    /// Reads what is known of a Block.
    pub(super) fn read(&self, number: u64, flows: &mut FlowBits) -> io::Result<Entry> {
        let mut head = [0; HEAD];
        let place = number.saturating_mul(RECORD);
        self.file.read_exact_at(&mut head, place)?;
        self.file.read_exact_at(flows.bytes_mut(), place + HEAD as u64)?;
        let [i0, i1, i2, i3, flags, _, _, _, s0, s1, s2, s3, s4, s5, s6, s7, f0, f1, f2, f3, f4, f5, f6, f7] = head;
        let part = Part {
            input: u32::from_le_bytes([i0, i1, i2, i3]),
            start: u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
            is_sought: flags & 1 == 1,
            describes: flags & 2 == 2,
        };
        Ok(Entry { part, frames: u64::from_le_bytes([f0, f1, f2, f3, f4, f5, f6, f7]) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::capture::Origin;
    use crate::scan::FlowKey;

    #[test]
    fn blocks_come_back_in_their_order_whichever_was_added_first() {
        let index = Index::new(&std::env::temp_dir()).unwrap();
        let key = |last: u8| FlowKey::of_hosts([10, 0, 0, last].into(), [10, 0, 1, last].into());
        for number in [1, 0] {
            let mut block = Block::new(Arc::new(Origin::default()), Arc::default());
            block.number = number;
            block.part = Part { input: 7, start: 1 << 40 | number, is_sought: number == 0, describes: number == 1 };
            let mut flows = FlowBits::new();
            flows.add(key(number as u8));
            index.add(&block, &flows);
        }
        let mut flows = FlowBits::new();
        assert_eq!(index.blocks().unwrap(), 2);
        for number in 0..2 {
            let entry = index.read(number, &mut flows).unwrap();
            let part = Part { input: 7, start: 1 << 40 | number, is_sought: number == 0, describes: number == 1 };
            assert_eq!(entry, Entry { part, frames: 0 });
            assert!(flows.may_hold(key(number as u8)) && !flows.may_hold(key(1 - number as u8)));
        }
        assert!(index.read(2, &mut flows).is_err());
    }
}
