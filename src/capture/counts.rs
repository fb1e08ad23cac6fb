//! Counters of a source.

use crate::units::{ByteCount, Timestamp};

/// Counters of what a source read, and of what it could not deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CaptureCounts {
    /// Inputs that were opened and are captures.
    pub inputs: u64,
    /// Frames read, including those that the time window or the filter removed.
    pub packets: u64,
    /// Captured bytes of those frames.
    pub bytes: ByteCount,
    /// Frames that the filter removed.
    pub filtered: u64,
    /// Frames outside the time window.
    pub outside: u64,
    /// The lowest and the highest time of the frames read, including those that the time window or
    /// the filter removed. `None` if there is neither a time window nor a filter.
    pub read_span: Option<(Timestamp, Timestamp)>,
    /// Frames of which fewer bytes were captured than were on the wire.
    pub cut: u64,
    /// Damaged records of files, reported or not.
    pub damaged: u64,
    /// Records skipped because they are larger than a Block. No IP packet is.
    pub oversized: u64,
    /// Packets that the kernel dropped because the sensor's buffer was full.
    pub kernel_dropped: u64,
    /// Packets that the kernel filter left out: those that the interface counted and the kernel did
    /// not hand on.
    pub kernel_filtered: u64,
    /// Packets that interfaces or their drivers dropped before the kernel received them.
    pub interface_dropped: u64,
    /// The number of times that an interface vanished, went down or lost its carrier. What passed
    /// until it was back is unknown.
    pub interfaces_lost: u64,
}

impl CaptureCounts {
    /// Adds the counters of another source.
    pub fn add(&mut self, other: &Self) {
        self.inputs += other.inputs;
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.filtered += other.filtered;
        self.outside += other.outside;
        if let Some((first, last)) = other.read_span {
            self.extend_read_span(first, last);
        }
        self.cut += other.cut;
        self.damaged += other.damaged;
        self.oversized += other.oversized;
        self.kernel_dropped += other.kernel_dropped;
        self.kernel_filtered += other.kernel_filtered;
        self.interface_dropped += other.interface_dropped;
        self.interfaces_lost += other.interfaces_lost;
    }
    /// Extends the span of the frames read.
    pub(super) fn extend_read_span(&mut self, first: Timestamp, last: Timestamp) {
        let (known_first, known_last) = self.read_span.unwrap_or((first, last));
        self.read_span = Some((known_first.min(first), known_last.max(last)));
    }
}
