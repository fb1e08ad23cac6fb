//! The targets of alerts as the user names them.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;
use url::Url;

use super::LineFormat;
use super::delivery::{ReceiverKind, ReceiverTarget};
use super::syslog;

/// The kinds of receiver.
const RECEIVERS: [ReceiverKind; 1] = [syslog::KIND];

/// A place where alerts go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `-`
    StandardOutput(LineFormat),
    /// A path.
    File(PathBuf, LineFormat),
    /// A URL.
    Receiver(ReceiverTarget),
}

impl Target {
    /// Parses `-`, a URL such as `tcp://log.example`, or a file's path. A path that looks like a
    /// URL can be given with `./` before it. Lines in files and on standard output are CEF.
    pub fn parse(text: &OsStr) -> Result<Self, TargetError> {
        if text == "-" {
            return Ok(Self::StandardOutput(LineFormat::Cef));
        }
        match text.to_str().filter(|text| is_url(text)) {
            Some(url) => parse_receiver(url).map(Self::Receiver),
            None => Ok(Self::File(text.into(), LineFormat::Cef)),
        }
    }

    /// Returns the same target for lines of this format, or `None` for a receiver, which has a
    /// format of its own.
    pub fn with_format(self, format: LineFormat) -> Option<Self> {
        match self {
            Self::StandardOutput(_) => Some(Self::StandardOutput(format)),
            Self::File(path, _) => Some(Self::File(path, format)),
            Self::Receiver(_) => None,
        }
    }

    /// Returns true if alerts for this target wait in a spool until they are delivered.
    pub fn is_receiver(&self) -> bool {
        self.receiver().is_some()
    }

    /// Returns the receiver, if the target is one.
    pub fn receiver(&self) -> Option<&ReceiverTarget> {
        match self {
            Self::Receiver(receiver) => Some(receiver),
            Self::StandardOutput(_) | Self::File(..) => None,
        }
    }

    /// The name of the thread that writes to the target, as `top -H` shows it. The system cuts it
    /// after 15 bytes.
    pub(super) fn thread_name(&self) -> String {
        match self {
            Self::StandardOutput(_) => "out-stdout".to_owned(),
            Self::File(path, _) => format!("out-{}", path.file_name().unwrap_or(path.as_os_str()).display()),
            Self::Receiver(receiver) => format!("out-{}", receiver.settings().address()),
        }
    }

    /// Returns the file's path, if the target is a file.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path, _) => Some(path),
            Self::StandardOutput(_) | Self::Receiver(_) => None,
        }
    }

    /// Returns the files that are read when the target is opened, such as certificates.
    pub fn files_read(&self) -> Vec<PathBuf> {
        self.receiver().map(|receiver| receiver.settings().files_read()).unwrap_or_default()
    }
}

/// Writes the output's name as messages show it.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StandardOutput(_) => f.write_str("standard output"),
            Self::File(path, _) => path.display().fmt(f),
            Self::Receiver(receiver) => receiver.fmt(f),
        }
    }
}

/// Returns true if `text` starts with a scheme of letters and digits and `://`.
fn is_url(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Parses the URL of a receiver of any kind.
fn parse_receiver(text: &str) -> Result<ReceiverTarget, TargetError> {
    let error = |why| TargetError { text: text.to_owned(), why };
    let url = Url::parse(text).map_err(|why| error(why.to_string()))?;
    let Some(kind) = RECEIVERS.iter().find(|kind| kind.schemes.contains(&url.scheme())) else {
        return Err(error(format!("{}:// is no kind of output; use {}", url.scheme(), known_schemes())));
    };
    (kind.parse)(&url).map(ReceiverTarget::new).map_err(error)
}

/// Lists the schemes of all receivers: `udp, tcp, tls or unix`.
fn known_schemes() -> String {
    let schemes: Vec<_> = RECEIVERS.iter().flat_map(|kind| kind.schemes).copied().collect();
    match schemes.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => schemes.concat(),
    }
}

/// A target that cannot be parsed.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{text}: {why}")]
pub struct TargetError {
    /// The target as the user wrote it.
    pub text: String,
    /// The reason.
    pub why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Target {
        Target::parse(text.as_ref()).unwrap()
    }

    #[test]
    fn what_looks_like_a_url_is_one() {
        assert_eq!(parse("-"), Target::StandardOutput(LineFormat::Cef));
        for path in ["alerts.cef", "/var/log/a.cef", "./udp://x", "a b://c", "://", "udp:/x"] {
            assert_eq!(parse(path), Target::File(path.into(), LineFormat::Cef));
        }
        assert_eq!(parse("udp://h").to_string(), "udp://h:514");
        assert_eq!(parse("UDP://h").to_string(), "udp://h:514");
        assert!(parse("udp://h").is_receiver() && !parse("udp").is_receiver());
        assert_eq!(parse("udp://h").with_format(LineFormat::Json), None);
        let json = parse("a.json").with_format(LineFormat::Json);
        assert_eq!(json, Some(Target::File("a.json".into(), LineFormat::Json)));
    }

    #[test]
    fn an_unknown_scheme_is_refused_with_the_known_ones() {
        let error = Target::parse("http://h".as_ref()).unwrap_err().to_string();
        assert_eq!(error, "http://h: http:// is no kind of output; use udp, tcp, tls or unix");
        assert!(Target::parse("tcp://h:65536".as_ref()).unwrap_err().to_string().contains("port"));
    }

    #[test]
    fn receivers_are_equal_if_their_settings_are() {
        assert_eq!(parse("tcp://h"), parse("tcp://h:514/?severity=warning"));
        assert_ne!(parse("tcp://h"), parse("tcp://h?severity=err"));
        assert_ne!(parse("tcp://h"), parse("udp://h"));
    }

    #[test]
    fn spool_folders_keep_their_names() {
        for (target, name) in [
            ("tcp://log.example", "tcp-log.example_514"),
            ("tls://[2001:db8::7]?tag=x", "tls-_2001_db8__7__6514"),
            ("unix:///dev/log", "unix-_dev_log"),
        ] {
            assert_eq!(parse(target).receiver().unwrap().spool_folder_name(), name);
        }
    }

    #[test]
    fn certificates_are_files_to_be_read() {
        let target = parse("tls://h?ca=/ca.pem&cert=/c.pem&key=/k.pem");
        assert_eq!(target.files_read(), ["/ca.pem", "/c.pem", "/k.pem"].map(PathBuf::from));
        assert_eq!(parse("tcp://h").files_read(), Vec::<PathBuf>::new());
    }
}
