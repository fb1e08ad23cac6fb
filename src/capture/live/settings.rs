//! The settings of a live capture.

use crate::units::ByteCount;

/// The most bytes of a frame that libpcap captures. No frame is longer.
pub const MAX_SNAP_LENGTH: u32 = 262_144;

/// The direction of the captured packets, as seen by the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Received packets.
    In,
    /// Sent packets.
    Out,
    /// All packets.
    #[default]
    Both,
}

/// The settings of a live capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSettings {
    /// The names of the interfaces.
    pub interfaces: Vec<String>,
    /// Also capture packets that are addressed to others.
    pub is_promiscuous: bool,
    /// The number of bytes that are captured of each frame, at most [`MAX_SNAP_LENGTH`].
    pub snap_length: u32,
    /// The size of the kernel's buffer for each interface, below 2 GiB.
    pub kernel_buffer: ByteCount,
    /// A filter expression in tcpdump's language. The kernel hands on only packets that match it.
    pub filter: Option<String>,
    /// The kernel leaves out packets that cannot matter. Not in addition to `filter`.
    pub leaves_out: bool,
    /// The direction of the captured packets.
    pub direction: Direction,
}
