//! The verdict of the rules on a sighting.

use std::fmt;
use std::sync::Arc;

/// The severity of a downgraded alert. It is lower than that of every signature, so that it is
/// recognizable.
pub const DOWNGRADED_SEVERITY: u8 = 1;

/// The effect of a rule on a sighting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// No alert: the sighting is counted, and written to the audit file.
    Suppress,
    /// The severity becomes [`DOWNGRADED_SEVERITY`].
    Downgrade,
    /// The alert names the rule.
    Annotate,
}

impl Effect {
    /// All effects.
    pub const ALL: [Self; 3] = [Self::Suppress, Self::Downgrade, Self::Annotate];

    /// The published token, as in a rule file.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Suppress => "suppress",
            Self::Downgrade => "downgrade",
            Self::Annotate => "annotate",
        }
    }
}

/// The names of the fields that a rule may match, in the order of the bits of [`DifferingFields`].
const FIELD_NAMES: [&str; 7] = ["source", "destination", "port", "protocol", "vlan", "server_name", "signature"];

/// The fields in which a sighting differs from a rule, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DifferingFields(u8);

impl DifferingFields {
    /// From one flag for each field, in the order of a rule file: true if the sighting matches.
    pub(super) fn from_matches(matches: [bool; FIELD_NAMES.len()]) -> Self {
        Self(matches.iter().zip(0..).fold(0, |fields, (matches, bit)| fields | u8::from(!matches) << bit))
    }

    pub(super) fn count(self) -> u32 {
        self.0.count_ones()
    }
}

impl fmt::Display for DifferingFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = FIELD_NAMES.iter().zip(0..).filter(|(_, bit)| self.0 >> bit & 1 == 1).map(|(name, _)| *name);
        f.write_str(&names.collect::<Vec<_>>().join(", "))
    }
}

/// The status of a rule with regard to a sighting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleStatus {
    /// The rule applies, with its effect.
    Applies(Effect),
    /// The rule applies, but only annotates: the indicator is listed with a high confidence.
    OnlyAnnotates,
    /// The rule matches, but a host recently contacted another listed server.
    OtherContact,
    /// The rule matches, but the time is outside its schedule.
    OutsideSchedule,
    /// The rule matches, but has expired.
    Expired,
    /// No rule matches, and this one differs in the fewest fields. Only used in a dry run.
    Differs(DifferingFields),
}

impl RuleStatus {
    /// The effect on the sighting, if there is one.
    pub const fn effect(self) -> Option<Effect> {
        match self {
            Self::Applies(effect) => Some(effect),
            Self::OnlyAnnotates => Some(Effect::Annotate),
            _ => None,
        }
    }

    /// The precedence among rules: rules that apply first, then the most severe reason not to
    /// apply.
    pub(super) fn precedence(self) -> (u8, u32) {
        match self {
            Self::Applies(_) | Self::OnlyAnnotates => (0, 0),
            Self::OtherContact => (1, 0),
            Self::OutsideSchedule => (2, 0),
            Self::Expired => (3, 0),
            Self::Differs(fields) => (4, fields.count()),
        }
    }
}

/// The verdict of the rules on a sighting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The name of the rule.
    pub rule: Arc<str>,
    /// The status of the rule.
    pub standing: RuleStatus,
    /// True in a dry run: the rule has no effect on the alert.
    pub is_dry: bool,
    /// The reason, if the status alone does not give it.
    pub(super) reason: String,
}

impl Verdict {
    /// The effect on the alert, if there is one.
    pub fn effect(&self) -> Option<Effect> {
        self.standing.effect().filter(|_| !self.is_dry)
    }

    /// The part that distinguishes verdicts. Sightings with different ones are reported separately,
    /// so that none hides another.
    pub fn key(&self) -> (&Arc<str>, RuleStatus) {
        (&self.rule, self.standing)
    }
}

impl fmt::Display for Verdict {
    /// Writes the continuation of the alert's sentence. Empty if the rule's name alone is
    /// sufficient.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, standing, is_dry, reason } = self;
        match standing {
            RuleStatus::Applies(effect) if *is_dry => write!(f, "; exclusion {rule} would {} it", effect.token()),
            RuleStatus::Applies(Effect::Suppress) => write!(f, "; suppressed by exclusion {rule}"),
            RuleStatus::Applies(Effect::Downgrade) => write!(f, "; severity lowered by exclusion {rule}"),
            RuleStatus::Applies(Effect::Annotate) => Ok(()),
            RuleStatus::OnlyAnnotates if *is_dry => write!(f, "; exclusion {rule} would only annotate it: {reason}"),
            RuleStatus::OnlyAnnotates => write!(f, "; exclusion {rule} only annotates it: {reason}"),
            RuleStatus::OtherContact | RuleStatus::Expired => write!(f, "; exclusion {rule} does not apply: {reason}"),
            RuleStatus::OutsideSchedule => write!(f, "; exclusion {rule} does not apply: outside its schedule"),
            RuleStatus::Differs(fields) => write!(f, "; no exclusion matches: {rule} differs in {fields}"),
        }
    }
}
