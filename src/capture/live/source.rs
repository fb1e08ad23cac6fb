//! One live interface as a source.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::capture::block::{Block, Origin};
use crate::capture::counts::CaptureCounts;
use crate::capture::error::CaptureError;
use crate::capture::live::handle::RING_BLOCK_TIMEOUT;
use crate::capture::live::interface::InterfaceCapture;
use crate::capture::source::{FillStatus, Source};
use crate::capture::stop::StopSignal;
use crate::indicator::{IndicatorSet, LearnedAddresses};
use crate::privileges::CaptureOpener;
use crate::units::Timestamp;

/// The time that the source waits on a quiet interface before it yields an empty Block. A stop may
/// take that long to be noticed. Four empty Blocks a second cost a thousandth of a core.
const IDLE_INTERVAL: Duration = Duration::from_millis(250);

/// The delay of the time in an empty Block behind the clock. This is longer than the kernel holds
/// packets back, so that no empty Block overtakes the packets of another interface.
const IDLE_DELAY: Duration = Duration::from_secs(1);

/// The interval of heartbeats.
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(250);

/// The longest time for which the ring is read after a stop, in case packets from before the stop
/// never end.
const MAX_DRAIN: Duration = Duration::from_secs(10);

/// The time to wait, after a stop, for packets that the kernel still holds back.
const DRAIN_TIMEOUT: Duration = RING_BLOCK_TIMEOUT.saturating_mul(2);

/// One live interface as a source.
pub struct LiveSource {
    interface: InterfaceCapture,
    origin: Arc<Origin>,
    stop: StopSignal,
    /// Set once the stop was noticed.
    drain: Option<Drain>,
    last_heartbeat: Option<Instant>,
    has_ended: bool,
}

/// The moment from which the ring is only drained.
#[derive(Clone, Copy)]
struct Drain {
    /// By the clock that also stamps packets.
    time: Timestamp,
    began: Instant,
}

impl LiveSource {
    /// A source that ends when `stop` tells it to and reopens the interface through `opener`.
    pub(super) fn new(mut interface: InterfaceCapture, stop: StopSignal, opener: CaptureOpener) -> Self {
        interface.reopen_through(opener);
        Self {
            origin: Arc::new(Origin { name: interface.status.name.clone() }),
            interface,
            stop,
            drain: None,
            last_heartbeat: None,
            has_ended: false,
        }
    }
}

impl Source for LiveSource {
    /// Yields the packets in the ring. Waits for packets for a while, then yields an empty Block.
    fn fill(&mut self, block: &mut Block, _: &mut dyn FnMut(CaptureError)) -> FillStatus {
        block.frames.clear();
        // Only packets of a file are numbered.
        block.first_packet = None;
        block.packet_offsets.clear();
        if self.has_ended {
            return FillStatus::End;
        }
        if self.drain.is_none() && self.stop.is_requested() {
            self.drain = Some(Drain { time: now(), began: Instant::now() });
        }
        // The packets that reached the kernel before the stop are in the ring, or will be as soon
        // as the kernel hands on the ones that it holds back.
        let wait = self.drain.map_or(IDLE_INTERVAL, |drain| DRAIN_TIMEOUT.saturating_sub(drain.began.elapsed()));
        self.interface.fill(block, wait);
        if let Some(drain) = self.drain {
            self.has_ended = match block.frames.last() {
                None => drain.began.elapsed() >= DRAIN_TIMEOUT,
                Some(frame) => frame.time > drain.time || drain.began.elapsed() >= MAX_DRAIN,
            };
            if self.has_ended {
                self.interface.close();
            }
        }
        block.origin.clone_from(&self.origin);
        block.idle_until = block.frames.is_empty().then(|| now() - IDLE_DELAY);
        block.beat = None;
        if self.last_heartbeat.is_none_or(|last| last.elapsed() >= HEARTBEAT_INTERVAL) {
            self.last_heartbeat = Some(Instant::now());
            block.beat = Some(self.interface.status.heartbeat.beat());
        }
        FillStatus::Filled
    }

    fn counts(&self) -> CaptureCounts {
        let counts = self.interface.status.counts();
        CaptureCounts {
            inputs: 1,
            packets: counts.packets,
            bytes: counts.bytes,
            cut: counts.cut,
            kernel_dropped: counts.kernel_dropped,
            kernel_filtered: counts.kernel_filtered,
            interface_dropped: counts.interface_dropped,
            interfaces_lost: counts.lost,
            ..CaptureCounts::default()
        }
    }

    fn look_for(&mut self, indicators: &Arc<IndicatorSet>, learned: &LearnedAddresses) {
        self.interface.look_for(indicators, learned);
    }

    fn interface(&self) -> Option<&str> {
        Some(self.interface.status.name())
    }

    fn may_block(&self) -> bool {
        true
    }
}

/// The time of the system's clock, which also stamps the packets.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_parts(since.as_secs().try_into().unwrap_or(i64::MAX), since.subsec_nanos())
}
