//! Live interfaces as sources of Blocks.
//!
//! Each interface is a source of its own, and has a thread of its own that copies packets from the
//! kernel's ring into Blocks and does nothing else. What happens to a Block after that delays
//! reading only once all Blocks wait; then the ring takes the rest of a burst, and the kernel
//! counts what it drops.
//!
//! Without traffic a source yields empty Blocks that carry the current time, so that time windows
//! close. Now and then a Block carries a [heartbeat](super::Heartbeat).
//!
//! [`OpenInterfaces::open`] opens the interfaces as a step of its own, since it needs privileges
//! that the rest does not. To reopen an interface that vanished, a source needs the privilege to
//! capture again.

mod bpf;
mod error;
mod event;
mod handle;
mod interface;
mod left_out;
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
