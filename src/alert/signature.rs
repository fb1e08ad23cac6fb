//! Signatures: the kinds of sightings, with their published names and severities.

use crate::indicator::Closeness;
use crate::tools::{TOOLS, ToolActivity, ToolId};

/// An indicator of a lower confidence may well be a shared or lawful host, so its alerts have a
/// lower severity.
pub(super) const SURE: u8 = 90;

/// A kind of sighting. Its identifier is stable: users filter on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signature {
    /// A packet to or from a listed address and port.
    C2Endpoint,
    /// A packet to or from a listed address: with another port than the listed one, or listed
    /// without a port.
    C2Address,
    /// A DNS query for a listed domain.
    C2DomainQuery,
    /// A DNS answer for a listed domain, or with a record that belongs or points to one.
    C2DomainAnswer,
    /// A packet to or from an address that such an answer gave.
    C2ResolvedAddress,
    /// A listed domain, address or endpoint that TLS, QUIC, HTTP or SOCKS names.
    C2ServerName,
    /// The protocol of a remote-access tool.
    Tool(ToolId, ToolActivity),
}

/// The signatures that do not belong to a tool.
const C2: [Signature; 6] = [
    Signature::C2Endpoint,
    Signature::C2Address,
    Signature::C2DomainQuery,
    Signature::C2DomainAnswer,
    Signature::C2ResolvedAddress,
    Signature::C2ServerName,
];

impl Signature {
    /// All signatures, in the order in which summaries show them.
    pub const ALL: [Self; Self::COUNT] = all();

    /// The number of signatures.
    const COUNT: usize = count();

    /// The index in [`Signature::ALL`].
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|known| *known == self).unwrap_or_default()
    }

    /// The signature with this identifier.
    pub fn find(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.id() == id)
    }

    /// The tool that this signature belongs to.
    pub const fn tool(self) -> Option<ToolId> {
        match self {
            Self::Tool(tool, _) => Some(tool),
            _ => None,
        }
    }

    /// The activity of a tool that this signature stands for.
    pub const fn tool_activity(self) -> Option<ToolActivity> {
        match self {
            Self::Tool(_, activity) => Some(activity),
            _ => None,
        }
    }

    /// The identifier: the CEF header's fifth field.
    pub const fn id(self) -> &'static str {
        match self {
            Self::C2Endpoint => "c2-endpoint",
            Self::C2Address => "c2-address",
            Self::C2DomainQuery => "c2-domain-query",
            Self::C2DomainAnswer => "c2-domain-answer",
            Self::C2ResolvedAddress => "c2-resolved-address",
            Self::C2ServerName => "c2-server-name",
            Self::Tool(tool, activity) => tool.signature(activity).id,
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
            Self::Tool(tool, activity) => tool.signature(activity).activity,
        }
    }

    /// The severity, 0 to 10, of a match of this closeness with an indicator of this confidence.
    ///
    /// A tool's severity depends on neither: its lawful use looks the same.
    pub const fn severity(self, closeness: Closeness, confidence: u8) -> u8 {
        let severity = match (self, closeness) {
            (Self::Tool(tool, activity), _) => return tool.signature(activity).severity,
            (Self::C2Endpoint, _) => 9,
            (Self::C2Address | Self::C2ServerName, Closeness::OtherPort) => 5,
            (Self::C2Address, _) | (Self::C2ServerName, Closeness::Network | Closeness::Address) => 7,
            (Self::C2ServerName, Closeness::Endpoint) => 9,
            (Self::C2DomainQuery | Self::C2DomainAnswer | Self::C2ResolvedAddress, _) => 8,
        };
        if confidence < SURE { severity - 2 } else { severity }
    }
}

const fn count() -> usize {
    let mut count = C2.len();
    let mut tool = 0;
    while tool < TOOLS.len() {
        count += if TOOLS[tool].lookup.is_some() { 3 } else { 2 };
        tool += 1;
    }
    count
}

const fn all() -> [Signature; Signature::COUNT] {
    let mut all = [Signature::C2Endpoint; Signature::COUNT];
    let mut place = 0;
    while place < C2.len() {
        all[place] = C2[place];
        place += 1;
    }
    let mut index = 0;
    while index < TOOLS.len() {
        let tool = ToolId::new(index);
        all[place] = Signature::Tool(tool, ToolActivity::Session);
        all[place + 1] = Signature::Tool(tool, ToolActivity::Gateway);
        place += 2;
        if TOOLS[index].lookup.is_some() {
            all[place] = Signature::Tool(tool, ToolActivity::Lookup);
            place += 1;
        }
        index += 1;
    }
    all
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
        let session = Signature::find("netsupport-session").unwrap();
        assert_eq!(session.severity(Closeness::Endpoint, 75), 10);
    }

    #[test]
    fn every_signature_has_an_id_and_an_index_of_its_own() {
        for (index, signature) in Signature::ALL.into_iter().enumerate() {
            assert_eq!((signature.index(), Signature::find(signature.id())), (index, Some(signature)));
        }
        // The published order.
        let tool = ["netsupport-session", "netsupport-gateway", "netsupport-geolocation"];
        assert_eq!(Signature::ALL.map(Signature::id)[C2.len()..][..3], tool);
    }
}
