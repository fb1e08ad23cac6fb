//! The status and the counters of an interface during a capture.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::capture::heartbeat::Heartbeat;
use crate::units::ByteCount;

/// The counters of one interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InterfaceCounts {
    /// Frames captured.
    pub packets: u64,
    /// Captured bytes of those frames.
    pub bytes: ByteCount,
    /// Frames of which fewer bytes were captured than were on the wire.
    pub cut: u64,
    /// Packets that the kernel dropped because its buffer was full.
    pub kernel_dropped: u64,
    /// Packets that the kernel filter left out.
    pub kernel_filtered: u64,
    /// Packets that the interface or its driver dropped.
    pub interface_dropped: u64,
    /// The number of times that it vanished, went down or lost its carrier.
    pub lost: u64,
}

/// The status of an interface during a capture. It may be read from any thread.
#[derive(Debug)]
pub struct InterfaceStatus {
    pub(super) name: String,
    pub(super) heartbeat: Arc<Heartbeat>,
    pub(super) is_up: AtomicBool,
    pub(super) packets: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) cut: AtomicU64,
    pub(super) kernel_dropped: AtomicU64,
    pub(super) kernel_filtered: AtomicU64,
    pub(super) interface_dropped: AtomicU64,
    pub(super) lost: AtomicU64,
}

impl InterfaceStatus {
    pub(super) fn new(name: &str) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            heartbeat: Heartbeat::new(),
            is_up: AtomicBool::new(true),
            packets: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            cut: AtomicU64::new(0),
            kernel_dropped: AtomicU64::new(0),
            kernel_filtered: AtomicU64::new(0),
            interface_dropped: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        })
    }

    /// The name of the interface.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The heartbeat of its capture. It continues while the interface is lost.
    pub fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }

    /// Returns true if the interface is captured from: it exists, is up, and has a carrier.
    pub fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    /// The counters so far.
    pub fn counts(&self) -> InterfaceCounts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        InterfaceCounts {
            packets: of(&self.packets),
            bytes: ByteCount(of(&self.bytes)),
            cut: of(&self.cut),
            kernel_dropped: of(&self.kernel_dropped),
            kernel_filtered: of(&self.kernel_filtered),
            interface_dropped: of(&self.interface_dropped),
            lost: of(&self.lost),
        }
    }
}
