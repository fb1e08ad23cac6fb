//! Alerts for the tests of outputs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use proptest::prelude::*;

use crate::alert::exclusion::Exclusions;
use crate::alert::{Alert, DnsFacts, HostIdentity, HttpFacts, IdentityFact, MatchBasis, Phase, Signature, TcpOutcome};
use crate::capture::Origin;
use crate::flow::{Endpoint, MacAddress, Protocol, Vlans};
use crate::indicator::{Indicator, Pattern, builtin};
use crate::protocol::dns::{RecordType, ResponseCode};
use crate::scan::FactSource;
use crate::units::{ByteCount, Timestamp};

/// Parses an address, with or without a port.
pub fn end(text: &str) -> Endpoint {
    match text.parse::<std::net::SocketAddr>() {
        Ok(socket) => Endpoint { address: socket.ip(), port: Some(socket.port()) },
        Err(_) => Endpoint { address: text.parse().unwrap(), port: None },
    }
}

/// Returns the built-in indicator with a value.
pub fn listed(value: &str) -> Arc<Indicator> {
    Arc::new(builtin().into_iter().find(|indicator| indicator.pattern.to_string() == value).unwrap())
}

/// 2026-11-24T01:53:20.010987Z.
pub const SEEN: Timestamp = Timestamp::from_parts(1_795_485_200, 10_987_000);

/// The identity of a host whose name and account are this text.
fn identified(text: &[u8]) -> HostIdentity {
    let mut identity = HostIdentity::default();
    for source in [FactSource::Dhcp, FactSource::KerberosAccount] {
        identity.set(source, IdentityFact { value: text.to_vec(), seen: SEEN });
    }
    identity
}

/// A DNS query.
pub fn query() -> Alert {
    Alert {
        signature: Signature::C2DomainQuery,
        phase: Phase::First,
        severity: 8,
        id: 0x5f1c_0b9e_77a3_d2c4,
        seen: SEEN,
        start: SEEN,
        end: SEEN,
        client: end("10.20.30.40:53124"),
        server: end("10.20.0.53:53"),
        protocol: Protocol::UDP,
        listed: None,
        client_ipv4: None,
        server_ipv4: None,
        client_identity: None,
        server_identity: None,
        client_mac: None,
        server_mac: None,
        vlans: Vlans::new(),
        application: Some("DNS"),
        outbound: false,
        sent: ByteCount(66),
        received: ByteCount(0),
        count: 1,
        tcp_outcome: None,
        dns: Some(DnsFacts {
            name: b"gw.feersona.net".to_vec(),
            query_type: Some(RecordType::A),
            ..DnsFacts::default()
        }),
        server_name: None,
        http: None,
        indicator: Some(listed("feersona.net")),
        basis: MatchBasis::DnsQuery,
        exclusion: None,
        origin: Arc::new(Origin { name: "eth1".to_owned() }),
        packets: None,
        times: Vec::new(),
        message: "10.20.30.40 asked 10.20.0.53 for gw.feersona.net".to_owned(),
    }
}

/// Text with characters that need escapes, and with what looks like escapes.
pub fn hostile_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => any::<char>().prop_map(String::from),
        2 => "[a-z ]{1,12}",
        2 => prop::sample::select(vec!["\\", "=", "|", ";", "\r", "\n", " msg=", "\\x0a", "\u{202e}", "\u{85}", "\0"])
            .prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..120).prop_map(|pieces| pieces.concat())
}

prop_compose! {
    fn any_end()(v6 in any::<bool>(), bits in any::<u128>(), port in any::<Option<u16>>()) -> Endpoint {
        Endpoint { address: any_address(v6, bits), port }
    }
}

fn any_address(v6: bool, bits: u128) -> IpAddr {
    if v6 { IpAddr::V6(Ipv6Addr::from(bits)) } else { IpAddr::V4(Ipv4Addr::from(bits as u32)) }
}

prop_compose! {
    fn any_facts()(
        name in prop_oneof![prop::collection::vec(any::<u8>(), 0..507), hostile_text().prop_map(String::into_bytes)],
        query_type in any::<Option<u16>>(),
        response_code in any::<Option<u16>>(),
        ttl in any::<Option<u32>>(),
        addresses in prop::collection::vec((any::<bool>(), any::<u128>()), 0..60),
    ) -> DnsFacts {
        let addresses = addresses.into_iter().map(|(v6, bits)| any_address(v6, bits)).collect();
        DnsFacts { name, query_type: query_type.map(RecordType), response_code: response_code.map(ResponseCode), ttl, addresses }
    }
}

prop_compose! {
    pub fn any_alert()(
        signature in prop::sample::select(Signature::ALL.to_vec()),
        (severity, id, outbound, count) in any::<(u8, u64, bool, u64)>(),
        times in any::<[i64; 4]>(),
        (client, server) in (any_end(), any_end()),
        protocol in any::<u8>(),
        macs in any::<[Option<[u8; 6]>; 2]>(),
        bytes in any::<[u64; 2]>(),
        dns in prop::option::of(any_facts()),
        texts in prop::collection::vec(hostile_text(), 6),
        confidence in any::<u8>(),
        server_name in prop::option::of(prop::collection::vec(any::<u8>(), 0..300)),
    ) -> Alert {
        // A packet is either DNS or names a server.
        let server_name = server_name.filter(|_| dns.is_none());
        Alert {
            signature, severity, id, outbound, count, client, server, dns,
            phase: Phase::First,
            seen: Timestamp::from_nanos(times[0]),
            start: Timestamp::from_nanos(times[1]),
            end: Timestamp::from_nanos(times[2]),
            protocol: Protocol(protocol),
            listed: None,
            client_ipv4: None,
            server_ipv4: None,
            client_identity: Some(Arc::new(identified(texts[5].as_bytes()))),
            server_identity: None,
            client_mac: macs[0].map(MacAddress),
            server_mac: macs[1].map(MacAddress),
            vlans: Vlans::new(),
            application: Some("DNS"),
            sent: ByteCount(bytes[0]),
            received: ByteCount(bytes[1]),
            tcp_outcome: Some(TcpOutcome::Refused),
            server_name: server_name.clone(),
            http: server_name.map(|url| HttpFacts { method: b"GET".to_vec(), agent: url.clone(), url }),
            indicator: Some(Arc::new(Indicator {
                pattern: Pattern::Domain(texts[0].clone()),
                family: texts[1].as_str().into(),
                threat: texts[2].as_str().into(),
                confidence,
                first_seen: Some(Timestamp::from_nanos(times[3])),
                last_seen: None,
                source: "".into(),
                reference: texts[3].as_str().into(),
                tags: Vec::new(),
                id: None,
                is_compromised: false,
                is_from_url: false,
            })),
            basis: MatchBasis::DnsAnswerRecord,
            exclusion: None,
            origin: Arc::new(Origin { name: texts[4].clone() }),
            packets: None,
            times: Vec::new(),
            message: texts[5].clone(),
        }
    }
}

/// Applies an exclusion rule with the given match, which lowers the severity.
pub fn judged(mut alert: Alert, fields: &str, other: Option<&Indicator>) -> Alert {
    let text = format!(
        "[[rule]]\nname = '{}'\nscenario = 'other'\nowner = 'o'\nreason = 'r'\nexpires = 2027-01-01\n[rule.match]\n{fields}",
        "r".repeat(48)
    );
    let rules = Exclusions::parse(&text, "rules.toml".as_ref(), SEEN).unwrap();
    let other = other.map(|indicator| (alert.client.address, indicator));
    let verdict = rules.evaluate(&alert, SEEN, other).unwrap();
    alert.set_exclusion(verdict);
    alert
}
