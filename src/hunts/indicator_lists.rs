//! The indicators as the `let` lines of a query, or as a watchlist.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::IpAddr;

use ipnet::IpNet;

use super::kql_text::{list, quoted};
use crate::indicator::{IndicatorSet, Pattern};

/// The alias of the watchlist that hunts read if there are too many indicators for a query.
pub const WATCHLIST: &str = "rattap";

/// The source of the indicators for a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IndicatorSource {
    /// They are included in the query.
    Inline,
    /// The query reads [`WATCHLIST`].
    Watchlist,
}

/// The indicators in force, by the type of value that a query compares. They are sorted, so that
/// the order of the lists does not matter.
#[derive(Debug, Default)]
pub(super) struct IndicatorLists {
    /// With or without a port.
    addresses: BTreeSet<IpAddr>,
    /// As `address:port`.
    endpoints: BTreeSet<(IpAddr, u16)>,
    networks: BTreeSet<IpNet>,
    /// Lower case.
    domains: BTreeSet<String>,
    /// The numbers of labels of the domains.
    label_counts: BTreeSet<usize>,
}

impl IndicatorLists {
    pub(super) fn new(set: &IndicatorSet) -> Self {
        let mut lists = Self::default();
        for indicator in set.iter() {
            match &indicator.pattern {
                Pattern::Endpoint(address, port) => {
                    lists.addresses.insert(*address);
                    lists.endpoints.insert((*address, *port));
                }
                Pattern::Address(address) => {
                    lists.addresses.insert(*address);
                }
                Pattern::Network(network) => {
                    lists.networks.insert(network.trunc());
                }
                Pattern::Domain(name) => {
                    lists.label_counts.insert(name.split('.').count());
                    // Beyond ASCII, too, like `tolower` in KQL.
                    lists.domains.insert(name.to_lowercase());
                }
            }
        }
        lists
    }

    pub(super) fn has_addresses(&self) -> bool {
        !self.addresses.is_empty() || !self.networks.is_empty()
    }

    pub(super) fn has_domains(&self) -> bool {
        !self.domains.is_empty()
    }

    /// The numbers of labels of the listed domains, in ascending order. A query compares the last
    /// labels of a name, as many as each of these numbers.
    pub(super) fn label_counts(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.label_counts.iter().copied()
    }

    fn networks(&self, ipv6: bool) -> impl Iterator<Item = String> {
        self.networks.iter().filter(move |network| matches!(network, IpNet::V6(_)) == ipv6).map(ToString::to_string)
    }

    /// Defines `Addresses`, `Endpoints` and, if networks are listed, `Ranges4` and `Ranges6`.
    pub(super) fn define_addresses(&self, source: IndicatorSource) -> String {
        let endpoints = self.endpoints.iter().map(|&(address, port)| Pattern::Endpoint(address, port).to_string());
        let mut lines = match source {
            IndicatorSource::Inline => format!(
                "let Addresses = {};\nlet Endpoints = {};\n",
                list(self.addresses.iter().map(ToString::to_string)),
                list(endpoints)
            ),
            IndicatorSource::Watchlist => format!(
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
                    IndicatorSource::Inline => list(networks),
                    IndicatorSource::Watchlist => {
                        let family = if ipv6 { "contains" } else { "!contains" };
                        format!(
                            "toscalar(Listed | where Kind == \"cidr\" and Match {family} \":\" | summarize make_list(Match))"
                        )
                    }
                };
                // Writing to a `String` cannot fail.
                let _ = writeln!(lines, "let {name} = {ranges};");
            }
        }
        lines
    }

    /// Defines `Domains`.
    pub(super) fn define_domains(&self, source: IndicatorSource) -> String {
        match source {
            IndicatorSource::Inline => format!("let Domains = {};\n", list(self.domains.iter().cloned())),
            IndicatorSource::Watchlist => format!(
                "let Domains = _GetWatchlist({}) | where Kind == \"domain\" | project Match = tostring(Match);\n",
                quoted(WATCHLIST)
            ),
        }
    }

    /// The condition that the address in a column is listed or in a listed network.
    pub(super) fn is_listed(&self, column: &str) -> String {
        // IPv6 addresses may have upper-case letters.
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

    /// The content of the watchlist. `Indicator` is its search key, so each value occurs once.
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

/// The names of the lists of networks; true for IPv6.
const RANGES: [(&str, bool); 2] = [("Ranges4", false), ("Ranges6", true)];
