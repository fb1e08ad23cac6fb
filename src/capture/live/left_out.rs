//! The packets that the kernel filter leaves out on one interface: by which addresses, and how
//! many.

use std::sync::{Arc, Weak};

use crate::capture::live::bpf::AddressRanges;
use crate::capture::live::settings::Direction;
use crate::indicator::{IndicatorSet, LearnedAddresses};

/// The packets that the kernel leaves out.
///
/// The kernel does not count them. So their number is the difference between the
/// packets that the interface counted and those that the kernel handed on or dropped. With receive
/// offload the interface counts packets that the kernel hands on as one.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    /// The indicators and the learned addresses of the present program.
    indicators: Weak<IndicatorSet>,
    generation: u64,
    /// The listed addresses, and those with the learned ones.
    listed: Option<AddressRanges>,
    addresses: Option<AddressRanges>,
    /// The kernel runs a program.
    pub(super) is_attached: bool,
    /// The packets that the kernel handed on or dropped since the start.
    pub(super) received: u64,
    /// The interface's own count and `received` when they were compared last.
    compared: Option<(u64, u64)>,
    /// Packets that were handed on before the interface counted them.
    ahead: u64,
}

impl LeftOut {
    /// Notes what is looked for. Returns true if it has changed.
    pub(super) fn look_for(&mut self, indicators: &Arc<IndicatorSet>, learned: &LearnedAddresses) -> bool {
        let is_known = self.indicators.as_ptr() == Arc::as_ptr(indicators) && self.listed.is_some();
        if is_known && self.generation == learned.generation() {
            return false;
        }
        if !is_known {
            self.indicators = Arc::downgrade(indicators);
            self.listed = Some(AddressRanges::new(indicators.networks()));
        }
        self.generation = learned.generation();
        self.addresses = self.listed.as_ref().map(|listed| listed.with(learned.iter()));
        true
    }

    /// The addresses to keep.
    pub(super) fn addresses(&self) -> Option<&AddressRanges> {
        self.addresses.as_ref()
    }

    /// The interface was opened anew: its counts are not comparable with those before.
    pub(super) fn restart(&mut self) {
        self.compared = None;
        self.ahead = 0;
    }

    /// The number of packets left out since the last call, from the packets that the interface has
    /// received and sent.
    pub(super) fn new_packets(&mut self, [received, sent]: [u64; 2], direction: Direction) -> u64 {
        let counted = match direction {
            Direction::In => received,
            Direction::Out => sent,
            Direction::Both => received.wrapping_add(sent),
        };
        let Some((counted_before, received_before)) = self.compared.replace((counted, self.received)) else {
            return 0;
        };
        if !self.is_attached {
            return 0;
        }
        let handed_on = self.received - received_before + self.ahead;
        let passed = counted.saturating_sub(counted_before);
        self.ahead = handed_on.saturating_sub(passed);
        passed.saturating_sub(handed_on)
    }
}
