//! The file formats: pcap and pcapng, and the detection of both by their first bytes.
//!
//! A parser reads nothing itself. It goes once over the record headers in a buffer and notes where
//! the frames are. So a format can be tested on plain bytes, and one parser serves files, pipes and
//! decompressors alike. After damage a parser searches for the next plausible record (`resync`).
//!
//! A new format is a new file here, a variant in `parser` and a magic number in `magic`.

mod buffer;
mod byte_order;
mod damage;
mod magic;
mod parser;
mod pcap;
mod pcapng;
mod resync;

pub use damage::Damage;

pub(super) use buffer::{FrameSink, ParseBuffer, ParseProgress};
pub(super) use magic::{FileFormat, MAGIC_LENGTH};
pub(super) use parser::Parser;
pub(super) use resync::DamagedRecord;
