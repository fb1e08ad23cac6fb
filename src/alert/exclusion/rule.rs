//! One exclusion rule, and whether it matches a sighting.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::{DifferingFields, Effect, RuleStatus, Schedule, Verdict};
use crate::alert::signature::SURE;
use crate::alert::{Alert, Signature};
use crate::flow::Protocol;
use crate::indicator::Indicator;
use crate::protocol::authority::{Authority, Host};
use crate::units::Timestamp;

/// The maximum time from loading to expiry of a rule that suppresses listed indicators: somebody
/// has to review it each week.
pub const MAX_LISTED_LIFETIME: Duration = Duration::from_secs(7 * 86_400);

/// The scenarios of lawful use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// A help desk connects to its users.
    RemoteSupport,
    /// A job runs at fixed times.
    Maintenance,
    /// Software is installed on machines.
    SoftwareDeployment,
    /// A tutor connects to a classroom.
    Training,
    /// Hardware and software of machines are recorded.
    Inventory,
    /// Another use, which the reason explains.
    Other,
}

impl Scenario {
    /// All scenarios.
    pub const ALL: [Self; 6] = [
        Self::RemoteSupport,
        Self::Maintenance,
        Self::SoftwareDeployment,
        Self::Training,
        Self::Inventory,
        Self::Other,
    ];

    /// The token in a rule file.
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

/// A host of a sighting, and another indicator that it recently had contact with.
pub type OtherContact<'a> = (IpAddr, &'a Indicator);

/// One validated rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The name, unique among all rules.
    pub name: Arc<str>,
    /// The scenario of lawful use.
    pub scenario: Scenario,
    /// The person or team responsible for the rule.
    pub owner: String,
    /// The reason for the rule.
    pub reason: String,
    /// The first instant at which the rule is no longer in force.
    pub expires: Timestamp,
    /// The effect on matching sightings.
    pub effect: Effect,
    /// True if the rule file sets `listed_indicators`: the effect is to include indicators listed
    /// with a high confidence.
    pub listed_indicators: bool,
    /// True if the effect does include them: see [`MAX_LISTED_LIFETIME`].
    pub covers_listed: bool,
    /// The file and line of the rule.
    pub location: String,
    // The fields to match. An empty one matches everything; `source` is never empty.
    pub(super) source: Vec<IpNet>,
    pub(super) destination: Vec<IpNet>,
    pub(super) ports: Vec<u16>,
    pub(super) protocols: Vec<Protocol>,
    pub(super) vlans: Vec<u16>,
    pub(super) server_names: Vec<String>,
    pub(super) signatures: Vec<Signature>,
    pub(super) schedule: Option<Schedule>,
}

impl Rule {
    /// The fields in which a sighting differs from the rule.
    pub(super) fn differing_fields(&self, alert: &Alert) -> DifferingFields {
        // An IPv4 address inside an IPv6 address matches in both forms: alerts show the first,
        // packets have the second.
        let within = |networks: &[IpNet], address: IpAddr, ipv4: Option<Ipv4Addr>| {
            let forms = [Some(address), Some(address.to_canonical()), ipv4.map(IpAddr::V4)];
            forms.into_iter().flatten().any(|form| networks.iter().any(|network| network.contains(&form)))
        };
        let unset_or = |is_unset: bool, matches: bool| is_unset || matches;
        DifferingFields::from_matches([
            within(&self.source, alert.client.address, alert.client_ipv4),
            unset_or(self.destination.is_empty(), within(&self.destination, alert.server.address, alert.server_ipv4)),
            unset_or(self.ports.is_empty(), alert.server.port.is_some_and(|port| is_any_of(&self.ports, port))),
            unset_or(self.protocols.is_empty(), self.protocols.contains(&alert.protocol)),
            unset_or(self.vlans.is_empty(), alert.vlans.iter().any(|vlan| is_any_of(&self.vlans, *vlan))),
            unset_or(self.server_names.is_empty(), self.matches_server_name(alert)),
            unset_or(self.signatures.is_empty(), self.signatures.contains(&alert.signature)),
        ])
    }

    /// Returns true if the sighting is about one of the rule's server names, or a subdomain of one.
    fn matches_server_name(&self, alert: &Alert) -> bool {
        let dns = alert.dns.as_ref().map(|dns| dns.name.as_slice());
        let url = alert.http.as_ref().and_then(|http| host_of(&http.url));
        let names = [alert.server_name.as_deref(), dns, url];
        names.into_iter().flatten().any(|name| self.server_names.iter().any(|parent| is_within_domain(name, parent)))
    }

    /// The status of the rule with regard to a sighting that it matches, at the time of a packet.
    pub(super) fn standing(&self, alert: &Alert, time: Timestamp, has_other_contact: bool) -> RuleStatus {
        if time >= self.expires {
            RuleStatus::Expired
        } else if self.schedule.as_ref().is_some_and(|schedule| !schedule.contains(time)) {
            RuleStatus::OutsideSchedule
        } else if has_other_contact {
            RuleStatus::OtherContact
        } else if !self.covers_listed && alert.indicator.as_ref().is_some_and(|listed| listed.confidence >= SURE) {
            RuleStatus::OnlyAnnotates
        } else {
            RuleStatus::Applies(self.effect)
        }
    }

    /// The verdict with this status of the rule.
    pub(super) fn verdict(
        &self,
        standing: RuleStatus,
        alert: &Alert,
        other: Option<OtherContact<'_>>,
        is_dry: bool,
    ) -> Verdict {
        let reason = match (standing, other) {
            (RuleStatus::OtherContact, Some((host, indicator))) => {
                format!("{host} also had contact with {}", indicator.pattern)
            }
            (RuleStatus::Expired, _) => format!("it expired on {}", rfc3339(self.expires)),
            (RuleStatus::OnlyAnnotates, _) => {
                let confidence = alert.indicator.as_ref().map_or(0, |indicator| indicator.confidence);
                format!("the indicator is listed with a confidence of {confidence}")
            }
            _ => String::new(),
        };
        Verdict { rule: self.name.clone(), standing, is_dry, reason }
    }
}

/// The same as `contains`. A call of that here would keep the compiler from inlining it where the
/// scan tests ports, which costs a replay a twentieth more instructions.
#[expect(clippy::manual_contains, reason = "see above")]
fn is_any_of(numbers: &[u16], number: u16) -> bool {
    numbers.iter().any(|known| *known == number)
}

/// Formats a time as RFC 3339 in UTC.
pub(super) fn rfc3339(time: Timestamp) -> String {
    jiff::Timestamp::from_nanosecond(time.nanos().into()).map(|time| time.to_string()).unwrap_or_default()
}

/// The host of an absolute URL, if it is a name.
fn host_of(url: &[u8]) -> Option<&[u8]> {
    let after = url.windows(3).position(|bytes| bytes == b"://").map(|scheme| scheme + 3)?;
    let rest = url.get(after..)?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    match Authority::parse(rest.get(..end)?)?.host {
        Host::Name(name) => Some(name),
        _ => None,
    }
}

/// Returns true if a name from a packet is `domain` or a subdomain of it.
fn is_within_domain(name: &[u8], domain: &str) -> bool {
    let Some(start) = name.len().checked_sub(domain.len()) else { return false };
    let (before, end) = name.split_at(start);
    if !end.eq_ignore_ascii_case(domain.as_bytes()) {
        return false;
    }
    match before.strip_suffix(b".") {
        // A dot after a backslash is part of a label.
        Some(labels) => labels.iter().rev().take_while(|byte| **byte == b'\\').count().is_multiple_of(2),
        None => before.is_empty(),
    }
}

impl fmt::Display for Rule {
    /// Writes the rule as it was understood, on several lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({}; {})", self.name, self.scenario.token(), self.location)?;
        let effect = match (self.effect, self.covers_listed) {
            (Effect::Annotate, _) => "annotate",
            (Effect::Suppress, false) => "suppress; on an indicator listed with a confidence of 90 or more annotate",
            (Effect::Downgrade, false) => "downgrade; on an indicator listed with a confidence of 90 or more annotate",
            (Effect::Suppress, true) => "suppress, listed indicators too",
            (Effect::Downgrade, true) => "downgrade, listed indicators too",
        };
        writeln!(f, "  effect       {effect}")?;
        writeln!(f, "  until        {}", rfc3339(self.expires))?;
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
