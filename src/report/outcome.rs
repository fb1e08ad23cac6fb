//! The facts about a host that the verdict states.

use std::collections::BTreeSet;

use super::host::HostEnds;
use super::next_steps::{FoundIndicators, MAX_INDICATORS};
use super::text::shortened;
use super::wording::{and, duration, one_or_count, times};
use crate::alert::{Alert, Signature, TcpOutcome};
use crate::counts::counted;
use crate::flow::Endpoint;
use crate::sanitize::sanitize;
use crate::tools::ToolActivity;
use crate::units::Timestamp;

/// The maximum number of servers and names of a host that the verdict counts.
const MAX_COUNTED: usize = 100;

/// The maximum length in bytes of a name in the verdict.
const MAX_NAME: usize = 100;

/// The furthest that contact with a listed server came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ContactOutcome {
    Unanswered,
    Refused,
    /// The TCP handshake completed, or packets went in both directions.
    Answered,
}

impl ContactOutcome {
    /// The outcome of an alert about contact. `None` for other alerts.
    pub(super) fn of(alert: &Alert) -> Option<Self> {
        let is_contact = matches!(
            alert.signature,
            Signature::C2Endpoint | Signature::C2Address | Signature::C2ResolvedAddress | Signature::C2ServerName
        );
        is_contact.then_some(match alert.tcp_outcome {
            Some(TcpOutcome::Attempted) => Self::Unanswered,
            Some(TcpOutcome::Refused) => Self::Refused,
            Some(TcpOutcome::Established) => Self::Answered,
            None if alert.received.0 > 0 => Self::Answered,
            // A request in TCP follows a handshake.
            None if alert.signature == Signature::C2ServerName && alert.http.is_some() => Self::Answered,
            None => Self::Unanswered,
        })
    }
}

/// The facts about one host, without alerts that an exclusion downgrades.
#[derive(Debug, Default)]
pub(super) struct HostOutcome {
    sessions: BTreeSet<Endpoint>,
    session_span: Option<(Timestamp, Timestamp)>,
    /// The servers of conversations.
    contacts: BTreeSet<Endpoint>,
    attempts: u64,
    outcome: Option<ContactOutcome>,
    /// True if a host opened a conversation with a server, and not only the other way around.
    is_outbound: bool,
    /// The listed names that were requested from servers.
    requested: BTreeSet<String>,
    /// The names that DNS was asked for.
    asked: BTreeSet<String>,
    has_answer: bool,
    has_address: bool,
    indicators: FoundIndicators,
}

impl HostOutcome {
    pub(super) fn add(&mut self, alert: &Alert) {
        let HostEnds { host, peer } = HostEnds::of(alert);
        self.outcome = self.outcome.max(ContactOutcome::of(alert));
        if let Some(indicator) = alert.indicator.as_ref().filter(|_| self.indicators.len() < MAX_COUNTED) {
            self.indicators.entry(indicator.pattern.to_string()).or_insert_with(|| indicator.clone());
        }
        match alert.signature {
            Signature::Tool(_, ToolActivity::Session) => {
                insert(&mut self.sessions, peer);
                let (first, last) = self.session_span.unwrap_or((alert.start, alert.end));
                self.session_span = Some((first.min(alert.start), last.max(alert.end)));
            }
            Signature::C2Endpoint | Signature::C2Address | Signature::C2ResolvedAddress => {
                insert(&mut self.contacts, peer);
                self.attempts += alert.count;
                self.is_outbound |= host == alert.client;
            }
            Signature::C2ServerName => {
                self.is_outbound = true;
                if let Some(name) = &alert.server_name {
                    insert(&mut self.requested, wire_name(name));
                }
            }
            Signature::C2DomainQuery | Signature::C2DomainAnswer => {
                if let Some(dns) = &alert.dns {
                    insert(&mut self.asked, wire_name(&dns.name));
                    self.has_answer |= alert.signature == Signature::C2DomainAnswer;
                    self.has_address |= !dns.addresses.is_empty();
                }
            }
            Signature::Tool(..) => {}
        }
    }

    /// Adds the indicators of the host.
    pub(super) fn add_indicators(&self, found: &mut FoundIndicators) {
        for (value, indicator) in &self.indicators {
            found.entry(value.clone()).or_insert_with(|| indicator.clone());
            if found.len() > MAX_INDICATORS {
                found.pop_last();
            }
        }
    }

    /// `held NetSupport sessions with two C2 servers for 57 min`.
    pub(super) fn session(&self, tools: &str) -> String {
        let servers = one_or_count(&self.sessions, "C2 server");
        let noun = if self.sessions.len() == 1 { format!("a {tools} session") } else { format!("{tools} sessions") };
        let lasted = self.session_span.map(|(first, last)| last.since(first)).filter(|lasted| lasted.as_secs() > 0);
        let lasted = lasted.map(|lasted| format!(" for {}", duration(lasted.as_secs()))).unwrap_or_default();
        format!("held {noun} with {servers}{lasted}")
    }

    /// `tried once to reach C2 server 192.0.2.1:443 and was refused`. `what` is the noun for a
    /// server.
    pub(super) fn contact(&self, what: &str) -> String {
        if self.contacts.is_empty() {
            return format!("requested {} from a server", one_or_count(&self.requested, "listed name"));
        }
        let servers = one_or_count(&self.contacts, what);
        let outcome = self.outcome.unwrap_or(ContactOutcome::Unanswered);
        if !self.is_outbound {
            let answer = match outcome {
                ContactOutcome::Answered => "answered",
                ContactOutcome::Refused => "refused",
                ContactOutcome::Unanswered => "did not answer",
            };
            return format!("was contacted by {servers} and {answer}");
        }
        match outcome {
            ContactOutcome::Answered => format!("was connected to {servers}"),
            ContactOutcome::Refused => format!("tried {} to reach {servers} and was refused", times(self.attempts)),
            ContactOutcome::Unanswered => {
                format!("tried {} to reach {servers} and got no answer", times(self.attempts))
            }
        }
    }

    /// `asked DNS for feersona.net, which did not resolve`.
    pub(super) fn lookup(&self) -> String {
        let names = match self.asked.len() {
            1 | 2 => and(&self.asked),
            count => counted(count as u64, "listed name"),
        };
        let result = match (self.has_answer, self.has_address) {
            (_, true) => " and got an address",
            (true, false) => ", which did not resolve",
            (false, false) => " and no answer was seen",
        };
        format!("asked DNS for {names}{result}")
    }
}

fn insert<T: Ord>(set: &mut BTreeSet<T>, value: T) {
    if set.len() < MAX_COUNTED {
        set.insert(value);
    }
}

fn wire_name(name: &[u8]) -> String {
    shortened(&sanitize(name).to_string(), MAX_NAME)
}
