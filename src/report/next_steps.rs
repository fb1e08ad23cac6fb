//! The next steps for the reader, by verdict, and what they need: the indicators that were found
//! and hunts for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::convert;
use super::model::{self, Examined, Level};
use crate::hunts::hunts;
use crate::indicator::{Indicator, IndicatorSet};

/// The hunts that search for further hosts in logs other than those of the sensor.
const HUNTS: [&str; 3] = ["device-network", "cef-addresses", "dns-events"];

/// The maximum number of indicators in the list to block.
pub(super) const MAX_INDICATORS: usize = 500;

/// The indicators by their values, so that their order does not depend on the hosts.
pub(super) type FoundIndicators = BTreeMap<String, Arc<Indicator>>;

/// The indicators in the data model.
pub(super) fn indicators(found: &FoundIndicators) -> Vec<model::Indicator> {
    found.values().map(|indicator| convert::indicator(indicator, None)).collect()
}

/// Hunts for the indicators.
pub(super) fn hunt_queries(found: &FoundIndicators) -> Vec<model::HuntQuery> {
    if found.is_empty() {
        return Vec::new();
    }
    let set = IndicatorSet::new(found.values().map(|indicator| Indicator::clone(indicator)).collect());
    // With too many indicators a hunt reads a watchlist, which the reader of a page does not have.
    let usable = hunts(&set).into_iter().filter(|hunt| HUNTS.contains(&hunt.name()) && !hunt.reads_watchlist());
    usable.map(|hunt| model::HuntQuery { name: hunt.name().to_owned(), query: hunt.kql() }).collect()
}

/// The next steps in the order in which to take them.
pub(super) fn steps(level: Level, examined: Examined) -> Vec<String> {
    let steps: &[&str] = match level {
        Level::CommandAndControl => &[ISOLATE, PRESERVE, BLOCK, HUNT, SEARCH, PASSWORDS],
        Level::Contact => &[ISOLATE_CONNECTED, PRESERVE, BLOCK, HUNT, SEARCH],
        Level::Trace => &[FIND_PROCESS, PRESERVE, BLOCK, HUNT, SEARCH],
        Level::RemoteAccess => &[ASK_OWNER, SEARCH],
        Level::Vouched => &[REVIEW],
        Level::Nothing if examined == Examined::All => &[],
        Level::Nothing => &[EXAMINE],
    };
    let missing = (examined != Examined::All && level != Level::Nothing).then_some(EXAMINE);
    steps.iter().copied().chain(missing).map(str::to_owned).collect()
}

const ISOLATE: &str = "Isolate the compromised hosts from the network, but leave them switched on: their memory is \
                       evidence.";
const ISOLATE_CONNECTED: &str = "Isolate the hosts that were connected. For the others, find the process that tried.";
const PRESERVE: &str = "Preserve the captures, whose SHA-256 is below. The command under Settings with --carve \
                        evidence.pcapng added writes only the packets of these findings.";
const BLOCK: &str = "Block the indicators below at the firewall and in DNS, and the other servers in the chains of \
                     evidence.";
const HUNT: &str = "Search for further hosts: paste the queries below into Microsoft Sentinel.";
const SEARCH: &str = "Search the hosts for NetSupport: the list of files and places is below.";
const PASSWORDS: &str = "Change the passwords that were used on the hosts since the first contact, and reinstall the \
                         hosts.";
const FIND_PROCESS: &str = "Find the process that asked for the names or contacted the addresses: the browser after an \
                            advertisement, or a program that was installed.";
const ASK_OWNER: &str = "Ask the owners of the hosts whether they use NetSupport. If they do, add an exclusion rule; \
                         if not, treat the hosts as compromised.";
const REVIEW: &str = "Check that the exclusion rules below still describe what is done.";
const EXAMINE: &str = "Replay again what was not examined: the verdict states what is missing.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::indicator::builtin;

    #[test]
    fn steps_follow_the_verdict() {
        assert_eq!(steps(Level::Nothing, Examined::All), [""; 0]);
        assert_eq!(steps(Level::Nothing, Examined::None), [EXAMINE]);
        let steps = steps(Level::CommandAndControl, Examined::Part);
        assert_eq!((steps[0].as_str(), steps.last().map(String::as_str)), (ISOLATE, Some(EXAMINE)));
    }

    #[test]
    fn queries_search_for_what_was_found() {
        let found = builtin().into_iter().map(|indicator| (indicator.pattern.to_string(), Arc::new(indicator)));
        let queries = hunt_queries(&found.collect());
        assert_eq!(queries.len(), HUNTS.len());
        assert!(queries.iter().any(|hunt| hunt.query.contains("91.202.233.25")), "{queries:?}");
        assert_eq!(hunt_queries(&FoundIndicators::new()), []);
    }
}
