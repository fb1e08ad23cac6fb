//! The kinds of damage that a parser recognizes.

use std::fmt;

/// The damage of a record (pcap) or a block (pcapng).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// The file ends before the record does.
    Cut,
    /// More captured bytes than a frame of this link type can have.
    CapturedLength {
        /// The captured length in the record.
        captured: u32,
        /// The largest captured length that is accepted.
        bound: u32,
    },
    /// A block length that is no multiple of four, too small for a block of its type, or too large
    /// to be accepted.
    BlockLength {
        /// The length in the block.
        length: u32,
    },
    /// The two lengths of a block, at its beginning and at its end, differ.
    LengthsDiffer {
        /// The length at the beginning.
        leading: u32,
        /// The length at the end.
        trailing: u32,
    },
    /// A section header without a valid byte-order magic.
    ByteOrder,
    /// A section of an unknown version. The section is skipped.
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
        /// The captured length in the block.
        captured: u32,
        /// The bytes that the block has room for.
        room: u32,
    },
    /// More interfaces in a section than are supported.
    TooManyInterfaces,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => write!(f, "the file ends in the middle of a record"),
            Self::CapturedLength { captured, bound } => {
                write!(f, "a record of {captured} captured bytes, where at most {bound} are possible")
            }
            Self::BlockLength { length } => write!(f, "a block of {length} bytes, which is not valid for its type"),
            Self::LengthsDiffer { leading, trailing } => {
                write!(f, "a block whose length is {leading} at its beginning and {trailing} at its end")
            }
            Self::ByteOrder => write!(f, "a section header without a valid byte order"),
            Self::SectionVersion { major, minor } => {
                write!(f, "a section of the unknown pcapng version {major}.{minor} (1.0 and 1.2 are supported)")
            }
            Self::UnknownInterface { number } => {
                write!(f, "a packet of interface {number}, which the file does not describe")
            }
            Self::PacketLength { captured, room } => {
                write!(f, "a packet of {captured} captured bytes in a block with room for {room}")
            }
            Self::TooManyInterfaces => write!(f, "more interfaces in a section than are supported"),
        }
    }
}
