//! Holds sightings against the exclusions, and counts what became of them.

use std::net::IpAddr;
use std::sync::Arc;

use super::contacted::Contacted;
use crate::alert::exclusion::{Effect, Exclusions, Standing};
use crate::alert::{Alert, Signature, Verdict};
use crate::units::Timestamp;

/// What became of the sightings that a rule matched. In a dry run: what would have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExclusionCounts {
    /// The rule's name.
    pub rule: Arc<str>,
    /// Sightings without a line.
    pub suppressed: u64,
    /// Sightings of which the severity was lowered.
    pub downgraded: u64,
    /// Sightings that only name the rule.
    pub annotated: u64,
    /// Sightings outside its schedule.
    pub outside_schedule: u64,
    /// Sightings after it expired.
    pub expired: u64,
    /// Sightings of which a host also had contact with something listed.
    pub other_contact: u64,
}

impl ExclusionCounts {
    fn new(rule: Arc<str>) -> Self {
        Self { rule, suppressed: 0, downgraded: 0, annotated: 0, outside_schedule: 0, expired: 0, other_contact: 0 }
    }

    /// Sightings that it matched but did not apply to.
    pub fn not_applied(&self) -> u64 {
        self.outside_schedule + self.expired + self.other_contact
    }

    /// Whether it matched no sighting at all.
    pub fn is_unused(&self) -> bool {
        self.suppressed + self.downgraded + self.annotated + self.not_applied() == 0
    }

    fn count(&mut self, standing: Standing) {
        let counter = match standing {
            Standing::Applies(Effect::Suppress) => &mut self.suppressed,
            Standing::Applies(Effect::Downgrade) => &mut self.downgraded,
            Standing::Applies(Effect::Annotate) | Standing::OnlyAnnotates => &mut self.annotated,
            Standing::OtherContact => &mut self.other_contact,
            Standing::OutsideSchedule => &mut self.outside_schedule,
            Standing::Expired => &mut self.expired,
            Standing::Differs(_) => return,
        };
        *counter += 1;
    }
}

/// The exclusions in force, and what they need to know.
#[derive(Debug)]
pub(super) struct Judge {
    exclusions: Arc<Exclusions>,
    contacted: Contacted,
    /// One for each rule that is or was in force.
    counts: Vec<ExclusionCounts>,
}

impl Judge {
    pub(super) fn new(exclusions: Arc<Exclusions>) -> Self {
        let mut judge = Self { exclusions: Arc::default(), contacted: Contacted::default(), counts: Vec::new() };
        judge.set(exclusions);
        judge
    }

    /// Takes other rules. Those of the same name go on counting where they were; of those that are gone the counts stay.
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
        self.contacted.forgotten()
    }

    pub(super) fn has_rules(&self) -> bool {
        !self.exclusions.is_empty()
    }

    /// A sighting whose latest packet is of this time: puts the verdict on it and counts it. What it says of its hosts is remembered
    /// for those that come later.
    pub(super) fn sighting(&mut self, alert: &mut Alert, at: Timestamp) {
        let verdict = self.verdict(alert, at);
        if let Some(verdict) = &verdict
            && let Some(counts) = self.counts.iter_mut().find(|counts| counts.rule == verdict.rule)
        {
            counts.count(verdict.standing);
        }
        let is_vouched_for = verdict.as_ref().is_some_and(|verdict| matches!(verdict.standing, Standing::Applies(_)));
        if let Some(indicator) = alert.indicator.as_ref().filter(|_| !is_vouched_for) {
            self.contacted.note(contacting(alert), indicator, at);
        }
        if let Some(verdict) = verdict {
            verdict.put_on(alert);
        }
    }

    /// What the rules say of a sighting, or of what follows one.
    pub(super) fn verdict(&self, alert: &Alert, at: Timestamp) -> Option<Verdict> {
        if self.exclusions.is_empty() {
            return None;
        }
        let other = suspects(alert).find_map(|host| {
            let found = self.contacted.other(host, alert.indicator.as_deref(), at)?;
            Some((host, &**found))
        });
        self.exclusions.judge(alert, at, other)
    }
}

/// The side that is not the indicator's.
fn contacting(alert: &Alert) -> IpAddr {
    if alert.listed == Some(alert.client.address) { alert.server.address } else { alert.client.address }
}

/// The hosts of which a contact with something listed stands against a rule: both, but never a resolver, which asks for everybody.
fn suspects(alert: &Alert) -> impl Iterator<Item = IpAddr> {
    let is_dns = matches!(alert.signature, Signature::C2DomainQuery | Signature::C2DomainAnswer);
    [Some(alert.client.address), Some(alert.server.address).filter(|_| !is_dns)].into_iter().flatten()
}
