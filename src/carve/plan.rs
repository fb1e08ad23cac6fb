//! Plans which Blocks of an input to reread.

use std::io;

use crate::capture::{BlockLocation, PIECES_PER_BLOCK};
use crate::carve::index::BlockIndex;
use crate::scan::SelectedFlows;

/// The Blocks of one input to reread. The Blocks of an input have consecutive numbers.
pub(super) struct RereadPlan {
    /// The number of the input.
    pub(super) input: u32,
    /// The number of its first Block.
    first: u64,
    /// The number after its last Block.
    pub(super) end: u64,
    /// Blocks and pieces of the input may be skipped.
    is_seekable: bool,
    /// The Blocks to reread, up to the last one with selected flows.
    pub(super) blocks: Vec<PlannedBlock>,
}

/// A Block to reread.
#[derive(Clone, Copy)]
pub(super) struct PlannedBlock {
    pub(super) number: u64,
    /// A bit for each piece with selected flows, the lowest bit for the first piece.
    pub(super) pieces: u8,
}

impl RereadPlan {
    /// Plans the input whose Blocks begin at number `first`. `blocks` is the number of all Blocks.
    pub(super) fn new(first: u64, blocks: u64, index: &BlockIndex, selected: &SelectedFlows) -> io::Result<Self> {
        let input = index.entry(first)?.location.input;
        let mut plan = Self { input, first, end: first, is_seekable: true, blocks: Vec::new() };
        while plan.end < blocks {
            let location = index.entry(plan.end)?.location;
            if location.input != input {
                break;
            }
            let block = PlannedBlock { number: plan.end, pieces: index.pieces(plan.end, selected)? };
            if block.pieces != 0 || plan.must_read_whole(block.number, &location) {
                plan.blocks.push(block);
            }
            plan.is_seekable &= location.is_seekable;
            plan.end += 1;
        }
        let last = plan.blocks.iter().rposition(|block| block.pieces != 0);
        plan.blocks.truncate(last.map_or(0, |last| last + 1));
        if let Some(PlannedBlock { number: last, .. }) = plan.blocks.last().copied().filter(|_| !plan.is_seekable) {
            let mut selected = plan.blocks.into_iter().peekable();
            let all = (first..=last).map(|number| {
                selected.next_if(|block| block.number == number).unwrap_or(PlannedBlock { number, pieces: 0 })
            });
            plan.blocks = all.collect();
        }
        Ok(plan)
    }

    /// The reads for a Block: one for each piece to reread, or a single `None` for the whole Block.
    pub(super) fn reads(&self, block: &PlannedBlock, location: &BlockLocation) -> impl Iterator<Item = Option<usize>> {
        let pieces = block.pieces;
        let is_whole = !self.is_seekable || self.must_read_whole(block.number, location);
        let single = (0..PIECES_PER_BLOCK).filter(move |piece| !is_whole && pieces >> piece & 1 == 1);
        is_whole.then_some(None).into_iter().chain(single.map(Some))
    }

    /// Returns true if later Blocks of a seekable input cannot be parsed without this one.
    fn must_read_whole(&self, number: u64, location: &BlockLocation) -> bool {
        number == self.first || location.has_descriptions
    }
}
