//! What is looked for: addresses, endpoints, ranges and names that a source lists as command and control.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::units::Timestamp;

mod builtin;
pub mod feed;
mod filter;
mod learned;
mod set;

pub use builtin::builtin;
pub use learned::Learned;
pub use set::{AddressMatch, Closeness, Embedded, Embedding, IndicatorId, IndicatorSet, embedded};

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
}
