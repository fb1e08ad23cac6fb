//! The exclusions in force: judges sightings by them, and counts the verdicts.

use std::net::IpAddr;
use std::sync::Arc;

use super::recent_contacts::RecentContacts;
use crate::alert::exclusion::{Effect, Exclusions, RuleStatus};
use crate::alert::{Alert, Signature, Verdict};
use crate::units::Timestamp;

/// Counts of the sightings that a rule matched. In a dry run: of what would have happened to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExclusionCounts {
    /// The rule's name.
    pub rule: Arc<str>,
    /// Sightings without a line.
    pub suppressed: u64,
    /// Sightings whose severity was lowered.
    pub downgraded: u64,
    /// Sightings that only name the rule.
    pub annotated: u64,
    /// Sightings outside the schedule of the rule.
    pub outside_schedule: u64,
    /// Sightings after the rule expired.
    pub expired: u64,
    /// Sightings with a host that also had contact with something listed.
    pub other_contact: u64,
}

impl ExclusionCounts {
    fn new(rule: Arc<str>) -> Self {
        Self { rule, suppressed: 0, downgraded: 0, annotated: 0, outside_schedule: 0, expired: 0, other_contact: 0 }
    }

    /// Sightings that the rule matched but did not apply to.
    pub fn not_applied(&self) -> u64 {
        self.outside_schedule + self.expired + self.other_contact
    }

    /// Returns true if the rule matched no sighting.
    pub fn is_unused(&self) -> bool {
        self.suppressed + self.downgraded + self.annotated + self.not_applied() == 0
    }

    fn count(&mut self, standing: RuleStatus) {
        let counter = match standing {
            RuleStatus::Applies(Effect::Suppress) => &mut self.suppressed,
            RuleStatus::Applies(Effect::Downgrade) => &mut self.downgraded,
            RuleStatus::Applies(Effect::Annotate) | RuleStatus::OnlyAnnotates => &mut self.annotated,
            RuleStatus::OtherContact => &mut self.other_contact,
            RuleStatus::OutsideSchedule => &mut self.outside_schedule,
            RuleStatus::Expired => &mut self.expired,
            RuleStatus::Differs(_) => return,
        };
        *counter += 1;
    }
}

/// The exclusions in force, and the contacts that stand against them.
#[derive(Debug)]
pub(super) struct ExclusionPolicy {
    exclusions: Arc<Exclusions>,
    contacts: RecentContacts,
    /// One for each rule that is or was in force.
    counts: Vec<ExclusionCounts>,
}

impl ExclusionPolicy {
    pub(super) fn new(exclusions: Arc<Exclusions>) -> Self {
        let mut policy = Self { exclusions: Arc::default(), contacts: RecentContacts::default(), counts: Vec::new() };
        policy.set(exclusions);
        policy
    }

    /// Replaces the rules. Counts continue for rules of the same name, and stay for rules that are
    /// gone.
    pub(super) fn set(&mut self, exclusions: Arc<Exclusions>) {
        self.counts.retain(|counts| !counts.is_unused());
        for rule in exclusions.rules() {
            if !self.counts.iter().any(|counts| counts.rule == rule.name) {
                self.counts.push(ExclusionCounts::new(rule.name.clone()));
            }
        }
        self.exclusions = exclusions;
    }

    pub(super) fn counts(&self) -> &[ExclusionCounts] {
        &self.counts
    }

    pub(super) fn hosts_forgotten(&self) -> u64 {
        self.contacts.forgotten()
    }

    pub(super) fn has_rules(&self) -> bool {
        !self.exclusions.is_empty()
    }

    /// Judges a sighting whose latest packet has this time: puts the verdict on it and counts it.
    /// Its contact is remembered for later sightings.
    pub(super) fn judge_sighting(&mut self, alert: &mut Alert, time: Timestamp) {
        let verdict = self.verdict(alert, time);
        if let Some(verdict) = &verdict
            && let Some(counts) = self.counts.iter_mut().find(|counts| counts.rule == verdict.rule)
        {
            counts.count(verdict.standing);
        }
        let is_vouched_for = verdict.as_ref().is_some_and(|verdict| matches!(verdict.standing, RuleStatus::Applies(_)));
        if let Some(indicator) = alert.indicator.as_ref().filter(|_| !is_vouched_for) {
            self.contacts.note(contacting_host(alert), indicator, time);
        }
        if let Some(verdict) = verdict {
            alert.set_exclusion(verdict);
        }
    }

    /// The verdict on a sighting, or on what follows one.
    pub(super) fn verdict(&self, alert: &Alert, time: Timestamp) -> Option<Verdict> {
        if self.exclusions.is_empty() {
            return None;
        }
        let other = judged_hosts(alert).find_map(|host| {
            let found = self.contacts.other_than(host, alert.indicator.as_deref(), time)?;
            Some((host, &**found))
        });
        self.exclusions.evaluate(alert, time, other)
    }
}

/// The host on the side that is not listed.
fn contacting_host(alert: &Alert) -> IpAddr {
    if alert.listed == Some(alert.client.address) { alert.server.address } else { alert.client.address }
}

/// The hosts whose contact with something listed stands against a rule: both, but never a resolver,
/// which asks on behalf of everybody.
fn judged_hosts(alert: &Alert) -> impl Iterator<Item = IpAddr> {
    let is_dns = matches!(alert.signature, Signature::C2DomainQuery | Signature::C2DomainAnswer);
    [Some(alert.client.address), Some(alert.server.address).filter(|_| !is_dns)].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::MatchBasis;
    use crate::flow::{Endpoint, Flow, Protocol};
    use crate::indicator::{Indicator, builtin};
    use crate::scan::{Finding, FindingKind};
    use crate::track::packet_alert::{Statement, packet_alert};
    use crate::track::provenance::{Observed, PacketPlace, Provenance};

    const NOW: Timestamp = Timestamp::from_parts(1_780_995_600, 0);

    fn end(address: &str) -> Endpoint {
        Endpoint { address: address.parse().unwrap(), port: Some(443) }
    }

    fn sighting(signature: Signature, client: &str, server: &str, indicator: Option<&Arc<Indicator>>) -> Alert {
        let flow = Flow { source: end(client), destination: end(server), protocol: Protocol::TCP };
        let finding = Finding { time: NOW, ..Finding::of_flow(flow, FindingKind::PartialHello) };
        let provenance = Provenance {
            origin: Arc::default(),
            indicators: Arc::default(),
            packet: PacketPlace { block: 0, frame: 0 },
            head_end: None,
        };
        let statement = Statement {
            signature,
            severity: 0,
            application: "HTTP",
            basis: MatchBasis::AddressPort,
            indicator: indicator.cloned(),
            message: String::new(),
        };
        packet_alert(Observed { finding: &finding, provenance: &provenance }, true, statement)
    }

    /// For 10.0.0.0/8 with itself, a gateway that is not listed, and one that is.
    fn policy(effect: &str) -> ExclusionPolicy {
        let rules = format!(
            "[[rule]]\nname = 'one'\nscenario = 'other'\nowner = 'o'\nreason = 'r'\nexpires = 2027-01-01\neffect = '{effect}'\n\
             [rule.match]\nsource = '10.0.0.0/8'\ndestination = ['10.0.0.0/8', '203.0.113.80', '91.202.233.25']\n"
        );
        ExclusionPolicy::new(Arc::new(Exclusions::parse(&rules, "rules.toml".as_ref(), NOW).unwrap()))
    }

    fn standing(policy: &mut ExclusionPolicy, mut alert: Alert) -> Option<RuleStatus> {
        policy.judge_sighting(&mut alert, NOW);
        alert.exclusion.map(|verdict| verdict.standing)
    }

    const SUPPRESSES: Option<RuleStatus> = Some(RuleStatus::Applies(Effect::Suppress));

    #[test]
    fn a_contact_stands_against_either_host_but_not_against_a_resolver() {
        use Signature::{C2DomainQuery, C2Endpoint};
        let unlisted = Signature::find("netsupport-gateway").unwrap();
        let listed = Arc::new(builtin().remove(1));
        let unsure = Arc::new(Indicator { confidence: 75, ..builtin().remove(7) });
        let policy = &mut policy("suppress");
        let gateway = |client, server| sighting(unlisted, client, server, None);
        assert_eq!(standing(policy, gateway("10.0.0.1", "10.0.0.2")), SUPPRESSES);
        // The resolver asks for a client.
        assert_eq!(standing(policy, sighting(C2DomainQuery, "10.0.0.53", "198.51.100.1", Some(&listed))), None);
        assert_eq!(standing(policy, sighting(C2DomainQuery, "10.0.0.1", "10.0.0.53", Some(&unsure))), SUPPRESSES);
        assert_eq!(standing(policy, sighting(C2Endpoint, "10.0.0.2", "209.99.186.75", Some(&listed))), None);
        for (client, server) in [("10.0.0.1", "10.0.0.2"), ("10.0.0.2", "10.0.0.1"), ("10.0.0.2", "203.0.113.80")] {
            assert_eq!(standing(policy, gateway(client, server)), Some(RuleStatus::OtherContact), "{client} {server}");
        }
        assert_eq!(standing(policy, gateway("10.0.0.1", "203.0.113.80")), SUPPRESSES);
        // One who is contacted by a listed address.
        let inbound = sighting(C2Endpoint, "91.202.233.25", "10.0.0.3", Some(&listed));
        let inbound = Alert { listed: Some(inbound.client.address), ..inbound };
        assert_eq!(standing(policy, inbound), None);
        assert_eq!(standing(policy, gateway("10.0.0.3", "203.0.113.80")), Some(RuleStatus::OtherContact));
    }

    #[test]
    fn what_a_rule_vouches_for_does_not_stand_against_it() {
        use Signature::C2Endpoint;
        let [listed_session, unlisted] =
            ["netsupport-session", "netsupport-gateway"].map(|id| Signature::find(id).unwrap());
        let gateway = |client| sighting(unlisted, client, "203.0.113.80", None);
        let session = |client, listed| sighting(listed_session, client, "91.202.233.25", Some(listed));
        let contact = |client, listed| sighting(C2Endpoint, client, "91.202.233.25", Some(listed));
        let unsure = Arc::new(Indicator { confidence: 75, ..builtin().remove(0) });
        let policy = &mut policy("suppress");
        assert_eq!(standing(policy, contact("10.0.0.1", &unsure)), SUPPRESSES);
        assert_eq!(standing(policy, session("10.0.0.1", &unsure)), SUPPRESSES);
        assert_eq!(standing(policy, gateway("10.0.0.1")), SUPPRESSES);
        // A contact that is only annotated stands against all sightings but those of its own
        // indicator.
        let sure = Arc::new(builtin().remove(0));
        assert_eq!(standing(policy, contact("10.0.0.2", &sure)), Some(RuleStatus::OnlyAnnotates));
        assert_eq!(standing(policy, session("10.0.0.2", &sure)), Some(RuleStatus::OnlyAnnotates));
        assert_eq!(standing(policy, gateway("10.0.0.2")), Some(RuleStatus::OtherContact));
        let counts = &policy.counts()[0];
        assert_eq!((counts.suppressed, counts.annotated, counts.other_contact), (3, 2, 1));
    }

    #[test]
    fn counts_go_on_where_the_rule_stays_and_end_where_it_never_did_anything() {
        let gateway = || sighting(Signature::find("netsupport-gateway").unwrap(), "10.0.0.1", "203.0.113.80", None);
        let mut policy = policy("downgrade");
        policy.judge_sighting(&mut gateway(), NOW);
        let again = policy.exclusions.clone();
        policy.set(Arc::default());
        policy.judge_sighting(&mut gateway(), NOW);
        assert_eq!(policy.counts()[0].downgraded, 1);
        policy.set(again);
        policy.judge_sighting(&mut gateway(), NOW);
        assert_eq!((policy.counts().len(), policy.counts()[0].downgraded), (1, 2));
    }
}
