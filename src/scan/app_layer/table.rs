//! The tables of application protocols, and the dispatch to their readers.

use std::net::IpAddr;

use super::protocol::{
    AppLayer, AppProtocol, DatagramReader, HeadSink, Recognition, Stream, StreamKind, StreamParse, StreamReader,
};
use super::tls;
use crate::decode::Packet;
use crate::flow::Protocol;
use crate::protocol::tls::ClientHello;
use crate::scan::FindingKind;

/// The protocols over TCP. Those that are recognized by ports stand first; of the others the first
/// one that recognizes the bytes reads them.
static STREAMS: &[AppProtocol<StreamReader>] = &[
    // One row for each protocol.
    super::dns::OVER_TCP,
    super::host_facts::KERBEROS_OVER_TCP,
    super::tls::PROTOCOL,
    super::socks::PROTOCOL,
    super::http::PROTOCOL,
    super::tool::PROTOCOL,
];

/// The protocols over UDP, in the same order.
static DATAGRAMS: &[AppProtocol<DatagramReader>] = &[
    // One row for each protocol.
    super::dns::OVER_UDP,
    super::host_facts::DHCP,
    super::host_facts::NETBIOS,
    super::host_facts::KERBEROS_OVER_UDP,
    super::quic::PROTOCOL,
];

/// For each first byte the protocols that a payload may be of: a bit for each row.
static STREAM_CANDIDATES: [u8; 256] = candidates(STREAMS);
static DATAGRAM_CANDIDATES: [u8; 256] = candidates(DATAGRAMS);

/// The ports of all rows, as a bit for each port: the test of a packet is two loads, however many
/// ports there are.
static STREAM_PORTS: PortSet = port_set(STREAMS);
static DATAGRAM_PORTS: PortSet = port_set(DATAGRAMS);

/// A set of ports: the bit `port % 64` of the word `port / 64`.
type PortSet = [u64; 1024];

/// Returns true if a packet's payload may begin a head. Inlined in the loop over all packets:
/// nearly all of them end here.
#[inline(always)]
pub(in crate::scan) fn may_carry_head(packet: &Packet<'_>) -> bool {
    let Some(&first) = packet.payload.first() else { return false };
    match packet.protocol {
        Protocol::TCP => {
            is_in(packet, &STREAM_PORTS) || may_begin(STREAMS, STREAM_CANDIDATES[first as usize], packet.payload)
        }
        Protocol::UDP => {
            is_in(packet, &DATAGRAM_PORTS) || may_begin(DATAGRAMS, DATAGRAM_CANDIDATES[first as usize], packet.payload)
        }
        _ => false,
    }
}

impl AppLayer<'_> {
    /// Reads the complete heads of a stream.
    pub fn read(&mut self, stream: Stream<'_>, sink: &mut HeadSink<'_>) -> StreamParse {
        match protocol_of(stream) {
            Some(protocol) => (protocol.reader.read)(self, stream, sink),
            None => StreamParse::Other,
        }
    }

    /// Reads the part that is there of a head that will never be complete. Only HTTP says anything
    /// before a head's end: what looks like the start of another head is too often none, such as a
    /// DNS message if the capture began in the middle of another one.
    pub fn read_so_far(&mut self, stream: Stream<'_>, report: &mut dyn FnMut(FindingKind)) {
        if let Some(read_so_far) = protocol_of(stream).and_then(|protocol| protocol.reader.read_so_far) {
            read_so_far(self, stream, report);
        }
    }

    /// Reads the heads in a packet that [may carry](may_carry_head) one. Does nothing for any other
    /// packet.
    pub(in crate::scan) fn read_packet(&mut self, packet: &Packet<'_>, sink: &mut HeadSink<'_>) -> StreamParse {
        let Some(&first) = packet.payload.first() else { return StreamParse::Other };
        match packet.protocol {
            Protocol::TCP => {
                let kind = StreamKind::of(packet);
                let by_first = || by_candidates(STREAMS, STREAM_CANDIDATES[first as usize], packet.payload);
                if let Some(protocol) = kind.protocol.or_else(by_first) {
                    return (protocol.reader.read)(self, kind.stream(packet.payload), sink);
                }
            }
            Protocol::UDP => {
                let by_first = || by_candidates(DATAGRAMS, DATAGRAM_CANDIDATES[first as usize], packet.payload);
                if let Some(protocol) = by_port(DATAGRAMS, packet).or_else(by_first) {
                    (protocol.reader)(self, packet, sink);
                }
            }
            _ => {}
        }
        StreamParse::Other
    }

    /// Reports the name in a ClientHello that was reassembled from several QUIC datagrams.
    pub fn quic_hello(&mut self, hello: &ClientHello<'_>, destination: IpAddr, report: &mut dyn FnMut(FindingKind)) {
        tls::report_hello(&mut self.names, hello, &tls::QUIC_SERVER_NAME, destination, report);
    }
}

impl StreamKind {
    /// The kind of stream that a TCP packet belongs to.
    pub fn of(packet: &Packet<'_>) -> Self {
        Self { destination: packet.destination, protocol: by_port(STREAMS, packet) }
    }
}

/// The protocol of a stream.
fn protocol_of(stream: Stream<'_>) -> Option<&'static AppProtocol<StreamReader>> {
    stream.kind.protocol.or_else(|| by_first_bytes(STREAMS, stream.bytes))
}

/// The protocol that a packet's ports stand for.
fn by_port<R>(table: &'static [AppProtocol<R>], packet: &Packet<'_>) -> Option<&'static AppProtocol<R>> {
    table.iter().find(|row| matches!(row.recognition, Recognition::Ports(ports) if has_port(packet, ports)))
}

/// The protocol that the first bytes of a payload stand for.
fn by_first_bytes<R>(table: &'static [AppProtocol<R>], payload: &[u8]) -> Option<&'static AppProtocol<R>> {
    table.iter().find(|row| match row.recognition {
        Recognition::FirstBytes { may_begin, .. } => may_begin(payload),
        Recognition::Ports(_) => false,
    })
}

#[inline(always)]
fn has_port(packet: &Packet<'_>, ports: &[u16]) -> bool {
    packet.ports.is_some_and(|of| ports.contains(&of.source) || ports.contains(&of.destination))
}

/// Returns true if one of a packet's ports is in a set.
#[inline(always)]
fn is_in(packet: &Packet<'_>, set: &PortSet) -> bool {
    let bit = |port: u16| set[usize::from(port / 64)] >> (port % 64) & 1;
    packet.ports.is_some_and(|of| bit(of.source) | bit(of.destination) != 0)
}

/// Returns true if a payload may begin a head of one of the candidates. The table is constant, so
/// the compiler unrolls this loop and calls each row's function directly.
#[inline(always)]
fn may_begin<R>(table: &'static [AppProtocol<R>], candidates: u8, payload: &[u8]) -> bool {
    candidates != 0
        && table.iter().enumerate().any(|(index, row)| match row.recognition {
            Recognition::FirstBytes { may_begin, .. } => candidates >> index & 1 == 1 && may_begin(payload),
            Recognition::Ports(_) => false,
        })
}

/// The first candidate whose head a payload may begin. `candidates` has a bit for each row.
#[inline(never)]
fn by_candidates<R>(
    table: &'static [AppProtocol<R>],
    mut candidates: u8,
    payload: &[u8],
) -> Option<&'static AppProtocol<R>> {
    // Without a bit left, this is an index beyond the table.
    while let Some(row) = table.get(candidates.trailing_zeros() as usize) {
        if let Recognition::FirstBytes { may_begin, .. } = row.recognition
            && may_begin(payload)
        {
            return Some(row);
        }
        candidates &= candidates - 1;
    }
    None
}

const fn candidates<R>(table: &[AppProtocol<R>]) -> [u8; 256] {
    assert!(table.len() <= u8::BITS as usize, "a bit for each row");
    let mut candidates = [0; 256];
    let mut index = 0;
    while index < table.len() {
        if let Recognition::FirstBytes { first, .. } = &table[index].recognition {
            let mut byte = 0;
            while byte < candidates.len() {
                candidates[byte] |= (first[byte] as u8) << index;
                byte += 1;
            }
        }
        index += 1;
    }
    candidates
}

const fn port_set<R>(table: &[AppProtocol<R>]) -> PortSet {
    let mut set = [0; 1024];
    let mut index = 0;
    while index < table.len() {
        if let Recognition::Ports(ports) = &table[index].recognition {
            let mut port = 0;
            while port < ports.len() {
                set[ports[port] as usize / 64] |= 1 << (ports[port] % 64);
                port += 1;
            }
        }
        index += 1;
    }
    set
}
