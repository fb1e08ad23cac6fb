//! The signatures: every kind of finding with its constant name and severity.

use super::MatchBasis;

/// Below this confidence an indicator may well be a shared or a lawful host: the alert weighs less.
const SURE: u8 = 90;

/// A kind of finding. Its identifier is stable: users filter on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signature {
    /// Listed address and port.
    C2Endpoint,
    /// Listed address with another port than listed, or listed without one.
    C2Address,
    /// A DNS question names a listed domain.
    C2DomainQuery,
    /// A DNS answer for a listed domain, or with a record that is or points to it.
    C2DomainAnswer,
    /// A packet to or from an address that such an answer gave.
    C2ResolvedAddress,
}

impl Signature {
    /// All of them, in the order in which summaries show them.
    pub const ALL: [Self; 5] =
        [Self::C2Endpoint, Self::C2Address, Self::C2DomainQuery, Self::C2DomainAnswer, Self::C2ResolvedAddress];

    /// The identifier: the CEF header's fifth field.
    pub const fn id(self) -> &'static str {
        match self {
            Self::C2Endpoint => "c2-endpoint",
            Self::C2Address => "c2-address",
            Self::C2DomainQuery => "c2-domain-query",
            Self::C2DomainAnswer => "c2-domain-answer",
            Self::C2ResolvedAddress => "c2-resolved-address",
        }
    }

    /// The name: the CEF header's sixth field, the column `Activity`.
    pub const fn activity(self) -> &'static str {
        match self {
            Self::C2Endpoint => "C2 endpoint contacted",
            Self::C2Address => "C2 address contacted",
            Self::C2DomainQuery => "C2 domain queried",
            Self::C2DomainAnswer => "C2 domain resolved",
            Self::C2ResolvedAddress => "Address of a C2 domain contacted",
        }
    }

    /// The severity, 0 to 10, of a match made in this way against an indicator of this confidence.
    pub const fn severity(self, basis: MatchBasis, confidence: u8) -> u8 {
        let severity = match (self, basis) {
            (Self::C2Endpoint, _) => 9,
            (Self::C2Address, MatchBasis::AddressOtherPort) => 5,
            (Self::C2Address, _) => 7,
            (Self::C2DomainQuery | Self::C2DomainAnswer | Self::C2ResolvedAddress, _) => 8,
        };
        if confidence < SURE { severity - 2 } else { severity }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severity_follows_signature_port_and_confidence() {
        assert_eq!(Signature::C2Endpoint.severity(MatchBasis::AddressPort, 99), 9);
        assert_eq!(Signature::C2Endpoint.severity(MatchBasis::AddressPort, 75), 7);
        assert_eq!(Signature::C2Address.severity(MatchBasis::AddressOtherPort, 90), 5);
        assert_eq!(Signature::C2Address.severity(MatchBasis::Network, 100), 7);
        assert_eq!(Signature::C2DomainQuery.severity(MatchBasis::DnsQuery, 89), 6);
    }
}
