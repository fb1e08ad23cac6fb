//! Sources of Blocks: capture files today, live interfaces beside them.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

mod block;

pub use block::{BLOCK_CAPACITY, Block, Frame, LinkType, Origin};

/// Something that yields frames.
pub trait Source: Send {
    /// Puts the next frames into a Block and says what it did.
    ///
    /// Called again and again by the capture thread, each time with a Block whose `frames` are empty and whose `bytes`
    /// hold whatever the Block's last use left there. The source sets `origin`, `bytes` and `frames`; all frames of one
    /// call come from one origin. What goes wrong is handed to `report` as it is met, and does not end the source.
    fn fill(&mut self, block: &mut Block, report: &mut dyn FnMut(CaptureError)) -> Fill;
}

/// What [`Source::fill`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// The Block holds frames (none, where a filter dropped all of them).
    Filled,
    /// Nothing more will come; the Block holds no frame.
    End,
}

/// What can be wrong with an input: what, where, and what became of the rest.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// It cannot be opened or listed.
    #[error("{}: cannot open: {error}", path.display())]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// The system's word.
        error: io::Error,
    },
}
