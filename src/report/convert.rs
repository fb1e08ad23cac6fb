//! Conversion of alerts, indicators and packet numbers into the data model.

use super::host::HostEnds;
use super::model::{self, Moment, Span};
use super::text::{printable, shortened};
use crate::alert::{Alert, Signature, Verdict};
use crate::capture::{PacketNumber, PacketRange};
use crate::indicator::Indicator;
use crate::protocol::dns::ResponseCode;
use crate::sanitize::sanitize;
use crate::units::Timestamp;

/// The maximum length of a text from the wire in bytes: enough for all names, and to distinguish
/// URLs.
const MAX_TEXT: usize = 600;

/// The maximum number of addresses of DNS answers in an alert.
const MAX_ADDRESSES: usize = 32;

const DAY_NANOS: i64 = 86_400_000_000_000;

/// Converts an alert.
pub(super) fn alert(alert: &Alert) -> model::Alert {
    let dns = alert.dns.as_ref();
    let http = alert.http.as_ref();
    let name = dns.map(|dns| &dns.name).or(alert.server_name.as_ref());
    let outcome = match dns.and_then(|dns| dns.response_code) {
        Some(code) => Some(code.to_string()),
        None => alert.tcp_outcome.map(|outcome| outcome.token().to_owned()),
    };
    let request = http.map(|http| format!("{} {}", sanitize(&http.method), sanitize(&http.url)));
    let addresses = dns.map(|dns| dns.addresses.as_slice()).unwrap_or_default();
    model::Alert {
        id: format!("{:016x}", alert.id),
        signature: alert.signature.id().to_owned(),
        activity: alert.signature.activity().to_owned(),
        severity: alert.severity,
        phase: alert.phase.token().to_owned(),
        seen: Moment(alert.seen),
        span: Span::new(alert.start, alert.end),
        sightings: alert.count,
        packets: alert.packets.map(packets),
        client: alert.client.to_string(),
        server: alert.server.to_string(),
        protocol: alert.protocol.to_string(),
        application: alert.application.map(str::to_owned),
        sent: alert.sent.0,
        received: alert.received.0,
        outcome,
        basis: alert.basis.token().to_owned(),
        name: name.map(|name| short_text(name)),
        addresses: addresses.iter().take(MAX_ADDRESSES).map(ToString::to_string).collect(),
        request: request.map(|request| shortened(&request, MAX_TEXT)),
        user_agent: http.filter(|http| !http.agent.is_empty()).map(|http| short_text(&http.agent)),
        indicator: alert.indicator.as_ref().map(|listed| indicator(listed, Some(alert.seen))),
        exclusion: alert.exclusion.as_ref().map(exclusion),
        message: shortened(&alert.message, 2 * MAX_TEXT),
    }
}

/// The details of an alert for its stage: the name that was queried, the addresses that were
/// returned, or the server that was contacted.
pub(super) fn stage_details(alert: &Alert) -> Vec<String> {
    match (alert.signature, &alert.dns) {
        (Signature::C2DomainQuery, Some(dns)) => vec![short_text(&dns.name)],
        (Signature::C2DomainAnswer, Some(dns)) if dns.addresses.is_empty() => {
            vec![match dns.response_code {
                Some(code) if code != ResponseCode::NO_ERROR => format!("did not resolve ({code})"),
                Some(code) => format!("no address ({code})"),
                None => "no address".to_owned(),
            }]
        }
        (Signature::C2DomainAnswer, Some(dns)) => dns.addresses.iter().map(ToString::to_string).collect(),
        (Signature::C2ServerName, _) => {
            let by = format!("by {}", alert.server);
            let name = alert.server_name.as_deref().map(|name| format!("{} ({})", short_text(name), by));
            vec![name.unwrap_or(by)]
        }
        _ => vec![HostEnds::of(alert).peer.to_string()],
    }
}

/// Converts an indicator, with its age at a time.
pub(super) fn indicator(listed: &Indicator, time: Option<Timestamp>) -> model::Indicator {
    let age = |(time, seen): (Timestamp, Timestamp)| {
        let nanos = i128::from(time.nanos()) - i128::from(seen.nanos());
        // The days of 64 bits of nanoseconds always fit.
        i64::try_from(nanos.div_euclid(DAY_NANOS.into())).unwrap_or_default()
    };
    let remark = listed.remark().trim_start_matches(", ");
    model::Indicator {
        value: printable(&listed.pattern.to_string()),
        kind: listed.pattern.kind().to_owned(),
        family: printable(&listed.family),
        confidence: listed.confidence,
        source: printable(&listed.source),
        reference: printable(&listed.reference),
        first_seen: listed.first_seen.map(Moment),
        last_seen: listed.last_seen.map(Moment),
        age_days: time.zip(listed.first_seen).map(age),
        remark: (!remark.is_empty()).then(|| remark.to_owned()),
    }
}

fn exclusion(verdict: &Verdict) -> model::Exclusion {
    let effect = verdict.effect().map(|effect| effect.token().to_owned());
    let why = verdict.to_string();
    let why = match why.trim_start_matches("; ") {
        "" => format!("annotated by exclusion {}", verdict.rule),
        why => why.to_owned(),
    };
    model::Exclusion { rule: printable(&verdict.rule), effect, why: printable(&why) }
}

/// Converts packet numbers.
pub(super) fn packets(packets: PacketRange) -> model::Packets {
    let number = |PacketNumber { input, number }: PacketNumber| model::PacketNumber { file: input, number };
    model::Packets { first: number(packets.first), last: number(packets.last) }
}

/// Sanitizes and truncates bytes from the wire.
fn short_text(bytes: &[u8]) -> String {
    shortened(&sanitize(bytes).to_string(), MAX_TEXT)
}
