//! The CEF line: what Microsoft Sentinel ingests into `CommonSecurityLog`.
//!
//! The format is ArcSight's Common Event Format, version 0, one event a line. Where collectors are known to differ from
//! the standard, the line is what all of them read the same way:
//!
//! - The header holds constants only, so nothing in it ever needs an escape.
//! - In values `\`, `=`, CR and LF are written `\\`, `\=`, `\r` and `\n`. What else cannot be shown, and invalid UTF-8,
//!   becomes the text `\xNN`, whose backslash is escaped in turn: `\\xNN`.
//! - `|` is percent-encoded (`%7C`) in every value: the standard allows it there, but collectors split at it.
//! - `;` is percent-encoded (`%3B`) in the custom keys: Sentinel joins what it has no column for with `;`. Percent-encoding
//!   leaves a URL the URL that it was.
//! - A key without a value is not written, nor its label.
//! - The line is shorter than 2,048 bytes with its line feed. Each value has a longest length, below; addresses of a DNS
//!   answer are left out whole, the last first, where they do not fit; the message takes what is left. A cut falls
//!   between characters and never inside an escape.
//!
//! The order of the keys is fixed: it is the order in which [`Cef::write`] writes them.

use std::fmt::{self, Write};
use std::net::IpAddr;

use crate::alert::sanitize::{is_unprintable, write_bytes};
use crate::alert::{Alert, DnsFacts, HttpFacts, Verdict};

/// The longest line with its line feed: receivers of syslog need to take no more than 2,048 bytes (RFC 5424 section 6.1), and
/// some cut there.
pub const LONGEST_LINE: usize = 2047;

// The longest values, in bytes as written. With every other key at its longest they leave room for an IPv6 address of a DNS
// answer and the start of a message: a test holds this.
/// A host name: `HOST_NAME_MAX` of Linux.
const LONGEST_HOST: usize = 64;
/// A sensor's identifier: a UUID has this many.
const LONGEST_SENSOR_ID: usize = 36;
/// An interface has 15 at the most; a capture file's name seldom more than this.
const LONGEST_ORIGIN: usize = 64;
/// A threat type; the longest of our own has 18.
const LONGEST_THREAT: usize = 24;
/// A malware family; `NetSupportManager RAT` has 21.
const LONGEST_FAMILY: usize = 40;
/// A list's name and date, or an address to read more.
const LONGEST_REFERENCE: usize = 80;
/// A domain name of 253 bytes, whole. One that needs more escapes than that is cut.
const LONGEST_DOMAIN: usize = 256;
/// The addresses of a DNS answer: 30 of IPv4 or 12 of IPv6, several times what usual answers hold.
const LONGEST_ADDRESSES: usize = 480;
/// What this crate calls a thing, such as a response code or a match basis: none reaches this.
const LONGEST_TOKEN: usize = 24;
/// A number, an address, a record type: a bound that none of them reaches.
const LONGEST_PLAIN: usize = 48;
/// What the keys after the addresses need at the most, a start of the message included.
const AFTER_ADDRESSES: usize = 344;
/// What the name of an exclusion needs beside that. Where every other key is at its longest too, no address is left.
const EXCLUSION: usize = 88;
/// What is left for the message by those that are cut before it: its key, and enough of the sentence to tell who did what.
const MESSAGE_START: usize = 48;

/// A requested URL: what identifies a gateway is at its start.
const LONGEST_URL: usize = 192;
/// A user agent: `NetSupport Manager/1.3` has 22, a browser's some 120.
const LONGEST_AGENT: usize = 64;
/// The category where nothing is listed: the protocol of a tool that is used lawfully too.
const REMOTE_ACCESS: &str = "remote_access_tool";

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// So that no version ever takes the room of the rest.
const _: () = assert!(VERSION.len() <= 16);

/// What is the same in every line: who saw it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sensor {
    /// The host's name: `dvchost`.
    pub host: String,
    /// The name that the operator gave to the sensor: `deviceExternalId`.
    pub id: Option<String>,
}

/// Writes alerts as CEF lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cef {
    sensor: Sensor,
}

impl Cef {
    /// Lines that name `sensor` as the device.
    pub fn new(sensor: Sensor) -> Self {
        Self { sensor }
    }

    /// Who saw it.
    pub(super) fn sensor(&self) -> &Sensor {
        &self.sensor
    }

    /// The name of the host that saw it.
    pub(super) fn sensor_host(&self) -> &str {
        self.sensor.host.trim()
    }

    /// Adds the alert's line, with its line feed, at the end of `out`: at most [`LONGEST_LINE`] bytes.
    pub fn write(&self, alert: &Alert, out: &mut String) {
        use Key::{Labelled, Plain};

        let mut line = Line::start(alert, out);
        let indicator = alert.indicator.as_deref();
        let dns = alert.dns.as_ref();

        line.put(Plain("rt"), LONGEST_PLAIN, alert.seen.millis());
        // Of a lone packet both would only say the same again.
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
            line.put_end_of(Plain("destinationDnsDomain"), LONGEST_DOMAIN, Raw(name));
        }
        for (key, label, end) in [
            ("c6a2", "Source IPv6 Address", alert.client), // the standard's own labels
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
            line.put_addresses(Labelled("cs4", "ResolvedAddresses"), addresses, after);
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
        // Only of a rule that takes effect: who filters by it must not lose an alert that no rule excuses.
        let applied = exclusion.filter(|verdict| verdict.effect().is_some()).map(|verdict| &verdict.rule);
        line.put_some(Labelled("flexString1", "Exclusion"), LONGEST_PLAIN, applied);
        let compromised = indicator.filter(|indicator| indicator.is_compromised).map(|_| 1);
        line.put_some(Labelled("flexNumber1", "IndicatorCompromised"), LONGEST_PLAIN, compromised);
        line.put(Labelled("flexString2", "Phase"), LONGEST_TOKEN, alert.phase.token());
        // Last of all, since they may be long and only repeat or adorn: where they do not fit they are cut, and nothing else is. Of the
        // sentence something is left.
        line.end -= MESSAGE_START;
        if let Some(name) = &alert.server_name {
            line.put_end_of(Plain("dhost"), LONGEST_DOMAIN, Raw(name));
        }
        if let Some(HttpFacts { method, url, agent }) = &alert.http {
            line.put(Plain("request"), LONGEST_URL, Raw(url));
            line.put(Plain("requestMethod"), LONGEST_TOKEN, Raw(method));
            line.put(Plain("requestClientApplication"), LONGEST_AGENT, Raw(agent));
        }
        line.end += MESSAGE_START;
        line.put_message(alert.message.trim(), exclusion);
        line.finish();
    }
}

/// A key of the extension.
#[derive(Debug, Clone, Copy)]
enum Key {
    /// A key whose meaning the standard gives.
    Plain(&'static str),
    /// A custom key and its label, which says what it means here.
    Labelled(&'static str, &'static str),
}

/// A line while it is written.
struct Line<'a> {
    out: &'a mut String,
    /// Where in `out` the line must end at the latest, the line feed not counted.
    end: usize,
}

impl<'a> Line<'a> {
    fn start(alert: &Alert, out: &'a mut String) -> Self {
        let end = out.len() + LONGEST_LINE - 1;
        let signature = alert.signature;
        print(
            out,
            format_args!(
                "CEF:0|Rattap|Sensor|{VERSION}|{}|{}|{}|",
                signature.id(),
                signature.activity(),
                alert.severity.min(10)
            ),
        );
        Self { out, end }
    }

    fn finish(self) {
        self.out.push('\n');
    }

    /// Writes a key with as much of the value as fits into `longest` bytes.
    fn put(&mut self, key: Key, longest: usize, value: impl fmt::Display) {
        self.put_by(key, |line, percent_encode| {
            let end = line.end.min(line.out.len() + longest);
            print(&mut Value { out: line.out, percent_encode, skip: 0, end, full: false }, format_args!("{value}"));
        });
    }

    fn put_some(&mut self, key: Key, longest: usize, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.put(key, longest, value);
        }
    }

    /// As `put`, but keeps the value's end where it is too long. Of a domain name the end is what was registered, and what
    /// hunts look for: a long enough label in front of it must not push it out of the line.
    fn put_end_of(&mut self, key: Key, longest: usize, value: impl fmt::Display) {
        self.put_by(key, |line, percent_encode| {
            let start = line.out.len();
            let mut whole = Value { out: line.out, percent_encode, skip: 0, end: usize::MAX, full: false };
            print(&mut whole, format_args!("{value}"));
            let longest = longest.min(line.end.saturating_sub(start));
            let skip = (line.out.len() - start).saturating_sub(longest);
            if skip > 0 {
                line.out.truncate(start);
                let mut rest = Value { out: line.out, percent_encode, skip, end: usize::MAX, full: false };
                print(&mut rest, format_args!("{value}"));
            }
        });
    }

    /// Writes as many whole addresses as fit, separated by commas.
    fn put_addresses(&mut self, key: Key, addresses: &[IpAddr], after: usize) {
        self.put_by(key, |line, _| {
            let end = line.end.saturating_sub(after).min(line.out.len() + LONGEST_ADDRESSES);
            for (index, address) in addresses.iter().enumerate() {
                let before = line.out.len();
                let comma = if index == 0 { "" } else { "," };
                print(line.out, format_args!("{comma}{address}"));
                if line.out.len() > end {
                    line.out.truncate(before);
                    return;
                }
            }
        });
    }

    /// Writes the message and what an exclusion adds to it, which is cut last.
    fn put_message(&mut self, message: &str, exclusion: Option<&Verdict>) {
        let more = exclusion.map(ToString::to_string).unwrap_or_default();
        self.put_by(Key::Plain("msg"), |line, percent_encode| {
            let room = line.end.saturating_sub(line.out.len());
            let kept = line.end - room.saturating_sub(room.saturating_sub(more.len()).max(room / 2));
            for (text, end) in [(message, kept), (&more, line.end)] {
                print(&mut Value { out: line.out, percent_encode, skip: 0, end, full: false }, format_args!("{text}"));
            }
        });
    }

    /// Writes a key and has `write` write its value, told whether `;` must be percent-encoded. Takes the key back where no
    /// value came.
    fn put_by(&mut self, key: Key, write: impl FnOnce(&mut Self, &'static [char])) {
        let before = self.out.len();
        if !self.out.ends_with('|') {
            self.out.push(' ');
        }
        let percent_encode: &[char] = match key {
            Key::Plain(key) => {
                print(self.out, format_args!("{key}="));
                &['|']
            }
            Key::Labelled(key, label) => {
                print(self.out, format_args!("{key}Label={label} {key}="));
                &['|', ';']
            }
        };
        let start = self.out.len();
        write(self, percent_encode);
        if self.out.len() == start || self.out.len() > self.end {
            self.out.truncate(before);
        }
    }
}

/// Formats into something that cannot fail.
fn print(out: &mut impl Write, text: fmt::Arguments<'_>) {
    // A `String` grows, and a `Value` takes what fits: neither returns an error.
    let _ = out.write_fmt(text);
}

/// Text that is escaped as it is written, and bounded.
struct Value<'a> {
    out: &'a mut String,
    percent_encode: &'static [char],
    /// This many bytes at the start are left out, rounded up to a whole unit.
    skip: usize,
    /// Where in `out` it must end.
    end: usize,
    /// True from the first unit on that did not fit.
    full: bool,
}

impl Value<'_> {
    /// Writes what must not be torn apart: a character or an escape.
    fn unit(&mut self, unit: &str) {
        let before = self.out.len();
        for character in unit.chars() {
            self.escape(character);
        }
        if self.skip > 0 {
            self.skip = self.skip.saturating_sub(self.out.len() - before);
            self.out.truncate(before);
        } else if self.out.len() > self.end {
            self.out.truncate(before);
            self.full = true;
        }
    }

    fn escape(&mut self, character: char) {
        match character {
            '\\' => self.out.push_str(r"\\"),
            '=' => self.out.push_str(r"\="),
            '\r' => self.out.push_str(r"\r"),
            '\n' => self.out.push_str(r"\n"),
            _ if self.percent_encode.contains(&character) => {
                print(self.out, format_args!("%{:02X}", u32::from(character)));
            }
            _ if is_unprintable(character) => {
                let mut bytes = [0; 4];
                let text = character.encode_utf8(&mut bytes);
                for byte in text.bytes() {
                    print(self.out, format_args!(r"\\x{byte:02x}"));
                }
            }
            _ => self.out.push(character),
        }
    }
}

impl Write for Value<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while !rest.is_empty() && !self.full {
            let (unit, after) = rest.split_at(unit_length(rest));
            self.unit(unit);
            rest = after;
        }
        Ok(())
    }
}

/// How many bytes of the text belong together: an escape as [`crate::alert::sanitize`] or
/// [`crate::domain_name::DomainName`] writes it, else a character.
fn unit_length(text: &str) -> usize {
    match text.as_bytes() {
        [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => 4,
        [b'\\', b'\\' | b'.', ..] => 2,
        _ => text.chars().next().map_or(0, char::len_utf8),
    }
}

/// Bytes from the wire for a [`Value`], which escapes all else: only what is no UTF-8 becomes `\xNN` here.
struct Raw<'a>(&'a [u8]);

impl fmt::Display for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            write_bytes(chunk.invalid(), f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod reader;
#[cfg(test)]
pub(super) mod tests;
