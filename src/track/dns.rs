//! Sightings of listed domains in DNS messages.

use super::packet_alert::{Roles, Statement, packet_alert};
use super::provenance::{Observed, PacketPlace};
use super::resolved::ResolvedAddresses;
use super::session::Sessions;
use super::sightings::Sightings;
use crate::alert::{Alert, DnsFacts, MatchBasis, Signature};
use crate::indicator::{Closeness, IndicatorId};
use crate::sanitize::sanitize;
use crate::scan::DnsSighting;
use crate::units::ByteCount;

/// Reports DNS sightings.
#[derive(Debug, Default)]
pub(super) struct DnsMessages {
    last: Option<SightedMessage>,
}

/// A DNS sighting: a packet may hold several messages that give the same one.
#[derive(Debug, PartialEq, Eq)]
struct SightedMessage {
    packet: PacketPlace,
    is_answer: bool,
    indicator: IndicatorId,
}

impl DnsMessages {
    /// Learns the addresses of an answer, and reports the sighting.
    pub(super) fn report(
        &mut self,
        sighting: &DnsSighting,
        observed: Observed<'_>,
        resolved: &mut ResolvedAddresses,
        sessions: &mut Sessions,
        sightings: &mut Sightings,
        emit: &mut dyn FnMut(Alert),
    ) {
        let Observed { finding, provenance } = observed;
        let Some(indicator) = sightings.indicator(&provenance.indicators, sighting.indicator) else { return };
        if sighting.is_answer {
            resolved.learn_from(sighting, &indicator, finding.time);
        }
        // A TCP retransmission is no sighting. Over UDP the same bytes are another query.
        if provenance.head_end.is_some() && sessions.note_head(observed).is_none() {
            return;
        }
        let from_client = !sighting.is_answer;
        let signature = if from_client { Signature::C2DomainQuery } else { Signature::C2DomainAnswer };
        let statement = Statement {
            signature,
            severity: signature.severity(Closeness::Endpoint, indicator.confidence),
            application: "DNS",
            basis: sighting.basis,
            message: sentence(sighting, Roles::new(&finding.flow, from_client)) + indicator.remark(),
            indicator: Some(indicator),
        };
        let mut alert = packet_alert(observed, from_client, statement);
        alert.dns = Some(sighting.facts.clone());
        if self.is_counted(sighting, provenance.packet) {
            (alert.sent, alert.received) = (ByteCount(0), ByteCount(0));
        }
        sightings.report(alert, finding, None, emit);
    }

    /// Returns true if another message of the same packet gave the same sighting: the bytes of a
    /// packet count once.
    fn is_counted(&mut self, sighting: &DnsSighting, packet: PacketPlace) -> bool {
        let DnsSighting { is_answer, indicator, .. } = *sighting;
        let this = SightedMessage { packet, is_answer, indicator };
        let is_counted = self.last.as_ref() == Some(&this);
        self.last = Some(this);
        is_counted
    }
}

fn sentence(sighting: &DnsSighting, Roles { client, server }: Roles) -> String {
    let (client, server) = (client.address, server.address);
    let DnsFacts { name, addresses, .. } = &sighting.facts;
    let name = sanitize(name);
    if !sighting.is_answer {
        return format!("{client} asked {server} for {name}");
    }
    let addresses = match addresses.len() {
        0 => "no address".to_owned(),
        1 => "1 address".to_owned(),
        count => format!("{count} addresses"),
    };
    let mut others = sighting.names.iter();
    let mut text = match others.next() {
        Some(asked) if sighting.basis == MatchBasis::DnsAnswerRecord => {
            format!("{server} answered {client} for {}, which leads to {name}: {addresses}", sanitize(asked))
        }
        Some(first) => format!("{server} answered {client} for {name}: {addresses}, by way of {}", sanitize(first)),
        None => format!("{server} answered {client} for {name}: {addresses}"),
    };
    let joined_by = if sighting.basis == MatchBasis::DnsAnswerRecord { ", by way of " } else { ", " };
    for (place, other) in others.enumerate() {
        text += if place == 0 { joined_by } else { ", " };
        text += &sanitize(other).to_string();
    }
    text
}
