//! The latest TCP segments, for heads that begin after a part of them has come.

use std::collections::VecDeque;

use arrayvec::ArrayVec;

use super::provenance::payload_sequence;
use crate::capture::{Block, PacketRange};
use crate::decode::{Decoded, Packet, decode};
use crate::flow::Flow;

/// The number of segments before a head that are searched for parts of it that came too early.
/// Segments are reordered by a few places, even if packets of a busy link lie between them.
pub(super) const LOOKBACK: usize = 64;

/// A TCP segment of a Block.
pub(super) struct TcpSegment<'a> {
    pub(super) packet: Packet<'a>,
    /// The sequence number of its first byte of payload.
    pub(super) sequence: u32,
}

impl<'a> TcpSegment<'a> {
    /// The segment in a frame: `None` without a payload, and for a fragment.
    pub(super) fn of(block: &'a Block, frame: u32) -> Option<Self> {
        let frame = block.frames.get(frame as usize)?;
        let Decoded { packet, fragment, .. } = decode(frame.link, block.captured(frame), frame.original).ok()?;
        let tcp = packet.tcp.filter(|_| fragment.is_none() && !packet.payload.is_empty())?;
        Some(Self { packet, sequence: payload_sequence(tcp) })
    }
}

/// A remembered segment.
pub(super) struct RecentSegment {
    pub(super) tag: u32,
    pub(super) flow: Flow,
    pub(super) sequence: u32,
    /// The IP bytes of its packet.
    pub(super) length: u32,
    pub(super) packets: Option<PacketRange>,
    /// All of it, however long: where a head begins in it is not known yet.
    pub(super) payload: Vec<u8>,
}

/// The latest TCP segments with a payload of earlier Blocks, and of the first frames of this one.
#[derive(Default)]
pub(super) struct RecentSegments {
    list: VecDeque<RecentSegment>,
    /// The number of frames of this Block whose segments are among them.
    frames: u32,
}

impl RecentSegments {
    /// The number of frames of this Block whose segments are remembered.
    pub(super) fn frames(&self) -> u32 {
        self.frames
    }

    /// The last `count` segments, in order.
    pub(super) fn latest(&self, count: usize) -> impl Iterator<Item = &RecentSegment> {
        self.list.iter().skip(self.list.len().saturating_sub(count))
    }

    /// Remembers the last segments of a Block's frames before this one.
    pub(super) fn remember(&mut self, block: &Block, before: u32) {
        let frames = (self.frames..before).rev();
        self.frames = self.frames.max(before);
        let last: ArrayVec<_, LOOKBACK> =
            frames.filter_map(|frame| Some((frame, TcpSegment::of(block, frame)?))).take(LOOKBACK).collect();
        for (frame, TcpSegment { packet, sequence }) in last.into_iter().rev() {
            // The memory of the oldest one is reused.
            let oldest = if self.list.len() >= LOOKBACK { self.list.pop_front() } else { None };
            let mut payload = oldest.map(|oldest| oldest.payload).unwrap_or_default();
            payload.clear();
            payload.extend_from_slice(packet.payload);
            let (tag, flow, length) = (packet.flow_hash(), packet.flow(), packet.length);
            self.list.push_back(RecentSegment { tag, flow, sequence, length, packets: block.packet(frame), payload });
        }
    }

    /// Remembers the last segments of a Block, after all of its events.
    pub(super) fn end_block(&mut self, block: &Block) {
        self.remember(block, block.frames.len() as u32);
        self.frames = 0;
    }
}
