//! One parser type for all formats.

use crate::capture::format::buffer::{FrameSink, ParseBuffer, ParseProgress};
use crate::capture::format::pcap::{self, PcapParser};
use crate::capture::format::pcapng::PcapngParser;

/// A parser of either format.
pub(in crate::capture) enum Parser {
    Pcap(PcapParser),
    Pcapng(PcapngParser),
}

impl Parser {
    /// A parser for the records after a pcap file header, or the reason why the header is not
    /// supported.
    pub(in crate::capture) fn pcap(header: &[u8; pcap::FILE_HEADER_LENGTH]) -> Result<Self, String> {
        PcapParser::new(header).map(Self::Pcap)
    }

    /// A parser for a pcapng file from its first byte on.
    pub(in crate::capture) fn pcapng() -> Self {
        Self::Pcapng(PcapngParser::new())
    }

    /// Parses the buffer from a position on and returns how far it came.
    pub(in crate::capture) fn parse(
        &mut self,
        buffer: &ParseBuffer<'_>,
        from: usize,
        sink: &mut FrameSink<'_>,
    ) -> ParseProgress {
        match self {
            Self::Pcap(parser) => parser.parse(buffer, from, sink),
            Self::Pcapng(parser) => parser.parse(buffer, from, sink),
        }
    }

    /// Returns true if the next bytes cannot be parsed without the parser's present state. A reader
    /// that begins here would give other frames.
    pub(in crate::capture) fn has_pending_state(&self) -> bool {
        match self {
            Self::Pcap(parser) => parser.is_resyncing(),
            Self::Pcapng(parser) => parser.has_pending_state(),
        }
    }

    /// The number of descriptions parsed so far that later records depend on: section headers and
    /// interfaces.
    pub(in crate::capture) fn descriptions(&self) -> u64 {
        match self {
            Self::Pcap(_) => 0,
            Self::Pcapng(parser) => parser.descriptions(),
        }
    }
}
