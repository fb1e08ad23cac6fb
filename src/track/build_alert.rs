//! Alerts made of what the tracker knows, and what they say in words.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::IpNet;

use super::address_match::{self, Match};
use super::conversation::Conversation;
use crate::alert::{Alert, DnsFacts, MatchBasis, Phase, Signature, sanitize};
use crate::capture::{Origin, Packets};
use crate::flow::{End, Mac};
use crate::indicator::{Closeness, Indicator};
use crate::scan::{DnsSighting, Finding};
use crate::units::ByteCount;

/// The alert for a conversation, of which so many bytes are new, in these packets.
pub(super) fn of_conversation(
    conversation: &Conversation,
    (sent, received): (ByteCount, ByteCount),
    packets: Option<Packets>,
    home: &[IpNet],
) -> Alert {
    let Conversation { client, server, protocol, matched, outer, .. } = conversation;
    Alert {
        signature: matched.signature,
        phase: Phase::First,
        severity: matched.severity(),
        id: 0,
        seen: conversation.first,
        start: conversation.first,
        end: conversation.last,
        client: *client,
        server: *server,
        listed: Some(matched.listed.address),
        protocol: *protocol,
        client_ipv4: ipv4_of(matched, *client),
        server_ipv4: ipv4_of(matched, *server),
        client_mac: conversation.client_mac,
        server_mac: conversation.server_mac,
        vlans: conversation.vlans.clone(),
        application: None,
        outbound: is_outbound(*client, *server, home),
        sent,
        received,
        count: 1,
        tcp_outcome: conversation.tcp_outcome,
        dns: matched.name.as_deref().map(|name| DnsFacts { name: name.to_vec(), ..DnsFacts::default() }),
        server_name: None,
        http: None,
        indicator: Some(matched.indicator.clone()),
        basis: matched.basis,
        exclusion: None,
        origin: conversation.origin.clone(),
        packets,
        times: Vec::new(),
        message: address_match::sentence(matched, *client, *server, *protocol)
            + &address_match::within(outer.as_deref()),
    }
}

/// The listed IPv4 address in an end's IPv6 address.
fn ipv4_of(matched: &Match, end: End) -> Option<Ipv4Addr> {
    matched.embedded.filter(|_| matched.listed == end).map(|embedded| embedded.address)
}

/// The alert for a DNS message, of which so many bytes are new.
pub(super) fn of_dns(
    finding: &Finding,
    sighting: &DnsSighting,
    indicator: &Arc<Indicator>,
    origin: &Arc<Origin>,
    length: ByteCount,
    home: &[IpNet],
) -> Alert {
    let from_client = !sighting.is_answer;
    let signature = if from_client { Signature::C2DomainQuery } else { Signature::C2DomainAnswer };
    let whole = of_packet(finding, origin, home, from_client);
    let (sent, received) = if from_client { (length, ByteCount(0)) } else { (ByteCount(0), length) };
    Alert {
        signature,
        severity: signature.severity(Closeness::Endpoint, indicator.confidence),
        application: Some("DNS"),
        sent,
        received,
        dns: Some(sighting.facts.clone()),
        indicator: Some(indicator.clone()),
        basis: sighting.basis,
        message: dns_sentence(sighting, whole.client, whole.server)
            + indicator.remark()
            + &address_match::within(finding.outer.as_deref()),
        ..whole
    }
}

fn is_outbound(client: End, server: End, home: &[IpNet]) -> bool {
    address_match::is_inside(client.address, home) && !address_match::is_inside(server.address, home)
}

fn dns_sentence(sighting: &DnsSighting, client: End, server: End) -> String {
    let DnsFacts { name, addresses, .. } = &sighting.facts;
    let name = sanitize(name);
    if !sighting.is_answer {
        return format!("{} asked {} for {name}", client.address, server.address);
    }
    let what = match addresses.len() {
        0 => "no address".to_owned(),
        1 => "1 address".to_owned(),
        count => format!("{count} addresses"),
    };
    let (server, client) = (server.address, client.address);
    let mut others = sighting.names.iter();
    let mut text = match others.next() {
        Some(asked) if sighting.basis == MatchBasis::DnsAnswerRecord => {
            format!("{server} answered {client} for {}, which leads to {name}: {what}", sanitize(asked))
        }
        Some(first) => format!("{server} answered {client} for {name}: {what}, by way of {}", sanitize(first)),
        None => format!("{server} answered {client} for {name}: {what}"),
    };
    let joined_by = if sighting.basis == MatchBasis::DnsAnswerRecord { ", by way of " } else { ", " };
    for (place, other) in others.enumerate() {
        text += if place == 0 { joined_by } else { ", " };
        text += &sanitize(other).to_string();
    }
    text
}

/// What a sighting of the NetSupport protocol says in words. `is_named`: the indicator was named in the conversation, whose server may be a proxy.
pub(super) fn netsupport_sentence(
    alert: &Alert,
    (indicator, is_named): (Option<&Indicator>, bool),
    command: Option<&str>,
    version: Option<&str>,
) -> String {
    let mut text = format!("{} speaks NetSupport with {}", alert.client.address, alert.server);
    match indicator {
        Some(indicator) if is_named => text += &format!(", where it named a C2 server ({})", indicator.pattern),
        Some(indicator) => text += &format!(", a C2 server ({})", indicator.pattern),
        None => text += ", a gateway that is not listed",
    }
    text += indicator.map_or("", Indicator::remark);
    if let Some(command) = command {
        text += &format!("; command {command}");
    }
    if let Some(version) = version {
        text += &format!("; gateway version {version}");
    }
    text
}

/// What an alert says of any packet in which something was said; what that was is the caller's to add.
pub(super) fn of_packet(finding: &Finding, origin: &Arc<Origin>, home: &[IpNet], from_client: bool) -> Alert {
    let flow = finding.flow;
    let (from_mac, to_mac): (Option<Mac>, Option<Mac>) = finding.macs.unzip();
    let (client, server): (End, End) =
        if from_client { (flow.source, flow.destination) } else { (flow.destination, flow.source) };
    let (client_mac, server_mac) = if from_client { (from_mac, to_mac) } else { (to_mac, from_mac) };
    let length = ByteCount(finding.length.into());
    let (sent, received) = if from_client { (length, ByteCount(0)) } else { (ByteCount(0), length) };
    Alert {
        signature: Signature::C2ServerName,
        phase: Phase::First,
        severity: 0,
        id: 0,
        seen: finding.time,
        start: finding.time,
        end: finding.time,
        client,
        server,
        listed: None,
        protocol: flow.protocol,
        client_ipv4: None,
        server_ipv4: None,
        client_mac,
        server_mac,
        vlans: finding.vlans.clone(),
        application: None,
        outbound: is_outbound(client, server, home),
        sent,
        received,
        count: 1,
        tcp_outcome: None,
        dns: None,
        server_name: None,
        http: None,
        indicator: None,
        basis: MatchBasis::HttpHost,
        exclusion: None,
        origin: origin.clone(),
        packets: finding.packets,
        times: Vec::new(),
        message: String::new(),
    }
}
