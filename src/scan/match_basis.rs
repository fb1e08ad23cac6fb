//! The match basis of an alert: how the indicator or protocol was matched.

use crate::tools::ToolId;

/// The way in which an indicator or protocol was matched. Each has a stable token: users filter on
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// A DNS answer with a record that belongs or points to the domain, whose question does not
    /// name it.
    DnsAnswerRecord,
    /// A server name in another protocol.
    ServerName(&'static NameBasis),
    /// A request of a remote-access tool.
    ToolRequest(ToolId),
    /// An answer of a remote-access tool, without a request before it.
    ToolAnswer(ToolId),
}

/// A place in a protocol that names a server, as alerts describe it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameBasis {
    /// The published token.
    pub token: &'static str,
    /// The protocol's name in alerts.
    pub application: &'static str,
    /// The words between "asked" and "for" in an alert's sentence.
    pub phrase: &'static str,
}

impl MatchBasis {
    /// The published token.
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
            Self::ServerName(basis) => basis.token,
            Self::ToolRequest(tool) => tool.tool().request_basis,
            Self::ToolAnswer(tool) => tool.tool().answer_basis,
        }
    }
}
