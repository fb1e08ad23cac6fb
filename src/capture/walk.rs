//! What the walkers over the capture formats have in common.
//!
//! A walker goes over the record headers of a buffer once and says where the frames lie in it. It reads nothing itself, so
//! that a format is tested on plain bytes, and the same walker serves files, pipes and decompressors.

use std::fmt;

use super::block::{Frame, LinkType};
use crate::units::Timestamp;

/// The largest captured length that is believed where the link type allows no more: libpcap's `MAXIMUM_SNAPLEN`.
pub(super) const MAX_CAPTURED: u32 = 262_144;

/// How far the time stamps of neighbouring records may lie apart where records are searched for after damage, in
/// nanoseconds: a day, so that quiet captures are found again, and random bytes hardly ever pass.
pub(super) const NEIGHBOURHOOD: u64 = 86_400 * 1_000_000_000;

/// The bytes that a walker goes over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window<'a> {
    /// The front of a Block's buffer, as far as it is filled; never more than `u32::MAX` bytes.
    pub bytes: &'a [u8],
    /// The offset of its first byte in the capture.
    pub start: u64,
    /// How many bytes the buffer can hold.
    pub capacity: usize,
    /// Nothing comes after these bytes.
    pub complete: bool,
    /// The bytes after these may be long in coming, so what can be said must be said now.
    pub prompt: bool,
}

impl Window<'_> {
    /// The offset in the capture of a position in the window.
    pub(super) fn offset(&self, position: usize) -> u64 {
        self.start.saturating_add(position as u64)
    }

    /// Whether bytes after a position cannot come into this buffer, however long one waits.
    pub(super) fn is_all_from(&self, position: usize) -> bool {
        self.complete || (position == 0 && self.bytes.len() >= self.capacity)
    }
}

/// Where a walker puts what it finds.
pub(super) struct Sink<'a> {
    /// The frames, with offsets into the window.
    pub frames: &'a mut Vec<Frame>,
    /// Captured bytes of the frames.
    pub captured: u64,
    /// Frames of which fewer bytes were captured than were on the wire.
    pub cut: u64,
    /// Records left out because they are larger than the buffer.
    pub oversized: u64,
    /// What is wrong, as it is met.
    pub report: &'a mut dyn FnMut(Fault),
}

/// How far a walker came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    /// The position in the window up to which it is done; the bytes from there on are wanted again, with more after them.
    pub done: usize,
    /// How many bytes from there on are to be skipped first: a record too large for the buffer.
    pub skip: u64,
}

impl Progress {
    /// Done up to a position, nothing to skip.
    pub(super) const fn to(done: usize) -> Self {
        Self { done, skip: 0 }
    }
}

/// A damaged place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Where the damaged record begins in the capture.
    pub offset: u64,
    /// What is wrong with it.
    pub damage: Damage,
    /// Where reading went on, if it did.
    pub resumed: Option<u64>,
}

/// A damaged place after which the walker still searches for a good record.
#[derive(Debug, Clone)]
pub(super) struct Lost {
    /// Where the damaged record begins in the capture.
    pub offset: u64,
    /// What is wrong with it.
    pub damage: Damage,
}

impl Lost {
    /// The fault, once it is known how it went on.
    pub(super) fn resumed(self, resumed: Option<u64>) -> Fault {
        Fault { offset: self.offset, damage: self.damage, resumed }
    }
}

/// How a search for a good record went.
pub(super) enum Search {
    /// One begins here.
    Found(usize),
    /// None before this position; more bytes are needed to say more.
    Wait(usize),
}

/// Whether records may begin at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They do, as far as can be told.
    Good,
    /// They do not.
    Bad,
    /// More bytes are needed to tell.
    Unknown,
}

/// What can be wrong with a record (pcap) or block (pcapng) of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// The file ends before the record does.
    Cut,
    /// More captured bytes than a frame of this link type can have.
    CapturedLength {
        /// What the record says.
        captured: u32,
        /// The most that is believed.
        bound: u32,
    },
    /// A block length that is no multiple of four, too small for a block of its type, or too large to be believed.
    BlockLength {
        /// What the block says.
        length: u32,
    },
    /// The length at a block's end is not the one at its beginning.
    LengthsDiffer {
        /// At its beginning.
        leading: u32,
        /// At its end.
        trailing: u32,
    },
    /// A section header with a byte-order magic that is none.
    ByteOrder,
    /// A section of a version that is not known; the section is left out.
    SectionVersion {
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    },
    /// A packet of an interface that the section does not describe.
    UnknownInterface {
        /// The interface's number in the section.
        number: u32,
    },
    /// A packet with more captured bytes than its block has room for.
    PacketLength {
        /// What the block says.
        captured: u32,
        /// What it has room for.
        room: u32,
    },
    /// An interface beyond the number that is kept.
    TooManyInterfaces,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => write!(f, "the file ends in the middle of a record"),
            Self::CapturedLength { captured, bound } => {
                write!(f, "a record of {captured} captured bytes, where at most {bound} can be")
            }
            Self::BlockLength { length } => write!(f, "a block of {length} bytes, which no block of its type can have"),
            Self::LengthsDiffer { leading, trailing } => {
                write!(f, "a block that gives its length as {leading} at its beginning and {trailing} at its end")
            }
            Self::ByteOrder => write!(f, "a section header without a byte order"),
            Self::SectionVersion { major, minor } => {
                write!(f, "a section of pcapng version {major}.{minor}, which is not known (1.0 and 1.2 are)")
            }
            Self::UnknownInterface { number } => {
                write!(f, "a packet of interface {number}, which the file does not describe")
            }
            Self::PacketLength { captured, room } => {
                write!(f, "a packet of {captured} captured bytes in a block with room for {room}")
            }
            Self::TooManyInterfaces => write!(f, "more interfaces in a section than can be told apart"),
        }
    }
}

/// A 16-bit number in either byte order.
#[inline]
pub(super) const fn u16_from<const BIG: bool>(bytes: [u8; 2]) -> u16 {
    if BIG { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
}

/// A 32-bit number in either byte order.
#[inline]
pub(super) const fn u32_from<const BIG: bool>(bytes: [u8; 4]) -> u32 {
    if BIG { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}

/// The 32-bit number at a position, or nothing where the bytes end before it does.
#[inline]
pub(super) fn u32_at<const BIG: bool>(bytes: &[u8], position: usize) -> Option<u32> {
    bytes.get(position..)?.first_chunk().map(|chunk| u32_from::<BIG>(*chunk))
}

/// Whether two time stamps lie within [`NEIGHBOURHOOD`] of each other.
pub(super) fn are_near(one: Timestamp, other: Timestamp) -> bool {
    one.nanos().abs_diff(other.nanos()) <= NEIGHBOURHOOD
}

/// The largest captured length that is believed of a link type, as libpcap has it (`max_snaplen_for_dlt`).
pub(super) const fn max_captured(link: LinkType) -> u32 {
    match link.0 {
        // D-Bus messages.
        231 => 128 << 20,
        // USBPcap.
        249 => 1 << 20,
        // Elektrobit high-speed capture.
        279 => 8 << 20,
        _ => MAX_CAPTURED,
    }
}

/// The link type that a file means: some writers put their system's own number (`DLT_`) where a `LINKTYPE_` number belongs.
pub(super) const fn link_type(stored: u16) -> LinkType {
    match stored {
        // DLT_RAW of Linux and most BSDs, and of OpenBSD.
        12 | 14 => LinkType::RAW,
        other => LinkType(other),
    }
}
