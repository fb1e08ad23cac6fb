//! Exclusions: rules for the lawful use of NetSupport, which looks on the wire like any other.
//!
//! A rule says who ([`Rule::name`], scenario, owner, reason) vouches until when for what: a source side, a destination side or a
//! server name, and more if it likes. Its fields are ANDed, the values of a field ORed; the first rule that applies wins. Then it
//! takes effect on each sighting that it matches.
//!
//! What keeps rules honest:
//!
//! - A rule that is not in force does nothing, and the alert says which rule would have applied and why it does not: it expired, it is
//!   outside its schedule, or one of the two hosts lately contacted something listed that no rule vouches for.
//! - A rule on a listed indicator of which its source is sure does no more than annotate, unless it says `listed_indicators` and
//!   expires within a week of being loaded.
//! - A suppressed sighting is still counted, by rule, and told in the audit file.
//!
//! Time is packet time, for schedules and for the day on which a rule expires. The time of loading decides two things alone: which
//! rules are warned about, and which may suppress a listed indicator.
//!
//! [`Exclusions`] never change: to load rules anew is to make others and hand them to the tracker.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::signature::SURE;
use super::{Alert, Signature};
use crate::flow::Protocol;
use crate::indicator::Indicator;
use crate::protocol::authority::{Authority, Host};
use crate::units::Timestamp;

mod file;
mod schedule;

pub use file::{LoadError, LoadErrors};
pub use schedule::Schedule;

/// The severity of what a rule downgrades: under that of every signature, so that it says so by itself.
pub const DOWNGRADED_SEVERITY: u8 = 1;

/// How long before a rule expires one is warned: a working week, and the weekend before it.
pub const WARNED_BEFORE: Duration = Duration::from_secs(7 * 86_400);

/// How far off the day may be, when the rules are loaded, on which a rule expires that suppresses listed indicators: so somebody has
/// to look at it each week.
pub const LISTED_FOR_AT_MOST: Duration = Duration::from_secs(7 * 86_400);

/// The five cases of lawful use, and whatever else there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// A help desk reaches its users.
    RemoteSupport,
    /// A job runs at fixed times.
    Maintenance,
    /// Software is brought to machines.
    SoftwareDeployment,
    /// A tutor reaches a classroom.
    Training,
    /// Machines are looked through for what they have.
    Inventory,
    /// None of these; the reason says what.
    Other,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::RemoteSupport,
        Self::Maintenance,
        Self::SoftwareDeployment,
        Self::Training,
        Self::Inventory,
        Self::Other,
    ];

    /// What a rule calls it.
    pub const fn token(self) -> &'static str {
        match self {
            Self::RemoteSupport => "remote-support",
            Self::Maintenance => "maintenance",
            Self::SoftwareDeployment => "software-deployment",
            Self::Training => "training",
            Self::Inventory => "inventory",
            Self::Other => "other",
        }
    }
}

/// What a rule does to a sighting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// No line: the sighting is counted, and told in the audit file.
    Suppress,
    /// The line's severity is [`DOWNGRADED_SEVERITY`].
    Downgrade,
    /// The line names the rule.
    Annotate,
}

impl Effect {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Suppress, Self::Downgrade, Self::Annotate];

    /// What a rule calls it.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Suppress => "suppress",
            Self::Downgrade => "downgrade",
            Self::Annotate => "annotate",
        }
    }
}

/// The fields of a match by which a sighting may differ from what a rule asks for.
const FIELDS: [&str; 7] = ["source", "destination", "port", "protocol", "vlan", "server_name", "signature"];

/// Some of these fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fields(u8);

impl Fields {
    fn count(self) -> u32 {
        self.0.count_ones()
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = FIELDS.iter().zip(0..).filter(|(_, place)| self.0 >> place & 1 == 1).map(|(name, _)| *name);
        f.write_str(&names.collect::<Vec<_>>().join(", "))
    }
}

/// How a rule stands to a sighting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It applies, with its effect.
    Applies(Effect),
    /// It applies, but only annotates: the indicator is listed, and its source is sure.
    OnlyAnnotates,
    /// It would apply, but a host lately contacted something else that is listed.
    OtherContact,
    /// It would apply, but not at this time of the week.
    OutsideSchedule,
    /// It would apply, but has expired.
    Expired,
    /// It does not match, and is the one that differs least: told in a dry run alone.
    Differs(Fields),
}

impl Standing {
    /// The effect that the sighting gets, if it gets any.
    pub const fn effect(self) -> Option<Effect> {
        match self {
            Self::Applies(effect) => Some(effect),
            Self::OnlyAnnotates => Some(Effect::Annotate),
            _ => None,
        }
    }

    /// The order in which reasons not to apply are told: the gravest first.
    const fn rank(self) -> u8 {
        match self {
            Self::Applies(_) | Self::OnlyAnnotates => 0,
            Self::OtherContact => 1,
            Self::OutsideSchedule => 2,
            Self::Expired => 3,
            Self::Differs(_) => 4,
        }
    }
}

/// What was found among the rules for a sighting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The rule's name.
    pub rule: Arc<str>,
    /// How the rule stands to the sighting.
    pub standing: Standing,
    /// Nothing was done: the alert is what it would be without rules.
    pub is_dry: bool,
    /// Why it stands so, where the standing alone does not say.
    why: String,
}

impl Verdict {
    /// What was done.
    pub fn effect(&self) -> Option<Effect> {
        self.standing.effect().filter(|_| !self.is_dry)
    }

    /// What tells it from others: sightings with different ones are told apart, so that none hides another.
    pub fn key(&self) -> (&Arc<str>, Standing) {
        (&self.rule, self.standing)
    }

    /// Puts it on an alert.
    pub fn put_on(self, alert: &mut Alert) {
        if self.effect() == Some(Effect::Downgrade) {
            alert.severity = alert.severity.min(DOWNGRADED_SEVERITY);
        }
        alert.exclusion = Some(self);
    }
}

impl fmt::Display for Verdict {
    /// What the alert's sentence goes on with; nothing where the rule's name says all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, standing, is_dry, why } = self;
        match standing {
            Standing::Applies(effect) if *is_dry => write!(f, "; exclusion {rule} would {} it", effect.token()),
            Standing::Applies(Effect::Suppress) => write!(f, "; suppressed by exclusion {rule}"),
            Standing::Applies(Effect::Downgrade) => write!(f, "; severity lowered by exclusion {rule}"),
            Standing::Applies(Effect::Annotate) => Ok(()),
            Standing::OnlyAnnotates if *is_dry => write!(f, "; exclusion {rule} would only annotate it: {why}"),
            Standing::OnlyAnnotates => write!(f, "; exclusion {rule} only annotates it: {why}"),
            Standing::OtherContact | Standing::Expired => write!(f, "; exclusion {rule} does not apply: {why}"),
            Standing::OutsideSchedule => write!(f, "; exclusion {rule} does not apply: outside its schedule"),
            Standing::Differs(fields) => write!(f, "; no exclusion matches: {rule} differs in {fields}"),
        }
    }
}

/// A host of a sighting, and what else that is listed it lately contacted, or was contacted by.
pub type OtherContact<'a> = (IpAddr, &'a Indicator);

/// One rule, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name, of which there is one among all rules.
    pub name: Arc<str>,
    /// What it is for.
    pub scenario: Scenario,
    /// Who answers for it.
    pub owner: String,
    /// Why it is there.
    pub reason: String,
    /// The first moment at which it is no longer in force.
    pub expires: Timestamp,
    /// What it does.
    pub effect: Effect,
    /// Whether it is to have its effect on listed indicators of which their source is sure, too.
    pub listed_indicators: bool,
    /// Whether it has: see [`LISTED_FOR_AT_MOST`].
    pub covers_listed: bool,
    /// Where it stands: file and line.
    pub place: String,
    // What it matches; empty for whatever there is, but the source never is.
    source: Vec<IpNet>,
    destination: Vec<IpNet>,
    ports: Vec<u16>,
    protocols: Vec<Protocol>,
    vlans: Vec<u16>,
    server_names: Vec<String>,
    signatures: Vec<Signature>,
    schedule: Option<Schedule>,
}

impl Rule {
    /// The fields in which a sighting differs from what the rule asks for.
    fn difference(&self, alert: &Alert) -> Fields {
        // An IPv4 address in an IPv6 address is matched in both forms: the line shows the first, the wire the other.
        let within = |networks: &[IpNet], address: IpAddr, ipv4: Option<std::net::Ipv4Addr>| {
            let forms = [Some(address), Some(address.to_canonical()), ipv4.map(IpAddr::V4)];
            forms.into_iter().flatten().any(|form| networks.iter().any(|network| network.contains(&form)))
        };
        let any = |is_open: bool, holds: bool| is_open || holds;
        let is_same = [
            within(&self.source, alert.client.address, alert.client_ipv4),
            any(self.destination.is_empty(), within(&self.destination, alert.server.address, alert.server_ipv4)),
            any(self.ports.is_empty(), alert.server.port.is_some_and(|port| is_any_of(&self.ports, port))),
            any(self.protocols.is_empty(), self.protocols.contains(&alert.protocol)),
            any(self.vlans.is_empty(), alert.vlans.iter().any(|vlan| is_any_of(&self.vlans, *vlan))),
            any(self.server_names.is_empty(), self.names_server_of(alert)),
            any(self.signatures.is_empty(), self.signatures.contains(&alert.signature)),
        ];
        Fields(is_same.iter().zip(0..).fold(0, |fields, (is_same, place)| fields | u8::from(!is_same) << place))
    }

    /// Whether the sighting is about one of the rule's names, or a name below it.
    fn names_server_of(&self, alert: &Alert) -> bool {
        let dns = alert.dns.as_ref().map(|dns| dns.name.as_slice());
        let url = alert.http.as_ref().and_then(|http| host_of(&http.url));
        let said = [alert.server_name.as_deref(), dns, url];
        said.into_iter().flatten().any(|said| self.server_names.iter().any(|name| is_below(said, name)))
    }

    /// How the rule stands to a sighting that it matches.
    fn standing(&self, alert: &Alert, at: Timestamp, other: bool) -> Standing {
        if at >= self.expires {
            Standing::Expired
        } else if self.schedule.as_ref().is_some_and(|schedule| !schedule.holds(at)) {
            Standing::OutsideSchedule
        } else if other {
            Standing::OtherContact
        } else if !self.covers_listed && alert.indicator.as_ref().is_some_and(|listed| listed.confidence >= SURE) {
            Standing::OnlyAnnotates
        } else {
            Standing::Applies(self.effect)
        }
    }

    fn verdict(&self, standing: Standing, alert: &Alert, other: Option<OtherContact<'_>>, is_dry: bool) -> Verdict {
        let why = match (standing, other) {
            (Standing::OtherContact, Some((host, indicator))) => {
                format!("{host} also had contact with {}", indicator.pattern)
            }
            (Standing::Expired, _) => format!("it expired on {}", moment(self.expires)),
            (Standing::OnlyAnnotates, _) => {
                let confidence = alert.indicator.as_ref().map_or(0, |indicator| indicator.confidence);
                format!("the indicator is listed with a confidence of {confidence}")
            }
            _ => String::new(),
        };
        Verdict { rule: self.name.clone(), standing, is_dry, why }
    }
}

/// As `contains`; but where that is called from here, too, the compiler no longer inlines it where the scan asks for ports, and a
/// replay takes a twentieth more instructions.
#[expect(clippy::manual_contains, reason = "see above")]
fn is_any_of(numbers: &[u16], number: u16) -> bool {
    numbers.iter().any(|known| *known == number)
}

/// RFC 3339, in UTC.
fn moment(time: Timestamp) -> String {
    jiff::Timestamp::from_nanosecond(time.nanos().into()).map(|time| time.to_string()).unwrap_or_default()
}

/// The host in an absolute URL, where it is a name.
fn host_of(url: &[u8]) -> Option<&[u8]> {
    let after = url.windows(3).position(|bytes| bytes == b"://").map(|scheme| scheme + 3)?;
    let rest = url.get(after..)?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    match Authority::parse(rest.get(..end)?)?.host {
        Host::Name(name) => Some(name),
        _ => None,
    }
}

/// Whether a name from the wire is this name, or one below it.
fn is_below(said: &[u8], name: &str) -> bool {
    let Some(start) = said.len().checked_sub(name.len()) else { return false };
    let (before, end) = said.split_at(start);
    if !end.eq_ignore_ascii_case(name.as_bytes()) {
        return false;
    }
    match before.strip_suffix(b".") {
        // A dot behind a backslash is part of a label.
        Some(labels) => labels.iter().rev().take_while(|byte| **byte == b'\\').count().is_multiple_of(2),
        None => before.is_empty(),
    }
}

impl fmt::Display for Rule {
    /// The rule as it was understood, on several lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({}; {})", self.name, self.scenario.token(), self.place)?;
        let does = match (self.effect, self.covers_listed) {
            (Effect::Annotate, _) => "annotate",
            (Effect::Suppress, false) => "suppress; on an indicator listed with a confidence of 90 or more annotate",
            (Effect::Downgrade, false) => "downgrade; on an indicator listed with a confidence of 90 or more annotate",
            (Effect::Suppress, true) => "suppress, listed indicators too",
            (Effect::Downgrade, true) => "downgrade, listed indicators too",
        };
        writeln!(f, "  effect       {does}")?;
        writeln!(f, "  until        {}", moment(self.expires))?;
        writeln!(f, "  owner        {}", self.owner)?;
        writeln!(f, "  reason       {}", self.reason)?;
        fn list<T: fmt::Display>(values: &[T]) -> String {
            values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
        let signatures: Vec<_> = self.signatures.iter().map(|signature| signature.id()).collect();
        let fields = [
            ("source", list(&self.source)),
            ("destination", list(&self.destination)),
            ("port", list(&self.ports)),
            ("protocol", list(&self.protocols)),
            ("vlan", list(&self.vlans)),
            ("server name", list(&self.server_names)),
            ("signature", list(&signatures)),
            ("schedule", self.schedule.as_ref().map(ToString::to_string).unwrap_or_default()),
        ];
        for (name, values) in fields.into_iter().filter(|(_, values)| !values.is_empty()) {
            writeln!(f, "  {name:12} {values}")?;
        }
        Ok(())
    }
}

/// All rules, in their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Exclusions {
    rules: Vec<Rule>,
    is_dry: bool,
}

impl Exclusions {
    /// Reads rules from TOML files, in this order. `now` is the time of loading.
    ///
    /// Nothing is loaded where anything is wrong with any of them: a rule that is silently absent would be as bad as one that is too
    /// wide.
    pub fn load<P: AsRef<Path>>(paths: &[P], now: Timestamp) -> Result<Self, LoadErrors> {
        Ok(Self { rules: file::load(paths, now)?, is_dry: false })
    }

    /// As [`Exclusions::load`], from text; `path` is what errors call it.
    pub fn parse(text: &str, path: &Path, now: Timestamp) -> Result<Self, LoadErrors> {
        Ok(Self { rules: file::parse(text, path, now)?, is_dry: false })
    }

    /// These rules for a dry run: nothing is suppressed, downgraded or annotated, but each alert says what would be.
    pub fn dry(self) -> Self {
        Self { is_dry: true, ..self }
    }

    /// The rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether nothing is done but telling.
    pub fn is_dry(&self) -> bool {
        self.is_dry
    }

    /// What somebody should know of the rules at this time: which have expired or soon will, and which do less than they say.
    pub fn warnings(&self, now: Timestamp) -> Vec<String> {
        let warning = |rule: &Rule| {
            let Rule { name, place, expires, owner, .. } = rule;
            let until = moment(*expires);
            if *expires <= now {
                return Some(format!(
                    "{place}: exclusion {name} expired on {until} and is off for packets from then on; \
                     {owner} has to renew it or take it out"
                ));
            }
            if rule.listed_indicators && !rule.covers_listed {
                return Some(format!(
                    "{place}: exclusion {name} says listed_indicators, but expires on {until}, more than 7 days after it was \
                     loaded: on indicators listed with a confidence of 90 or more it only annotates"
                ));
            }
            (expires.since(now) <= WARNED_BEFORE).then(|| {
                format!("{place}: exclusion {name} expires on {until}; {owner} has to renew it or its alerts come back")
            })
        };
        self.rules.iter().filter_map(warning).collect()
    }

    /// Finds the rule for a sighting whose latest packet is of time `at`: the first that applies, else the one that would, and why it
    /// does not. `other` is what else that is listed one of its hosts lately had contact with.
    pub fn judge(&self, alert: &Alert, at: Timestamp, other: Option<OtherContact<'_>>) -> Option<Verdict> {
        let mut best: Option<(&Rule, Standing)> = None;
        for rule in &self.rules {
            let difference = rule.difference(alert);
            let standing = match difference.count() {
                0 => rule.standing(alert, at, other.is_some()),
                _ if self.is_dry => Standing::Differs(difference),
                _ => continue,
            };
            let weight = |standing: Standing| match standing {
                Standing::Differs(fields) => (standing.rank(), fields.count()),
                _ => (standing.rank(), 0),
            };
            if best.is_none_or(|(_, best)| weight(standing) < weight(best)) {
                best = Some((rule, standing));
            }
            if standing.effect().is_some() {
                break;
            }
        }
        best.map(|(rule, standing)| rule.verdict(standing, alert, other, self.is_dry))
    }
}

#[cfg(test)]
mod tests;
