//! A chain of evidence: the stages of contact between a host and one indicator, or one gateway that
//! is not listed.

use std::sync::Arc;

use super::convert;
use super::intervals::Intervals;
use super::model::{self, Span, TimedEvents};
use super::text::{printable, shortened};
use super::traffic::Traffic;
use crate::alert::{Alert, MatchBasis, Signature};
use crate::capture::PacketRange;
use crate::flow::Endpoint;
use crate::indicator::Indicator;
use crate::tools::ToolActivity;
use crate::units::Timestamp;

/// The maximum number of names, addresses or servers that a stage lists.
const MAX_DETAILS: usize = 8;

/// The maximum length of a stage's sentence in bytes.
const MAX_STATEMENT: usize = 300;

/// The subject of a chain.
pub(super) enum Subject {
    Indicator(Arc<Indicator>),
    Gateway(Endpoint),
}

impl Subject {
    /// The subject of an alert. `None` if the alert is about no particular server.
    pub(super) fn of(alert: &Alert) -> Option<Self> {
        match (&alert.indicator, alert.signature) {
            (Some(indicator), _) => Some(Self::Indicator(indicator.clone())),
            (None, Signature::Tool(_, ToolActivity::Gateway)) => Some(Self::Gateway(alert.server)),
            (None, _) => None,
        }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Indicator(one), Self::Indicator(other)) => one.pattern == other.pattern,
            (Self::Gateway(one), Self::Gateway(other)) => one == other,
            _ => false,
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Indicator(indicator) => printable(&indicator.pattern.to_string()),
            Self::Gateway(end) => end.to_string(),
        }
    }
}

/// A stage of a chain. The values are indices of [`Chain::stages`].
#[derive(Clone, Copy)]
enum StageKind {
    Asked = 0,
    Resolved = 1,
    Contacted = 2,
    Spoke = 3,
}

impl StageKind {
    const COUNT: usize = 4;

    fn of(signature: Signature) -> Self {
        match signature {
            Signature::C2DomainQuery => Self::Asked,
            Signature::C2DomainAnswer => Self::Resolved,
            Signature::C2Endpoint
            | Signature::C2Address
            | Signature::C2ResolvedAddress
            | Signature::C2ServerName
            | Signature::Tool(_, ToolActivity::Lookup) => Self::Contacted,
            Signature::Tool(_, ToolActivity::Session | ToolActivity::Gateway) => Self::Spoke,
        }
    }
}

/// Returns true if the bytes of an alert with this signature are those of whole conversations.
pub(super) fn counts_conversations(signature: Signature) -> bool {
    matches!(signature, Signature::C2Endpoint | Signature::C2Address | Signature::C2ResolvedAddress)
}

/// The kinds of alerts whose bytes are counted, the most comprehensive last. Each kind is a part of
/// the next one, so that a sum would count bytes twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum TrafficKind {
    /// Requests that name the indicator.
    Named,
    /// A remote-access tool's protocol. If the conversations are with a proxy, only this is known.
    Tool,
    /// Whole conversations.
    Conversations,
}

/// The bytes of a chain: those of the most comprehensive kind that is known.
#[derive(Default)]
struct ChainTraffic {
    kind: Option<TrafficKind>,
    traffic: Traffic,
}

impl ChainTraffic {
    fn add(&mut self, kind: TrafficKind, alert: &Alert) {
        if self.kind < Some(kind) {
            *self = Self { kind: Some(kind), traffic: Traffic::default() };
        }
        if self.kind == Some(kind) {
            self.traffic.add(alert);
        }
    }
}

/// The evidence about one subject.
#[derive(Default)]
pub(super) struct Chain {
    stages: [Option<Stage>; StageKind::COUNT],
    traffic: ChainTraffic,
    requests: EventTimes,
    contacts: EventTimes,
}

impl Chain {
    pub(super) fn add(&mut self, alert: &Alert) {
        if let Some(stage) = self.stages.get_mut(StageKind::of(alert.signature) as usize) {
            stage.get_or_insert_with(|| Stage::new(alert)).add(alert);
        }
        match alert.signature {
            signature if counts_conversations(signature) => {
                self.traffic.add(TrafficKind::Conversations, alert);
                self.contacts.add(alert);
            }
            Signature::Tool(_, ToolActivity::Session | ToolActivity::Gateway) => {
                self.traffic.add(TrafficKind::Tool, alert);
                if matches!(alert.basis, MatchBasis::ToolRequest(_)) {
                    self.requests.add(alert);
                }
            }
            Signature::C2ServerName => self.traffic.add(TrafficKind::Named, alert),
            _ => {}
        }
    }

    /// The bytes of the chain.
    pub(super) fn traffic(&self) -> &Traffic {
        &self.traffic.traffic
    }

    pub(super) fn into_model(self, subject: &Subject) -> model::Chain {
        let volume = self.traffic().total;
        let contacts = || self.contacts.beacon(TimedEvents::Contacts).filter(|beacon| beacon.is_regular);
        let beacon = self.requests.beacon(TimedEvents::Requests).or_else(contacts);
        let first = self.stages.iter().flatten().map(|stage| stage.first).min();
        let [asked, resolved, contacted, spoke] = self.stages.map(|stage| stage.map(Stage::into_model));
        let indicator = match subject {
            Subject::Indicator(indicator) => Some(convert::indicator(indicator, first)),
            Subject::Gateway(_) => None,
        };
        model::Chain {
            indicator,
            subject: subject.text(),
            asked,
            resolved,
            contacted,
            spoke,
            sent: volume.sent.0,
            received: volume.received.0,
            beacon,
        }
    }
}

/// The times of sightings, and the signature of the latest one.
#[derive(Default)]
struct EventTimes {
    intervals: Intervals,
    signature: Option<Signature>,
}

impl EventTimes {
    fn add(&mut self, alert: &Alert) {
        self.signature = Some(alert.signature);
        // If an alert has fewer times than sightings, it has the latest ones.
        let follows_gap = alert.count > alert.times.len() as u64;
        for (index, time) in alert.times.iter().enumerate() {
            self.intervals.add(*time, follows_gap && index == 0);
        }
    }

    fn beacon(&self, timed: TimedEvents) -> Option<model::Beacon> {
        self.intervals.beacon(timed, self.signature?)
    }
}

struct Stage {
    first: Timestamp,
    last: Timestamp,
    sightings: u64,
    packets: Option<PacketRange>,
    details: Vec<String>,
    has_more_details: bool,
    statement: String,
}

impl Stage {
    fn new(alert: &Alert) -> Self {
        Self {
            first: alert.seen,
            last: alert.end,
            sightings: 0,
            packets: None,
            details: Vec::new(),
            has_more_details: false,
            statement: shortened(&alert.message, MAX_STATEMENT),
        }
    }

    fn add(&mut self, alert: &Alert) {
        self.first = self.first.min(alert.seen);
        self.last = self.last.max(alert.end);
        self.sightings += alert.count;
        self.packets = PacketRange::joined(self.packets, alert.packets);
        for detail in convert::stage_details(alert) {
            if !self.details.contains(&detail) {
                if self.details.len() < MAX_DETAILS {
                    self.details.push(detail);
                } else {
                    self.has_more_details = true;
                }
            }
        }
    }

    fn into_model(self) -> model::Stage {
        model::Stage {
            span: Span::new(self.first, self.last),
            sightings: self.sightings,
            packets: self.packets.map(convert::packets),
            what: self.details,
            is_more: self.has_more_details,
            statement: self.statement,
        }
    }
}
