//! Alerts as JSON: one object on one line for each, for programs that read no CEF.
//!
//! An object says what the CEF line says, and in full: nothing is cut for its length, and times have all their digits. What there is
//! none of is left out. Bytes from the wire are made printable as in CEF ([`sanitize`]), and so is all other text; the strings hold no
//! control characters, whatever a capture does. The names of the fields are stable: fields are added, none changes its meaning.

use std::fmt::Display;
use std::net::IpAddr;

use serde::{Serialize, Serializer};

use super::{LineForm, Sensor};
use crate::alert::{Alert, Sanitized, Verdict, sanitize};
use crate::flow::{End, Mac};
use crate::indicator::Indicator;
use crate::units::Timestamp;

/// Writes alerts as lines of JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json {
    sensor: Sensor,
}

impl Json {
    /// Lines that name `sensor` as who saw it.
    pub fn new(sensor: &Sensor) -> Self {
        Self { sensor: sensor.clone() }
    }
}

impl LineForm for Json {
    fn write(&self, alert: &Alert, out: &mut String) {
        // Nothing in it can fail: there are no maps, and all that is shown prints.
        if let Ok(line) = serde_json::to_string(&Object::new(alert, &self.sensor)) {
            out.push_str(&line);
            out.push('\n');
        }
    }
}

/// An alert's object; `docs/json.md` explains each field.
#[derive(Serialize)]
struct Object<'a> {
    time: Time,
    start: Time,
    end: Time,
    external_id: Shown<String>,
    signature: &'static str,
    activity: &'static str,
    severity: u8,
    phase: &'static str,
    count: u64,
    client: Host,
    server: Host,
    protocol: Shown<crate::flow::Protocol>,
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
    indicator: Option<Listed<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns: Option<Dns<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_name: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Http<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exclusion: Option<Excluded<'a>>,
    origin: Text<'a>,
    sensor: By<'a>,
    message: String,
}

/// One end of a conversation.
#[derive(Serialize)]
struct Host {
    /// The IPv4 address, where the one on the wire holds it.
    address: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    address_on_wire: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<Shown<Mac>>,
}

/// The indicator, with the names that `rattap indicators list --json` has.
#[derive(Serialize)]
struct Listed<'a> {
    kind: &'static str,
    value: Shown<String>,
    confidence: u8,
    malware_family: Text<'a>,
    threat_type: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seen: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<Time>,
    source: Text<'a>,
    reference: Text<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Text<'a>>,
    compromised: bool,
    from_url: bool,
}

#[derive(Serialize)]
struct Dns<'a> {
    name: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_type: Option<Shown<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_code: Option<Shown<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_code_number: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u32>,
    #[serde(skip_serializing_if = "<[IpAddr]>::is_empty")]
    addresses: &'a [IpAddr],
}

#[derive(Serialize)]
struct Http<'a> {
    method: Text<'a>,
    url: Text<'a>,
    user_agent: Text<'a>,
}

#[derive(Serialize)]
struct Excluded<'a> {
    rule: Text<'a>,
    /// What it did, if it did anything; the message says why it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<&'static str>,
}

#[derive(Serialize)]
struct By<'a> {
    host: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Text<'a>>,
    version: &'static str,
}

impl<'a> Object<'a> {
    fn new(alert: &'a Alert, sensor: &'a Sensor) -> Self {
        let verdict = alert.exclusion.as_ref();
        let more = verdict.map(ToString::to_string).unwrap_or_default();
        Self {
            time: Time(alert.seen),
            start: Time(alert.start),
            end: Time(alert.end),
            external_id: Shown(format!("{:016x}", alert.id)),
            signature: alert.signature.id(),
            activity: alert.signature.activity(),
            severity: alert.severity.min(10),
            phase: alert.phase.token(),
            count: alert.count,
            client: Host::new(alert.client, alert.client_ipv4.map(IpAddr::V4), alert.client_mac),
            server: Host::new(alert.server, alert.server_ipv4.map(IpAddr::V4), alert.server_mac),
            protocol: Shown(alert.protocol),
            app: alert.application,
            vlans: &alert.vlans,
            outbound: alert.outbound,
            sent_bytes: alert.sent.0,
            received_bytes: alert.received.0,
            tcp_outcome: alert.tcp_outcome.map(|outcome| outcome.token()),
            match_basis: alert.basis.token(),
            indicator: alert.indicator.as_deref().map(Listed::new),
            dns: alert.dns.as_ref().map(|dns| Dns {
                name: Text(&dns.name),
                query_type: dns.query_type.map(|kind| Shown(kind.to_string())),
                response_code: dns.response_code.map(|code| Shown(code.to_string())),
                response_code_number: dns.response_code.map(|code| code.0),
                ttl: dns.ttl,
                addresses: &dns.addresses,
            }),
            server_name: alert.server_name.as_deref().map(Text),
            http: alert.http.as_ref().map(|http| Http {
                method: Text(&http.method),
                url: Text(&http.url),
                user_agent: Text(&http.agent),
            }),
            exclusion: verdict.map(Excluded::new),
            origin: text(&alert.origin.name),
            sensor: By {
                host: text(sensor.host.trim()),
                id: sensor.id.as_deref().map(|id| text(id.trim())),
                version: env!("CARGO_PKG_VERSION"),
            },
            message: format!("{}{}", sanitize(alert.message.trim().as_bytes()), sanitize(more.as_bytes())),
        }
    }
}

impl Host {
    fn new(end: End, inside: Option<IpAddr>, mac: Option<Mac>) -> Self {
        Self {
            address: inside.unwrap_or(end.address),
            address_on_wire: inside.map(|_| end.address),
            port: end.port,
            mac: mac.map(Shown),
        }
    }
}

impl<'a> Listed<'a> {
    fn new(indicator: &'a Indicator) -> Self {
        Self {
            kind: indicator.pattern.kind(),
            value: Shown(sanitize(indicator.pattern.to_string().as_bytes()).to_string()),
            confidence: indicator.confidence,
            malware_family: text(&indicator.family),
            threat_type: text(&indicator.threat),
            first_seen: indicator.first_seen.map(Time),
            last_seen: indicator.last_seen.map(Time),
            source: text(&indicator.source),
            reference: text(&indicator.reference),
            tags: indicator.tags.iter().map(|tag| text(tag)).collect(),
            id: indicator.id.as_deref().map(text),
            compromised: indicator.is_compromised,
            from_url: indicator.is_from_url,
        }
    }
}

impl<'a> Excluded<'a> {
    fn new(verdict: &'a Verdict) -> Self {
        Self { rule: text(&verdict.rule), effect: verdict.effect().map(|effect| effect.token()) }
    }
}

/// Bytes as text that prints.
struct Text<'a>(&'a [u8]);

fn text(text: &str) -> Text<'_> {
    Text(text.as_bytes())
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text: Sanitized<'_> = sanitize(self.0);
        serializer.collect_str(&text)
    }
}

/// Something as the text that it prints as.
struct Shown<T>(T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// RFC 3339, in UTC, with as many digits as the time has.
struct Time(Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Every time that fits into 64 bits of nanoseconds can be told.
        match jiff::Timestamp::from_nanosecond(self.0.nanos().into()) {
            Ok(time) => serializer.collect_str(&time),
            Err(error) => Err(serde::ser::Error::custom(error)),
        }
    }
}

#[cfg(test)]
mod tests;
