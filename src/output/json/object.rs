//! The JSON object of an alert.

use std::fmt::Display;
use std::net::IpAddr;

use serde::{Serialize, Serializer};

use crate::alert::{Alert, Verdict};
use crate::flow::{Endpoint, MacAddress};
use crate::indicator::Indicator;
use crate::output::{LineFormatter, Sensor};
use crate::sanitize::{Sanitized, sanitize};
use crate::units::Timestamp;

/// Writes alerts as lines of JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json {
    sensor: Sensor,
}

impl Json {
    /// A formatter whose lines name `sensor`.
    pub fn new(sensor: Sensor) -> Self {
        Self { sensor }
    }
}

impl LineFormatter for Json {
    fn write(&self, alert: &Alert, out: &mut String) {
        // Serialization cannot fail: the object has no maps, and every time is in range.
        if let Ok(line) = serde_json::to_string(&AlertObject::new(alert, &self.sensor)) {
            out.push_str(&line);
            out.push('\n');
        }
    }
}

/// An alert. The README has a table of the fields and their meanings.
#[derive(Serialize)]
struct AlertObject<'a> {
    time: UtcTime,
    start: UtcTime,
    end: UtcTime,
    external_id: Displayed<String>,
    signature: &'static str,
    activity: &'static str,
    severity: u8,
    phase: &'static str,
    count: u64,
    client: EndpointObject,
    server: EndpointObject,
    protocol: Displayed<crate::flow::Protocol>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<&'static str>,
    #[serde(skip_serializing_if = "<[u16]>::is_empty")]
    vlans: &'a [u16],
    outbound: bool,
    sent_bytes: u64,
    received_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp_outcome: Option<&'static str>,
    match_basis: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    indicator: Option<IndicatorObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns: Option<DnsObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_name: Option<WireText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<HttpObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exclusion: Option<ExclusionObject<'a>>,
    origin: WireText<'a>,
    sensor: SensorObject<'a>,
    message: String,
}

/// One end of a flow.
#[derive(Serialize)]
struct EndpointObject {
    /// The IPv4 address if the address on the wire embeds one, else the address on the wire.
    address: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    address_on_wire: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<Displayed<MacAddress>>,
}

/// The indicator, with the field names of `rattap indicators list --json`.
#[derive(Serialize)]
struct IndicatorObject<'a> {
    kind: &'static str,
    value: Displayed<String>,
    confidence: u8,
    malware_family: WireText<'a>,
    threat_type: WireText<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seen: Option<UtcTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<UtcTime>,
    source: WireText<'a>,
    reference: WireText<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<WireText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<WireText<'a>>,
    compromised: bool,
    from_url: bool,
}

#[derive(Serialize)]
struct DnsObject<'a> {
    name: WireText<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_type: Option<Displayed<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_code: Option<Displayed<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_code_number: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u32>,
    #[serde(skip_serializing_if = "<[IpAddr]>::is_empty")]
    addresses: &'a [IpAddr],
}

#[derive(Serialize)]
struct HttpObject<'a> {
    method: WireText<'a>,
    url: WireText<'a>,
    user_agent: WireText<'a>,
}

#[derive(Serialize)]
struct ExclusionObject<'a> {
    rule: WireText<'a>,
    /// The effect of the rule. If the rule had none, the message states the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<&'static str>,
}

#[derive(Serialize)]
struct SensorObject<'a> {
    host: WireText<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<WireText<'a>>,
    version: &'static str,
}

impl<'a> AlertObject<'a> {
    fn new(alert: &'a Alert, sensor: &'a Sensor) -> Self {
        let verdict = alert.exclusion.as_ref();
        let addition = verdict.map(ToString::to_string).unwrap_or_default();
        Self {
            time: UtcTime(alert.seen),
            start: UtcTime(alert.start),
            end: UtcTime(alert.end),
            external_id: Displayed(format!("{:016x}", alert.id)),
            signature: alert.signature.id(),
            activity: alert.signature.activity(),
            severity: alert.severity.min(10),
            phase: alert.phase.token(),
            count: alert.count,
            client: EndpointObject::new(alert.client, alert.client_ipv4.map(IpAddr::V4), alert.client_mac),
            server: EndpointObject::new(alert.server, alert.server_ipv4.map(IpAddr::V4), alert.server_mac),
            protocol: Displayed(alert.protocol),
            app: alert.application,
            vlans: &alert.vlans,
            outbound: alert.outbound,
            sent_bytes: alert.sent.0,
            received_bytes: alert.received.0,
            tcp_outcome: alert.tcp_outcome.map(|outcome| outcome.token()),
            match_basis: alert.basis.token(),
            indicator: alert.indicator.as_deref().map(IndicatorObject::new),
            dns: alert.dns.as_ref().map(|dns| DnsObject {
                name: WireText(&dns.name),
                query_type: dns.query_type.map(|kind| Displayed(kind.to_string())),
                response_code: dns.response_code.map(|code| Displayed(code.to_string())),
                response_code_number: dns.response_code.map(|code| code.0),
                ttl: dns.ttl,
                addresses: &dns.addresses,
            }),
            server_name: alert.server_name.as_deref().map(WireText),
            http: alert.http.as_ref().map(|http| HttpObject {
                method: WireText(&http.method),
                url: WireText(&http.url),
                user_agent: WireText(&http.agent),
            }),
            exclusion: verdict.map(ExclusionObject::new),
            origin: text(&alert.origin.name),
            sensor: SensorObject {
                host: text(sensor.host.trim()),
                id: sensor.id.as_deref().map(|id| text(id.trim())),
                version: env!("CARGO_PKG_VERSION"),
            },
            message: format!("{}{}", sanitize(alert.message.trim().as_bytes()), sanitize(addition.as_bytes())),
        }
    }
}

impl EndpointObject {
    fn new(end: Endpoint, embedded: Option<IpAddr>, mac: Option<MacAddress>) -> Self {
        Self {
            address: embedded.unwrap_or(end.address),
            address_on_wire: embedded.map(|_| end.address),
            port: end.port,
            mac: mac.map(Displayed),
        }
    }
}

impl<'a> IndicatorObject<'a> {
    fn new(indicator: &'a Indicator) -> Self {
        Self {
            kind: indicator.pattern.kind(),
            value: Displayed(sanitize(indicator.pattern.to_string().as_bytes()).to_string()),
            confidence: indicator.confidence,
            malware_family: text(&indicator.family),
            threat_type: text(&indicator.threat),
            first_seen: indicator.first_seen.map(UtcTime),
            last_seen: indicator.last_seen.map(UtcTime),
            source: text(&indicator.source),
            reference: text(&indicator.reference),
            tags: indicator.tags.iter().map(|tag| text(tag)).collect(),
            id: indicator.id.as_deref().map(text),
            compromised: indicator.is_compromised,
            from_url: indicator.is_from_url,
        }
    }
}

impl<'a> ExclusionObject<'a> {
    fn new(verdict: &'a Verdict) -> Self {
        Self { rule: text(&verdict.rule), effect: verdict.effect().map(|effect| effect.token()) }
    }
}

/// Bytes from the wire, sanitized.
struct WireText<'a>(&'a [u8]);

fn text(text: &str) -> WireText<'_> {
    WireText(text.as_bytes())
}

impl Serialize for WireText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text: Sanitized<'_> = sanitize(self.0);
        serializer.collect_str(&text)
    }
}

/// A value as its displayed text.
struct Displayed<T>(T);

impl<T: Display> Serialize for Displayed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A time in UTC (RFC 3339), with as many fractional digits as it has.
struct UtcTime(Timestamp);

impl Serialize for UtcTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Every time of 64 bits of nanoseconds is in range.
        match jiff::Timestamp::from_nanosecond(self.0.nanos().into()) {
            Ok(time) => serializer.collect_str(&time),
            Err(error) => Err(serde::ser::Error::custom(error)),
        }
    }
}
