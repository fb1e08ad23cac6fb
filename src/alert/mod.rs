//! Alerts: what the tracker says and the outputs write.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::capture::Origin;
use crate::flow::{End, Mac, Protocol};
use crate::indicator::Indicator;
use crate::protocol::dns::{RecordType, ResponseCode};
use crate::units::{ByteCount, Timestamp};

mod beacon;
mod repeat;
mod signature;
pub(crate) mod wire_text;

pub use repeat::{REPEAT_WINDOW, Repeats, Traffic, WindowId};
pub use signature::Signature;
pub use wire_text::{WireText, wire_text};

/// Where an alert stands in the story of its sightings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The first sighting, told at once.
    First,
    /// What followed since the line before.
    Update,
}

impl Phase {
    /// The token in the line.
    pub const fn token(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Update => "update",
        }
    }
}

/// How the indicator was matched, one stable token each: users filter on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MatchBasis {
    /// Listed address and listed port.
    AddressPort,
    /// Listed address, other port than listed (or a protocol without ports).
    AddressOtherPort,
    /// An address listed without a port.
    Address,
    /// An address in a listed range.
    Network,
    /// An address that a DNS answer gave for a listed domain.
    ResolvedAddress,
    /// A DNS question.
    DnsQuery,
    /// A DNS answer whose question names the domain.
    DnsAnswer,
    /// A DNS answer whose record is owned by the domain, or points to it, where the question does not name it.
    DnsAnswerRecord,
    /// The server name in a TLS ClientHello.
    TlsServerName,
    /// The server name in a QUIC Initial packet.
    QuicServerName,
    /// The `Host` of an HTTP request.
    HttpHost,
    /// The absolute target of an HTTP request: what a proxy is asked for.
    HttpTarget,
    /// The target of an HTTP `CONNECT`.
    HttpConnect,
    /// What a SOCKS proxy is asked for.
    Socks,
    /// A request of the NetSupport protocol.
    NetsupportRequest,
    /// An answer of the NetSupport protocol, where no request was seen.
    NetsupportAnswer,
}

impl MatchBasis {
    /// The token in the line.
    pub const fn token(self) -> &'static str {
        match self {
            Self::AddressPort => "address-port",
            Self::AddressOtherPort => "address-other-port",
            Self::Address => "address",
            Self::Network => "network",
            Self::ResolvedAddress => "resolved-address",
            Self::DnsQuery => "dns-query",
            Self::DnsAnswer => "dns-answer",
            Self::DnsAnswerRecord => "dns-answer-record",
            Self::TlsServerName => "tls-server-name",
            Self::QuicServerName => "quic-server-name",
            Self::HttpHost => "http-host",
            Self::HttpTarget => "http-target",
            Self::HttpConnect => "http-connect",
            Self::Socks => "socks",
            Self::NetsupportRequest => "netsupport-request",
            Self::NetsupportAnswer => "netsupport-answer",
        }
    }
}

/// What became of a TCP conversation, as far as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TcpOutcome {
    /// A client asked and nobody answered yet.
    Attempted,
    /// The answer was a reset.
    Refused,
    /// Both sides agreed, or the conversation was met in its midst.
    Established,
}

impl TcpOutcome {
    /// The token in the line.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Attempted => "attempted",
            Self::Refused => "refused",
            Self::Established => "established",
        }
    }
}

/// What a DNS message said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DnsFacts {
    /// The name that matched, whole: bytes from the wire in the form of [`crate::domain_name::DomainName`].
    pub name: Vec<u8>,
    /// The type that the question asked for; of an answer without a question the first matching record's.
    pub query_type: Option<RecordType>,
    /// The response code with its extension (RFC 6891), of answers only.
    pub response_code: Option<ResponseCode>,
    /// The shortest time to live, in seconds, among the addresses; where there are none, among the records that matched.
    pub ttl: Option<u32>,
    /// All addresses of the answer, in the order in which they came, each once.
    pub addresses: Vec<IpAddr>,
}

/// What an HTTP request said. All bytes are from the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpFacts {
    /// The method.
    pub method: Vec<u8>,
    /// The target, made absolute by the `Host` where it was not.
    pub url: Vec<u8>,
    /// The user agent; of a NetSupport answer the gateway's name and version.
    pub agent: Vec<u8>,
}

/// One line for the SOC: a finding with its context. What each part means is told in the table of CEF keys in the README.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// What was found.
    pub signature: Signature,
    /// First or update.
    pub phase: Phase,
    /// 0 to 10, with the indicator's confidence taken into account.
    pub severity: u8,
    /// The same for the same replay: a hash of signature, indicator, flow, time and phase.
    pub id: u64,
    /// Time of the first packet of the sighting.
    pub seen: Timestamp,
    /// First packet of the conversation (of several: of the first).
    pub start: Timestamp,
    /// Last packet of the conversation so far (of several: of the last).
    pub end: Timestamp,
    /// Who opened the conversation, or asked.
    pub client: End,
    /// Who was contacted, or the resolver.
    pub server: End,
    /// Which address of the two is listed, or was resolved; `None` where it is a name.
    pub listed: Option<IpAddr>,
    /// The protocol above IP.
    pub protocol: Protocol,
    /// Where the client's IPv6 address holds the listed IPv4 address: that one. It is what hunts look for.
    pub client_ipv4: Option<Ipv4Addr>,
    /// The same of the server's address.
    pub server_ipv4: Option<Ipv4Addr>,
    /// The hardware addresses towards client and server, where the link has them.
    pub client_mac: Option<Mac>,
    /// See `client_mac`.
    pub server_mac: Option<Mac>,
    /// The application protocol, where it was recognised: `DNS`, …
    pub application: Option<&'static str>,
    /// True where the client is inside and the server is not.
    pub outbound: bool,
    /// IP bytes from client to server since the line before.
    pub sent: ByteCount,
    /// IP bytes from server to client since the line before.
    pub received: ByteCount,
    /// Sightings since the line before.
    pub count: u64,
    /// What became of a TCP conversation.
    pub tcp_outcome: Option<TcpOutcome>,
    /// What the DNS message said.
    pub dns: Option<DnsFacts>,
    /// The server's name that the client asked for, in the form of [`crate::domain_name::DomainName`].
    pub server_name: Option<Vec<u8>>,
    /// What the HTTP request said.
    pub http: Option<HttpFacts>,
    /// What was matched; `None` where a protocol was recognised and nothing about it is listed.
    pub indicator: Option<Arc<Indicator>>,
    /// How it was matched.
    pub basis: MatchBasis,
    /// Where the packet was captured.
    pub origin: Arc<Origin>,
    /// One plain sentence. May hold bytes from the wire, each already made printable.
    pub message: String,
}
