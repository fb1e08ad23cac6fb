//! The tables of application protocols.

use super::first_bytes::FirstBytes;
use super::reader::{AppLayer, HeadSink, Stream, StreamParse};
use super::{dns, http, quic, socks, tls, tool};
use crate::decode::Packet;
use crate::flow::Protocol;
use crate::scan::FindingKind;

/// An application protocol, with a reader for streams or for datagrams.
#[derive(Debug)]
pub(super) struct AppProtocol<R> {
    /// How its packets are recognized.
    pub(super) recognition: Recognition,
    /// Reads its heads.
    pub(super) reader: R,
}

/// How packets of a protocol are recognized.
#[derive(Debug)]
pub(super) enum Recognition {
    /// By one of these ports at either end, whatever the payload.
    Ports(&'static [u16]),
    /// By the first bytes of the payload.
    FirstBytes {
        /// The bytes that a payload may begin with. Only for these does a scan ask `may_begin`.
        first: FirstBytes,
        /// Returns true if the bytes may begin a head, also if they are only the start of one. False for
        /// no bytes.
        may_begin: fn(&[u8]) -> bool,
    },
}

/// Reads a protocol over TCP.
#[derive(Debug)]
pub(super) struct StreamReader {
    /// Reads all complete heads.
    pub(super) read: fn(&mut AppLayer<'_>, Stream<'_>, &mut HeadSink<'_>) -> StreamParse,
    /// Reads the part that is there of a head that will never be complete. `None` for a protocol whose
    /// heads say nothing before their end.
    pub(super) read_so_far: Option<fn(&mut AppLayer<'_>, Stream<'_>, &mut dyn FnMut(FindingKind))>,
}

/// Reads a protocol over UDP.
pub(super) type DatagramReader = fn(&mut AppLayer<'_>, &Packet<'_>, &mut HeadSink<'_>);

/// The protocols over TCP. Those that are recognized by ports stand first; of the others the first one
/// that recognizes the bytes reads them.
pub(super) static STREAMS: [AppProtocol<StreamReader>; 5] =
    [dns::OVER_TCP, tls::PROTOCOL, socks::PROTOCOL, http::PROTOCOL, tool::PROTOCOL];

/// The protocols over UDP, in the same order.
pub(super) static DATAGRAMS: [AppProtocol<DatagramReader>; 2] = [dns::OVER_UDP, quic::PROTOCOL];

/// For each first byte the protocols that a payload may be of: a bit for each row.
static STREAM_CANDIDATES: [u8; 256] = candidates(&STREAMS);
static DATAGRAM_CANDIDATES: [u8; 256] = candidates(&DATAGRAMS);

/// The ports of all rows, in one array so that the test for each packet is a few comparisons.
const STREAM_PORTS: [u16; count_ports(&STREAMS)] = ports(&STREAMS);
const DATAGRAM_PORTS: [u16; count_ports(&DATAGRAMS)] = ports(&DATAGRAMS);

/// Returns true if a packet's payload may begin a head. Inlined in the loop over all packets: nearly
/// all of them end here.
#[inline(always)]
pub(in crate::scan) fn may_carry_head(packet: &Packet<'_>) -> bool {
    let Some(&first) = packet.payload.first() else { return false };
    match packet.protocol {
        Protocol::TCP => {
            has_port(packet, &STREAM_PORTS) || may_begin(&STREAMS, STREAM_CANDIDATES[first as usize], packet.payload)
        }
        Protocol::UDP => {
            has_port(packet, &DATAGRAM_PORTS)
                || may_begin(&DATAGRAMS, DATAGRAM_CANDIDATES[first as usize], packet.payload)
        }
        _ => false,
    }
}

/// The protocol that a packet's ports stand for.
pub(super) fn by_port<R>(table: &'static [AppProtocol<R>], packet: &Packet<'_>) -> Option<&'static AppProtocol<R>> {
    table.iter().find(|row| matches!(row.recognition, Recognition::Ports(ports) if has_port(packet, ports)))
}

/// The protocol that the first bytes of a payload stand for.
pub(super) fn by_first_bytes<R>(table: &'static [AppProtocol<R>], payload: &[u8]) -> Option<&'static AppProtocol<R>> {
    table.iter().find(|row| match row.recognition {
        Recognition::FirstBytes { may_begin, .. } => may_begin(payload),
        Recognition::Ports(_) => false,
    })
}

#[inline(always)]
fn has_port(packet: &Packet<'_>, ports: &[u16]) -> bool {
    packet.ports.is_some_and(|(source, destination)| ports.contains(&source) || ports.contains(&destination))
}

#[inline(always)]
fn may_begin<R>(table: &[AppProtocol<R>], candidates: u8, payload: &[u8]) -> bool {
    candidates != 0 && any_may_begin(table, candidates, payload)
}

#[inline(never)]
fn any_may_begin<R>(table: &[AppProtocol<R>], candidates: u8, payload: &[u8]) -> bool {
    let is_candidate = |index: usize| candidates >> index & 1 == 1;
    table.iter().enumerate().filter(|(index, _)| is_candidate(*index)).any(|(_, row)| match row.recognition {
        Recognition::FirstBytes { may_begin, .. } => may_begin(payload),
        Recognition::Ports(_) => false,
    })
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

const fn count_ports<R>(table: &[AppProtocol<R>]) -> usize {
    let mut count = 0;
    let mut index = 0;
    while index < table.len() {
        if let Recognition::Ports(ports) = &table[index].recognition {
            count += ports.len();
        }
        index += 1;
    }
    count
}

const fn ports<R, const COUNT: usize>(table: &[AppProtocol<R>]) -> [u16; COUNT] {
    let mut all = [0; COUNT];
    let mut count = 0;
    let mut index = 0;
    while index < table.len() {
        if let Recognition::Ports(ports) = &table[index].recognition {
            let mut port = 0;
            while port < ports.len() {
                all[count] = ports[port];
                count += 1;
                port += 1;
            }
        }
        index += 1;
    }
    all
}
