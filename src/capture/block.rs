//! The Block: the unit of work of the pipeline.
//!
//! A Block is one reused buffer that holds captured bytes as they were in the file, including the
//! record headers, so that reading is the only copy. A list says where each frame is in the buffer.
//! Blocks are numbered without gaps over all sources of a run. The tracker processes them in this
//! order, no matter which scanner finishes first.

use std::sync::Arc;

use crate::capture::heartbeat::HeartbeatSignal;
use crate::capture::journal::Checkpoint;
use crate::capture::link_type::LinkType;
use crate::capture::packet_number::{PacketNumber, PacketRange};
use crate::indicator::IndicatorSet;
use crate::units::Timestamp;

/// The largest number of captured bytes in a Block: room for one record of the largest size that
/// any writer is known to use, 1 MiB, and what is around it. A file fills less of it at a time,
/// unless a record is that large.
pub const BLOCK_CAPACITY: usize = 2 << 20;

/// The number of pieces of a Block. Each piece of a Block of a file can be reread alone. As many as
/// the bits of a byte, so that a byte can select pieces.
pub const PIECES_PER_BLOCK: usize = 8;

/// One frame of a Block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The capture time.
    pub time: Timestamp,
    /// The position of its first byte in [`Block::bytes`].
    pub offset: u32,
    /// The number of captured bytes.
    pub captured: u32,
    /// The number of bytes on the wire.
    pub original: u32,
    /// The type of its first header. The interfaces of one pcapng file may have different link
    /// types, so each frame has its own.
    pub link: LinkType,
}

/// The name of a file or an interface that frames come from, as it appears in alerts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The file name without its folder, `-` for standard input, or the interface name.
    pub name: String,
}

/// The location of a Block's bytes in the inputs, as needed to reread it. Only file sources set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlockLocation {
    /// The position of the input in the list of inputs.
    pub input: u32,
    /// The offset of the Block's first byte in the capture, counted after decompression.
    pub start: u64,
    /// The ends of its pieces as positions in [`Block::bytes`]. Each piece ends after a complete
    /// record. An empty piece ends where the piece before it does.
    pub ends: [u32; PIECES_PER_BLOCK],
    /// True if this Block allows seeking in its input: the input is not compressed, no record of
    /// the Block is damaged or skipped, and each packet has a time of its own. A reader may seek in
    /// an input only if all its Blocks allow it.
    pub is_seekable: bool,
    /// True if the Block describes interfaces, so that later Blocks cannot be parsed without it.
    pub has_descriptions: bool,
}

impl BlockLocation {
    /// The number of the piece that holds a frame of the Block. A frame beyond the last piece
    /// counts as part of the last piece.
    pub fn piece(&self, frame: &Frame) -> usize {
        self.ends.iter().take_while(|end| frame.offset >= **end).count().min(PIECES_PER_BLOCK - 1)
    }
}

/// Frames from one origin, in the order of capture.
#[derive(Debug)]
pub struct Block {
    /// The Block's number in the run: 0, 1, 2, … without gaps.
    pub number: u64,
    /// The origin of its frames.
    pub origin: Arc<Origin>,
    /// The location of its bytes in the inputs.
    pub location: BlockLocation,
    /// The indicators in force when it was captured.
    pub indicators: Arc<IndicatorSet>,
    /// Captured bytes, including those of the frames.
    pub bytes: Vec<u8>,
    /// The frames, in order.
    pub frames: Vec<Frame>,
    /// The number of the first packet in this Block, before filtering. `None` if packets are not
    /// numbered, as on an interface.
    pub first_packet: Option<PacketNumber>,
    /// If frames were filtered out: for each remaining frame, its distance from the first packet.
    /// Empty if none was filtered out.
    pub packet_offsets: Vec<u32>,
    /// The time up to which all captured packets were handed on, if nothing more was captured. So
    /// time passes on a quiet link too. Only live sources set it.
    pub idle_until: Option<Timestamp>,
    /// A heartbeat of the capture, to be acknowledged by the output. Only live sources set it.
    pub beat: Option<HeartbeatSignal>,
    /// Marks the end of captures, to be acknowledged by the output when all their alerts are
    /// written. Only set when a folder is followed.
    pub checkpoint: Option<Checkpoint>,
}

impl Block {
    /// An empty Block.
    pub fn new(origin: Arc<Origin>, indicators: Arc<IndicatorSet>) -> Self {
        Self {
            number: 0,
            origin,
            location: BlockLocation::default(),
            indicators,
            bytes: Vec::new(),
            frames: Vec::new(),
            first_packet: None,
            packet_offsets: Vec::new(),
            idle_until: None,
            beat: None,
            checkpoint: None,
        }
    }

    /// The packet number of the frame with this index.
    pub fn packet(&self, frame: u32) -> Option<PacketRange> {
        let PacketNumber { input, number } = self.first_packet?;
        let distance =
            if self.packet_offsets.is_empty() { frame } else { self.packet_offsets.get(frame as usize).copied()? };
        let number = PacketNumber { input, number: number.saturating_add(distance.into()) };
        Some(PacketRange { first: number, last: number })
    }

    /// Removes the frames for which `keep` returns false, and returns how many. `keep` gets the
    /// frame and its captured bytes.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Frame, &[u8]) -> bool) -> u64 {
        let Self { bytes, frames, packet_offsets, .. } = self;
        let before = frames.len();
        let is_first_removal = packet_offsets.is_empty();
        let (mut index, mut kept) = (0u32, 0);
        frames.retain(|frame| {
            let start = frame.offset as usize;
            let captured = bytes.get(start..start.saturating_add(frame.captured as usize)).unwrap_or_default();
            let is_kept = keep(frame, captured);
            if is_kept {
                let distance =
                    if is_first_removal { index } else { packet_offsets.get(index as usize).copied().unwrap_or(index) };
                match packet_offsets.get_mut(kept) {
                    Some(slot) => *slot = distance,
                    None => packet_offsets.push(distance),
                }
                kept += 1;
            }
            index += 1;
            is_kept
        });
        packet_offsets.truncate(kept);
        if is_first_removal && frames.len() == before {
            packet_offsets.clear();
        }
        (before - frames.len()) as u64
    }

    /// The captured bytes of a frame of this Block. Empty if the frame is not inside it.
    #[inline]
    pub fn captured(&self, frame: &Frame) -> &[u8] {
        let start = frame.offset as usize;
        self.bytes.get(start..start.saturating_add(frame.captured as usize)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_numbered_as_in_their_input_whatever_the_filter_dropped() {
        let mut block = Block::new(Arc::default(), Arc::default());
        assert_eq!(block.packet(0), None);
        let number = |number| PacketNumber { input: 2, number };
        block.first_packet = Some(number(100));
        let one = |at| Some(PacketRange { first: number(at), last: number(at) });
        assert_eq!((block.packet(0), block.packet(7)), (one(100), one(107)));
        block.packet_offsets = vec![3, 9];
        assert_eq!((block.packet(0), block.packet(1), block.packet(2)), (one(103), one(109), None));
    }

    #[test]
    fn what_is_left_out_in_turn_leaves_the_numbers_of_the_rest() {
        let mut block = Block::new(Arc::default(), Arc::default());
        let link = LinkType::ETHERNET;
        let frame = |offset| Frame { time: Timestamp::default(), offset, captured: 1, original: 1, link };
        let left = |block: &Block| block.frames.iter().map(|frame| frame.offset).collect::<Vec<_>>();
        block.bytes = (0..10).collect();
        block.frames = (0..10).map(frame).collect();
        assert_eq!((block.retain(|_, _| true), block.packet_offsets.len()), (0, 0));
        assert_eq!(block.retain(|_, captured| captured[0] % 2 == 1), 5);
        assert_eq!((left(&block), block.packet_offsets.as_slice()), (vec![1, 3, 5, 7, 9], [1, 3, 5, 7, 9].as_slice()));
        assert_eq!(block.retain(|_, _| true), 0);
        assert_eq!(block.retain(|frame, _| frame.offset > 4), 2);
        assert_eq!((left(&block), block.packet_offsets.as_slice()), (vec![5, 7, 9], [5, 7, 9].as_slice()));
        assert_eq!(block.retain(|_, _| false), 3);
        assert!(block.packet_offsets.is_empty());
    }
}
