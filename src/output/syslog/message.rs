//! A syslog message: the header before the CEF line, and the framing in a stream.

use std::fmt::Write;

use jiff::tz::TimeZone;

use super::settings::{Framing, HeaderFormat, SyslogSettings, Transport, UnixSocketType, is_header_name};
use crate::output::Record;

/// The host's name in the header if the sensor's own name cannot stand there.
const FALLBACK_HOST: &str = "rattap";
/// The program's name in a header of RFC 5424.
const DEFAULT_APP_NAME: &str = "rattap";
/// The room for a header: a priority, a time, a host's name and a tag. A longer one costs one more
/// allocation.
const USUAL_HEADER: usize = 128;

/// Writes the messages for one receiver.
#[derive(Debug, Clone)]
pub struct MessageWriter {
    format: HeaderFormat,
    priority: u8,
    /// `None` if the receiver is a Unix socket and the format RFC 3164: programs of the same
    /// machine send no host's name.
    host: Option<String>,
    tag: Option<String>,
    /// `None` for datagrams.
    framing: Option<Framing>,
    time_zone: TimeZone,
}

impl MessageWriter {
    /// A writer for messages from the host `sensor`.
    pub fn new(settings: &SyslogSettings, sensor: &str) -> Self {
        let is_local = matches!(settings.transport, Transport::Unix { .. }) && settings.format == HeaderFormat::Rfc3164;
        // A receiver would take an IPv6 address, or any other name with a colon, for the tag.
        let sensor = if is_header_name(sensor) { sensor } else { FALLBACK_HOST };
        Self {
            format: settings.format,
            priority: settings.facility.priority(settings.severity),
            host: (!is_local).then(|| settings.host.as_deref().unwrap_or(sensor).to_owned()),
            tag: settings.tag.clone(),
            framing: match settings.transport {
                Transport::Udp(_) | Transport::Unix { socket_type: UnixSocketType::Datagram, .. } => None,
                Transport::Tcp { framing, .. } | Transport::Tls { framing, .. } => Some(framing),
                Transport::Unix { socket_type: UnixSocketType::Stream, .. } => Some(Framing::Newline),
            },
            time_zone: TimeZone::system(),
        }
    }

    /// Appends the message of a record to `out`, with its framing.
    pub fn write(&self, record: &Record, out: &mut Vec<u8>) {
        let mut text = String::with_capacity(record.line.len() + USUAL_HEADER);
        // Writing into a string cannot fail.
        let _ = self.write_header(record, &mut text);
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

    fn write_header(&self, record: &Record, text: &mut String) -> std::fmt::Result {
        let priority = self.priority;
        match self.format {
            HeaderFormat::Rfc3164 => {
                let time = record.time.to_zoned_datetime(self.time_zone.clone());
                write!(text, "<{priority}>{} ", time.strftime("%b %e %H:%M:%S"))?;
                if let Some(host) = &self.host {
                    write!(text, "{host} ")?;
                }
                if let Some(tag) = &self.tag {
                    write!(text, "{tag}: ")?;
                }
                Ok(())
            }
            HeaderFormat::Rfc5424 => {
                let (time, host) = (record.time, self.host.as_deref().unwrap_or("-"));
                let app_name = self.tag.as_deref().unwrap_or(DEFAULT_APP_NAME);
                // RFC 5424 allows a byte order mark before the text. It is omitted, because
                // receivers expect `CEF:` there.
                write!(text, "<{priority}>1 {time:.3} {host} {app_name} - - - ")
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
        let mut messages = MessageWriter::new(&SyslogSettings::parse(&target.parse().unwrap()).unwrap(), sensor);
        messages.time_zone = TimeZone::fixed(jiff::tz::offset(1));
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
