//! Live interfaces as sources of Blocks.
//!
//! Each interface is a source of its own, with worker threads of its own. A worker copies the
//! packets from the kernel's ring into a Block, and then takes this Block through all stages
//! itself. There is no queue between capture and scan, because the ring already is one: when all
//! threads are busy it absorbs the burst, and the kernel counts what it then drops. So nothing is
//! lost between the ring and the output. A design with capture threads that handed Blocks to
//! scanner threads took a tenth to a half more processor time for the same packets: for wake-ups,
//! and for moving each Block between cores.
//!
//! Without traffic a source yields empty Blocks that carry the current time, so that time windows
//! close. Now and then a Block carries a [heartbeat](super::Heartbeat).
//!
//! [`OpenInterfaces::open`] opens the interfaces as a step of its own, since it needs privileges
//! that the rest does not. To reopen an interface that vanished, a source needs the privilege to
//! capture again.

mod error;
mod event;
mod handle;
mod interface;
mod link;
mod opened;
mod settings;
mod source;
mod status;
#[cfg(test)]
mod tests;

pub use error::LiveError;
pub use event::{InterfaceChange, InterfaceEvent};
pub use opened::OpenInterfaces;
pub use settings::{Direction, LiveSettings, MAX_SNAP_LENGTH};
pub use source::LiveSource;
pub use status::{InterfaceCounts, InterfaceStatus};
