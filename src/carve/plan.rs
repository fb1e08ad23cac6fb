//! What is to be read again of one input.

use std::io;

use super::index::Index;
use super::selection::Wanted;
use crate::capture::{PIECES, Part};

/// What is to be read of one input, whose Blocks come one after the other.
pub(super) struct Plan {
    /// The input's number.
    pub(super) input: u32,
    first: u64,
    /// The number of the Block after its last.
    pub(super) end: u64,
    /// Blocks and pieces may be passed over.
    is_sought: bool,
    /// The Blocks that are to be read up to the last that is wanted, each with a bit for each piece that is.
    pub(super) blocks: Vec<(u64, u8)>,
}

impl Plan {
    /// For the input whose Blocks begin at `first`; there are `blocks` in all.
    pub(super) fn new(first: u64, blocks: u64, index: &Index, wanted: &Wanted) -> io::Result<Self> {
        let input = index.entry(first)?.part.input;
        let mut plan = Self { input, first, end: first, is_sought: true, blocks: Vec::new() };
        while plan.end < blocks {
            let part = index.entry(plan.end)?.part;
            if part.input != input {
                break;
            }
            let pieces = index.pieces(plan.end, wanted.flows())?;
            if pieces != 0 || plan.is_read_whole(plan.end, &part) {
                plan.blocks.push((plan.end, pieces));
            }
            plan.is_sought &= part.is_seekable;
            plan.end += 1;
        }
        let last = plan.blocks.iter().rposition(|(_, pieces)| *pieces != 0);
        plan.blocks.truncate(last.map_or(0, |last| last + 1));
        if let Some(&(last, _)) = plan.blocks.last().filter(|_| !plan.is_sought) {
            let mut known = plan.blocks.into_iter().peekable();
            let all = (first..=last).map(|number| known.next_if(|known| known.0 == number).unwrap_or((number, 0)));
            plan.blocks = all.collect();
        }
        Ok(plan)
    }

    /// The pieces of a Block that are to be read, each by itself; `None` stands for all of them at once.
    pub(super) fn readings(&self, number: u64, part: &Part, pieces: u8) -> impl Iterator<Item = Option<usize>> {
        let is_whole = !self.is_sought || self.is_read_whole(number, part);
        let single = (0..PIECES).filter(move |piece| !is_whole && pieces >> piece & 1 == 1);
        is_whole.then_some(None).into_iter().chain(single.map(Some))
    }

    /// Whether a Block tells how others are to be read.
    fn is_read_whole(&self, number: u64, part: &Part) -> bool {
        number == self.first || part.has_descriptions
    }
}
