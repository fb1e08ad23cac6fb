//! The key of a repeat window: sightings with the same key are repeats of each other.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use crate::alert::exclusion::RuleStatus;
use crate::alert::{Alert, Signature};
use crate::flow::{Endpoint, Flow};
use crate::indicator::Indicator;

/// The key of a repeat window.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct RepeatKey {
    signature: Signature,
    client: IpAddr,
    subject: Subject,
    /// The address of the listed end. Each address of a listed network or domain is reported.
    listed: Option<IpAddr>,
    /// The verdict of the exclusion rules. A suppressed sighting must not count as a repeat of a
    /// reported one, nor the other way round.
    exclusion: Option<(Arc<str>, RuleStatus)>,
    /// The conversation, if each conversation has its own window.
    conversation: Option<Flow>,
}

impl RepeatKey {
    /// The key of a sighting. `conversation` is its flow if each conversation has its own window.
    pub(super) fn new(alert: &Alert, conversation: Option<Flow>) -> Self {
        Self {
            signature: alert.signature,
            client: alert.client.address,
            subject: match &alert.indicator {
                Some(indicator) => Subject::Indicator(indicator.clone()),
                None => Subject::Server(alert.server),
            },
            listed: alert.listed,
            exclusion: alert.exclusion.as_ref().map(|verdict| (verdict.rule.clone(), verdict.standing)),
            conversation,
        }
    }
}

/// The indicator that matched, or the server if nothing is listed.
#[derive(Debug, Clone)]
enum Subject {
    Indicator(Arc<Indicator>),
    Server(Endpoint),
}

impl PartialEq for Subject {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Indicator(one), Self::Indicator(other)) => one.pattern == other.pattern,
            (Self::Server(one), Self::Server(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Subject {}

impl Hash for Subject {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Indicator(indicator) => indicator.pattern.hash(state),
            Self::Server(server) => server.hash(state),
        }
    }
}
