//! What is gathered of one host: its alerts, its chains of evidence, and when its sightings were.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::gather::{Kept, Sums};
use super::model::{self, Moment, Span, Timed};
use super::series::{Buckets, Intervals};
use super::{alerts, printable, shortened};
use crate::alert::{Alert, MatchBasis, Signature};
use crate::capture::Packets;
use crate::flow::Endpoint;
use crate::indicator::Indicator;
use crate::tools::ToolActivity;
use crate::units::{ByteCount, Timestamp};

/// How many indicators and gateways of a host have a chain of their own: a client of this family has two gateways.
const MOST_CHAINS: usize = 50;

/// How many names, addresses or servers a stage tells.
const MOST_TOLD: usize = 8;

/// How long a stage's sentence is at the most.
const LONGEST_STATEMENT: usize = 300;

/// The host that an alert is about, and the other end: the host is the client, but where something listed contacts it the one that
/// was contacted.
pub(super) fn ends(alert: &Alert) -> (Endpoint, Endpoint) {
    let is_inbound = alert.listed == Some(alert.client.address) && alert.listed != Some(alert.server.address);
    if is_inbound { (alert.server, alert.client) } else { (alert.client, alert.server) }
}

/// See the module.
pub(super) struct Client {
    /// The number of the alert by which it got its place.
    pub(super) serial: u64,
    /// The highest severity since then.
    pub(super) worst: u8,
    worst_signature: Signature,
    pub(super) first: Timestamp,
    last: Timestamp,
    alert_count: u64,
    sightings: u64,
    is_partial: bool,
    alerts: Kept,
    chains: Vec<(Subject, Chain)>,
    further_chains: BTreeMap<String, ()>,
    /// Of the conversations of chains that have no place of their own.
    further_bytes: Bytes,
    timelines: BTreeMap<Signature, Line>,
}

#[derive(Default)]
struct Line {
    buckets: Buckets,
    sightings: u64,
    timed: u64,
}

/// What a chain is about.
enum Subject {
    Indicator(Arc<Indicator>),
    Gateway(Endpoint),
}

impl Subject {
    /// None of what says nothing about a server.
    fn of(alert: &Alert) -> Option<Self> {
        match (&alert.indicator, alert.signature) {
            (Some(indicator), _) => Some(Self::Indicator(indicator.clone())),
            (None, Signature::Tool(_, ToolActivity::Gateway)) => Some(Self::Gateway(alert.server)),
            (None, _) => None,
        }
    }

    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Indicator(one), Self::Indicator(other)) => one.pattern == other.pattern,
            (Self::Gateway(one), Self::Gateway(other)) => one == other,
            _ => false,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Indicator(indicator) => printable(&indicator.pattern.to_string()),
            Self::Gateway(end) => end.to_string(),
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Bytes {
    sent: ByteCount,
    received: ByteCount,
}

impl Bytes {
    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.received += other.received;
    }

    /// From the host's side.
    fn of(alert: &Alert) -> Self {
        let is_client = ends(alert).0 == alert.client;
        let (sent, received) = if is_client { (alert.sent, alert.received) } else { (alert.received, alert.sent) };
        Self { sent, received }
    }
}

#[derive(Default)]
struct Chain {
    stages: [Option<Stage>; 4],
    /// Of whole conversations.
    conversations: Option<Bytes>,
    /// Of a remote-access tool in conversations: a part of those, but where the conversation is with a proxy all that is known.
    spoken: Option<Bytes>,
    /// Of requests that name the indicator: likewise.
    named: Bytes,
    requests: Timing,
    contacts: Timing,
}

/// When something was sighted, and of which signature the latest was.
#[derive(Default)]
struct Timing {
    intervals: Intervals,
    signature: Option<Signature>,
}

impl Timing {
    fn add(&mut self, alert: &Alert) {
        self.signature = Some(alert.signature);
        // Of more sightings than have a time the latest have.
        let are_unknown = alert.count > alert.times.len() as u64;
        for (place, time) in alert.times.iter().enumerate() {
            self.intervals.add(*time, are_unknown && place == 0);
        }
    }

    fn beacon(&self, timed: Timed) -> Option<model::Beacon> {
        self.intervals.beacon(timed, self.signature?)
    }
}

struct Stage {
    first: Timestamp,
    last: Timestamp,
    sightings: u64,
    packets: Option<Packets>,
    told: Vec<String>,
    is_more: bool,
    statement: String,
}

/// The places of the stages.
const ASKED: usize = 0;
const RESOLVED: usize = 1;
const CONTACTED: usize = 2;
const SPOKE: usize = 3;

fn stage_of(signature: Signature) -> usize {
    match signature {
        Signature::C2DomainQuery => ASKED,
        Signature::C2DomainAnswer => RESOLVED,
        Signature::C2Endpoint
        | Signature::C2Address
        | Signature::C2ResolvedAddress
        | Signature::C2ServerName
        | Signature::Tool(_, ToolActivity::Lookup) => CONTACTED,
        Signature::Tool(_, ToolActivity::Session | ToolActivity::Gateway) => SPOKE,
    }
}

/// Whether the bytes of an alert are those of a whole conversation.
fn is_conversation(signature: Signature) -> bool {
    matches!(signature, Signature::C2Endpoint | Signature::C2Address | Signature::C2ResolvedAddress)
}

impl Client {
    pub(super) fn new(serial: u64, is_partial: bool) -> Self {
        Self {
            serial,
            worst: 0,
            // Replaced by that of the first alert.
            worst_signature: Signature::C2Endpoint,
            first: Timestamp::MAX,
            last: Timestamp::MIN,
            alert_count: 0,
            sightings: 0,
            is_partial,
            alerts: Kept::default(),
            chains: Vec::new(),
            further_chains: BTreeMap::new(),
            further_bytes: Bytes::default(),
            timelines: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, alert: &Alert, serial: u64) {
        if self.alert_count == 0 || alert.severity > self.worst {
            (self.worst, self.worst_signature) = (alert.severity, alert.signature);
        }
        self.first = self.first.min(alert.start);
        self.last = self.last.max(alert.end);
        self.alert_count += 1;
        self.sightings += alert.count;
        self.alerts.add(alert, serial);
        let line = self.timelines.entry(alert.signature).or_default();
        line.sightings += alert.count;
        line.timed += alert.times.len() as u64;
        alert.times.iter().for_each(|time| line.buckets.add(*time));
        if let Some(subject) = Subject::of(alert) {
            match self.chain(subject) {
                Some(chain) => chain.add(alert),
                None if is_conversation(alert.signature) => self.further_bytes.add(Bytes::of(alert)),
                None => {}
            }
        }
    }

    fn chain(&mut self, subject: Subject) -> Option<&mut Chain> {
        let place = match self.chains.iter().position(|(known, _)| known.is(&subject)) {
            Some(place) => place,
            None if self.chains.len() < MOST_CHAINS => {
                self.chains.push((subject, Chain::default()));
                self.chains.len() - 1
            }
            None => {
                if self.further_chains.len() < MOST_FURTHER {
                    self.further_chains.insert(subject.text(), ());
                }
                return None;
            }
        };
        self.chains.get_mut(place).map(|(_, chain)| chain)
    }

    /// As the report tells it; `sums` holds what came before it got its place, too.
    pub(super) fn told(self, address: IpAddr, sums: Option<&Sums>) -> model::Client {
        let (severity, signature) = sums.map_or((self.worst, self.worst_signature), |sums| sums.worst);
        let (first, last) = sums.map_or((self.first, self.last), |sums| (sums.first, sums.last));
        let alerts = self.alerts.list();
        let mut bytes = self.further_bytes;
        let mut chains = Vec::with_capacity(self.chains.len());
        for (subject, chain) in self.chains {
            bytes.add(chain.bytes());
            chains.push(chain.told(&subject));
        }
        let timeline = |(signature, line): (Signature, Line)| model::Timeline {
            signature: signature.id().to_owned(),
            activity: signature.activity().to_owned(),
            sightings: line.sightings,
            untimed: line.sightings.saturating_sub(line.timed),
            width_seconds: line.buckets.width(),
            buckets: line.buckets.list(),
        };
        model::Client {
            address: address.to_string(),
            worst: model::Worst {
                severity,
                signature: signature.id().to_owned(),
                activity: signature.activity().to_owned(),
            },
            span: Span { first: Moment(first), last: Moment(last) },
            alert_count: sums.map_or(self.alert_count, |sums| sums.alerts),
            sightings: sums.map_or(self.sightings, |sums| sums.sightings),
            sent: bytes.sent.0,
            received: bytes.received.0,
            is_partial: self.is_partial,
            chains,
            further_chains: self.further_chains.len() as u64,
            timelines: self.timelines.into_iter().map(timeline).collect(),
            further_alerts: self.alert_count - alerts.len() as u64,
            alerts,
        }
    }
}

/// How many further indicators and gateways of a host are counted.
const MOST_FURTHER: usize = 1000;

impl Chain {
    fn add(&mut self, alert: &Alert) {
        let place = stage_of(alert.signature);
        if let Some(stage) = self.stages.get_mut(place) {
            stage.get_or_insert_with(|| Stage::new(alert)).add(alert);
        }
        let bytes = Bytes::of(alert);
        match alert.signature {
            signature if is_conversation(signature) => {
                self.conversations.get_or_insert_default().add(bytes);
                self.contacts.add(alert);
            }
            Signature::Tool(_, ToolActivity::Session | ToolActivity::Gateway) => {
                self.spoken.get_or_insert_default().add(bytes);
                if matches!(alert.basis, MatchBasis::ToolRequest(_)) {
                    self.requests.add(alert);
                }
            }
            Signature::C2ServerName => self.named.add(bytes),
            _ => {}
        }
    }

    /// Of the widest that is known: each holds the next, and to add them up would count bytes twice.
    fn bytes(&self) -> Bytes {
        self.conversations.or(self.spoken).unwrap_or(self.named)
    }

    fn told(self, subject: &Subject) -> model::Chain {
        let bytes = self.bytes();
        let contacts = || self.contacts.beacon(Timed::Contacts).filter(|beacon| beacon.is_regular);
        let beacon = self.requests.beacon(Timed::Requests).or_else(contacts);
        let first = self.stages.iter().flatten().map(|stage| stage.first).min();
        let [asked, resolved, contacted, spoke] = self.stages.map(|stage| stage.map(Stage::told));
        let indicator = match subject {
            Subject::Indicator(indicator) => Some(alerts::indicator(indicator, first)),
            Subject::Gateway(_) => None,
        };
        model::Chain {
            indicator,
            subject: subject.text(),
            asked,
            resolved,
            contacted,
            spoke,
            sent: bytes.sent.0,
            received: bytes.received.0,
            beacon,
        }
    }
}

impl Stage {
    fn new(alert: &Alert) -> Self {
        Self {
            first: alert.seen,
            last: alert.end,
            sightings: 0,
            packets: None,
            told: Vec::new(),
            is_more: false,
            statement: shortened(&alert.message, LONGEST_STATEMENT),
        }
    }

    fn add(&mut self, alert: &Alert) {
        self.first = self.first.min(alert.seen);
        self.last = self.last.max(alert.end);
        self.sightings += alert.count;
        self.packets = Packets::joined(self.packets, alert.packets);
        for told in alerts::about(alert) {
            if !self.told.contains(&told) {
                if self.told.len() < MOST_TOLD {
                    self.told.push(told);
                } else {
                    self.is_more = true;
                }
            }
        }
    }

    fn told(self) -> model::Stage {
        model::Stage {
            span: Span { first: Moment(self.first), last: Moment(self.last) },
            sightings: self.sightings,
            packets: self.packets.map(alerts::packets),
            what: self.told,
            is_more: self.is_more,
            statement: self.statement,
        }
    }
}
