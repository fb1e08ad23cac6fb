//! What is looked for: addresses, endpoints, ranges and names that a source lists as command and control.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::units::Timestamp;

mod builtin;
mod embedded;
pub mod feed;
mod filter;
mod guard;
mod learned;
mod load;
mod reload;
mod set;
mod store;

pub use builtin::builtin;
pub use embedded::{Embedded, Embedding, embedded};
pub use guard::{Broad, guard};
pub use learned::Learned;
pub use load::{FeedReport, LoadError, LoadSettings, Loaded, check, load};
pub use reload::{Previous, reload};
pub use set::{AddressMatch, Closeness, IndicatorId, IndicatorSet, SetBuilder, TooMany};

/// The family of what is listed without one.
pub const UNKNOWN_FAMILY: &str = "unknown malware";

/// What an indicator names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pattern {
    /// One port of one address: `ip:port`.
    Endpoint(IpAddr, u16),
    /// An address, whatever the port: `ip`.
    Address(IpAddr),
    /// A range of addresses, whatever the port: `cidr`.
    Network(IpNet),
    /// A domain and all below it: `domain`. Lower case, as in [`crate::domain_name::DomainName`].
    Domain(String),
}

impl Pattern {
    /// The kind's name, as `indicators list` gives it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Endpoint(..) => "ip:port",
            Self::Address(_) => "ip",
            Self::Network(_) => "cidr",
            Self::Domain(_) => "domain",
        }
    }
}

impl fmt::Display for Pattern {
    /// The value in its canonical spelling.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(IpAddr::V4(address), port) => write!(f, "{address}:{port}"),
            Self::Endpoint(IpAddr::V6(address), port) => write!(f, "[{address}]:{port}"),
            Self::Address(address) => write!(f, "{address}"),
            Self::Network(network) => write!(f, "{network}"),
            Self::Domain(name) => f.write_str(name),
        }
    }
}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indicator {
    /// What it names.
    pub pattern: Pattern,
    /// The malware family, such as `NetSupportManager RAT`.
    pub family: Arc<str>,
    /// The kind of threat, such as `botnet_cc`.
    pub threat: Arc<str>,
    /// How sure the source is, 0 to 100.
    pub confidence: u8,
    /// When the source saw it first.
    pub first_seen: Option<Timestamp>,
    /// When the source saw it last.
    pub last_seen: Option<Timestamp>,
    /// Who lists it.
    pub source: Arc<str>,
    /// Where to read more: a list's name and date, or an address.
    pub reference: Arc<str>,
    /// The source's own key words.
    pub tags: Vec<Arc<str>>,
    /// The source's own number for it.
    pub id: Option<Arc<str>>,
    /// Whether the source says that this is somebody's site that was broken into: a victim too.
    pub is_compromised: bool,
    /// Whether the source lists a URL, of which this is the host: a weaker statement.
    pub is_from_url: bool,
}

impl Indicator {
    /// What an alert must say beside its statement, or nothing.
    pub fn remark(&self) -> &'static str {
        match (self.is_compromised, self.is_from_url) {
            (true, false) => ", marked as a compromised site, whose owner is a victim too",
            (true, true) => ", the host of a listed URL, marked as a compromised site, whose owner is a victim too",
            (false, true) => ", the host of a listed URL",
            (false, false) => "",
        }
    }

    /// The same as a listing; `tags` are its tags.
    fn listing<'a>(&'a self, tags: &'a [&'a str]) -> Listing<'a> {
        Listing {
            pattern: self.pattern.clone(),
            family: &self.family,
            threat: &self.threat,
            confidence: self.confidence,
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            source: &self.source,
            reference: Reference::Text(&self.reference),
            tags,
            id: self.id.as_deref(),
            is_compromised: self.is_compromised,
            is_from_url: self.is_from_url,
        }
    }
}

/// What a list says of something: an [`Indicator`] on its way into an [`IndicatorSet`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<'a> {
    /// See [`Indicator::pattern`].
    pub pattern: Pattern,
    /// See [`Indicator::family`].
    pub family: &'a str,
    /// See [`Indicator::threat`].
    pub threat: &'a str,
    /// See [`Indicator::confidence`].
    pub confidence: u8,
    /// See [`Indicator::first_seen`].
    pub first_seen: Option<Timestamp>,
    /// See [`Indicator::last_seen`].
    pub last_seen: Option<Timestamp>,
    /// See [`Indicator::source`].
    pub source: &'a str,
    /// See [`Indicator::reference`].
    pub reference: Reference<'a>,
    /// See [`Indicator::tags`].
    pub tags: &'a [&'a str],
    /// See [`Indicator::id`].
    pub id: Option<&'a str>,
    /// See [`Indicator::is_compromised`].
    pub is_compromised: bool,
    /// See [`Indicator::is_from_url`].
    pub is_from_url: bool,
}

impl From<&Listing<'_>> for Indicator {
    fn from(listing: &Listing<'_>) -> Self {
        Self {
            pattern: listing.pattern.clone(),
            family: listing.family.into(),
            threat: listing.threat.into(),
            confidence: listing.confidence,
            first_seen: listing.first_seen,
            last_seen: listing.last_seen,
            source: listing.source.into(),
            reference: match listing.reference {
                Reference::Text(text) => text.into(),
                Reference::Line(line) => format!("{} line {line}", listing.source).into(),
            },
            tags: listing.tags.iter().map(|tag| Arc::from(*tag)).collect(),
            id: listing.id.map(Arc::from),
            is_compromised: listing.is_compromised,
            is_from_url: listing.is_from_url,
        }
    }
}

/// As much of a text as so many bytes hold, without a part of a character.
fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// Where to read more about an indicator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference<'a> {
    /// As the list gives it.
    Text(&'a str),
    /// A line of the list, counted from one.
    Line(usize),
}
