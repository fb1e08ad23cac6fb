//! Hunts: KQL that looks for the indicators in force where a packet sensor does not stand, and that sums up what the sensor
//! itself wrote.
//!
//! A hunt is one line in the table `KINDS`; what it asks is a function in `query.rs`. Each gives one row for each client and
//! indicator, with counts and the first and last time, in a fixed order. All of them can be printed as KQL, to be pasted into
//! a log workspace, or as a scheduled analytics rule of Microsoft Sentinel.
//!
//! Indicators stand in the query as long as the whole of it is no longer than a rule's query may be. Where it would be, the
//! hunt reads the watchlist [`WATCHLIST`] instead, whose content [`watchlist`] gives: nothing is ever left out.
//!
//! The same indicators, in whatever order, give the same text.

use crate::indicator::IndicatorSet;

mod listed;
mod query;
mod rule;
mod text;

use listed::{Listed, Source};
use rule::{Entity, Rule, Severity};

pub use listed::WATCHLIST;

/// A scheduled rule's query may have this many characters (Microsoft Sentinel, "Create a custom analytics rule"). Counted in
/// bytes, of which there are never fewer.
pub const LONGEST_QUERY: usize = 10_000;

/// What a hunt needs: without any of it there is no such hunt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Addresses,
    Domains,
    /// It reads what the sensor wrote, whatever was listed then.
    Nothing,
}

/// A hunt before any indicator is known.
#[derive(Debug)]
struct Kind {
    name: &'static str,
    /// What it finds, in a line.
    title: &'static str,
    needs: Needs,
    query: fn(&Listed, Source) -> String,
    rule: Rule,
}

/// All hunts, in the order in which they are printed. Names and identifiers are stable: a rule that is imported again replaces
/// itself.
const KINDS: [Kind; 8] = [
    Kind {
        name: "cef-addresses",
        title: "Contacts with listed addresses, as any device told of them in CEF",
        needs: Needs::Addresses,
        query: query::cef_addresses,
        rule: Rule {
            id: "23b4d456-604f-4671-bdc5-28daa4a1d865",
            severity: Severity::Fixed("High"),
            connectors: &[("CefAma", "CommonSecurityLog")],
            entities: &[Entity::address("Client"), Entity::address("Server")],
        },
    },
    Kind {
        name: "device-network",
        title: "Contacts of processes with listed addresses",
        needs: Needs::Addresses,
        query: query::device_network,
        rule: Rule {
            id: "50955346-a64f-4859-9f35-ee1f7703f85b",
            severity: Severity::Fixed("High"),
            connectors: &[("MicrosoftThreatProtection", "DeviceNetworkEvents")],
            entities: &[Entity::host("DeviceName"), Entity::address("Server"), Entity::process("Process")],
        },
    },
    Kind {
        name: "dns-events",
        title: "DNS questions for listed domains",
        needs: Needs::Domains,
        query: query::dns_events,
        rule: Rule {
            id: "49f9288e-430f-4fd6-9924-657233aaf6f4",
            severity: Severity::Fixed("High"),
            connectors: &[("DNS", "DnsEvents")],
            entities: &[Entity::address("Client"), Entity::domain("Indicator")],
        },
    },
    Kind {
        name: "sensor-addresses",
        title: "Contacts with listed addresses, and with what listed domains resolved to, as the sensor saw them",
        needs: Needs::Nothing,
        query: query::sensor_addresses,
        rule: Rule {
            id: "a0b91c58-ccff-482a-a37a-ac7122a0d963",
            severity: Severity::ByRow { otherwise: "High" },
            connectors: &[("CefAma", "CommonSecurityLog")],
            entities: &[Entity::address("Client")],
        },
    },
    Kind {
        name: "sensor-names",
        title: "Listed domains and addresses that were asked for by name, as the sensor saw it",
        needs: Needs::Nothing,
        query: query::sensor_names,
        rule: Rule {
            id: "6345ea80-0e05-41bf-a2f6-6cd9f6afbaf1",
            severity: Severity::ByRow { otherwise: "High" },
            connectors: &[("CefAma", "CommonSecurityLog")],
            entities: &[Entity::address("Client")],
        },
    },
    Kind {
        name: "sensor-netsupport",
        title: "NetSupport sessions, with listed servers and with others, as the sensor saw them",
        needs: Needs::Nothing,
        query: query::sensor_netsupport,
        rule: Rule {
            id: "5ba92b64-7339-4423-9c56-1c78d1b1ecd9",
            severity: Severity::ByRow { otherwise: "Medium" },
            connectors: &[("CefAma", "CommonSecurityLog")],
            entities: &[Entity::address("Client")],
        },
    },
    Kind {
        name: "asim-network",
        title: "Contacts with listed addresses in every source that ASIM normalises",
        needs: Needs::Addresses,
        query: query::asim_network,
        rule: Rule {
            id: "4088e35e-48bf-4bbb-808d-bbf09e57af93",
            severity: Severity::Fixed("High"),
            connectors: &[
                ("CefAma", "CommonSecurityLog"),
                ("MicrosoftThreatProtection", "DeviceNetworkEvents"),
                ("WindowsForwardedEvents", "WindowsEvent"),
            ],
            entities: &[Entity::address("Client"), Entity::address("Server")],
        },
    },
    Kind {
        name: "asim-dns",
        title: "DNS questions for listed domains in every source that ASIM normalises",
        needs: Needs::Domains,
        query: query::asim_dns,
        rule: Rule {
            id: "e7fad2b6-7183-416d-9a59-18ebcc251a70",
            severity: Severity::Fixed("High"),
            connectors: &[("DNS", "DnsEvents"), ("ASimDnsActivityLogs", "ASimDnsActivityLogs")],
            entities: &[Entity::address("Client"), Entity::domain("Indicator")],
        },
    },
];

/// The names of all hunts, in the order in which they are printed.
pub fn names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name)
}

/// A hunt for certain indicators.
#[derive(Debug)]
pub struct Hunt {
    kind: &'static Kind,
    query: String,
    reads_watchlist: bool,
}

/// The hunts for these indicators, in the order of [`names`]. Those that would look for nothing are not among them.
pub fn hunts(set: &IndicatorSet) -> Vec<Hunt> {
    let listed = Listed::new(set);
    let of_kind = |kind: &'static Kind| {
        let wanted = match kind.needs {
            Needs::Addresses => listed.has_addresses(),
            Needs::Domains => listed.has_domains(),
            Needs::Nothing => true,
        };
        wanted.then(|| {
            let query = (kind.query)(&listed, Source::Inline);
            if query.len() <= LONGEST_QUERY {
                return Hunt { kind, query, reads_watchlist: false };
            }
            Hunt { kind, query: (kind.query)(&listed, Source::Watchlist), reads_watchlist: true }
        })
    };
    KINDS.iter().filter_map(of_kind).collect()
}

/// The content of the watchlist [`WATCHLIST`] for these indicators: CSV with a header.
pub fn watchlist(set: &IndicatorSet) -> String {
    Listed::new(set).csv()
}

impl Hunt {
    /// What it is called: one of [`names`].
    pub fn name(&self) -> &'static str {
        self.kind.name
    }

    /// The query alone: no empty line in it, a line feed at its end.
    pub fn query(&self) -> &str {
        &self.query
    }

    /// True where the indicators were too many to stand in the query.
    pub fn reads_watchlist(&self) -> bool {
        self.reads_watchlist
    }

    /// The query below a comment that says what it finds. Several of them want an empty line in between, which is what parts
    /// queries in a workspace's editor.
    pub fn kql(&self) -> String {
        format!("// {}: {}.\n{}", self.kind.name, self.kind.title, self.query)
    }

    /// A scheduled analytics rule: one YAML document, without the line that parts it from others.
    pub fn yaml(&self) -> String {
        self.kind.rule.yaml(self.kind.title, &self.query)
    }
}

#[cfg(test)]
mod tests;
