//! The pcapng format: <https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/>.
//!
//! A file is a sequence of blocks: type, length, body, and the length again. A section header block
//! begins a section, which has its own byte order and interfaces. An interface has its own link
//! type, time resolution and time offset. Packets are in enhanced, simple and obsolete packet
//! blocks. All other blocks are skipped.

mod interface;
mod parser;
#[cfg(test)]
mod tests;

pub(in crate::capture::format) use parser::{PcapngParser, SECTION_HEADER};
