//! The settings of a syslog receiver: its address, its transport, and the form of its messages.
//!
//! The user writes them as a URL on the command line, or as a table in a settings file:
//!
//! ```text
//! udp://HOST[:514]
//! tcp://HOST[:514]
//! tls://HOST[:6514]
//! unix:///dev/log
//! ```
//!
//! Options follow after `?` and are joined by `&`: `format=rfc3164|rfc5424`, `facility=local4`,
//! `severity=warning`, `host=NAME`, `tag=NAME`; for TCP and TLS `framing=newline|octets`; for TLS
//! `ca=FILE`, `cert=FILE`, `key=FILE`, `name=SERVER`; for Unix sockets `kind=datagram|stream`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

/// The port of syslog over UDP (RFC 5426 section 3.3). Receivers also use it for TCP, although IANA
/// assigned that port to another protocol.
const PORT: u16 = 514;
/// The port of syslog over TLS (RFC 5425 section 4.1).
const TLS_PORT: u16 = 6514;
/// The longest tag. RFC 3164 allows 32 characters (section 4.1.3), and RFC 5424 48 for its
/// APP-NAME.
const LONGEST_TAG: usize = 32;
/// The longest host name in a header (RFC 5424 section 6: HOSTNAME).
const LONGEST_HOST: usize = 255;

/// The settings of one syslog receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyslogSettings {
    /// The transport and its address.
    pub transport: Transport,
    /// The format of the header. Default: RFC 3164, which the Azure Monitor Agent's forwarders
    /// expect.
    pub format: HeaderFormat,
    /// The facility. Default: `local4`.
    pub facility: Facility,
    /// The severity. Default: `warning`.
    pub severity: Severity,
    /// The sending host's name in the header. Default: the sensor's name, as in the line's
    /// `dvchost`.
    pub host: Option<String>,
    /// The program's name in the header. Default: none with RFC 3164, because receivers then take
    /// `CEF` for it; `rattap` with RFC 5424.
    pub tag: Option<String>,
}

/// The transport of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// One datagram for each message (RFC 5426). A datagram that the network loses is lost: nothing
    /// is acknowledged.
    Udp(Address),
    /// A TCP connection (RFC 6587).
    Tcp {
        /// The receiver's address.
        address: Address,
        /// The framing of messages. Default: newlines.
        framing: Framing,
    },
    /// A TLS connection (RFC 5425).
    Tls {
        /// The receiver's address.
        address: Address,
        /// The framing of messages. Default: octet counting, as RFC 5425 demands.
        framing: Framing,
        /// Certificates and keys.
        tls: TlsSettings,
    },
    /// A Unix socket of this machine.
    Unix {
        /// The socket's path.
        path: PathBuf,
        /// The type of the socket. Default: datagrams, as with `/dev/log`.
        socket_type: UnixSocketType,
    },
}

/// The address at which a receiver listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A host name or an IP address; IPv6 without brackets. A name is resolved for each connection.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// The framing of messages in a stream (RFC 6587 section 3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// A line feed after each message.
    Newline,
    /// The message's length before each message (octet counting).
    Octets,
}

/// The type of a Unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnixSocketType {
    /// One datagram for each message.
    Datagram,
    /// A stream, with a line feed after each message.
    Stream,
}

/// Certificates and keys for TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsSettings {
    /// A PEM file with the authorities that may sign the receiver's certificate. Default: the
    /// authorities that the system trusts.
    pub ca: Option<PathBuf>,
    /// The sensor's own certificate, for a receiver that asks for one.
    pub identity: Option<Identity>,
    /// The name that the receiver's certificate must carry. Default: the host in the URL.
    pub server_name: Option<String>,
}

/// A client certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// A PEM file with the certificate, followed by those between it and the authority.
    pub certificate: PathBuf,
    /// A PEM file with the private key.
    pub key: PathBuf,
}

/// The format of a message's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderFormat {
    /// BSD syslog, with the machine's local time: `<164>Nov  4 08:09:44 tap-01 CEF:0|…`
    Rfc3164,
    /// `<164>1 2026-11-04T08:09:44.123Z tap-01 rattap - - - CEF:0|…`
    Rfc5424,
}

/// A facility: the kind of program that sends a message (RFC 5424 section 6.2.1, table 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facility(u8);

/// A severity (RFC 5424 section 6.2.1, table 2). All messages have the same; the alert's own
/// severity is in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Severity(u8);

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "security", "console", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];

const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

impl SyslogSettings {
    /// The default settings for a transport.
    fn new(transport: Transport) -> Self {
        Self {
            transport,
            format: HeaderFormat::Rfc3164,
            facility: Facility::default(),
            severity: Severity::default(),
            host: None,
            tag: None,
        }
    }

    /// Parses a URL, and checks all that can be checked without opening anything. An error is the
    /// reason for which the URL is refused.
    pub fn parse(url: &Url) -> Result<Self, String> {
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err("a user name, a password or a '#' has no meaning here; remove it".to_owned());
        }
        let transport = match url.scheme() {
            "udp" => Transport::Udp(parse_address(url, PORT)?),
            "tcp" => Transport::Tcp { address: parse_address(url, PORT)?, framing: Framing::Newline },
            "tls" => Transport::Tls {
                address: parse_address(url, TLS_PORT)?,
                framing: Framing::Octets,
                tls: TlsSettings::default(),
            },
            "unix" if url.has_host() && url.host_str() != Some("") => {
                return Err("use three slashes before the path, as in unix:///dev/log".to_owned());
            }
            "unix" => Transport::Unix {
                path: percent_decode_str(url.path()).decode_utf8_lossy().into_owned().into(),
                socket_type: UnixSocketType::Datagram,
            },
            other => return Err(format!("{other} is no transport of syslog")),
        };
        let mut settings = Self::new(transport);
        for (key, value) in url.query_pairs() {
            settings.set_option(&key, &value)?;
        }
        settings.check()?;
        Ok(settings)
    }

    /// Sets one option of the URL.
    fn set_option(&mut self, key: &str, value: &str) -> Result<(), String> {
        match (key, &mut self.transport) {
            ("format", _) => self.format = value.parse()?,
            ("facility", _) => self.facility = value.parse()?,
            ("severity", _) => self.severity = value.parse()?,
            ("host", _) => self.host = Some(value.to_owned()),
            ("tag", _) => self.tag = Some(value.to_owned()),
            ("framing", Transport::Tcp { framing, .. } | Transport::Tls { framing, .. }) => *framing = value.parse()?,
            ("kind", Transport::Unix { socket_type, .. }) => *socket_type = value.parse()?,
            ("ca", Transport::Tls { tls, .. }) => tls.ca = Some(value.into()),
            ("name", Transport::Tls { tls, .. }) => tls.server_name = Some(value.to_owned()),
            ("cert" | "key", Transport::Tls { tls, .. }) => {
                let identity =
                    tls.identity.get_or_insert(Identity { certificate: PathBuf::new(), key: PathBuf::new() });
                if key == "cert" {
                    identity.certificate = value.into();
                } else {
                    identity.key = value.into();
                }
            }
            _ => return Err(format!("{key}= has no meaning here")),
        }
        Ok(())
    }

    /// Refuses values that cannot work: names that would break a header, empty names, and half a
    /// client certificate.
    fn check(&self) -> Result<(), String> {
        if let Some(host) = &self.host
            && !is_header_name(host)
        {
            return Err(format!(
                "host: {host:?} is no plain host name; use letters, digits, '.', '-' and '_', at most {LONGEST_HOST}"
            ));
        }
        if let Some(tag) = &self.tag
            && !(is_header_name(tag) && tag.len() <= LONGEST_TAG)
        {
            return Err(format!(
                "tag: {tag:?} is no tag; use letters, digits, '.', '-' and '_', at most {LONGEST_TAG}"
            ));
        }
        match &self.transport {
            Transport::Udp(address) | Transport::Tcp { address, .. } | Transport::Tls { address, .. } => {
                if address.host.is_empty() || address.host.contains(|character: char| character.is_whitespace()) {
                    return Err("the host is missing".to_owned());
                }
                if address.port == 0 {
                    return Err("port 0 cannot be sent to".to_owned());
                }
            }
            Transport::Unix { path, .. } if !path.is_absolute() => {
                return Err("use an absolute path, such as unix:///dev/log".to_owned());
            }
            Transport::Unix { .. } => {}
        }
        if let Transport::Tls { tls: TlsSettings { identity: Some(identity), .. }, .. } = &self.transport
            && (identity.certificate.as_os_str().is_empty() || identity.key.as_os_str().is_empty())
        {
            return Err("cert= and key= go together; give both".to_owned());
        }
        Ok(())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

fn parse_address(url: &Url, default_port: u16) -> Result<Address, String> {
    if !matches!(url.path(), "" | "/") {
        return Err(format!("{} after the host has no meaning; remove it", url.path()));
    }
    let host = url.host_str().unwrap_or_default();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Ok(Address {
        host: percent_decode_str(host).decode_utf8_lossy().into_owned(),
        port: url.port().unwrap_or(default_port),
    })
}

/// Returns true if a header can carry the name of a host or a program: it must not contain a
/// character that ends the field, such as a blank or a colon.
pub(super) fn is_header_name(name: &str) -> bool {
    (1..=LONGEST_HOST).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

impl Facility {
    /// The priority value of a facility and a severity (RFC 5424 section 6.2.1).
    pub(super) fn priority(self, severity: Severity) -> u8 {
        self.0 * 8 + severity.0
    }
}

impl Default for Facility {
    /// `local4`.
    fn default() -> Self {
        Self(20)
    }
}

impl Default for Severity {
    /// `warning`.
    fn default() -> Self {
        Self(4)
    }
}

/// Returns the index of a name in a list of names.
fn index_of<const N: usize>(names: [&str; N], text: &str) -> Result<u8, String> {
    let index = names.iter().position(|name| *name == text);
    index.map(|index| index as u8).ok_or_else(|| format!("{text:?} is none of {}", names.join(", ")))
}

/// Implements `FromStr` for a type whose values have names.
macro_rules! parse_by_name {
    ($type:ty, $names:expr, $value:expr) => {
        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                index_of($names, text).map($value)
            }
        }
    };
}

parse_by_name!(Facility, FACILITIES, Facility);
parse_by_name!(Severity, SEVERITIES, Severity);
parse_by_name!(HeaderFormat, ["rfc3164", "rfc5424"], |index| if index == 0 { Self::Rfc3164 } else { Self::Rfc5424 });
parse_by_name!(Framing, ["newline", "octets"], |index| if index == 0 { Self::Newline } else { Self::Octets });
parse_by_name!(UnixSocketType, ["datagram", "stream"], |index| if index == 0 { Self::Datagram } else { Self::Stream });

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SyslogSettings, String> {
        SyslogSettings::parse(&text.parse().map_err(|error: url::ParseError| error.to_string())?)
    }

    fn read(text: &str) -> SyslogSettings {
        parse(text).unwrap()
    }

    #[test]
    fn each_kind_of_target_is_read() {
        let address = |host: &str, port| Address { host: host.to_owned(), port };
        for (text, transport) in [
            ("udp://192.0.2.7", Transport::Udp(address("192.0.2.7", 514))),
            ("udp://[2001:db8::7]:5514", Transport::Udp(address("2001:db8::7", 5514))),
            ("tcp://log.example/", Transport::Tcp { address: address("log.example", 514), framing: Framing::Newline }),
            (
                "tcp://log.example:1514?framing=octets",
                Transport::Tcp { address: address("log.example", 1514), framing: Framing::Octets },
            ),
            (
                "tls://log.example?ca=/etc/my%20ca.pem&cert=/c.pem&key=/k.pem&name=logs",
                Transport::Tls {
                    address: address("log.example", 6514),
                    framing: Framing::Octets,
                    tls: TlsSettings {
                        ca: Some("/etc/my ca.pem".into()),
                        identity: Some(Identity { certificate: "/c.pem".into(), key: "/k.pem".into() }),
                        server_name: Some("logs".to_owned()),
                    },
                },
            ),
            ("unix:///dev/log", Transport::Unix { path: "/dev/log".into(), socket_type: UnixSocketType::Datagram }),
            (
                "unix:///run/a%20b?kind=stream",
                Transport::Unix { path: "/run/a b".into(), socket_type: UnixSocketType::Stream },
            ),
        ] {
            assert_eq!(read(text), SyslogSettings::new(transport), "{text}");
        }
    }

    #[test]
    fn the_header_is_free() {
        let target = read("udp://h?facility=auth&severity=crit&format=rfc5424&host=tap.example&tag=nsm");
        assert_eq!(target.facility.priority(target.severity), 4 * 8 + 2);
        assert_eq!(
            (target.format, target.host.as_deref(), target.tag.as_deref()),
            (HeaderFormat::Rfc5424, Some("tap.example"), Some("nsm"))
        );
        let default = read("udp://h");
        assert_eq!(default.facility.priority(default.severity), 164);
    }

    #[test]
    fn what_has_no_meaning_is_refused_with_the_reason() {
        for (text, why) in [
            ("http://log.example", "no transport of syslog"),
            ("tcp://", "host"),
            ("tcp://h:0", "port 0"),
            ("tcp://h:65536", "port"),
            ("tcp://h/path", "no meaning"),
            ("tcp://user@h", "user"),
            ("tcp://h?framing=lines", "none of newline, octets"),
            ("udp://h?framing=octets", "framing= has no meaning"),
            ("tcp://h?ca=/x", "ca= has no meaning"),
            ("tls://h?cert=/x", "go together"),
            ("tcp://h?facility=local8", "none of kern"),
            ("tcp://h?severity=warn", "none of emerg"),
            ("tcp://h?format=rfc9999", "none of rfc3164"),
            ("tcp://h?host=fe80::1", "no plain host name"),
            ("tcp://h?tag=a%20b", "tag"),
            ("tcp://h?colour=red", "colour= has no meaning"),
            ("unix://dev/log", "three slashes"),
            ("unix:dev", "absolute"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
