//! A syslog message: the header before the CEF line, and what separates messages in a stream.

use std::fmt::Write;

use jiff::tz::TimeZone;

use super::target::{Format, Framing, SyslogTarget, Transport, UnixKind, is_host_name};
use crate::output::spool::Record;

/// Where the sensor's name is none that a header could hold.
const NO_HOST: &str = "rattap";

/// Makes messages for one target.
#[derive(Debug, Clone)]
pub struct Messages {
    format: Format,
    priority: u8,
    /// `None` where the receiver is this machine's own: local sockets take headers without a host.
    host: Option<String>,
    tag: Option<String>,
    framing: Option<Framing>,
    zone: TimeZone,
}

impl Messages {
    /// Messages for a target from the host `sensor`.
    pub fn new(target: &SyslogTarget, sensor: &str) -> Self {
        let is_local = matches!(target.transport, Transport::Unix { .. }) && target.format == Format::Rfc3164;
        // An IPv6 literal, or what else has a colon, would be taken for the tag.
        let sensor = if is_host_name(sensor) { sensor } else { NO_HOST };
        Self {
            format: target.format,
            priority: target.facility.priority(target.severity),
            host: (!is_local).then(|| target.host.as_deref().unwrap_or(sensor).to_owned()),
            tag: target.tag.clone(),
            framing: match target.transport {
                Transport::Udp(_) | Transport::Unix { kind: UnixKind::Datagram, .. } => None,
                Transport::Tcp { framing, .. } | Transport::Tls { framing, .. } => Some(framing),
                Transport::Unix { kind: UnixKind::Stream, .. } => Some(Framing::Newline),
            },
            zone: TimeZone::system(),
        }
    }

    /// Adds a message at the end of `out`, ready to be sent.
    pub fn write(&self, record: &Record, out: &mut Vec<u8>) {
        let mut text = String::with_capacity(record.line.len() + 128);
        // Writing into a string cannot fail.
        let _ = self.header(record, &mut text);
        text.push_str(&record.line);
        if self.framing == Some(Framing::Octets) {
            out.extend_from_slice(text.len().to_string().as_bytes());
            out.push(b' ');
        }
        out.extend_from_slice(text.as_bytes());
        if self.framing == Some(Framing::Newline) {
            out.push(b'\n');
        }
    }

    fn header(&self, record: &Record, text: &mut String) -> std::fmt::Result {
        let priority = self.priority;
        match self.format {
            Format::Rfc3164 => {
                let time = record.time.to_zoned_datetime(self.zone.clone());
                write!(text, "<{priority}>{} ", time.strftime("%b %e %H:%M:%S"))?;
                if let Some(host) = &self.host {
                    write!(text, "{host} ")?;
                }
                if let Some(tag) = &self.tag {
                    write!(text, "{tag}: ")?;
                }
                Ok(())
            }
            Format::Rfc5424 => {
                let (time, host) = (record.time, self.host.as_deref().unwrap_or("-"));
                let tag = self.tag.as_deref().unwrap_or("rattap");
                // No byte order mark before the text: receivers look for `CEF:` there.
                write!(text, "<{priority}>1 {time:.3} {host} {tag} - - - ")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(target: &str, sensor: &str) -> String {
        let time = "2026-11-04T08:09:44.123Z".parse().unwrap();
        let record = Record { number: 1, time, line: "CEF:0|Rattap|é".to_owned() };
        let mut messages = Messages::new(&target.parse().unwrap(), sensor);
        messages.zone = TimeZone::fixed(jiff::tz::offset(1));
        let mut out = Vec::new();
        messages.write(&record, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn headers_are_as_forwarders_want_them() {
        for (target, sensor, expected) in [
            ("udp://h", "tap-01", "<164>Nov  4 09:09:44 tap-01 CEF:0|Rattap|é"),
            ("tcp://h", "tap-01", "<164>Nov  4 09:09:44 tap-01 CEF:0|Rattap|é\n"),
            ("tcp://h?framing=octets", "tap-01", "43 <164>Nov  4 09:09:44 tap-01 CEF:0|Rattap|é"),
            ("tls://h", "tap-01", "43 <164>Nov  4 09:09:44 tap-01 CEF:0|Rattap|é"),
            ("udp://h?tag=nsm&host=x.example", "tap-01", "<164>Nov  4 09:09:44 x.example nsm: CEF:0|Rattap|é"),
            ("udp://h", "fe80::1", "<164>Nov  4 09:09:44 rattap CEF:0|Rattap|é"),
            ("unix:///dev/log", "tap-01", "<164>Nov  4 09:09:44 CEF:0|Rattap|é"),
            ("unix:///s?kind=stream&tag=nsm", "tap-01", "<164>Nov  4 09:09:44 nsm: CEF:0|Rattap|é\n"),
            (
                "udp://h?format=rfc5424&facility=local0&severity=info",
                "tap-01",
                "<134>1 2026-11-04T08:09:44.123Z tap-01 rattap - - - CEF:0|Rattap|é",
            ),
            (
                "unix:///dev/log?format=rfc5424&tag=nsm",
                "tap-01",
                "<164>1 2026-11-04T08:09:44.123Z tap-01 nsm - - - CEF:0|Rattap|é",
            ),
        ] {
            assert_eq!(message(target, sensor), expected, "{target}");
        }
    }
}
