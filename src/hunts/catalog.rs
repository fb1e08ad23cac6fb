//! The table of hunts.

use super::analytics_rule::{AnalyticsRule, EntityMapping, Severity};
use super::indicator_lists::{IndicatorLists, IndicatorSource};
use super::queries;

/// The indicators that a hunt requires. Without any of them the hunt is omitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Requires {
    Addresses,
    Domains,
    /// The hunt reads the sensor's own alerts, for whatever indicators.
    Nothing,
}

/// The definition of a hunt.
#[derive(Debug)]
pub(super) struct HuntDefinition {
    pub(super) name: &'static str,
    /// A description in one line.
    pub(super) title: &'static str,
    pub(super) requires: Requires,
    /// Writes the query.
    pub(super) query: fn(&IndicatorLists, IndicatorSource) -> String,
    pub(super) rule: AnalyticsRule,
}

/// All hunts, in the order in which they are printed. Names and identifiers are stable: a rule that
/// is imported again replaces its older version.
pub(super) static HUNTS: [HuntDefinition; 8] = [
    HuntDefinition {
        name: "cef-addresses",
        title: "Contacts with listed addresses that any device reported in CEF",
        requires: Requires::Addresses,
        query: queries::cef_addresses,
        rule: AnalyticsRule {
            id: "23b4d456-604f-4671-bdc5-28daa4a1d865",
            severity: Severity::Fixed("High"),
            connectors: &[("CefAma", "CommonSecurityLog")],
            entities: &[EntityMapping::address("Client"), EntityMapping::address("Server")],
        },
    },
    HuntDefinition {
        name: "device-network",
        title: "Contacts of processes with listed addresses",
        requires: Requires::Addresses,
        query: queries::device_network,
        rule: AnalyticsRule {
            id: "50955346-a64f-4859-9f35-ee1f7703f85b",
            severity: Severity::Fixed("High"),
            connectors: &[("MicrosoftThreatProtection", "DeviceNetworkEvents")],
            entities: &[
                EntityMapping::host("DeviceName"),
                EntityMapping::address("Server"),
                EntityMapping::process("Process"),
            ],
        },
    },
    HuntDefinition {
        name: "dns-events",
        title: "DNS queries for listed domains",
        requires: Requires::Domains,
        query: queries::dns_events,
        rule: AnalyticsRule {
            id: "49f9288e-430f-4fd6-9924-657233aaf6f4",
            severity: Severity::Fixed("High"),
            connectors: &[("DNS", "DnsEvents")],
            entities: &[EntityMapping::address("Client"), EntityMapping::domain("Indicator")],
        },
    },
    HuntDefinition {
        name: "sensor-addresses",
        title: "Contacts that the sensor saw with listed addresses and with addresses of listed domains",
        requires: Requires::Nothing,
        query: queries::sensor_addresses,
        rule: AnalyticsRule {
            id: "a0b91c58-ccff-482a-a37a-ac7122a0d963",
            severity: Severity::ByRow { default: "High" },
            connectors: &[("CefAma", "CommonSecurityLog")],
            entities: &[EntityMapping::address("Client")],
        },
    },
    HuntDefinition {
        name: "sensor-names",
        title: "Queries and requests that the sensor saw for listed names",
        requires: Requires::Nothing,
        query: queries::sensor_names,
        rule: AnalyticsRule {
            id: "6345ea80-0e05-41bf-a2f6-6cd9f6afbaf1",
            severity: Severity::ByRow { default: "High" },
            connectors: &[("CefAma", "CommonSecurityLog")],
            entities: &[EntityMapping::address("Client")],
        },
    },
    HuntDefinition {
        name: "sensor-netsupport",
        title: "NetSupport sessions that the sensor saw, with listed servers and with others",
        requires: Requires::Nothing,
        query: queries::sensor_netsupport,
        rule: AnalyticsRule {
            id: "5ba92b64-7339-4423-9c56-1c78d1b1ecd9",
            severity: Severity::ByRow { default: "Medium" },
            connectors: &[("CefAma", "CommonSecurityLog")],
            entities: &[EntityMapping::address("Client")],
        },
    },
    HuntDefinition {
        name: "asim-network",
        title: "Contacts with listed addresses in all sources that ASIM normalizes",
        requires: Requires::Addresses,
        query: queries::asim_network,
        rule: AnalyticsRule {
            id: "4088e35e-48bf-4bbb-808d-bbf09e57af93",
            severity: Severity::Fixed("High"),
            connectors: &[
                ("CefAma", "CommonSecurityLog"),
                ("MicrosoftThreatProtection", "DeviceNetworkEvents"),
                ("WindowsForwardedEvents", "WindowsEvent"),
            ],
            entities: &[EntityMapping::address("Client"), EntityMapping::address("Server")],
        },
    },
    HuntDefinition {
        name: "asim-dns",
        title: "DNS queries for listed domains in all sources that ASIM normalizes",
        requires: Requires::Domains,
        query: queries::asim_dns,
        rule: AnalyticsRule {
            id: "e7fad2b6-7183-416d-9a59-18ebcc251a70",
            severity: Severity::Fixed("High"),
            connectors: &[("DNS", "DnsEvents"), ("ASimDnsActivityLogs", "ASimDnsActivityLogs")],
            entities: &[EntityMapping::address("Client"), EntityMapping::domain("Indicator")],
        },
    },
];
