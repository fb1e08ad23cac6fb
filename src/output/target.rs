//! Where alerts go, as the user names it.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use super::syslog::SyslogTarget;
pub use super::syslog::TargetError;

/// What an alert's line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// See [`super::Cef`].
    Cef,
    /// See [`super::Json`].
    Json,
}

/// Where alerts go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `-`
    StandardOutput(Form),
    /// A path.
    File(PathBuf, Form),
    /// A URL.
    Syslog(SyslogTarget),
}

impl Target {
    /// Reads `-`, a URL such as `tcp://log.example`, or else a file's path. A file whose path looks like a URL can be
    /// named with `./` before it. Lines are CEF.
    pub fn parse(text: &OsStr) -> Result<Self, TargetError> {
        if text == "-" {
            return Ok(Self::StandardOutput(Form::Cef));
        }
        let is_url = |text: &&str| {
            let scheme = text.split_once("://").map(|(scheme, _)| scheme);
            scheme.is_some_and(|scheme| !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        };
        match text.to_str().filter(is_url) {
            Some(url) => url.parse().map(Self::Syslog),
            None => Ok(Self::File(text.into(), Form::Cef)),
        }
    }

    /// The same place for lines of JSON; `None` for a receiver, which takes CEF alone.
    pub fn as_json(self) -> Option<Self> {
        match self {
            Self::StandardOutput(_) => Some(Self::StandardOutput(Form::Json)),
            Self::File(path, _) => Some(Self::File(path, Form::Json)),
            Self::Syslog(_) => None,
        }
    }

    /// The file, where it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path, _) => Some(path),
            _ => None,
        }
    }
}

/// The output's name in messages.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StandardOutput(_) => f.write_str("standard output"),
            Self::File(path, _) => path.display().fmt(f),
            Self::Syslog(target) => target.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_url_is_one() {
        assert_eq!(Target::parse("-".as_ref()).unwrap(), Target::StandardOutput(Form::Cef));
        for path in ["alerts.cef", "/var/log/a.cef", "./udp://x", "a b://c", "://", "udp:/x"] {
            assert_eq!(Target::parse(path.as_ref()).unwrap(), Target::File(path.into(), Form::Cef));
        }
        assert_eq!(Target::parse("udp://h".as_ref()).unwrap().to_string(), "udp://h:514");
        assert_eq!(Target::parse("udp://h".as_ref()).unwrap().as_json(), None);
        let json = Target::parse("a.json".as_ref()).unwrap().as_json();
        assert_eq!(json, Some(Target::File("a.json".into(), Form::Json)));
        assert!(Target::parse("http://h".as_ref()).unwrap_err().to_string().contains("no kind of output"));
    }
}
