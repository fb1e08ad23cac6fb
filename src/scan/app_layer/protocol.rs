//! The row of the protocol tables, and what its readers work with.

use std::net::IpAddr;

use super::first_bytes::FirstBytes;
use super::names::NameMatcher;
use crate::decode::Packet;
use crate::indicator::IndicatorSet;
use crate::protocol::quic::InitialReader;
use crate::scan::{FindingKind, ScanCounts};

/// An application protocol, with a reader for streams or for datagrams.
#[derive(Debug)]
pub(super) struct AppProtocol<R> {
    /// The rule by which its packets are recognized.
    pub(super) recognition: Recognition,
    /// Reads its heads.
    pub(super) reader: R,
}

/// The rule by which packets of a protocol are recognized.
#[derive(Debug)]
pub(super) enum Recognition {
    /// By one of these ports at either end, whatever the payload.
    Ports(&'static [u16]),
    /// By the first bytes of the payload.
    FirstBytes {
        /// The bytes that a payload may begin with. Only for these does a scan ask `may_begin`.
        first: &'static FirstBytes,
        /// Returns true if the bytes may begin a head, also if they are only the start of one.
        /// False for no bytes.
        may_begin: fn(&[u8]) -> bool,
    },
}

/// Reads a protocol over TCP.
#[derive(Debug)]
pub(super) struct StreamReader {
    /// Reads all complete heads.
    pub(super) read: fn(&mut AppLayer<'_>, Stream<'_>, &mut HeadSink<'_>) -> StreamParse,
    /// Reads the part that is there of a head that will never be complete. `None` for a protocol
    /// whose heads say nothing before their end.
    pub(super) read_so_far: Option<SoFarReader>,
}

/// See [`StreamReader::read_so_far`].
pub(super) type SoFarReader = fn(&mut AppLayer<'_>, Stream<'_>, &mut dyn FnMut(FindingKind));

/// Reads a protocol over UDP.
pub(super) type DatagramReader = fn(&mut AppLayer<'_>, &Packet<'_>, &mut HeadSink<'_>);

/// Reads heads, and holds the buffers for that.
pub struct AppLayer<'a> {
    pub(super) names: NameMatcher<'a>,
    pub(super) initials: InitialReader,
}

/// The bytes of a stream, from the start of a head on.
#[derive(Debug, Clone, Copy)]
pub struct Stream<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) kind: StreamKind,
}

/// The properties of a stream that its packets' headers tell.
#[derive(Debug, Clone, Copy)]
pub struct StreamKind {
    pub(super) destination: IpAddr,
    pub(super) protocol: Option<&'static AppProtocol<StreamReader>>,
}

/// The result of reading a stream's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamParse {
    /// No head begins here.
    Other,
    /// One or more heads, all complete.
    Whole,
    /// A head that is not complete begins at this offset: beyond the bytes if a body lies before
    /// it.
    Partial(usize),
}

/// Receives what a reader finds.
pub struct HeadSink<'a> {
    pub(super) counts: &'a mut ScanCounts,
    report: &'a mut dyn FnMut(usize, FindingKind),
}

impl<'a> HeadSink<'a> {
    /// A sink that adds to these counts, and hands each finding on with the offset behind the head
    /// that it comes from.
    pub fn new(counts: &'a mut ScanCounts, report: &'a mut dyn FnMut(usize, FindingKind)) -> Self {
        Self { counts, report }
    }

    /// Reports a finding of the head that ends at this offset. The offset is the same however a
    /// stream is cut into segments, and wherever reading began.
    pub(super) fn report(&mut self, end: usize, kind: FindingKind) {
        (self.report)(end, kind);
    }
}

impl StreamKind {
    /// Returns true if the protocol follows from the ports: then a head has no characteristic first
    /// bytes.
    pub fn is_known_by_port(&self) -> bool {
        self.protocol.is_some()
    }

    /// The bytes of such a stream, from the start of a head on.
    pub fn stream(self, bytes: &[u8]) -> Stream<'_> {
        Stream { bytes, kind: self }
    }
}

impl Stream<'_> {
    /// The address that the stream goes to.
    pub(super) fn destination(&self) -> IpAddr {
        self.kind.destination
    }
}

impl<'a> AppLayer<'a> {
    /// Matches names with these indicators. With `all_names` it reports names that are not listed,
    /// too.
    pub fn new(set: &'a IndicatorSet, all_names: bool) -> Self {
        Self { names: NameMatcher::new(set, all_names), initials: InitialReader::new() }
    }
}
