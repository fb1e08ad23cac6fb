//! The signatures: every kind of finding with its constant name and severity.

use crate::indicator::Closeness;

/// Below this confidence an indicator may well be a shared or a lawful host: the alert weighs less.
pub(super) const SURE: u8 = 90;

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
    /// TLS, QUIC, HTTP or SOCKS names a listed domain, address or endpoint.
    C2ServerName,
    /// The NetSupport protocol in a conversation that one of the above matched.
    NetsupportSession,
    /// The NetSupport protocol with a server that is not listed.
    NetsupportGateway,
    /// A NetSupport client that looks up where it is.
    NetsupportGeolocation,
}

impl Signature {
    /// All of them, in the order in which summaries show them.
    pub const ALL: [Self; 9] = [
        Self::C2Endpoint,
        Self::C2Address,
        Self::C2DomainQuery,
        Self::C2DomainAnswer,
        Self::C2ResolvedAddress,
        Self::C2ServerName,
        Self::NetsupportSession,
        Self::NetsupportGateway,
        Self::NetsupportGeolocation,
    ];

    /// The identifier: the CEF header's fifth field.
    pub const fn id(self) -> &'static str {
        match self {
            Self::C2Endpoint => "c2-endpoint",
            Self::C2Address => "c2-address",
            Self::C2DomainQuery => "c2-domain-query",
            Self::C2DomainAnswer => "c2-domain-answer",
            Self::C2ResolvedAddress => "c2-resolved-address",
            Self::C2ServerName => "c2-server-name",
            Self::NetsupportSession => "netsupport-session",
            Self::NetsupportGateway => "netsupport-gateway",
            Self::NetsupportGeolocation => "netsupport-geolocation",
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
            Self::C2ServerName => "C2 name requested",
            Self::NetsupportSession => "NetSupport session with a C2 endpoint",
            Self::NetsupportGateway => "NetSupport gateway traffic",
            Self::NetsupportGeolocation => "NetSupport geolocation lookup",
        }
    }

    /// The severity, 0 to 10, of a match made in this way against an indicator of this confidence.
    ///
    /// Where nothing is listed (lawful use of NetSupport looks the same) `confidence` says nothing.
    pub const fn severity(self, closeness: Closeness, confidence: u8) -> u8 {
        let severity = match (self, closeness) {
            (Self::NetsupportSession, _) => return 10,
            (Self::NetsupportGateway, _) => return 6,
            (Self::NetsupportGeolocation, _) => return 2,
            (Self::C2Endpoint, _) => 9,
            (Self::C2Address | Self::C2ServerName, Closeness::OtherPort) => 5,
            (Self::C2Address, _) | (Self::C2ServerName, Closeness::Network | Closeness::Address) => 7,
            (Self::C2ServerName, Closeness::Endpoint) => 9,
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
        assert_eq!(Signature::C2Endpoint.severity(Closeness::Endpoint, 99), 9);
        assert_eq!(Signature::C2Endpoint.severity(Closeness::Endpoint, 75), 7);
        assert_eq!(Signature::C2Address.severity(Closeness::OtherPort, 90), 5);
        assert_eq!(Signature::C2Address.severity(Closeness::Network, 100), 7);
        assert_eq!(Signature::C2DomainQuery.severity(Closeness::Endpoint, 89), 6);
        assert_eq!(Signature::C2ServerName.severity(Closeness::OtherPort, 99), 5);
        assert_eq!(Signature::NetsupportSession.severity(Closeness::Endpoint, 75), 10);
    }
}
