//! The next steps for the reader, by verdict, and what they need: the indicators that were found
//! and hunts for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::convert;
use super::model::{self, Examined, File, Level, Verdict};
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
///
/// `evidence` is the file of the packets, if it was written. `command` repeats the replay.
pub(super) fn steps(verdict: &Verdict, evidence: Option<&File>, command: &str) -> Vec<String> {
    let Verdict { level, examined, .. } = *verdict;
    let preserve = preserve(evidence, command);
    let preserve = preserve.as_str();
    let steps: &[&str] = match level {
        Level::CommandAndControl => &[ISOLATE, preserve, BLOCK, HUNT, SEARCH, PASSWORDS],
        Level::Contact => &[ISOLATE_CONNECTED, preserve, BLOCK, HUNT, SEARCH],
        Level::Trace => &[FIND_PROCESS, preserve, BLOCK, HUNT, SEARCH],
        Level::RemoteAccess => &[ASK_OWNER, SEARCH],
        Level::Vouched => &[REVIEW],
        Level::Nothing if examined == Examined::All => &[],
        Level::Nothing => &[EXAMINE],
    };
    let missing = (examined != Examined::All && level != Level::Nothing).then_some(EXAMINE);
    steps.iter().copied().chain(missing).map(str::to_owned).collect()
}

/// The step that keeps the packets: names their file, or else the command that writes it.
fn preserve(evidence: Option<&File>, command: &str) -> String {
    let packets = match evidence {
        Some(File { path, sha256: Some(sha256), .. }) => {
            format!("The packets of these findings are in {path} (SHA-256 {sha256}).")
        }
        Some(File { path, sha256: None, .. }) => format!("The packets of these findings are in {path}."),
        None => {
            let carve = command.replacen(REPLAY, &format!("{REPLAY} --carve evidence.pcapng"), 1);
            format!("This command writes only the packets of these findings: {carve}")
        }
    };
    format!("Preserve the captures, whose SHA-256 is below. {packets}")
}

/// The beginning of the command that repeats the replay.
const REPLAY: &str = "rattap replay";

const ISOLATE: &str = "Isolate the compromised hosts from the network, but leave them switched on: their memory is \
                       evidence.";
const ISOLATE_CONNECTED: &str = "Isolate the hosts that were connected. For the others, find the process that tried.";
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
        let steps = |level, examined, evidence: Option<&File>| {
            let [title, sentence, limits] = [(); 3].map(|()| String::new());
            steps(&Verdict { level, examined, title, sentence, limits }, evidence, "rattap replay a.pcap")
        };
        assert_eq!(steps(Level::Nothing, Examined::All, None), [""; 0]);
        assert_eq!(steps(Level::Nothing, Examined::None, None), [EXAMINE]);
        let all = steps(Level::CommandAndControl, Examined::Part, None);
        assert_eq!((all[0].as_str(), all.last().map(String::as_str)), (ISOLATE, Some(EXAMINE)));
        assert!(all[1].ends_with(": rattap replay --carve evidence.pcapng a.pcap"), "{}", all[1]);
        let file = File { path: "e.pcapng".to_owned(), size: Some(1), sha256: None };
        assert!(steps(Level::Contact, Examined::All, Some(&file))[1].ends_with("findings are in e.pcapng."));
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
