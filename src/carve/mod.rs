//! Evidence: carves the packets of the alerted conversations out of the captures into a pcapng
//! file.
//!
//! The alerted conversations are known only at the end of the replay, and some of their packets
//! come before the moment of detection. So the captures are read twice. The first pass is the
//! replay. It fills an [`index`](BlockIndex): the location of each Block, and the flows that its
//! pieces may hold. The second pass, here, rereads the pieces that may hold selected packets, and
//! writes the packets of the alerted conversations in the order of reading. A compressed file is
//! decompressed again from its start.

mod carver;
mod error;
mod index;
mod pcapng_writer;
mod plan;
mod selection;

pub use carver::{CarveCounts, EvidenceCarver};
pub use error::CarveError;
pub use index::BlockIndex;
