//! What a finding says of a packet, in the words that an alert repeats.

use std::net::IpAddr;

use crate::protocol::dns::{RecordType, ResponseCode};

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

/// A name that was asked for, listed or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Where it was named.
    pub basis: MatchBasis,
    /// A name in the form of [`crate::domain_name::DomainName`], empty for the root; an address in text; or what stood in the place of
    /// these, as it came.
    pub host: Vec<u8>,
    /// The port that was named with it.
    pub port: Option<u16>,
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
