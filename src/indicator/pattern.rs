//! The pattern of an indicator: the address, endpoint, network or domain that is searched for.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// The address, endpoint, network or domain that an indicator names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pattern {
    /// An address with a port: `ip:port`.
    Endpoint(IpAddr, u16),
    /// An address with any port: `ip`.
    Address(IpAddr),
    /// A range of addresses with any port: `cidr`.
    Network(IpNet),
    /// A domain and all its subdomains: `domain`. Lower case, as in
    /// [`crate::domain_name::DomainName`].
    Domain(String),
}

impl Pattern {
    /// The name of the pattern's type, as `indicators list` prints it.
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
    /// Writes the value in its canonical spelling.
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
