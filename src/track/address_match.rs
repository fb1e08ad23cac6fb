//! What a contact means: which end is listed, how strong that is, and who opened the conversation.

use std::net::IpAddr;
use std::sync::Arc;

use crate::alert::{MatchBasis, Signature};
use crate::decode::Encapsulation;
use crate::flow::{End, Protocol};
use crate::indicator::{AddressMatch, Closeness, Embedded, Indicator, IndicatorId};
use crate::scan::Finding;

use super::resolved::Resolved;

/// The strongest statement about a packet's two addresses.
#[derive(Debug, Clone)]
pub(super) struct Match {
    pub(super) signature: Signature,
    pub(super) basis: MatchBasis,
    pub(super) closeness: Closeness,
    pub(super) indicator: Arc<Indicator>,
    /// Which end it is about.
    pub(super) listed: End,
    /// Where the listed address lies in an IPv6 address.
    pub(super) embedded: Option<Embedded>,
    /// For a resolved address: the name whose answer gave it.
    pub(super) name: Option<Arc<[u8]>>,
}

impl Match {
    /// The strongest match of a packet, `None` where neither address is listed, nor learned at this time.
    pub(super) fn of(
        finding: &Finding,
        source: Option<AddressMatch>,
        destination: Option<AddressMatch>,
        mut unpack: impl FnMut(IndicatorId) -> Option<Arc<Indicator>>,
        resolved: &Resolved,
    ) -> Option<Self> {
        // In the same order for both directions, so that both say the same where two matches are equally strong.
        let ends = [(finding.flow.source, source), (finding.flow.destination, destination)];
        let ends = if finding.flow.source <= finding.flow.destination { ends } else { [ends[1], ends[0]] };
        let listed = ends.into_iter().filter_map(|(end, found)| {
            let found = found?;
            Some(Self::listed(end, found, unpack(found.indicator)?))
        });
        let learned = ends.into_iter().filter_map(|(end, _)| Self::learned(end, finding, resolved));
        listed.chain(learned).reduce(|best, next| if next.strength() > best.strength() { next } else { best })
    }

    fn listed(listed: End, found: AddressMatch, indicator: Arc<Indicator>) -> Self {
        let (signature, basis) = match found.closeness {
            Closeness::Endpoint => (Signature::C2Endpoint, MatchBasis::AddressPort),
            Closeness::Address => (Signature::C2Address, MatchBasis::Address),
            Closeness::Network => (Signature::C2Address, MatchBasis::Network),
            Closeness::OtherPort => (Signature::C2Address, MatchBasis::AddressOtherPort),
        };
        Self { signature, basis, closeness: found.closeness, indicator, listed, embedded: found.embedded, name: None }
    }

    fn learned(listed: End, finding: &Finding, resolved: &Resolved) -> Option<Self> {
        let (lesson, embedded) = resolved.find(listed.address, finding.time)?;
        Some(Self {
            signature: Signature::C2ResolvedAddress,
            basis: MatchBasis::ResolvedAddress,
            closeness: Closeness::Endpoint,
            indicator: lesson.indicator.clone(),
            listed,
            embedded,
            name: Some(lesson.name.clone()),
        })
    }

    /// What it weighs.
    pub(super) fn severity(&self) -> u8 {
        self.signature.severity(self.closeness, self.indicator.confidence)
    }

    /// The order in which statements about one flow take precedence.
    pub(super) fn strength(&self) -> (u8, u8) {
        let rank = match self.basis {
            MatchBasis::AddressPort => 4,
            MatchBasis::ResolvedAddress => 3,
            MatchBasis::Address => 2,
            MatchBasis::Network => 1,
            _ => 0,
        };
        (rank, self.indicator.confidence)
    }
}

/// Whether the sender of a conversation's first packet is its client.
///
/// TCP tells by its flags. Met in its midst, and for datagrams that look like a server's, the side that is not the
/// indicator's is the client; where both are, the one with the higher port.
pub(super) fn is_client_sender(finding: &Finding, matched: &Match, both_listed: bool) -> bool {
    let flow = &finding.flow;
    let sender_listed = matched.listed == flow.source;
    let by_ports = flow.source.port >= flow.destination.port;
    match finding.tcp {
        Some(tcp) if tcp.opens() => true,
        Some(tcp) if tcp.accepts() => false,
        _ if both_listed => by_ports,
        _ if flow.protocol == Protocol::TCP => !sender_listed,
        // Without a handshake the first to speak has opened, unless it speaks from the listed port or a lower one.
        _ => !sender_listed || (matched.basis != MatchBasis::AddressPort && by_ports),
    }
}

/// An end in words, where a missing port would leave open what was spoken.
fn whom(end: End, protocol: Protocol) -> String {
    match end.port {
        Some(_) => end.to_string(),
        None => format!("{end} ({protocol})"),
    }
}

/// What the alert says in words.
pub(super) fn sentence(matched: &Match, client: End, server: End, protocol: Protocol) -> String {
    let listed = &matched.indicator.pattern;
    let family = &matched.indicator.family;
    let what = match matched.basis {
        MatchBasis::AddressPort => format!("listed for {family}"),
        MatchBasis::Address => format!("an address listed for {family} without a port"),
        MatchBasis::Network => format!("in {listed}, listed for {family}"),
        MatchBasis::ResolvedAddress => {
            let name = matched.name.as_deref().unwrap_or_default();
            format!("an address that DNS gave for {}", crate::alert::sanitize(name))
        }
        _ if server.port.is_none() => format!("an address listed for {family} with a port ({listed})"),
        _ => format!("an address listed for {family} with another port ({listed})"),
    };
    let form = match matched.embedded {
        Some(Embedded { address, form }) => format!(" ({} form of {address})", form.name()),
        None => String::new(),
    };
    let remark = matched.indicator.remark();
    if matched.listed == server {
        format!("{} contacted {}{form}, {what}{remark}", client.address, whom(server, protocol))
    } else {
        format!("{}{form}, {what}{remark}, contacted {}", client, whom(server, protocol))
    }
}

/// What a packet lay in, in words, the innermost first; empty for most.
pub(super) fn within(outer: Option<&[Encapsulation]>) -> String {
    let mut text = String::new();
    for (place, outer) in outer.unwrap_or_default().iter().rev().enumerate() {
        text += if place == 0 { ", in " } else { " in " };
        text += &outer.to_string();
    }
    text
}

/// Whether an address is inside: one of the given networks, or where none are given private by its kind.
pub(super) fn is_inside(address: IpAddr, home: &[ipnet::IpNet]) -> bool {
    if !home.is_empty() {
        return home.iter().any(|network| network.contains(&address));
    }
    match address {
        // RFC 1918, RFC 6598 (carriers' translators), RFC 3927, loopback.
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            address.is_private() || address.is_loopback() || address.is_link_local() || (a == 100 && b & 0xc0 == 64)
        }
        // RFC 4193, RFC 4291.
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_inside(IpAddr::V4(mapped), home),
            None => address.is_unique_local() || address.is_unicast_link_local() || address.is_loopback(),
        },
    }
}
