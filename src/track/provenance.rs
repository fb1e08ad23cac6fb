//! Provenance: where a finding was captured, and which indicators it was matched with.

use std::sync::Arc;

use crate::capture::{Block, Origin};
use crate::decode::TcpHeader;
use crate::indicator::IndicatorSet;
use crate::scan::Finding;

/// A packet's place in the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PacketPlace {
    /// The number of its Block.
    pub(super) block: u64,
    /// The index of its frame in the Block.
    pub(super) frame: u32,
}

impl PacketPlace {
    pub(super) fn of(block: &Block, frame: u32) -> Self {
        Self { block: block.number, frame }
    }
}

/// Where a finding was captured. For a reassembled head: where the head begins.
#[derive(Debug, Clone)]
pub(super) struct Provenance {
    pub(super) origin: Arc<Origin>,
    /// The indicators that the finding's indicator belongs to.
    pub(super) indicators: Arc<IndicatorSet>,
    pub(super) packet: PacketPlace,
    /// The sequence number at which the head ends, over TCP. A retransmission has the same one.
    pub(super) head_end: Option<u32>,
}

impl Provenance {
    /// The provenance of a finding in one packet of a Block.
    pub(super) fn of_packet(block: &Block, finding: &Finding) -> Self {
        Self {
            origin: block.origin.clone(),
            indicators: block.indicators.clone(),
            packet: PacketPlace::of(block, finding.frame),
            head_end: finding.tcp.map(|tcp| payload_sequence(tcp).wrapping_add(finding.head_end)),
        }
    }
}

/// A finding with its provenance.
#[derive(Clone, Copy)]
pub(super) struct Observed<'a> {
    pub(super) finding: &'a Finding,
    pub(super) provenance: &'a Provenance,
}

/// The sequence number of a segment's first byte of payload. A SYN takes a number of its own (RFC
/// 9293 section 3.4), also if it carries data (RFC 7413).
pub(super) fn payload_sequence(tcp: TcpHeader) -> u32 {
    tcp.sequence.wrapping_add(u32::from(tcp.is_syn() || tcp.is_syn_ack()))
}
