//! All exclusion rules in force.

use std::path::Path;
use std::time::Duration;

use super::rule::rfc3339;
use super::{LoadErrors, OtherContact, Rule, RuleStatus, Verdict, file};
use crate::alert::Alert;
use crate::units::Timestamp;

/// The time before the expiry of a rule at which its warning begins: a working week and the weekend
/// before it.
pub const WARNING_PERIOD: Duration = Duration::from_secs(7 * 86_400);

/// All rules, in the order of their files.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Exclusions {
    rules: Vec<Rule>,
    is_dry: bool,
}

impl Exclusions {
    /// Loads rules from TOML files, in this order. `now` is the time of loading.
    ///
    /// Any error fails the whole load: a rule that is silently missing would be as bad as one that
    /// matches too much.
    pub fn load<P: AsRef<Path>>(paths: &[P], now: Timestamp) -> Result<Self, LoadErrors> {
        Ok(Self { rules: file::load(paths, now)?, is_dry: false })
    }

    /// Parses rules from text, like [`Exclusions::load`]. `path` is the file name in errors.
    pub fn parse(text: &str, path: &Path, now: Timestamp) -> Result<Self, LoadErrors> {
        Ok(Self { rules: file::parse(text, path, now)?, is_dry: false })
    }

    /// The same rules for a dry run: they have no effect, but each alert says what would happen.
    pub fn dry(self) -> Self {
        Self { is_dry: true, ..self }
    }

    /// The rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Returns true if there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Returns true in a dry run.
    pub fn is_dry(&self) -> bool {
        self.is_dry
    }

    /// Warnings at this time: rules that have expired or expire soon, and rules with a smaller
    /// effect than they request.
    pub fn warnings(&self, now: Timestamp) -> Vec<String> {
        self.rules.iter().filter_map(|rule| warning(rule, now)).collect()
    }

    /// The verdict on a sighting whose latest packet has the time `time`. The first rule that
    /// applies decides, else the one that comes closest to applying. `other` is another indicator
    /// that one of the hosts recently had contact with.
    pub fn evaluate(&self, alert: &Alert, time: Timestamp, other: Option<OtherContact<'_>>) -> Option<Verdict> {
        let mut best: Option<(&Rule, RuleStatus)> = None;
        for rule in &self.rules {
            let differing = rule.differing_fields(alert);
            let standing = match differing.count() {
                0 => rule.standing(alert, time, other.is_some()),
                _ if self.is_dry => RuleStatus::Differs(differing),
                _ => continue,
            };
            if best.is_none_or(|(_, best)| standing.precedence() < best.precedence()) {
                best = Some((rule, standing));
            }
            if standing.effect().is_some() {
                break;
            }
        }
        best.map(|(rule, standing)| rule.verdict(standing, alert, other, self.is_dry))
    }
}

fn warning(rule: &Rule, now: Timestamp) -> Option<String> {
    let Rule { name, location, expires, owner, .. } = rule;
    let until = rfc3339(*expires);
    if *expires <= now {
        return Some(format!(
            "{location}: exclusion {name} expired on {until} and does not apply to packets from then on; \
             {owner} has to renew or remove it"
        ));
    }
    if rule.listed_indicators && !rule.covers_listed {
        return Some(format!(
            "{location}: exclusion {name} sets listed_indicators, but expires on {until}, more than 7 days after it was \
             loaded: on indicators listed with a confidence of 90 or more it only annotates"
        ));
    }
    (expires.since(now) <= WARNING_PERIOD).then(|| {
        format!("{location}: exclusion {name} expires on {until}; {owner} has to renew it, or its alerts will return")
    })
}
