//! Contact matches: which end of a packet is listed, how strong that is, and who opened the
//! conversation.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::resolved::ResolvedAddresses;
use crate::alert::{MatchBasis, Signature};
use crate::flow::{Endpoint, Protocol};
use crate::indicator::{AddressMatch, Closeness, Embedded, Indicator, IndicatorId, IndicatorSet};
use crate::sanitize::sanitize;
use crate::scan::Finding;

/// The match of one end of a packet.
#[derive(Debug, Clone)]
pub(super) struct ContactMatch {
    pub(super) signature: Signature,
    pub(super) basis: MatchBasis,
    pub(super) closeness: Closeness,
    pub(super) indicator: Arc<Indicator>,
    /// The end that is listed.
    pub(super) listed: Endpoint,
    /// The listed IPv4 address, if it is embedded in an IPv6 address.
    pub(super) embedded: Option<Embedded>,
    /// For a resolved address: the name whose answer gave it.
    pub(super) name: Option<Arc<[u8]>>,
}

/// The matches of a packet's two addresses.
#[derive(Debug, Clone, Copy)]
pub(super) struct ContactEnds {
    pub(super) source: Option<AddressMatch>,
    pub(super) destination: Option<AddressMatch>,
}

impl ContactEnds {
    /// Looks up both ends of a finding.
    pub(super) fn of(finding: &Finding, indicators: &IndicatorSet) -> Self {
        let listed = |end: Endpoint| indicators.find_address(end.address, end.port);
        Self { source: listed(finding.flow.source), destination: listed(finding.flow.destination) }
    }

    pub(super) fn is_listed(&self) -> bool {
        self.source.is_some() || self.destination.is_some()
    }

    pub(super) fn are_both_listed(&self) -> bool {
        self.source.is_some() && self.destination.is_some()
    }
}

impl ContactMatch {
    /// The strongest match of a packet. `None` if neither address is listed, or was learned at this
    /// time.
    pub(super) fn of(
        finding: &Finding,
        ends: ContactEnds,
        mut unpack: impl FnMut(IndicatorId) -> Option<Arc<Indicator>>,
        resolved: &ResolvedAddresses,
    ) -> Option<Self> {
        // In the same order for both directions, so that both give the same one of two equally
        // strong matches.
        let flow = &finding.flow;
        let ends = [(flow.source, ends.source), (flow.destination, ends.destination)];
        let ends = if flow.source <= flow.destination { ends } else { [ends[1], ends[0]] };
        let listed = ends.into_iter().filter_map(|(end, found)| {
            let found = found?;
            Some(Self::listed(end, found, unpack(found.indicator)?))
        });
        let learned = ends.into_iter().filter_map(|(end, _)| Self::learned(end, finding, resolved));
        listed.chain(learned).reduce(|best, next| if next.strength() > best.strength() { next } else { best })
    }

    fn listed(listed: Endpoint, found: AddressMatch, indicator: Arc<Indicator>) -> Self {
        let (signature, basis) = match found.closeness {
            Closeness::Endpoint => (Signature::C2Endpoint, MatchBasis::AddressPort),
            Closeness::Address => (Signature::C2Address, MatchBasis::Address),
            Closeness::Network => (Signature::C2Address, MatchBasis::Network),
            Closeness::OtherPort => (Signature::C2Address, MatchBasis::AddressOtherPort),
        };
        Self { signature, basis, closeness: found.closeness, indicator, listed, embedded: found.embedded, name: None }
    }

    fn learned(listed: Endpoint, finding: &Finding, resolved: &ResolvedAddresses) -> Option<Self> {
        let found = resolved.find(listed.address, finding.time)?;
        Some(Self {
            signature: Signature::C2ResolvedAddress,
            basis: MatchBasis::ResolvedAddress,
            closeness: Closeness::Endpoint,
            indicator: found.address.indicator.clone(),
            listed,
            embedded: found.embedded,
            name: Some(found.address.name.clone()),
        })
    }

    pub(super) fn severity(&self) -> u8 {
        self.signature.severity(self.closeness, self.indicator.confidence)
    }

    /// The order in which the matches of one flow take precedence.
    pub(super) fn strength(&self) -> impl Ord + use<> {
        let rank = match self.basis {
            MatchBasis::AddressPort => 4,
            MatchBasis::ResolvedAddress => 3,
            MatchBasis::Address => 2,
            MatchBasis::Network => 1,
            _ => 0,
        };
        (rank, self.indicator.confidence)
    }

    /// The listed IPv4 address in an end's IPv6 address.
    pub(super) fn embedded_in(&self, end: Endpoint) -> Option<Ipv4Addr> {
        self.embedded.filter(|_| self.listed == end).map(|embedded| embedded.address)
    }

    /// Returns true if the sender of a conversation's first packet is its client.
    ///
    /// TCP tells by its flags. Without a handshake, and for datagrams that look like a server's,
    /// the end that is not listed is the client; if both are listed, the one with the higher port.
    pub(super) fn is_from_client(&self, finding: &Finding, both_listed: bool) -> bool {
        let flow = &finding.flow;
        let sender_listed = self.listed == flow.source;
        let by_ports = flow.source.port >= flow.destination.port;
        match finding.tcp {
            Some(tcp) if tcp.is_syn() => true,
            Some(tcp) if tcp.is_syn_ack() => false,
            _ if both_listed => by_ports,
            _ if flow.protocol == Protocol::TCP => !sender_listed,
            // The first packet is the client's, unless it comes from the listed port or a lower
            // one.
            _ => !sender_listed || (self.basis != MatchBasis::AddressPort && by_ports),
        }
    }

    /// The sentence of an alert, without the tunnels.
    pub(super) fn sentence(&self, client: Endpoint, server: Endpoint, protocol: Protocol) -> String {
        let listed = &self.indicator.pattern;
        let family = &self.indicator.family;
        let reason = match self.basis {
            MatchBasis::AddressPort => format!("listed for {family}"),
            MatchBasis::Address => format!("an address listed for {family} without a port"),
            MatchBasis::Network => format!("in {listed}, listed for {family}"),
            MatchBasis::ResolvedAddress => {
                let name = self.name.as_deref().unwrap_or_default();
                format!("an address that DNS gave for {}", sanitize(name))
            }
            _ if server.port.is_none() => format!("an address listed for {family} with a port ({listed})"),
            _ => format!("an address listed for {family} with another port ({listed})"),
        };
        let form = match self.embedded {
            Some(Embedded { address, form }) => format!(" ({} form of {address})", form.name()),
            None => String::new(),
        };
        let remark = self.indicator.remark();
        let server_text = end_text(server, protocol);
        if self.listed == server {
            format!("{} contacted {server_text}{form}, {reason}{remark}", client.address)
        } else {
            format!("{client}{form}, {reason}{remark}, contacted {server_text}")
        }
    }
}

/// An end in words, with the protocol if there is no port to tell it.
fn end_text(end: Endpoint, protocol: Protocol) -> String {
    match end.port {
        Some(_) => end.to_string(),
        None => format!("{end} ({protocol})"),
    }
}
