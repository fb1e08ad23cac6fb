//! The summary of a report: a title by case, and a sentence that says who did what and how it
//! ended.

use std::collections::HashSet;
use std::net::IpAddr;

use super::collection::Collection;
use super::examined::Coverage;
use super::model::{Examined, Level, Moment, Verdict};
use super::outcome::{ContactOutcome, HostOutcome};
use super::totals::SignatureTotals;
use crate::alert::Signature;
use crate::tools::{self, ToolActivity};
use crate::units::Timestamp;

/// The maximum number of hosts that the sentence names in each group.
const MAX_NAMED_HOSTS: usize = 3;

/// The minimum severity of a contact with a listed server. Contacts with other ports of its address
/// have a lower one.
const MIN_CONTACT_SEVERITY: u8 = 7;

// The groups of signatures that the sentence summarizes.

const CONTACTS: &[Signature] =
    &[Signature::C2Endpoint, Signature::C2Address, Signature::C2ResolvedAddress, Signature::C2ServerName];
const LOOKUPS: &[Signature] = &[Signature::C2DomainQuery, Signature::C2DomainAnswer];

/// The signatures of these activities of any remote-access tool.
fn of_tools(activities: &[ToolActivity]) -> Vec<Signature> {
    let is_one = |signature: &Signature| signature.tool_activity().is_some_and(|known| activities.contains(&known));
    Signature::ALL.into_iter().filter(is_one).collect()
}

/// The findings of a group of signatures.
struct FindingGroup {
    hosts: Vec<IpAddr>,
    /// The names of the remote-access tools that were found.
    tools: String,
    span: (Timestamp, Timestamp),
    confidence: u8,
    severity: u8,
}

impl FindingGroup {
    fn of(collection: &Collection, signatures: &[Signature]) -> Option<Self> {
        let totals: Vec<&SignatureTotals> =
            signatures.iter().filter_map(|signature| collection.signature_totals(*signature)).collect();
        let span = totals.iter().filter_map(|totals| totals.span);
        let span = span.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))?;
        Some(Self {
            hosts: collection.hosts_with(signatures),
            tools: tool_names(collection, signatures),
            span,
            confidence: totals.iter().map(|totals| totals.confidence).max().unwrap_or(0),
            severity: totals.iter().map(|totals| totals.severity).max().unwrap_or(0),
        })
    }

    fn when(&self) -> String {
        let (first, last) = (minute(self.span.0), minute(self.span.1));
        let last_in_day = if first.get(..10) == last.get(..10) { last.get(11..).unwrap_or(&last) } else { &last };
        if first == last { format!("at {first} UTC") } else { format!("between {first} and {last_in_day} UTC") }
    }

    /// `Between … UTC. What they reached is listed with a confidence of up to 99 of 100.`
    fn basis(&self) -> String {
        format!("This was {}; it is listed with a confidence of up to {} of 100.", self.when(), self.confidence)
    }
}

/// The hosts with listed findings, each in the group of the furthest that it got.
struct Groups<'a> {
    collection: &'a Collection,
    sessions: Vec<IpAddr>,
    contacts: Vec<IpAddr>,
    lookups: Vec<IpAddr>,
}

impl<'a> Groups<'a> {
    fn of(collection: &'a Collection) -> Self {
        let mut known = HashSet::new();
        let mut new_hosts = |signatures: &[Signature]| {
            let mut hosts = collection.hosts_with(signatures);
            hosts.retain(|host| known.insert(*host));
            hosts
        };
        let sessions = new_hosts(&of_tools(&[ToolActivity::Session]));
        let contacts = new_hosts(CONTACTS);
        let lookups = new_hosts(LOOKUPS);
        Self { collection, sessions, contacts, lookups }
    }

    /// The hosts of a group with their clauses, or with one clause for all if there are many.
    fn clauses(&self, hosts: &[IpAddr], clause: impl Fn(&HostOutcome) -> String, of_many: &str) -> Option<String> {
        let outcomes: Option<Vec<_>> =
            hosts.iter().map(|host| Some((host, self.collection.outcome(*host)?))).take(MAX_NAMED_HOSTS + 1).collect();
        match outcomes {
            _ if hosts.is_empty() => None,
            Some(outcomes) if outcomes.len() <= MAX_NAMED_HOSTS => {
                let clauses = outcomes.iter().map(|(host, outcome)| format!("{host} {}", clause(outcome)));
                Some(clauses.collect::<Vec<_>>().join("; "))
            }
            _ => Some(format!("{} {of_many}", named(hosts))),
        }
    }

    fn session_clauses(&self, tools: &str) -> Option<String> {
        let of_many = format!("held {tools} sessions with C2 servers");
        self.clauses(&self.sessions, |outcome| outcome.session(tools), &of_many)
    }

    fn contact_clauses(&self, what: &str) -> Option<String> {
        let (answered, others) = self.contacts_by_answer();
        let clauses = [(answered, "were connected to"), (others, "tried to reach")]
            .map(|(hosts, did)| self.clauses(&hosts, |outcome| outcome.contact(what), &format!("{did} {what}s")));
        let clauses: Vec<_> = clauses.into_iter().flatten().collect();
        (!clauses.is_empty()).then(|| clauses.join("; "))
    }

    fn lookup_clauses(&self) -> Option<String> {
        self.clauses(&self.lookups, HostOutcome::lookup, "asked DNS for listed names")
    }

    /// The hosts whose contact was answered, and the others.
    fn contacts_by_answer(&self) -> (Vec<IpAddr>, Vec<IpAddr>) {
        let is_answered = |host: &IpAddr| self.collection.contact_outcome(*host) == Some(ContactOutcome::Answered);
        self.contacts.iter().partition(|host| is_answered(host))
    }

    /// `1 host compromised, 2 attempted`: the first group with a name in full.
    fn title(&self) -> String {
        let (answered, attempted) = self.contacts_by_answer();
        let groups = [
            (self.sessions.len(), "compromised", "compromised"),
            (answered.len(), "in contact with command and control", "in contact"),
            (attempted.len(), "attempted contact with command and control", "attempted"),
            (self.lookups.len(), "asked for listed names", "asked"),
        ];
        let mut title = if self.collection.has_uncounted_hosts() { "At least ".to_owned() } else { String::new() };
        for (index, (count, full, short)) in groups.into_iter().filter(|(count, ..)| *count > 0).enumerate() {
            title += &match index {
                0 => format!("{} {full}", hosts(count)),
                _ => format!(", {count} {short}"),
            };
        }
        title
    }
}

/// The names of the tools whose signatures were found: `NetSupport`.
fn tool_names(collection: &Collection, signatures: &[Signature]) -> String {
    let is_found =
        |signature: &&Signature| collection.signature_totals(**signature).is_some_and(|totals| totals.span.is_some());
    let tools = signatures.iter().filter(is_found).filter_map(|signature| signature.tool());
    let mut names: Vec<_> = tools.map(|tool| tool.tool().application).collect();
    names.dedup();
    names.join(" and ")
}

/// `2 hosts`.
fn hosts(count: usize) -> String {
    format!("{count} {}", if count == 1 { "host" } else { "hosts" })
}

/// `2 hosts (10.0.0.1, 10.0.0.2)`.
fn named(list: &[IpAddr]) -> String {
    let named = list.iter().take(MAX_NAMED_HOSTS).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match list.len().saturating_sub(MAX_NAMED_HOSTS) {
        0 => format!("{} ({named})", hosts(list.len())),
        more => format!("{} ({named} and {more} more)", hosts(list.len())),
    }
}

/// Joins clauses to a sentence.
fn sentence(clauses: &[Option<String>], is_at_least: bool) -> String {
    let clauses: Vec<&str> = clauses.iter().flatten().map(String::as_str).collect();
    format!("{}{}.", if is_at_least { "At least " } else { "" }, clauses.join("; "))
}

/// The summary of what was collected.
pub(super) fn verdict(collection: &Collection, coverage: &Coverage) -> Verdict {
    let is_at_least = collection.has_uncounted_hosts();
    let group = |signatures: &[Signature]| FindingGroup::of(collection, signatures);
    let groups = Groups::of(collection);
    let (level, title, sentence) = if let Some(session) = group(&of_tools(&[ToolActivity::Session])) {
        let clauses =
            [groups.session_clauses(&session.tools), groups.contact_clauses("C2 server"), groups.lookup_clauses()];
        let sentence = format!("{} {}", sentence(&clauses, is_at_least), session.basis());
        (Level::CommandAndControl, groups.title(), sentence)
    } else if let Some(contact) = group(CONTACTS).filter(|contact| contact.severity >= MIN_CONTACT_SEVERITY) {
        let clauses = [groups.contact_clauses("C2 server"), groups.lookup_clauses()];
        let sentence =
            format!("{} No {} was seen in it. {}", sentence(&clauses, is_at_least), tools::names(), contact.basis());
        (Level::Contact, groups.title(), sentence)
    } else if let Some(lookup) = group(LOOKUPS) {
        let clauses = [groups.lookup_clauses(), groups.contact_clauses("listed address")];
        let sentence = format!(
            "{} No contact with what the names stand for was seen. {}",
            sentence(&clauses, is_at_least),
            lookup.basis()
        );
        (Level::Trace, groups.title(), sentence)
    } else if let Some(contact) = group(CONTACTS) {
        let clauses = [groups.contact_clauses("listed address")];
        let sentence = format!(
            "{} This was not at the listed ports, or the confidence is weak (up to {} of 100), {}.",
            sentence(&clauses, is_at_least),
            contact.confidence,
            contact.when()
        );
        let title = format!("{} in contact with listed addresses", hosts(contact.hosts.len()));
        (Level::Trace, title, sentence)
    } else if let Some(remote) = group(&of_tools(&[ToolActivity::Gateway, ToolActivity::Lookup])) {
        let least = if is_at_least { "At least " } else { "" };
        let sentence = format!(
            "{least}{} used {}, {}, and nothing about it is listed: whether that is lawful is for its owners to say.",
            named(&remote.hosts),
            remote.tools,
            remote.when()
        );
        let title = format!("Remote access by {}, nothing listed", hosts(remote.hosts.len()));
        (Level::RemoteAccess, title, sentence)
    } else if collection.has_excluded() {
        let title = match coverage.examined {
            Examined::All => "Lawful use",
            Examined::Part => "Lawful use in the part examined",
            Examined::None => "Not examined",
        };
        let sentence = "Nothing was found but what exclusions vouch for as lawful use.";
        (Level::Vouched, title.to_owned(), sentence.to_owned())
    } else {
        let (title, sentence) = nothing_found(coverage);
        (Level::Nothing, title.to_owned(), sentence.to_owned())
    };
    Verdict { level, examined: coverage.examined, title, sentence, limits: limits(coverage) }
}

/// The title and the sentence if nothing was found: never an all-clear for packets that were not
/// examined.
fn nothing_found(coverage: &Coverage) -> (&'static str, &'static str) {
    match coverage.examined {
        Examined::All => ("Nothing found", "Nothing was found of what is looked for."),
        Examined::Part => {
            ("Nothing found in the part examined", "Nothing was found in the part of the captures that was examined.")
        }
        Examined::None => {
            ("Not examined", "Nothing was examined, so nothing is known about these captures: this is no all-clear.")
        }
    }
}

/// A sentence about the parts that were not examined. Empty if everything was.
fn limits(coverage: &Coverage) -> String {
    match coverage.examined {
        Examined::All => String::new(),
        Examined::None => format!("Nothing was examined: {}.", coverage.missing.join("; ")),
        Examined::Part => format!("Not everything was examined: {}.", coverage.missing.join("; ")),
    }
}

/// Formats a time to the minute.
fn minute(time: Timestamp) -> String {
    let text = Moment(time).to_string();
    let (day, clock) = (text.get(..10).unwrap_or(&text), text.get(11..16).unwrap_or_default());
    format!("{day} {clock}")
}
