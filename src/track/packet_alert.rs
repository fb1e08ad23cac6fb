//! Makes the alert for a head in one packet, or in the packets of a reassembled head.

use std::sync::Arc;

use super::provenance::Observed;
use crate::alert::{Alert, MatchBasis, Phase, Signature};
use crate::decode::Encapsulation;
use crate::flow::{Endpoint, Flow, MacAddress};
use crate::indicator::Indicator;
use crate::units::ByteCount;

/// The bytes of a packet or conversation by direction.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DirectedBytes {
    /// From client to server.
    pub(super) sent: ByteCount,
    /// From server to client.
    pub(super) received: ByteCount,
}

impl DirectedBytes {
    pub(super) fn new(length: u32, from_client: bool) -> Self {
        let length = ByteCount(length.into());
        let none = ByteCount(0);
        if from_client { Self { sent: length, received: none } } else { Self { sent: none, received: length } }
    }
}

/// The two ends of a packet by their roles.
#[derive(Debug, Clone, Copy)]
pub(super) struct Roles {
    pub(super) client: Endpoint,
    pub(super) server: Endpoint,
}

impl Roles {
    pub(super) fn new(flow: &Flow, from_client: bool) -> Self {
        let (source, destination) = (flow.source, flow.destination);
        if from_client {
            Self { client: source, server: destination }
        } else {
            Self { client: destination, server: source }
        }
    }
}

/// The parts of an alert that do not come from the packet itself.
pub(super) struct Statement {
    pub(super) signature: Signature,
    pub(super) severity: u8,
    pub(super) application: &'static str,
    pub(super) basis: MatchBasis,
    pub(super) indicator: Option<Arc<Indicator>>,
    /// The sentence, without the tunnels.
    pub(super) message: String,
}

/// The alert of a statement about a packet. Its direction is not set: that is for
/// [`Sightings`](super::sightings::Sightings), which knows the home networks.
pub(super) fn packet_alert(observed: Observed<'_>, from_client: bool, statement: Statement) -> Alert {
    let Observed { finding, provenance } = observed;
    let Roles { client, server } = Roles::new(&finding.flow, from_client);
    let (from_mac, to_mac): (Option<MacAddress>, Option<MacAddress>) = finding.macs.unzip();
    let (client_mac, server_mac) = if from_client { (from_mac, to_mac) } else { (to_mac, from_mac) };
    let DirectedBytes { sent, received } = DirectedBytes::new(finding.length, from_client);
    let Statement { signature, severity, application, basis, indicator, message } = statement;
    Alert {
        signature,
        phase: Phase::First,
        severity,
        id: 0,
        seen: finding.time,
        start: finding.time,
        end: finding.time,
        client,
        server,
        listed: None,
        protocol: finding.flow.protocol,
        client_ipv4: None,
        server_ipv4: None,
        client_identity: None,
        server_identity: None,
        client_mac,
        server_mac,
        vlans: finding.vlans.clone(),
        application: Some(application),
        outbound: false,
        sent,
        received,
        count: 1,
        tcp_outcome: None,
        dns: None,
        server_name: None,
        http: None,
        indicator,
        basis,
        exclusion: None,
        origin: provenance.origin.clone(),
        packets: finding.packets,
        times: Vec::new(),
        message: message + &in_tunnels(finding.tunnels.as_deref()),
    }
}

/// The tunnels around a packet in words, the innermost first; empty for most packets.
pub(super) fn in_tunnels(tunnels: Option<&[Encapsulation]>) -> String {
    let mut text = String::new();
    for (place, tunnel) in tunnels.unwrap_or_default().iter().rev().enumerate() {
        text += if place == 0 { ", in " } else { " in " };
        text += &tunnel.to_string();
    }
    text
}
