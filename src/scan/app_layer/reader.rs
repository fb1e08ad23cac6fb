//! Reads the heads in streams and datagrams, whatever their protocol.

use std::net::IpAddr;

use super::names::NameMatcher;
use super::protocol::{AppProtocol, DATAGRAMS, STREAMS, StreamReader, by_first_bytes, by_port};
use super::tls;
use crate::decode::Packet;
use crate::indicator::IndicatorSet;
use crate::protocol::quic::InitialReader;
use crate::protocol::tls::ClientHello;
use crate::scan::{FindingKind, ScanCounts};

/// Reads heads, and holds the buffers for that.
pub struct AppLayer<'a> {
    pub(super) names: NameMatcher<'a>,
    pub(super) initials: InitialReader,
}

/// The bytes of a stream, from the start of a head on.
#[derive(Debug, Clone, Copy)]
pub struct Stream<'a> {
    pub(super) bytes: &'a [u8],
    kind: StreamKind,
}

/// The properties of a stream that its packets' headers tell.
#[derive(Debug, Clone, Copy)]
pub struct StreamKind {
    pub(super) destination: IpAddr,
    protocol: Option<&'static AppProtocol<StreamReader>>,
}

/// The result of reading a stream's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamParse {
    /// No head begins here.
    Other,
    /// One or more heads, all complete.
    Whole,
    /// A head that is not complete begins at this offset: beyond the bytes if a body lies before it.
    Partial(usize),
}

/// Receives what a reader finds.
pub struct HeadSink<'a> {
    pub(super) counts: &'a mut ScanCounts,
    report: &'a mut dyn FnMut(usize, FindingKind),
}

impl<'a> HeadSink<'a> {
    /// A sink that adds to these counts, and hands each finding on with the offset behind the head that
    /// it comes from.
    pub fn new(counts: &'a mut ScanCounts, report: &'a mut dyn FnMut(usize, FindingKind)) -> Self {
        Self { counts, report }
    }

    /// Reports a finding of the head that ends at this offset. The offset is the same however a stream is
    /// cut into segments, and wherever reading began.
    pub(super) fn report(&mut self, end: usize, kind: FindingKind) {
        (self.report)(end, kind);
    }
}

impl StreamKind {
    /// The kind of stream that a TCP packet belongs to.
    pub fn of(packet: &Packet<'_>) -> Self {
        Self { destination: packet.destination, protocol: by_port(&STREAMS, packet) }
    }

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

    fn protocol(&self) -> Option<&'static AppProtocol<StreamReader>> {
        self.kind.protocol.or_else(|| by_first_bytes(&STREAMS, self.bytes))
    }
}

impl<'a> AppLayer<'a> {
    /// Matches names with these indicators. With `all_names` it reports names that are not listed, too.
    pub fn new(set: &'a IndicatorSet, all_names: bool) -> Self {
        Self { names: NameMatcher::new(set, all_names), initials: InitialReader::new() }
    }

    /// Reads the complete heads of a stream.
    pub fn read(&mut self, stream: Stream<'_>, sink: &mut HeadSink<'_>) -> StreamParse {
        match stream.protocol() {
            Some(protocol) => (protocol.reader.read)(self, stream, sink),
            None => StreamParse::Other,
        }
    }

    /// Reads the part that is there of a head that will never be complete. Only HTTP says anything before
    /// a head's end: what looks like the start of another head is too often none, such as a DNS message
    /// if the capture began in the middle of another one.
    pub fn read_so_far(&mut self, stream: Stream<'_>, report: &mut dyn FnMut(FindingKind)) {
        if let Some(read_so_far) = stream.protocol().and_then(|protocol| protocol.reader.read_so_far) {
            read_so_far(self, stream, report);
        }
    }

    /// Reads a UDP datagram.
    pub(in crate::scan) fn read_datagram(&mut self, packet: &Packet<'_>, sink: &mut HeadSink<'_>) {
        let protocol = by_port(&DATAGRAMS, packet).or_else(|| by_first_bytes(&DATAGRAMS, packet.payload));
        if let Some(protocol) = protocol {
            (protocol.reader)(self, packet, sink);
        }
    }

    /// Reports the name in a ClientHello that was reassembled from several QUIC datagrams.
    pub fn quic_hello(&mut self, hello: &ClientHello<'_>, destination: IpAddr, report: &mut dyn FnMut(FindingKind)) {
        tls::report_hello(&mut self.names, hello, &tls::QUIC_SERVER_NAME, destination, report);
    }
}
