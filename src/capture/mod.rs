//! Sources of Blocks: capture files, followed folders and live interfaces.
//!
//! The path of a file, from top to bottom: [`inputs`](Inputs) lists the files. `file` opens each
//! one and reads it straight into a Block. `format` detects the format by the first bytes and finds
//! the frames in the Block. [`filter`](Filter) removes the frames that the user does not want.
//! `follow` adds the files of a folder in which captures appear, and its `journal` remembers which
//! were read.
//!
//! The path of an interface: [`live`](LiveSettings) fills Blocks from the kernel's ring. The kernel
//! filters.
//!
//! Every source implements [`Source`].

mod block;
mod counts;
mod error;
mod file;
mod filter;
mod follow;
mod format;
mod heartbeat;
mod identity;
mod inputs;
mod interfaces;
mod journal;
mod libpcap;
mod link_type;
mod live;
mod packet_number;
mod source;
mod stop;
#[cfg(test)]
mod testing;
mod time_window;

pub use block::{BLOCK_CAPACITY, Block, Frame, Origin, PIECES, Part};
pub use counts::CaptureCounts;
pub use error::{CaptureError, CaptureOffset};
pub use file::{BlockRereader, Files};
pub use filter::{Filter, FilterError};
pub use follow::Follow;
pub use format::Damage;
pub use heartbeat::{Beat, Heartbeat};
pub use inputs::{Input, Inputs};
pub use interfaces::{Interface, InterfacesError, interfaces};
pub use journal::{Held, Journal, Mark, STATE_REWRITTEN, state_name};
pub use link_type::LinkType;
pub use live::{
    Change, Direction, InterfaceCounts, InterfaceEvent, LONGEST_SNAP, LiveError, LiveSettings, LiveSource, Opened,
    Watched,
};
pub use packet_number::{PacketNumber, Packets};
pub use source::{Fill, Source};
pub use stop::Stop;
pub use time_window::TimeWindow;
