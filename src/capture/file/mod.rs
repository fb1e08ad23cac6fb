//! Capture files as a source of Blocks.
//!
//! [`open`] detects the format of an input and starts its decompressor. [`reader`] reads the bytes
//! straight into a Block, where the parser finds the frames: one copy, and none after it. A record
//! that is incomplete at the end of the buffer is carried over to the front of the next Block.
//! [`source`] reads one input after the other. [`reread`] reads single Blocks a second time.

mod damage_log;
mod decompress;
mod open;
mod progress;
mod reader;
mod reread;
mod source;
#[cfg(test)]
mod tests;

pub(super) use open::{open_beginning, open_input};
pub(super) use reader::CaptureReader;
pub(super) use source::OPENED_AHEAD;

pub use reread::BlockRereader;
pub use source::FileSource;
