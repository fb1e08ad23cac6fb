//! An alert as a CEF line: its keys, their order, and the maximum lengths of their values.

use std::net::IpAddr;

use super::line::{CefKey, LineWriter};
use super::value::WireText;
use crate::alert::{Alert, DnsFacts, HttpFacts};
use crate::output::{LineFormatter, Sensor};

// The maximum lengths of values, in bytes as written. If every other key is as long as it can be,
// they leave room for one IPv6 address of a DNS answer and for the start of a message. A test
// checks this.
/// A host name: `HOST_NAME_MAX` of Linux.
pub(super) const LONGEST_HOST: usize = 64;
/// A sensor's identifier: the length of a UUID.
pub(super) const LONGEST_SENSOR_ID: usize = 36;
/// An interface, whose name has at most 15 bytes, or a capture file, whose name is rarely longer.
pub(super) const LONGEST_ORIGIN: usize = 64;
/// A threat type. The longest of the built-in indicators has 18 bytes.
pub(super) const LONGEST_THREAT: usize = 24;
/// A malware family. `NetSupportManager RAT` has 21 bytes.
pub(super) const LONGEST_FAMILY: usize = 40;
/// The name and date of a list, or a URL with more information.
pub(super) const LONGEST_REFERENCE: usize = 80;
/// A complete domain name has 253 bytes. A name with many escapes is cut.
pub(super) const LONGEST_DOMAIN: usize = 256;
/// The addresses of a DNS answer: 30 of IPv4 or 12 of IPv6, several times as many as usual answers
/// have.
const LONGEST_ADDRESSES: usize = 480;
/// A word that this crate defines, such as a response code or a match basis. All are shorter.
const LONGEST_TOKEN: usize = 24;
/// A number, an address, or a record type. All are shorter.
const LONGEST_PLAIN: usize = 48;
/// The most room that the keys after the addresses need, with the start of a message.
const AFTER_ADDRESSES: usize = 344;
/// The room that the name of an exclusion needs in addition. If every other key is as long as it
/// can be, too, no address fits.
const EXCLUSION: usize = 88;
/// The room that is reserved for the message: its key, and enough of the sentence to tell who did
/// what.
const MESSAGE_START: usize = 48;
/// A requested URL. Its start identifies a gateway.
const LONGEST_URL: usize = 192;
/// A user agent. `NetSupport Manager/1.3` has 22 bytes, a browser's some 120.
const LONGEST_AGENT: usize = 64;

/// The category of an alert without an indicator: the protocol of a tool that also has lawful uses.
const REMOTE_ACCESS: &str = "remote_access_tool";

/// Writes alerts as CEF lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cef {
    sensor: Sensor,
}

impl Cef {
    /// A formatter whose lines name `sensor` as the device.
    pub fn new(sensor: Sensor) -> Self {
        Self { sensor }
    }

    /// Appends the alert's line and a line feed to `out`: at most
    /// [`LONGEST_LINE`](super::LONGEST_LINE) bytes.
    pub fn write(&self, alert: &Alert, out: &mut String) {
        use CefKey::{Labelled, Plain};

        let mut line = LineWriter::start(alert, out);
        let indicator = alert.indicator.as_deref();
        let dns = alert.dns.as_ref();

        line.put(Plain("rt"), LONGEST_PLAIN, alert.seen.millis());
        // With a single packet all three times are the same.
        if alert.start.millis() != alert.seen.millis() || alert.end.millis() != alert.seen.millis() {
            line.put(Plain("start"), LONGEST_PLAIN, alert.start.millis());
            line.put(Plain("end"), LONGEST_PLAIN, alert.end.millis());
        }
        line.put(Plain("externalId"), LONGEST_PLAIN, format_args!("{:016x}", alert.id));
        line.put(Plain("act"), LONGEST_TOKEN, "allow");
        line.put(Plain("cat"), LONGEST_THREAT, indicator.map_or(REMOTE_ACCESS, |indicator| indicator.threat.trim()));
        match dns.and_then(|dns| dns.response_code) {
            Some(code) => line.put(Plain("outcome"), LONGEST_TOKEN, code),
            None => line.put_some(Plain("outcome"), LONGEST_TOKEN, alert.tcp_outcome.map(|outcome| outcome.token())),
        }

        line.put(Plain("src"), LONGEST_PLAIN, alert.client_ipv4.map_or(alert.client.address, IpAddr::V4));
        line.put_some(Plain("spt"), LONGEST_PLAIN, alert.client.port);
        line.put(Plain("dst"), LONGEST_PLAIN, alert.server_ipv4.map_or(alert.server.address, IpAddr::V4));
        line.put_some(Plain("dpt"), LONGEST_PLAIN, alert.server.port);
        line.put(Plain("proto"), LONGEST_TOKEN, alert.protocol);
        line.put_some(Plain("smac"), LONGEST_PLAIN, alert.client_mac);
        line.put_some(Plain("dmac"), LONGEST_PLAIN, alert.server_mac);
        line.put_some(Plain("app"), LONGEST_TOKEN, alert.application);
        line.put(Plain("deviceDirection"), LONGEST_PLAIN, u8::from(alert.outbound));
        line.put(Plain("out"), LONGEST_PLAIN, alert.sent.0);
        line.put(Plain("in"), LONGEST_PLAIN, alert.received.0);
        line.put(Plain("cnt"), LONGEST_PLAIN, alert.count);

        line.put(Plain("dvchost"), LONGEST_HOST, self.sensor.host.trim());
        line.put_some(Plain("deviceExternalId"), LONGEST_SENSOR_ID, self.sensor.id.as_deref().map(str::trim));
        line.put(Plain("deviceInboundInterface"), LONGEST_ORIGIN, alert.origin.name.trim());
        if let Some(name) = dns.map(|dns| &dns.name).or(alert.server_name.as_ref()) {
            line.put_end_of(Plain("destinationDnsDomain"), LONGEST_DOMAIN, WireText(name));
        }
        for (key, label, end) in [
            ("c6a2", "Source IPv6 Address", alert.client), // the labels of the standard
            ("c6a3", "Destination IPv6 Address", alert.server),
        ] {
            if end.address.is_ipv6() {
                line.put(Labelled(key, label), LONGEST_PLAIN, end.address);
            }
        }
        if let Some(indicator) = indicator {
            line.put(Labelled("cs1", "Indicator"), LONGEST_DOMAIN, &indicator.pattern);
            line.put(Labelled("cs2", "MalwareFamily"), LONGEST_FAMILY, indicator.family.trim());
            line.put(Labelled("cs3", "IndicatorReference"), LONGEST_REFERENCE, indicator.reference.trim());
        }
        let exclusion = alert.exclusion.as_ref();
        if let Some(DnsFacts { addresses, .. }) = dns {
            let after = AFTER_ADDRESSES + if exclusion.is_some() { EXCLUSION } else { 0 };
            line.put_addresses(Labelled("cs4", "ResolvedAddresses"), LONGEST_ADDRESSES, addresses, after);
        }
        let query_type = dns.and_then(|dns| dns.query_type);
        line.put_some(Labelled("cs5", "DnsQueryType"), LONGEST_TOKEN, query_type);
        line.put(Labelled("cs6", "MatchBasis"), LONGEST_TOKEN, alert.basis.token());
        let confidence = indicator.map(|indicator| indicator.confidence);
        line.put_some(Labelled("cn1", "IndicatorConfidence"), LONGEST_PLAIN, confidence);
        line.put_some(
            Labelled("cn2", "DnsResponseCode"),
            LONGEST_PLAIN,
            dns.and_then(|dns| dns.response_code).map(|code| code.0),
        );
        line.put_some(Labelled("cn3", "DnsTtl"), LONGEST_PLAIN, dns.and_then(|dns| dns.ttl));
        let first_seen = indicator.and_then(|indicator| indicator.first_seen).map(|time| time.millis());
        line.put_some(Labelled("deviceCustomDate1", "IndicatorFirstSeen"), LONGEST_PLAIN, first_seen);
        // Only if the rule has an effect: a search that filters by this key must not lose an alert
        // that no rule excuses.
        let applied = exclusion.filter(|verdict| verdict.effect().is_some()).map(|verdict| &verdict.rule);
        line.put_some(Labelled("flexString1", "Exclusion"), LONGEST_PLAIN, applied);
        let compromised = indicator.filter(|indicator| indicator.is_compromised).map(|_| 1);
        line.put_some(Labelled("flexNumber1", "IndicatorCompromised"), LONGEST_PLAIN, compromised);
        line.put(Labelled("flexString2", "Phase"), LONGEST_TOKEN, alert.phase.token());
        // These keys come last, because they can be long and add the least. If they do not fit,
        // they are cut before anything else, except the message, of which at least the start is
        // kept.
        line.reserve(MESSAGE_START);
        if let Some(name) = &alert.server_name {
            line.put_end_of(Plain("dhost"), LONGEST_DOMAIN, WireText(name));
        }
        if let Some(identity) = &alert.client_identity {
            line.put_some(Plain("shost"), LONGEST_HOST, identity.host_name().map(WireText));
            line.put_some(Plain("suser"), LONGEST_HOST, identity.account().map(WireText));
        }
        if let Some(HttpFacts { method, url, agent }) = &alert.http {
            line.put(Plain("request"), LONGEST_URL, WireText(url));
            line.put(Plain("requestMethod"), LONGEST_TOKEN, WireText(method));
            line.put(Plain("requestClientApplication"), LONGEST_AGENT, WireText(agent));
        }
        line.release(MESSAGE_START);
        line.put_message(alert.message.trim(), exclusion);
        line.finish();
    }
}

impl LineFormatter for Cef {
    fn write(&self, alert: &Alert, out: &mut String) {
        self.write(alert, out);
    }
}
