//! The summary of a report in one or two sentences.

use std::collections::HashSet;
use std::net::IpAddr;

use super::collection::Collection;
use super::examined::Coverage;
use super::model::{Examined, Level, Moment, Verdict};
use super::totals::SignatureTotals;
use crate::alert::Signature;
use crate::tools::{self, ToolActivity};
use crate::units::Timestamp;

/// The maximum number of hosts that the sentence names.
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

    /// The beginning of a sentence: the hosts.
    fn who(&self, is_at_least: bool) -> String {
        let least = if is_at_least { "At least " } else { "" };
        if self.hosts.is_empty() { "Hosts".to_owned() } else { format!("{least}{}", named(&self.hosts, "")) }
    }

    /// A further sentence about the hosts with any of these signatures that are not in this group.
    /// Empty if there are none.
    fn further_hosts(&self, collection: &Collection, signatures: &[&[Signature]], did: &str) -> String {
        let known: HashSet<_> = self.hosts.iter().collect();
        let mut hosts = collection.hosts_with(&signatures.concat());
        hosts.retain(|host| !known.contains(host));
        if hosts.is_empty() { String::new() } else { format!(" {} {did}.", named(&hosts, "more ")) }
    }

    fn when(&self) -> String {
        let (first, last) = (minute(self.span.0), minute(self.span.1));
        if first == last { format!("at {first} UTC") } else { format!("between {first} and {last} UTC") }
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

/// `2 hosts (10.0.0.1, 10.0.0.2)`. `kind` precedes the word `hosts`.
fn named(hosts: &[IpAddr], kind: &str) -> String {
    let count = hosts.len();
    let named = hosts.iter().take(MAX_NAMED_HOSTS).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let word = if count == 1 { "host" } else { "hosts" };
    match count.saturating_sub(MAX_NAMED_HOSTS) {
        0 => format!("{count} {kind}{word} ({named})"),
        more => format!("{count} {kind}{word} ({named} and {more} more)"),
    }
}

/// The summary of what was collected.
pub(super) fn verdict(collection: &Collection, coverage: &Coverage) -> Verdict {
    let is_at_least = collection.has_uncounted_hosts();
    let group = |signatures: &[Signature]| FindingGroup::of(collection, signatures);
    let confidence = |group: &FindingGroup| format!("listed with a confidence of up to {} of 100", group.confidence);
    let (level, sentence) = if let Some(session) = group(&of_tools(&[ToolActivity::Session])) {
        let sentence = format!(
            "{} spoke {} with command and control that is {}, {}.{}",
            session.who(is_at_least),
            session.tools,
            confidence(&session),
            session.when(),
            session.further_hosts(
                collection,
                &[CONTACTS, LOOKUPS],
                "had contact with something listed, or asked for it"
            )
        );
        (Level::CommandAndControl, sentence)
    } else if let Some(contact) = group(CONTACTS).filter(|contact| contact.severity >= MIN_CONTACT_SEVERITY) {
        let sentence = format!(
            "{} had contact with command and control that is {}, {}; no {} was seen in it.{}",
            contact.who(is_at_least),
            confidence(&contact),
            contact.when(),
            tools::names(),
            contact.further_hosts(collection, &[LOOKUPS], "asked DNS for something listed")
        );
        (Level::Contact, sentence)
    } else if let Some(lookup) = group(LOOKUPS) {
        let sentence = format!(
            "{} asked DNS for names that are {}, {}; no contact with what they name was seen.",
            lookup.who(is_at_least),
            confidence(&lookup),
            lookup.when()
        );
        (Level::Trace, sentence)
    } else if let Some(contact) = group(CONTACTS) {
        let sentence = format!(
            "{} had contact with listed addresses, but not at the listed ports or of weak confidence (up to {} of 100), {}.",
            contact.who(is_at_least),
            contact.confidence,
            contact.when()
        );
        (Level::Trace, sentence)
    } else if let Some(remote) = group(&of_tools(&[ToolActivity::Gateway, ToolActivity::Lookup])) {
        let sentence = format!(
            "{} used {}, {}, and nothing about it is listed: whether that is lawful is for its owners to say.",
            remote.who(is_at_least),
            remote.tools,
            remote.when()
        );
        (Level::RemoteAccess, sentence)
    } else if collection.has_excluded() {
        (Level::Vouched, "Nothing was found but what exclusions vouch for as lawful use.".to_owned())
    } else {
        (Level::Nothing, nothing_found(coverage))
    };
    Verdict { level, examined: coverage.examined, sentence, limits: limits(coverage) }
}

/// The sentence if nothing was found: never an all-clear for packets that were not examined.
fn nothing_found(coverage: &Coverage) -> String {
    match coverage.examined {
        Examined::All => "Nothing was found of what is looked for.".to_owned(),
        Examined::Part => "Nothing was found in the part of the captures that was examined.".to_owned(),
        Examined::None => {
            "Nothing was examined, so nothing is known about these captures: this is no all-clear.".to_owned()
        }
    }
}

/// What was not examined, in a sentence. Empty if everything was.
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
