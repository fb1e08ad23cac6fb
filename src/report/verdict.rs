//! The answer in a sentence.

use std::collections::HashSet;
use std::net::IpAddr;

use super::gather::{Found, State};
use super::model::{Capture, Level, Moment, Verdict};
use crate::alert::Signature;
use crate::tools::{self, ToolActivity};
use crate::units::Timestamp;

/// How many hosts the sentence names.
const MOST_NAMED: usize = 3;

/// From this severity on a contact is one with what is listed, not with another port of its address.
const CONTACT: u8 = 7;

/// Signatures of which one statement is made.
const CONTACTS: &[Signature] =
    &[Signature::C2Endpoint, Signature::C2Address, Signature::C2ResolvedAddress, Signature::C2ServerName];
const LOOKUPS: &[Signature] = &[Signature::C2DomainQuery, Signature::C2DomainAnswer];

/// The signatures of these activities of any remote-access tool.
fn of_tools(activities: &[ToolActivity]) -> Vec<Signature> {
    let is_one = |signature: &Signature| signature.tool_activity().is_some_and(|known| activities.contains(&known));
    Signature::ALL.into_iter().filter(is_one).collect()
}

/// What is told of some signatures together.
struct Told {
    hosts: Vec<IpAddr>,
    /// The names of the remote-access tools among them.
    tools: String,
    span: (Timestamp, Timestamp),
    confidence: u8,
    severity: u8,
}

impl Told {
    fn of(state: &State, signatures: &[Signature]) -> Option<Self> {
        let found_of = |signature: &Signature| state.found.get(signature.index());
        let found: Vec<&Found> = signatures.iter().filter_map(found_of).collect();
        let span = found.iter().filter_map(|found| found.span);
        let span = span.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))?;
        Some(Self {
            hosts: state.hosts_of(signatures),
            tools: tool_names(
                signatures.iter().filter(|signature| found_of(signature).is_some_and(|found| found.span.is_some())),
            ),
            span,
            confidence: found.iter().map(|found| found.confidence).max().unwrap_or(0),
            severity: found.iter().map(|found| found.severity).max().unwrap_or(0),
        })
    }

    /// As the beginning of a sentence.
    fn who(&self, is_more: bool) -> String {
        let least = if is_more { "At least " } else { "" };
        if self.hosts.is_empty() { "Hosts".to_owned() } else { format!("{least}{}", named(&self.hosts, "")) }
    }

    /// A sentence about the hosts that any of these signatures was found of, and none of those that this is of; after a blank.
    fn beside(&self, state: &State, signatures: &[&[Signature]], did: &str) -> String {
        let known: HashSet<_> = self.hosts.iter().collect();
        let mut hosts = state.hosts_of(&signatures.concat());
        hosts.retain(|host| !known.contains(host));
        if hosts.is_empty() { String::new() } else { format!(" {} {did}.", named(&hosts, "more ")) }
    }

    fn when(&self) -> String {
        let (first, last) = (minute(self.span.0), minute(self.span.1));
        if first == last { format!("at {first} UTC") } else { format!("between {first} and {last} UTC") }
    }
}

/// The names of the tools that these signatures belong to: `NetSupport`.
fn tool_names<'a>(signatures: impl Iterator<Item = &'a Signature>) -> String {
    let mut names: Vec<_> =
        signatures.filter_map(|signature| signature.tool()).map(|tool| tool.tool().application).collect();
    names.dedup();
    names.join(" and ")
}

/// `2 hosts (10.0.0.1, 10.0.0.2)`; `kind` comes before the word.
fn named(hosts: &[IpAddr], kind: &str) -> String {
    let count = hosts.len();
    let named = hosts.iter().take(MOST_NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let word = if count == 1 { "host" } else { "hosts" };
    match count.saturating_sub(MOST_NAMED) {
        0 => format!("{count} {kind}{word} ({named})"),
        more => format!("{count} {kind}{word} ({named} and {more} more)"),
    }
}

/// The verdict on what was gathered.
pub(super) fn verdict(state: &State, capture: &Capture) -> Verdict {
    let is_more = state.is_more();
    let told = |signatures: &[Signature]| Told::of(state, signatures);
    let sure = |told: &Told| format!("listed with a confidence of up to {} of 100", told.confidence);
    let (level, sentence) = if let Some(session) = told(&of_tools(&[ToolActivity::Session])) {
        let sentence = format!(
            "{} spoke {} with command and control that is {}, {}.{}",
            session.who(is_more),
            session.tools,
            sure(&session),
            session.when(),
            session.beside(state, &[CONTACTS, LOOKUPS], "had contact with something listed, or asked for it")
        );
        (Level::CommandAndControl, sentence)
    } else if let Some(contact) = told(CONTACTS).filter(|contact| contact.severity >= CONTACT) {
        let sentence = format!(
            "{} had contact with command and control that is {}, {}; no {} was seen in it.{}",
            contact.who(is_more),
            sure(&contact),
            contact.when(),
            tools::names(),
            contact.beside(state, &[LOOKUPS], "asked DNS for something listed")
        );
        (Level::Contact, sentence)
    } else if let Some(lookup) = told(LOOKUPS) {
        let sentence = format!(
            "{} asked DNS for names that are {}, {}; no contact with what they name was seen.",
            lookup.who(is_more),
            sure(&lookup),
            lookup.when()
        );
        (Level::Trace, sentence)
    } else if let Some(contact) = told(CONTACTS) {
        let sentence = format!(
            "{} had contact with listed addresses, but not at the listed ports or of weak confidence (up to {} of 100), {}.",
            contact.who(is_more),
            contact.confidence,
            contact.when()
        );
        (Level::Trace, sentence)
    } else if let Some(remote) = told(&of_tools(&[ToolActivity::Gateway, ToolActivity::Lookup])) {
        let sentence = format!(
            "{} used {}, {}, and nothing about it is listed: whether that is lawful is for its owners to say.",
            remote.who(is_more),
            remote.tools,
            remote.when()
        );
        (Level::RemoteAccess, sentence)
    } else if state.vouched > 0 || state.has_suppressed() {
        (Level::Vouched, "Nothing was found but what exclusions vouch for as lawful use.".to_owned())
    } else {
        (Level::Nothing, "Nothing was found of what is looked for.".to_owned())
    };
    Verdict { level, sentence, limits: limits(capture) }
}

fn limits(capture: &Capture) -> String {
    let count = |reason: &str| capture.losses.iter().find(|loss| loss.reason == reason).map_or(0, |loss| loss.count);
    let mut limits = Vec::new();
    if capture.packets == 0 {
        limits.push("no packet could be read".to_owned());
    }
    if !capture.is_whole {
        limits.push("the run ended before its input did".to_owned());
    }
    let problems = capture.problems.len() as u64 + capture.further_problems;
    if problems > 0 {
        limits.push(format!(
            "{problems} {} met in the inputs",
            if problems == 1 { "problem was" } else { "problems were" }
        ));
    }
    if count("filtered") > 0 {
        limits.push("a filter left packets out".to_owned());
    }
    if count("outside-window") > 0 {
        limits.push("packets outside the time window were left out".to_owned());
    }
    if limits.is_empty() { String::new() } else { format!("This holds for what could be read: {}.", limits.join("; ")) }
}

/// To the minute.
fn minute(time: Timestamp) -> String {
    let text = Moment(time).to_string();
    let (day, clock) = (text.get(..10).unwrap_or(&text), text.get(11..16).unwrap_or_default());
    format!("{day} {clock}")
}
