//! What is looked for, as the `let` lines above a query, or as a watchlist.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::IpAddr;

use ipnet::IpNet;

use super::text::{list, quoted};
use crate::indicator::{IndicatorSet, Pattern};

/// The watchlist's alias: what hunts read where the indicators are too many to stand in a query.
pub const WATCHLIST: &str = "rattap";

/// Where a query has its indicators from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// They stand in it.
    Inline,
    /// [`WATCHLIST`].
    Watchlist,
}

/// The indicators in force, by what a query compares them with. Sorted, so that the order of the lists says nothing.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// With or without a port.
    addresses: BTreeSet<IpAddr>,
    /// As `address:port`.
    endpoints: BTreeSet<(IpAddr, u16)>,
    networks: BTreeSet<IpNet>,
    /// Lower case.
    domains: BTreeSet<String>,
    /// How many labels each of them has.
    label_counts: BTreeSet<usize>,
}

impl Listed {
    pub(super) fn new(set: &IndicatorSet) -> Self {
        let mut listed = Self::default();
        for indicator in set.iter() {
            match &indicator.pattern {
                Pattern::Endpoint(address, port) => {
                    listed.addresses.insert(*address);
                    listed.endpoints.insert((*address, *port));
                }
                Pattern::Address(address) => {
                    listed.addresses.insert(*address);
                }
                Pattern::Network(network) => {
                    listed.networks.insert(network.trunc());
                }
                Pattern::Domain(name) => {
                    listed.label_counts.insert(name.split('.').count());
                    // Beyond ASCII too: `tolower` does so.
                    listed.domains.insert(name.to_lowercase());
                }
            }
        }
        listed
    }

    pub(super) fn has_addresses(&self) -> bool {
        !self.addresses.is_empty() || !self.networks.is_empty()
    }

    pub(super) fn has_domains(&self) -> bool {
        !self.domains.is_empty()
    }

    /// How many labels the listed domains have: so many of a name's last ones need be compared.
    pub(super) fn label_counts(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.label_counts.iter().copied()
    }

    fn networks(&self, ipv6: bool) -> impl Iterator<Item = String> {
        self.networks.iter().filter(move |network| matches!(network, IpNet::V6(_)) == ipv6).map(ToString::to_string)
    }

    /// Defines `Addresses`, `Endpoints` and, where ranges are listed, `Ranges4` and `Ranges6`.
    pub(super) fn define_addresses(&self, source: Source) -> String {
        let endpoints = self.endpoints.iter().map(|&(address, port)| Pattern::Endpoint(address, port).to_string());
        let mut lines = match source {
            Source::Inline => format!(
                "let Addresses = {};\nlet Endpoints = {};\n",
                list(self.addresses.iter().map(ToString::to_string)),
                list(endpoints)
            ),
            Source::Watchlist => format!(
                "let Listed = _GetWatchlist({}) | project Match = tostring(Match), Kind = tostring(Kind), Indicator = tostring(Indicator);\n\
                 let Addresses = Listed | where Kind in (\"ip\", \"ip:port\") | project Match;\n\
                 let Endpoints = Listed | where Kind == \"ip:port\" | project Indicator;\n",
                quoted(WATCHLIST)
            ),
        };
        for (name, ipv6) in RANGES {
            let mut networks = self.networks(ipv6).peekable();
            if networks.peek().is_some() {
                let ranges = match source {
                    Source::Inline => list(networks),
                    Source::Watchlist => {
                        let family = if ipv6 { "contains" } else { "!contains" };
                        format!(
                            "toscalar(Listed | where Kind == \"cidr\" and Match {family} \":\" | summarize make_list(Match))"
                        )
                    }
                };
                // A `String` takes everything.
                let _ = writeln!(lines, "let {name} = {ranges};");
            }
        }
        lines
    }

    /// Defines `Domains`.
    pub(super) fn define_domains(&self, source: Source) -> String {
        match source {
            Source::Inline => format!("let Domains = {};\n", list(self.domains.iter().cloned())),
            Source::Watchlist => format!(
                "let Domains = _GetWatchlist({}) | where Kind == \"domain\" | project Match = tostring(Match);\n",
                quoted(WATCHLIST)
            ),
        }
    }

    /// A condition: the address in this column is listed, or lies in a listed range.
    pub(super) fn is_listed(&self, column: &str) -> String {
        // IPv6 addresses are written in capitals too.
        let is_one_of = if self.addresses.iter().any(IpAddr::is_ipv6) { "in~" } else { "in" };
        let mut condition = format!("{column} {is_one_of} (Addresses)");
        for (name, ipv6) in RANGES {
            if self.networks(ipv6).next().is_some() {
                let family = if ipv6 { "ipv6" } else { "ipv4" };
                let _ = write!(condition, " or {family}_is_in_any_range({column}, {name})");
            }
        }
        condition
    }

    /// The watchlist's content. `Indicator` is its search key: no two rows have the same.
    pub(super) fn csv(&self) -> String {
        let mut csv = "Indicator,Kind,Match\n".to_owned();
        let mut row = |indicator: &str, kind: &str, matched: &str| {
            let [indicator, matched] = [indicator, matched].map(|cell| cell.replace('"', "\"\""));
            let _ = writeln!(csv, "\"{indicator}\",{kind},\"{matched}\"");
        };
        for &(address, port) in &self.endpoints {
            row(&Pattern::Endpoint(address, port).to_string(), "ip:port", &address.to_string());
        }
        let with_port: BTreeSet<IpAddr> = self.endpoints.iter().map(|&(address, _)| address).collect();
        for address in self.addresses.difference(&with_port) {
            row(&address.to_string(), "ip", &address.to_string());
        }
        for network in &self.networks {
            row(&network.to_string(), "cidr", &network.to_string());
        }
        for domain in &self.domains {
            row(domain, "domain", domain);
        }
        csv
    }
}

/// The names of the lists of ranges, and whether they are IPv6's.
const RANGES: [(&str, bool); 2] = [("Ranges4", false), ("Ranges6", true)];
