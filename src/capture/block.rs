//! The Block: the unit of work that travels through the pipeline.
//!
//! A Block is one reused buffer that holds captured bytes as they lay in the file (record headers included, so that
//! reading is the only copy) and a list that says where each frame lies in it. Blocks are numbered without a gap over all
//! sources of a run; that number is the order in which the tracker sees them, whichever scanner was done first.

use std::sync::Arc;

use super::heartbeat::Beat;
use super::journal::Mark;
use crate::indicator::IndicatorSet;
use crate::units::Timestamp;

/// How many captured bytes a Block holds at the most.
///
/// Measured on two cores: with half a megabyte workers wait for each other so often that a replay takes a fifth longer. Larger
/// Blocks were not tried: each worker holds one.
pub const BLOCK_CAPACITY: usize = 2 << 20;

/// How many pieces of a Block of a file can be read by themselves: as many as a byte has bits.
pub const PIECES: usize = 8;

/// The link-layer header type of a frame: a `LINKTYPE_` number of <https://www.tcpdump.org/linktypes.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: four bytes of address family in the byte order of the capturing host.
    pub const NULL: Self = Self(0);
    /// Ethernet, with or without VLAN tags.
    pub const ETHERNET: Self = Self(1);
    /// PPP, with or without the HDLC address and control bytes.
    pub const PPP: Self = Self(9);
    /// PPP in HDLC-like framing: address and control bytes always there (RFC 1662).
    pub const PPP_HDLC: Self = Self(50);
    /// PPPoE session packets, from the PPPoE header on.
    pub const PPP_ETHER: Self = Self(51);
    /// IPv4 or IPv6, told by the version nibble.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: four bytes of address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux "cooked" capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// IPv4.
    pub const IPV4: Self = Self(228);
    /// IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux "cooked" capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);

    /// All of which IP is found behind.
    pub const READ: [Self; 11] = [
        Self::NULL,
        Self::ETHERNET,
        Self::PPP,
        Self::PPP_HDLC,
        Self::PPP_ETHER,
        Self::RAW,
        Self::LOOP,
        Self::LINUX_SLL,
        Self::IPV4,
        Self::IPV6,
        Self::LINUX_SLL2,
    ];
}

/// Where one frame lies in its Block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// When it was captured.
    pub time: Timestamp,
    /// Where its first byte lies in [`Block::bytes`].
    pub offset: u32,
    /// How many bytes of it were captured.
    pub captured: u32,
    /// How many bytes it had on the wire.
    pub original: u32,
    /// What its first header is. A pcapng file may mix interfaces of several kinds, so each frame says its own.
    pub link: LinkType,
}

/// Where frames come from: a file's or an interface's name, as an alert gives it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The file name without its folder, `-` for standard input, or the interface name.
    pub name: String,
}

/// A packet's place in the inputs of a run: where to find it again. Its order is the order in which packets are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketNumber {
    /// The input's place in the list of inputs: 0, 1, 2, …
    pub input: u32,
    /// The packet's number in it as Wireshark and tcpdump count, from 1 on, those that a filter drops among them. In a damaged
    /// capture those count that could be read.
    pub number: u64,
}

/// From which packet to which, both of them included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Packets {
    /// The first.
    pub first: PacketNumber,
    /// The last; the first again where it is one packet.
    pub last: PacketNumber,
}

impl Packets {
    /// From the first of both to the last of both; what is `None` is none.
    pub fn joined(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => {
                Some(Self { first: one.first.min(other.first), last: one.last.max(other.last) })
            }
            (one, other) => one.or(other),
        }
    }
}

/// Where a Block's bytes lie among the inputs, and what it takes to read it once more. Set by files alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Part {
    /// The input's place in the list.
    pub input: u32,
    /// The offset of the Block's first byte in the capture, decompressed where that is.
    pub start: u64,
    /// Where its pieces end in [`Block::bytes`]: each after a whole record, and where the one before it ends if it holds none.
    pub ends: [u32; PIECES],
    /// Whether Blocks of the input and their pieces may be sought, as far as this one tells: it is not compressed, nothing is damaged
    /// or left out here, and each packet has a time of its own.
    pub is_sought: bool,
    /// Whether Blocks after it cannot be read without it: it describes interfaces.
    pub describes: bool,
}

impl Part {
    /// The number of the piece that holds a frame of the Block; the last one's for a frame beyond it.
    pub fn piece(&self, frame: &Frame) -> usize {
        self.ends.iter().take_while(|end| frame.offset >= **end).count().min(PIECES - 1)
    }
}

/// Frames from one origin, in the order in which they were captured.
#[derive(Debug)]
pub struct Block {
    /// The Block's place in the run: 0, 1, 2, … without a gap.
    pub number: u64,
    /// Where its frames come from.
    pub origin: Arc<Origin>,
    /// Where its bytes lie.
    pub part: Part,
    /// The indicators in force when it was captured.
    pub indicators: Arc<IndicatorSet>,
    /// Captured bytes, among them those of the frames.
    pub bytes: Vec<u8>,
    /// The frames, in order.
    pub frames: Vec<Frame>,
    /// The packet's number that was first in this Block before any was left out; `None` where packets have none, as on an
    /// interface.
    pub first: Option<PacketNumber>,
    /// Where frames were left out: of each that is left, how many packets lay between the first and it. Empty where none was.
    pub kept: Vec<u32>,
    /// Where there was nothing to capture: the time up to which all that was captured has been handed on. So time passes on a
    /// quiet link, too. Set by live sources alone.
    pub idle_until: Option<Timestamp>,
    /// A sign of life of the capture, for the output to let arrive. Set by live sources alone.
    pub beat: Option<Beat>,
    /// What stands behind the packets of captures that end here, for the output to let arrive when their alerts are out. Set where a
    /// folder is followed alone.
    pub mark: Option<Mark>,
}

impl Block {
    /// An empty Block.
    pub fn new(origin: Arc<Origin>, indicators: Arc<IndicatorSet>) -> Self {
        Self {
            number: 0,
            origin,
            part: Part::default(),
            indicators,
            bytes: Vec::new(),
            frames: Vec::new(),
            first: None,
            kept: Vec::new(),
            idle_until: None,
            beat: None,
            mark: None,
        }
    }

    /// Which packet of its input the frame at this place is.
    pub fn packet(&self, frame: u32) -> Option<Packets> {
        let PacketNumber { input, number } = self.first?;
        let after = if self.kept.is_empty() { frame } else { self.kept.get(frame as usize).copied()? };
        let number = PacketNumber { input, number: number.saturating_add(after.into()) };
        Some(Packets { first: number, last: number })
    }

    /// Leaves out the frames that are not to stay, judged by their captured bytes, too, and returns how many those are.
    pub(super) fn retain(&mut self, mut stays: impl FnMut(&Frame, &[u8]) -> bool) -> u64 {
        let Self { bytes, frames, kept, .. } = self;
        let before = frames.len();
        let is_first = kept.is_empty();
        let (mut place, mut left) = (0u32, 0);
        frames.retain(|frame| {
            let start = frame.offset as usize;
            let captured = bytes.get(start..start.saturating_add(frame.captured as usize)).unwrap_or_default();
            let stays = stays(frame, captured);
            if stays {
                let number = if is_first { place } else { kept.get(place as usize).copied().unwrap_or(place) };
                match kept.get_mut(left) {
                    Some(slot) => *slot = number,
                    None => kept.push(number),
                }
                left += 1;
            }
            place += 1;
            stays
        });
        kept.truncate(left);
        if is_first && frames.len() == before {
            kept.clear();
        }
        (before - frames.len()) as u64
    }

    /// The captured bytes of a frame of this Block; empty where the frame's place is not in it.
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
        block.first = Some(number(100));
        let one = |at| Some(Packets { first: number(at), last: number(at) });
        assert_eq!((block.packet(0), block.packet(7)), (one(100), one(107)));
        block.kept = vec![3, 9];
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
        assert_eq!((block.retain(|_, _| true), block.kept.len()), (0, 0));
        assert_eq!(block.retain(|_, captured| captured[0] % 2 == 1), 5);
        assert_eq!((left(&block), block.kept.as_slice()), (vec![1, 3, 5, 7, 9], [1, 3, 5, 7, 9].as_slice()));
        assert_eq!(block.retain(|_, _| true), 0);
        assert_eq!(block.retain(|frame, _| frame.offset > 4), 2);
        assert_eq!((left(&block), block.kept.as_slice()), (vec![5, 7, 9], [5, 7, 9].as_slice()));
        assert_eq!(block.retain(|_, _| false), 3);
        assert!(block.kept.is_empty());
    }

    #[test]
    fn packets_are_joined_in_the_order_in_which_they_are_read() {
        let one = |input, number| {
            let number = PacketNumber { input, number };
            Some(Packets { first: number, last: number })
        };
        let both = Packets::joined(one(1, 3), Packets::joined(one(0, 900), one(0, 7)));
        assert_eq!(both, Some(Packets { first: one(0, 7).unwrap().first, last: one(1, 3).unwrap().last }));
        assert_eq!((Packets::joined(None, None), Packets::joined(None, one(0, 1))), (None, one(0, 1)));
    }
}
