//! CEF lines of any alert.

#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use rattap::alert::{Alert, DnsFacts, HostIdentity, HttpFacts, IdentityFact, MatchBasis, Phase, Signature, TcpOutcome};
use rattap::capture::Origin;
use rattap::flow::{Endpoint, MacAddress, Protocol, Vlans};
use rattap::indicator::{Indicator, Pattern};
use rattap::output::{Cef, Sensor};
use rattap::protocol::dns::{RecordType, ResponseCode};
use rattap::sanitize::sanitize;
use rattap::scan::FactSource;
use rattap::units::{ByteCount, Timestamp};

#[path = "common/bytes.rs"]
mod bytes;
#[path = "common/line.rs"]
mod line;

use bytes::Bytes;

/// The longest text in bytes: long enough that every value is truncated, and that all of them
/// together exceed the line.
const LONGEST_TEXT: u16 = 700;

fn text(data: &mut Bytes<'_>) -> String {
    String::from_utf8_lossy(data.some(LONGEST_TEXT)).into_owned()
}

fn maybe<'a, T>(data: &mut Bytes<'a>, value: impl FnOnce(&mut Bytes<'a>) -> T) -> Option<T> {
    (data.byte() & 1 == 1).then(|| value(data))
}

fn one_of<T: Copy>(data: &mut Bytes<'_>, values: &[T]) -> T {
    values[usize::from(data.byte()) % values.len()]
}

fn address(data: &mut Bytes<'_>) -> IpAddr {
    match data.byte() & 1 {
        0 => Ipv4Addr::from(data.array::<4>()).into(),
        _ => Ipv6Addr::from(data.array::<16>()).into(),
    }
}

fn end(data: &mut Bytes<'_>) -> Endpoint {
    Endpoint { address: address(data), port: maybe(data, |data| u16::from_le_bytes(data.array())) }
}

fn time(data: &mut Bytes<'_>) -> Timestamp {
    Timestamp::from_nanos(i64::from_le_bytes(data.array()))
}

fn count(data: &mut Bytes<'_>) -> u64 {
    u64::from_le_bytes(data.array())
}

fn dns(data: &mut Bytes<'_>) -> DnsFacts {
    DnsFacts {
        name: data.some(LONGEST_TEXT).to_vec(),
        query_type: maybe(data, |data| RecordType(u16::from_le_bytes(data.array()))),
        response_code: maybe(data, |data| ResponseCode(u16::from_le_bytes(data.array()))),
        ttl: maybe(data, |data| u32::from_le_bytes(data.array())),
        addresses: (0..data.byte()).map(|_| address(data)).collect(),
    }
}

fn indicator(data: &mut Bytes<'_>) -> Indicator {
    Indicator {
        pattern: match data.byte() % 3 {
            0 => Pattern::Endpoint(address(data), u16::from_le_bytes(data.array())),
            1 => Pattern::Address(address(data)),
            _ => Pattern::Domain(text(data)),
        },
        family: text(data).into(),
        threat: text(data).into(),
        confidence: data.byte(),
        first_seen: maybe(data, time),
        last_seen: None,
        source: "fuzz".into(),
        reference: text(data).into(),
        tags: Vec::new(),
        id: None,
        is_compromised: false,
        is_from_url: false,
    }
}

fn identity(data: &mut Bytes<'_>) -> Arc<HostIdentity> {
    let mut identity = HostIdentity::default();
    for source in [FactSource::Dhcp, FactSource::KerberosAccount] {
        identity.set(source, IdentityFact { value: data.some(100).to_vec(), seen: time(data) });
    }
    Arc::new(identity)
}

fn alert(data: &mut Bytes<'_>) -> Alert {
    use MatchBasis::{
        Address, AddressOtherPort, AddressPort, DnsAnswer, DnsAnswerRecord, DnsQuery, Network, ResolvedAddress,
    };
    use TcpOutcome::{Attempted, Established, Refused};

    let bases =
        [AddressPort, AddressOtherPort, Address, Network, ResolvedAddress, DnsQuery, DnsAnswer, DnsAnswerRecord];
    Alert {
        listed: None,
        server_name: (data.byte() & 1 == 0).then(|| data.some(600).to_vec()),
        http: (data.byte() & 1 == 0).then(|| HttpFacts {
            method: data.some(40).to_vec(),
            url: data.some(600).to_vec(),
            agent: data.some(600).to_vec(),
        }),
        signature: one_of(data, &Signature::ALL),
        phase: one_of(data, &[Phase::First, Phase::Update]),
        severity: data.byte(),
        id: count(data),
        seen: time(data),
        start: time(data),
        end: time(data),
        client: end(data),
        server: end(data),
        protocol: Protocol(data.byte()),
        client_ipv4: maybe(data, |data| data.array().into()),
        server_ipv4: maybe(data, |data| data.array().into()),
        client_mac: maybe(data, |data| MacAddress(data.array())),
        server_mac: maybe(data, |data| MacAddress(data.array())),
        client_identity: maybe(data, identity),
        server_identity: maybe(data, identity),
        vlans: Vlans::new(),
        application: maybe(data, |_| "DNS"),
        outbound: data.byte() & 1 == 1,
        sent: ByteCount(count(data)),
        received: ByteCount(count(data)),
        count: count(data),
        tcp_outcome: maybe(data, |data| one_of(data, &[Attempted, Refused, Established])),
        dns: maybe(data, dns),
        indicator: (data.byte() & 1 == 0).then(|| Arc::new(indicator(data))),
        basis: one_of(data, &bases),
        exclusion: None,
        origin: Arc::new(Origin { name: text(data) }),
        packets: None,
        times: Vec::new(),
        // Sometimes raw text. The tracker sanitizes it, but the writer must not rely on that.
        message: match data.byte() & 1 {
            0 => text(data),
            _ => sanitize(data.some(LONGEST_TEXT)).to_string(),
        },
    }
}

fuzz_target!(|data: &[u8]| {
    let mut data = Bytes(data);
    let cef = Cef::new(Sensor { host: text(&mut data), id: maybe(&mut data, text) });
    let alert = alert(&mut data);
    let mut lines = "before\n".to_owned();
    cef.write(&alert, &mut lines);
    let line = lines.strip_prefix("before\n").expect("earlier text is unchanged");
    let values = line::check(line);
    let value = |key: &str| values.get(key).map(String::as_str);
    let number = |key: &str| value(key).and_then(|text| text.parse::<i128>().ok());
    // No text passes as another key, and the values that queries use are complete.
    assert_eq!(value("4"), Some(alert.signature.id()));
    assert_eq!(number("rt"), Some(alert.seen.millis().into()));
    assert_eq!(number("cnt"), Some(alert.count.into()));
    assert_eq!(number("spt"), alert.client.port.map(i128::from));
    assert_eq!(value("dst").map(str::parse), Some(Ok(alert.server_ipv4.map_or(alert.server.address, IpAddr::V4))));
    assert_eq!(value("externalId"), Some(&*format!("{:016x}", alert.id)));
    assert_eq!(value("flexString2"), Some(alert.phase.token()));
    assert_eq!(value("cs6"), Some(alert.basis.token()));
    assert_eq!(number("cn1"), alert.indicator.as_ref().map(|indicator| indicator.confidence.into()));
    assert_eq!(value("cs4").is_some(), alert.dns.as_ref().is_some_and(|dns| !dns.addresses.is_empty()));
    let mut again = String::new();
    cef.write(&alert, &mut again);
    assert_eq!(again, line);
});
