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

pub use block::{BLOCK_CAPACITY, Block, BlockLocation, Frame, Origin, PIECES_PER_BLOCK};
pub use counts::CaptureCounts;
pub use error::{CaptureError, CaptureOffset};
pub use file::{BlockRereader, FileSource};
pub use filter::{Filter, FilterError};
pub use follow::FolderSource;
pub use format::Damage;
pub use heartbeat::{Heartbeat, HeartbeatSignal};
pub use inputs::{Input, Inputs, PassedOver};
pub use interfaces::{Interface, InterfacesError, interfaces};
pub use journal::{Checkpoint, Journal, STATE_REWRITTEN, TrackerSnapshot, default_state_name};
pub use link_type::LinkType;
pub use live::{
    Direction, InterfaceChange, InterfaceCounts, InterfaceEvent, InterfaceStatus, LiveError, LiveSettings, LiveSource,
    MAX_SNAP_LENGTH, OpenInterfaces,
};
pub use packet_number::{PacketNumber, PacketRange};
pub use source::{FillStatus, Source};
pub use stop::StopSignal;
pub use time_window::TimeWindow;
