//! Findings: what a scan reports of a Block.

use std::net::IpAddr;

use super::flow_hashes::FlowHashes;
use super::host_fact::HostFact;
use super::match_basis::{MatchBasis, NameBasis};
use crate::capture::PacketRange;
use crate::decode::{Encapsulation, SkipReason, TcpHeader};
use crate::flow::{Flow, MacAddress, Vlans};
use crate::indicator::{AddressMatch, Closeness, IndicatorId};
use crate::protocol::dns::{RecordType, ResponseCode};
use crate::protocol::http::Request;
use crate::tools::Recognized;
use crate::units::Timestamp;

/// A finding in one packet.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The index of the frame in its Block.
    pub frame: u32,
    /// The packets that the finding is about, if packets have numbers: the frame's own, or all of a
    /// reassembled message.
    pub packets: Option<PacketRange>,
    /// The capture time of the packet.
    pub time: Timestamp,
    /// The highest time among the frames of this Block up to this one.
    pub clock: Timestamp,
    /// The packet's flow.
    pub flow: Flow,
    /// The IP bytes of the packet.
    pub length: u32,
    /// The packet's TCP header.
    pub tcp: Option<TcpHeader>,
    /// The sender's and the receiver's hardware address.
    pub macs: Option<(MacAddress, MacAddress)>,
    /// The VLANs of the frame.
    pub vlans: Vlans,
    /// The packets of the tunnels around this one, the outermost first.
    pub tunnels: Option<Box<[Encapsulation]>>,
    /// The offset in the payload behind the head that the finding comes from; zero if it comes from
    /// no head in a TCP stream.
    pub head_end: u32,
    /// The kind of finding, with its details.
    pub kind: FindingKind,
}

impl Finding {
    /// The number of tunnels around the packet.
    pub fn depth(&self) -> usize {
        self.tunnels.as_ref().map_or(0, |tunnels| tunnels.len())
    }
}

/// The kinds of findings.
///
/// A packet gives at most one `Contact`, and any number of others. The findings of one frame are in
/// this order: contacts from the outermost packet to the innermost, then all others.
#[derive(Debug, Clone)]
pub enum FindingKind {
    /// An address of the packet is listed. If both are `None`, an address may have been learned
    /// from DNS.
    Contact {
        /// The match of the sender.
        source: Option<AddressMatch>,
        /// The match of the receiver.
        destination: Option<AddressMatch>,
    },
    /// A DNS message names a listed domain.
    Dns(Box<DnsSighting>),
    /// The packet is a fragment. A fragment has no other findings.
    Fragment,
    /// A head names something listed.
    ServerName(Box<NameSighting>),
    /// All names in a head or a DNS message, listed or not: only if the scan was asked for them.
    Names(Box<[Named]>),
    /// A message of a remote-access tool.
    Tool(Box<ToolSighting>),
    /// A head begins at this offset in the segment's payload and is not complete in it. The offset
    /// is beyond the payload if a body lies before the head.
    PartialHead(u32),
    /// A QUIC datagram holds a part of a ClientHello.
    PartialHello,
    /// A host identifies itself.
    HostFact(Box<HostFact>),
}

/// A DNS message that names a listed domain.
#[derive(Debug, Clone)]
pub struct DnsSighting {
    /// True for an answer, false for a query.
    pub is_answer: bool,
    /// The indicator of the domain.
    pub indicator: IndicatorId,
    /// The place of the name in the message.
    pub basis: MatchBasis,
    /// The details for the alert.
    pub facts: DnsFacts,
    /// The time to live of each of `facts.addresses`, in seconds.
    pub lifetimes: Vec<u32>,
    /// The other names of an answer: the questions' and those that its records point to, in order,
    /// each once.
    pub names: Vec<Vec<u8>>,
    /// The number of addresses beyond [`super::MOST_ADDRESSES`].
    pub more_addresses: u64,
}

/// A head that names something listed.
#[derive(Debug, Clone)]
pub struct NameSighting {
    /// The indicator.
    pub indicator: IndicatorId,
    /// The closeness of the match: a domain counts as an endpoint.
    pub closeness: Closeness,
    /// The place of the name.
    pub basis: &'static NameBasis,
    /// The name, or the address as text.
    pub host: Vec<u8>,
    /// True if `host` is a name.
    pub is_name: bool,
    /// The port that was named with it.
    pub port: Option<u16>,
    /// The HTTP request that names it.
    pub http: Option<HttpFacts>,
}

/// A message of a remote-access tool.
#[derive(Debug, Clone)]
pub struct ToolSighting {
    /// The tool and its message.
    pub recognized: Recognized,
    /// The HTTP request, or the server's name for itself.
    pub http: Option<HttpFacts>,
}

/// A name in a request, listed or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The place of the name.
    pub basis: MatchBasis,
    /// A name in the form of [`crate::domain_name::DomainName`], empty for the root; an address as
    /// text; or, if it is neither, the bytes in its place.
    pub host: Vec<u8>,
    /// The port that was named with it.
    pub port: Option<u16>,
}

/// The details of a DNS message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DnsFacts {
    /// The whole name that matched: bytes from the wire in the form of
    /// [`crate::domain_name::DomainName`].
    pub name: Vec<u8>,
    /// The type of the question; for an answer without a question, of the first matching record.
    pub query_type: Option<RecordType>,
    /// The response code with its extension (RFC 6891), for answers only.
    pub response_code: Option<ResponseCode>,
    /// The shortest time to live, in seconds: among the addresses or, if there are none, among the
    /// records that matched.
    pub ttl: Option<u32>,
    /// All addresses of the answer, in their order, each once.
    pub addresses: Vec<IpAddr>,
}

/// The details of an HTTP request. All bytes are from the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpFacts {
    /// The method.
    pub method: Vec<u8>,
    /// The target, made absolute with the `Host` if it was not.
    pub url: Vec<u8>,
    /// The user agent; for a tool's answer, the server's name and version.
    pub agent: Vec<u8>,
}

impl HttpFacts {
    /// The details of a request.
    pub fn of_request(request: &Request<'_>) -> Self {
        let mut url = Vec::new();
        if request.raw_target.starts_with(b"/")
            && let Some(host) = request.raw_host
        {
            url.extend_from_slice(b"http://");
            url.extend_from_slice(host);
        }
        url.extend_from_slice(request.raw_target);
        let agent = request.user_agent.unwrap_or_default().to_vec();
        Self { method: request.method.to_vec(), url, agent }
    }
}

/// A TCP segment with a payload. The tracker searches these for the rest of heads that began
/// earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// The [`tag`](crate::decode::Packet::flow_hash) of its flow.
    pub tag: u32,
    /// The index of the frame in its Block.
    pub frame: u32,
}

/// All findings of one scan of one Block, in the order of its frames. Meant to be reused, so that
/// its memory is.
#[derive(Debug, Default)]
pub struct Findings {
    /// The generation of learned addresses that the scan knew.
    pub learned_generation: u64,
    /// The lowest time of all frames; `None` for a Block without frames.
    pub earliest: Option<Timestamp>,
    /// The highest time of all frames; for a Block without frames the time up to which it was idle,
    /// if that is known.
    pub latest: Option<Timestamp>,
    /// The findings.
    pub list: Vec<Finding>,
    /// The flows of all packets; empty unless requested.
    pub flow_hashes: FlowHashes,
    /// The counts of the scan.
    pub counts: ScanCounts,
    pub(super) segments: Vec<Segment>,
    pub(super) has_segments: bool,
}

impl Findings {
    /// All TCP segments with a payload, if the scan was asked for them.
    pub fn segments(&self) -> Option<&[Segment]> {
        self.has_segments.then_some(self.segments.as_slice())
    }
}

/// The counts of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanCounts {
    /// Frames that gave an IP packet.
    pub packets: u64,
    /// Frames that gave none, by the index of the reason in [`SkipReason::ALL`].
    pub skipped: [u64; SkipReason::ALL.len()],
    /// DNS messages parsed.
    pub dns_messages: u64,
    /// DNS messages that could be parsed only in part: cut by the capture, or malformed.
    pub dns_cut: u64,
    /// Packets in more nested tunnels than the decoder enters.
    pub tunnels_too_deep: u64,
    /// DNS messages with more names than are reported where all names are requested.
    pub names_beyond: u64,
}

impl ScanCounts {
    /// Adds another scan's counts.
    pub fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        for (sum, more) in self.skipped.iter_mut().zip(other.skipped) {
            *sum += more;
        }
        self.dns_messages += other.dns_messages;
        self.dns_cut += other.dns_cut;
        self.tunnels_too_deep += other.tunnels_too_deep;
        self.names_beyond += other.names_beyond;
    }
}

#[cfg(test)]
impl Finding {
    /// A finding in a packet of 60 bytes of this flow.
    pub(crate) fn of_flow(flow: Flow, kind: FindingKind) -> Self {
        Self {
            frame: 0,
            packets: None,
            time: Timestamp::default(),
            clock: Timestamp::default(),
            flow,
            length: 60,
            tcp: None,
            macs: None,
            vlans: Vlans::new(),
            tunnels: None,
            head_end: 0,
            kind,
        }
    }
}
