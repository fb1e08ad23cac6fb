//! Where syslog messages go, and in which form: what is written on the command line as a URL, or in a settings file as a table.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use thiserror::Error;
use url::Url;

/// Syslog's port; also the one that receivers listen at for TCP, though IANA gave it to another.
const PORT: u16 = 514;
/// Syslog over TLS (RFC 5425 section 4.1).
const TLS_PORT: u16 = 6514;
/// The longest tag: that of RFC 5424's APP-NAME is 48, and RFC 3164's 32.
const LONGEST_TAG: usize = 32;

/// A syslog receiver. As a URL:
///
/// ```text
/// udp://HOST[:514]
/// tcp://HOST[:514]
/// tls://HOST[:6514]
/// unix:///dev/log
/// ```
///
/// with any of these after `?`, joined by `&`: `format=rfc3164|rfc5424`, `facility=local4`, `severity=warning`, `host=NAME`,
/// `tag=NAME`; for TCP and TLS `framing=newline|octets`; for TLS `ca=FILE`, `cert=FILE`, `key=FILE`, `name=SERVER`; for Unix
/// sockets `kind=datagram|stream`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyslogTarget {
    /// How messages get there.
    pub transport: Transport,
    /// Their form. Default: RFC 3164, which the Azure Monitor Agent's forwarders expect.
    pub format: Format,
    /// Half of the priority. Default: `local4`.
    pub facility: Facility,
    /// The other half. Default: `warning`.
    pub severity: Severity,
    /// The sending host's name in the header. Default: the sensor's name, as in the line's `dvchost`.
    pub host: Option<String>,
    /// The program's name in the header. Default: none with RFC 3164, where receivers then take `CEF` for it, and `rattap`
    /// with RFC 5424.
    pub tag: Option<String>,
}

/// How messages get to a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// One datagram a message (RFC 5426). What the network loses is lost: nobody acknowledges anything.
    Udp(Address),
    /// A stream (RFC 6587).
    Tcp {
        /// The receiver.
        address: Address,
        /// What separates messages. Default: newlines.
        framing: Framing,
    },
    /// A stream in TLS (RFC 5425).
    Tls {
        /// The receiver.
        address: Address,
        /// What separates messages. Default: octet counting, as RFC 5425 says.
        framing: Framing,
        /// Who is trusted, and who we are.
        tls: TlsSettings,
    },
    /// A socket of this machine.
    Unix {
        /// Its path.
        path: PathBuf,
        /// What kind of socket it is. Default: datagrams, as `/dev/log` is.
        kind: UnixKind,
    },
}

/// Where a receiver listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name or an address; IPv6 without brackets. A name is looked up for each connection.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// What separates messages in a stream (RFC 6587).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// A line feed after each.
    Newline,
    /// Its length before each.
    Octets,
}

/// What a Unix socket takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnixKind {
    /// One datagram a message.
    Datagram,
    /// A stream, with a line feed after each message.
    Stream,
}

/// Who is trusted at the other end, and who we are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsSettings {
    /// A PEM file with the authorities that may sign the receiver's certificate. Default: those that the system trusts.
    pub ca: Option<PathBuf>,
    /// Our own certificate and key, where the receiver asks for them.
    pub identity: Option<Identity>,
    /// The name that the receiver's certificate must be for. Default: the host that is connected to.
    pub server_name: Option<String>,
}

/// A client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// A PEM file with our certificate, and those between it and the authority.
    pub certificate: PathBuf,
    /// A PEM file with its private key.
    pub key: PathBuf,
}

/// The form of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// BSD syslog: `<164>Nov  4 08:09:44 tap-01 CEF:0|…`, the time as the machine's clock on the wall shows it.
    Rfc3164,
    /// `<164>1 2026-11-04T08:09:44.123Z tap-01 rattap - - - CEF:0|…`.
    Rfc5424,
}

/// A kind of program (RFC 5424 table 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facility(u8);

/// How urgent a message is (RFC 5424 table 2). It is the same for all: the alert's own is in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Severity(u8);

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "security", "console", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];

const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// Why a target is none.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{text}: {why}")]
pub struct TargetError {
    /// The target.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl TargetError {
    fn new(text: &str, why: impl Into<String>) -> Self {
        Self { text: text.to_owned(), why: why.into() }
    }
}

impl SyslogTarget {
    /// A target with all else as by default.
    pub fn new(transport: Transport) -> Self {
        Self {
            transport,
            format: Format::Rfc3164,
            facility: Facility::default(),
            severity: Severity::default(),
            host: None,
            tag: None,
        }
    }

    /// Checks what the types do not: names that would break a header, and empty ones.
    pub fn check(&self) -> Result<(), TargetError> {
        let refuse = |why: String| Err(TargetError::new(&self.to_string(), why));
        if let Some(host) = &self.host
            && !is_host_name(host)
        {
            return refuse(format!(
                "host: {host:?} is no plain host name: letters, digits, '.', '-' and '_', 255 at the most"
            ));
        }
        if let Some(tag) = &self.tag
            && !(is_host_name(tag) && tag.len() <= LONGEST_TAG)
        {
            return refuse(format!(
                "tag: {tag:?} is none: letters, digits, '.', '-' and '_', {LONGEST_TAG} at the most"
            ));
        }
        match &self.transport {
            Transport::Udp(address) | Transport::Tcp { address, .. } | Transport::Tls { address, .. } => {
                if address.host.is_empty() || address.host.contains(|character: char| character.is_whitespace()) {
                    return refuse("a host is wanted".to_owned());
                }
                if address.port == 0 {
                    return refuse("port 0 cannot be sent to".to_owned());
                }
            }
            Transport::Unix { path, .. } if !path.is_absolute() => {
                return refuse("an absolute path is wanted, such as unix:///dev/log".to_owned());
            }
            Transport::Unix { .. } => {}
        }
        Ok(())
    }
}

/// The URL without what is after `?`: the output's name in messages and metrics.
impl fmt::Display for SyslogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.transport {
            Transport::Udp(address) => write!(f, "udp://{address}"),
            Transport::Tcp { address, .. } => write!(f, "tcp://{address}"),
            Transport::Tls { address, .. } => write!(f, "tls://{address}"),
            Transport::Unix { path, .. } => write!(f, "unix://{}", path.display()),
        }
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

impl FromStr for SyslogTarget {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let refuse = |why: String| TargetError::new(text, why);
        let url = Url::parse(text).map_err(|error| refuse(error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(refuse("neither a user nor a '#' has a meaning here".to_owned()));
        }
        let transport = match url.scheme() {
            "udp" => Transport::Udp(address(&url, PORT).map_err(refuse)?),
            "tcp" => Transport::Tcp { address: address(&url, PORT).map_err(refuse)?, framing: Framing::Newline },
            "tls" => Transport::Tls {
                address: address(&url, TLS_PORT).map_err(refuse)?,
                framing: Framing::Octets,
                tls: TlsSettings::default(),
            },
            "unix" if url.has_host() && url.host_str() != Some("") => {
                return Err(refuse("three slashes are wanted, as in unix:///dev/log".to_owned()));
            }
            "unix" => Transport::Unix {
                path: percent_decode_str(url.path()).decode_utf8_lossy().into_owned().into(),
                kind: UnixKind::Datagram,
            },
            other => return Err(refuse(format!("{other}:// is no kind of output; there are udp, tcp, tls and unix"))),
        };
        let mut target = Self::new(transport);
        for (key, value) in url.query_pairs() {
            target.set(&key, &value).map_err(refuse)?;
        }
        if let Transport::Tls { tls: TlsSettings { identity: Some(identity), .. }, .. } = &target.transport
            && (identity.certificate.as_os_str().is_empty() || identity.key.as_os_str().is_empty())
        {
            return Err(refuse("cert= and key= go together".to_owned()));
        }
        target.check()?;
        Ok(target)
    }
}

impl SyslogTarget {
    /// Sets what a part of the URL after `?` says.
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match (key, &mut self.transport) {
            ("format", _) => self.format = value.parse()?,
            ("facility", _) => self.facility = value.parse()?,
            ("severity", _) => self.severity = value.parse()?,
            ("host", _) => self.host = Some(value.to_owned()),
            ("tag", _) => self.tag = Some(value.to_owned()),
            ("framing", Transport::Tcp { framing, .. } | Transport::Tls { framing, .. }) => *framing = value.parse()?,
            ("kind", Transport::Unix { kind, .. }) => *kind = value.parse()?,
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
}

fn address(url: &Url, port: u16) -> Result<Address, String> {
    if !matches!(url.path(), "" | "/") {
        return Err(format!("{} after the host has no meaning", url.path()));
    }
    let host = url.host_str().unwrap_or_default();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Ok(Address { host: percent_decode_str(host).decode_utf8_lossy().into_owned(), port: url.port().unwrap_or(port) })
}

/// What may stand in a header for a host or a program: nothing that ends it, such as a blank or a colon.
pub(super) fn is_host_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

impl Facility {
    /// The priority that a facility and a severity make.
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

/// Reads one of some names.
fn one_of<const N: usize>(names: [&str; N], text: &str) -> Result<u8, String> {
    let place = names.iter().position(|name| *name == text);
    place.map(|place| place as u8).ok_or_else(|| format!("{text:?} is none of {}", names.join(", ")))
}

macro_rules! names {
    ($kind:ty, $names:expr, $make:expr) => {
        impl FromStr for $kind {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                one_of($names, text).map($make)
            }
        }
    };
}

names!(Facility, FACILITIES, Facility);
names!(Severity, SEVERITIES, Severity);
names!(Format, ["rfc3164", "rfc5424"], |place| if place == 0 { Self::Rfc3164 } else { Self::Rfc5424 });
names!(Framing, ["newline", "octets"], |place| if place == 0 { Self::Newline } else { Self::Octets });
names!(UnixKind, ["datagram", "stream"], |place| if place == 0 { Self::Datagram } else { Self::Stream });

impl fmt::Display for Facility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FACILITIES.get(usize::from(self.0)).unwrap_or(&""))
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SEVERITIES.get(usize::from(self.0)).unwrap_or(&""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> SyslogTarget {
        text.parse().unwrap()
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
            ("unix:///dev/log", Transport::Unix { path: "/dev/log".into(), kind: UnixKind::Datagram }),
            ("unix:///run/a%20b?kind=stream", Transport::Unix { path: "/run/a b".into(), kind: UnixKind::Stream }),
        ] {
            assert_eq!(read(text), SyslogTarget::new(transport), "{text}");
        }
    }

    #[test]
    fn the_header_is_free() {
        let target = read("udp://h?facility=auth&severity=crit&format=rfc5424&host=tap.example&tag=nsm");
        assert_eq!(target.facility.priority(target.severity), 4 * 8 + 2);
        assert_eq!(
            (target.format, target.host.as_deref(), target.tag.as_deref()),
            (Format::Rfc5424, Some("tap.example"), Some("nsm"))
        );
        assert_eq!((target.facility.to_string(), target.severity.to_string()), ("auth".into(), "crit".into()));
        let default = read("udp://h");
        assert_eq!(default.facility.priority(default.severity), 164);
    }

    #[test]
    fn what_has_no_meaning_is_refused_with_the_reason() {
        for (text, why) in [
            ("http://log.example", "no kind of output"),
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
            let error = text.parse::<SyslogTarget>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
