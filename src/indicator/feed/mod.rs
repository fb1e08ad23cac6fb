//! Lists of indicators in files.
//!
//! A format is one file in this folder and one line in the table `FORMATS`. A file's format is told by its content, never
//! by its name. A format hands entries as they stand in the file to a `Reader`, which decides what becomes of them: an indicator,
//! something left out (expired, of another family, nothing that a network shows), or a refusal.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use super::{Indicator, Listing, Pattern, TooMany, cut};
use crate::units::Timestamp;

mod csv;
mod date;
mod file;
mod host_file;
mod json;
mod maltrail;
mod misp;
mod misp_csv;
mod misp_json;
mod plain;
mod reader;
mod stix;
mod suricata_dataset;
mod suricata_iprep;
#[cfg(test)]
mod tests;
mod threatfox;
mod threatfox_api;
mod threatfox_csv;
mod threatfox_json;
mod value;
mod zeek;

use reader::{Broken, Reader};

/// A format that can be read.
struct Format {
    name: &'static str,
    /// Whether its entries say of which malware family they are. Lists of other formats are whole lists of the user's choice, from
    /// which no choice of families takes anything.
    names_families: bool,
    /// Whether a text that begins so is of this format.
    recognises: fn(&Head<'_>) -> bool,
    /// Reads all that can be read.
    read: fn(text: &str, reader: &mut Reader<'_>) -> Result<(), Broken>,
}

/// All formats. The first that recognises a text reads it; a plain list takes any text, so it stands last.
const FORMATS: [Format; 12] = [
    threatfox_csv::FORMAT,
    threatfox_json::FORMAT,
    threatfox_api::FORMAT,
    misp_json::FORMAT,
    misp_csv::FORMAT,
    stix::FORMAT,
    zeek::FORMAT,
    maltrail::FORMAT,
    host_file::FORMAT,
    suricata_iprep::FORMAT,
    suricata_dataset::FORMAT,
    plain::FORMAT,
];

/// How much of a text is looked at to tell its format: the longest banner known has 2 kB.
const HEAD: usize = 16 << 10;

/// A text's beginning.
struct Head<'a>(&'a str);

impl<'a> Head<'a> {
    fn of(text: &'a str) -> Self {
        let head = cut(text, HEAD);
        match head.rsplit_once('\n') {
            // A line that is cut says nothing.
            Some((whole, _)) if head.len() < text.len() => Self(whole),
            _ => Self(head),
        }
    }

    fn has(&self, text: &str) -> bool {
        self.0.contains(text)
    }

    fn is_json(&self) -> bool {
        self.0.trim_start().starts_with(['{', '['])
    }

    fn lines(&self) -> impl Iterator<Item = &'a str> {
        self.0.lines().map(str::trim_start)
    }

    /// Lines that are no comments.
    fn data(&self) -> impl Iterator<Item = &'a str> {
        self.lines().filter(|line| !line.trim().is_empty() && !line.starts_with(['#', ';']))
    }
}

/// What becomes of entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// Keep only these malware families, by key, printable name or alias; all where there is none.
    pub families: Vec<String>,
    /// Take what [`super::guard`] would refuse.
    pub allow_broad: bool,
    /// How long after its source saw it (last, or else first) an indicator counts.
    pub indicator_max_age: Option<Duration>,
    /// What time it is; `None`: nothing expires.
    pub now: Option<Timestamp>,
}

/// What an entry names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One port of one address.
    Endpoint,
    /// An address.
    Address,
    /// A range of addresses.
    Network,
    /// A domain.
    Domain,
    /// The host of a URL.
    Url,
}

impl Kind {
    fn of(pattern: &Pattern) -> Self {
        match pattern {
            Pattern::Endpoint(..) => Self::Endpoint,
            Pattern::Address(_) => Self::Address,
            Pattern::Network(_) => Self::Network,
            Pattern::Domain(_) => Self::Domain,
        }
    }

    /// The kind's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Endpoint => "ip:port",
            Self::Address => "ip",
            Self::Network => "cidr",
            Self::Domain => "domain",
            Self::Url => "url",
        }
    }
}

/// Why an entry that is well is not looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// A hash, a mail address, a path: nothing by which a sensor knows a host.
    OtherKind,
    /// Of a malware family that was not asked for.
    OtherFamily,
    /// Its time is over.
    Expired,
    /// Its source took it back.
    Revoked,
    /// Its source says that it is not for detection.
    Context,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherKind => "of a kind that is not looked for",
            Self::OtherFamily => "of other families",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Context => "not for detection",
        })
    }
}

/// A line that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
pub struct Refusal {
    /// Counted from one.
    pub line: usize,
    /// Why, and what stood there.
    pub reason: String,
}

/// What a file held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The file.
    pub path: PathBuf,
    /// The format's name.
    pub format: &'static str,
    /// What is used, before what is listed twice is merged.
    pub kinds: BTreeMap<Kind, u64>,
    /// What is not.
    pub left_out: BTreeMap<LeftOut, u64>,
    /// What cannot be used.
    pub refusals: Vec<Refusal>,
    /// How many refusals there are beyond those.
    pub more_refusals: u64,
    /// The date of the list: what it says itself, or else that of its newest entry.
    pub date: Option<Timestamp>,
    /// Some of the families that were left out.
    pub other_families: Vec<String>,
}

impl Report {
    /// How many entries are used.
    pub fn used(&self) -> u64 {
        self.kinds.values().sum()
    }

    /// How many entries cannot be used.
    pub fn refused(&self) -> u64 {
        self.refusals.len() as u64 + self.more_refusals
    }

    /// How old the list is at a time.
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        self.date.map(|date| now.since(date))
    }
}

/// Why a list cannot be used at all.
#[derive(Debug, Error)]
pub enum FeedError {
    /// There is no such file.
    #[error("{}: this list of indicators is absent: {reason}", path.display())]
    Absent {
        /// The file, or a folder.
        path: PathBuf,
        /// What is absent.
        reason: &'static str,
    },
    /// The system does not let it be read.
    #[error("{}: this list of indicators is unreadable: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's word.
        error: io::Error,
    },
    /// It can be read, and is no list.
    #[error("{}: this list of indicators is unreadable: {reason}", path.display())]
    NoList {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        reason: String,
    },
}

/// Reads a list from a file, and hands on what can be used. What was handed on before an error stays so.
pub fn read(
    path: &Path,
    rules: &Rules,
    take: &mut dyn FnMut(&Listing<'_>) -> Result<(), TooMany>,
) -> Result<Report, FeedError> {
    let text = file::text(path)?;
    let source = source_name(path);
    let no_list = |reason: String| FeedError::NoList { path: path.to_owned(), reason };
    let (report, done) = parse_into(&text, &source, rules, take);
    if let Err(broken) = done {
        return Err(no_list(format!("not a whole {}: {broken}", report.format)));
    }
    let report = Report { path: path.to_owned(), ..report };
    match report.refusals.first() {
        // Most likely something else than was meant: a page that says "not found", or another format.
        Some(first) if report.used() == 0 && report.left_out.is_empty() => {
            Err(no_list(format!("none of its {} lines can be used; {first}", report.refused())))
        }
        _ => Ok(report),
    }
}

/// The name that the indicators of a list have as their source.
pub(super) fn source_name(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy()
}

fn parse_into(
    text: &str,
    source: &str,
    rules: &Rules,
    take: &mut dyn FnMut(&Listing<'_>) -> Result<(), TooMany>,
) -> (Report, Result<(), Broken>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let head = Head::of(text);
    let format = FORMATS.iter().find(|format| (format.recognises)(&head)).unwrap_or(&plain::FORMAT);
    let mut reader = Reader::new(rules, source, take);
    reader.names_families = format.names_families;
    let done = (format.read)(text, &mut reader);
    let date = reader.date();
    let Reader { kinds, left_out, refusals, more_refusals, families, .. } = reader;
    let path = PathBuf::new();
    let format = format.name;
    let report = Report { path, format, kinds, left_out, refusals, more_refusals, date, other_families: families };
    (report, done)
}

/// What a text held.
#[derive(Debug, Default)]
pub struct Feed {
    /// What can be used.
    pub indicators: Vec<Indicator>,
    /// What cannot.
    pub refusals: Vec<Refusal>,
    /// The format's name.
    pub format: &'static str,
}

/// Reads a list from a text, all that is in it, however broad; `source` is what its indicators give as their source.
pub fn parse(text: &str, source: &str) -> Feed {
    let rules = Rules { allow_broad: true, ..Rules::default() };
    let mut indicators = Vec::new();
    let (report, done) = parse_into(text, source, &rules, &mut |listing| {
        indicators.push(Indicator::from(listing));
        Ok(())
    });
    let mut refusals = report.refusals;
    if let Err(broken) = done {
        refusals.push(Refusal { line: 0, reason: broken.to_string() });
    }
    Feed { indicators, refusals, format: report.format }
}

/// Reads one indicator in any of its spellings, or says why it is none.
pub fn pattern(value: &str) -> Result<Pattern, String> {
    value::read(value).map(|value| value.pattern)
}

/// A line without its comment, which stands alone or after a blank: `#` may be part of a URL. Comments may date the list.
fn without_comment<'a>(line: &'a str, reader: &mut Reader<'_>) -> &'a str {
    let line = line.trim();
    if line.starts_with(['#', ';']) || line.starts_with("//") {
        reader.comment(line);
        return "";
    }
    let comment = line.match_indices('#').find(|(place, _)| line[..*place].ends_with(char::is_whitespace));
    comment.map_or(line, |(place, _)| line[..place].trim_end())
}
