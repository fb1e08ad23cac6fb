//! The collected facts about one host: its alerts, its chains of evidence, and the times of its
//! sightings.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::chain::{Chain, Subject, counts_conversations};
use super::client_identity::ClientIdentity;
use super::model::{self, Moment, Span};
use super::next_steps::FoundIndicators;
use super::outcome::HostOutcome;
use super::timeline::{MAX_BUCKETS, TimeBuckets};
use super::top_alerts::TopAlerts;
use super::totals::HostTotals;
use super::traffic::Traffic;
use crate::alert::{Alert, Signature};
use crate::units::Timestamp;

/// The maximum number of chains of a host. A client of this family has two gateways.
const MAX_CHAINS: usize = 50;

/// The maximum number of further indicators and gateways of a host that are counted.
const MAX_FURTHER_CHAINS: usize = 1000;

/// The collected facts about one host.
pub(super) struct Client {
    /// The number of the first alert that was collected here.
    pub(super) serial: u64,
    /// The highest severity of the collected alerts.
    pub(super) worst: u8,
    worst_signature: Signature,
    pub(super) first: Timestamp,
    last: Timestamp,
    alert_count: u64,
    sightings: u64,
    is_partial: bool,
    alerts: TopAlerts,
    chains: Vec<(Subject, Chain)>,
    further_chains: BTreeSet<String>,
    /// The bytes of conversations without a chain.
    further_traffic: Traffic,
    timelines: BTreeMap<Signature, Timeline>,
    outcome: HostOutcome,
    identity: ClientIdentity,
}

#[derive(Default)]
struct Timeline {
    buckets: TimeBuckets<u64, MAX_BUCKETS>,
    sightings: u64,
    /// The number of sightings with a known time.
    timed: u64,
}

impl Timeline {
    fn add(&mut self, alert: &Alert) {
        self.sightings += alert.count;
        self.timed += alert.times.len() as u64;
        alert.times.iter().for_each(|time| self.buckets.add(*time, 1));
    }

    fn into_model(self, signature: Signature) -> model::Timeline {
        model::Timeline {
            signature: signature.id().to_owned(),
            activity: signature.activity().to_owned(),
            sightings: self.sightings,
            untimed: self.sightings.saturating_sub(self.timed),
            width_seconds: self.buckets.width(),
            buckets: self
                .buckets
                .list()
                .into_iter()
                .map(|(start, count)| model::Bucket { start: Moment(start), count })
                .collect(),
        }
    }
}

impl Client {
    /// `serial` is the number of the first alert. `is_partial` is true if earlier alerts about the
    /// host were not collected.
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
            alerts: TopAlerts::default(),
            chains: Vec::new(),
            further_chains: BTreeSet::new(),
            further_traffic: Traffic::default(),
            timelines: BTreeMap::new(),
            outcome: HostOutcome::default(),
            identity: ClientIdentity::default(),
        }
    }

    /// The facts for the verdict. `None` if some alerts about the host were not collected.
    pub(super) fn outcome(&self) -> Option<&HostOutcome> {
        (!self.is_partial).then_some(&self.outcome)
    }

    /// Adds the indicators of all alerts that were collected.
    pub(super) fn add_indicators(&self, found: &mut FoundIndicators) {
        self.outcome.add_indicators(found);
    }

    pub(super) fn add(&mut self, alert: &Alert, serial: u64, is_downgraded: bool) {
        if self.alert_count == 0 || alert.severity > self.worst {
            (self.worst, self.worst_signature) = (alert.severity, alert.signature);
        }
        self.first = self.first.min(alert.start);
        self.last = self.last.max(alert.end);
        self.alert_count += 1;
        self.sightings += alert.count;
        self.alerts.add(alert, serial);
        self.identity.add(alert);
        if !is_downgraded {
            self.outcome.add(alert);
        }
        self.timelines.entry(alert.signature).or_default().add(alert);
        if let Some(subject) = Subject::of(alert) {
            match self.chain(subject) {
                Some(chain) => chain.add(alert),
                None if counts_conversations(alert.signature) => self.further_traffic.add(alert),
                None => {}
            }
        }
    }

    /// The chain of a subject. `None` if the maximum is reached.
    fn chain(&mut self, subject: Subject) -> Option<&mut Chain> {
        let index = match self.chains.iter().position(|(known, _)| known.is_same(&subject)) {
            Some(index) => index,
            None if self.chains.len() < MAX_CHAINS => {
                self.chains.push((subject, Chain::default()));
                self.chains.len() - 1
            }
            None => {
                if self.further_chains.len() < MAX_FURTHER_CHAINS {
                    self.further_chains.insert(subject.text());
                }
                return None;
            }
        };
        self.chains.get_mut(index).map(|(_, chain)| chain)
    }

    /// Converts into the data model. `totals` include the alerts that were not collected here.
    pub(super) fn into_model(self, address: IpAddr, totals: Option<&HostTotals>) -> model::Client {
        let (severity, signature) = totals.map_or((self.worst, self.worst_signature), |totals| totals.worst);
        let (first, last) = totals.map_or((self.first, self.last), |totals| (totals.first, totals.last));
        let alerts = self.alerts.into_list();
        let mut volume = self.further_traffic.total;
        let mut history = self.further_traffic.history;
        let mut chains = Vec::with_capacity(self.chains.len());
        for (subject, chain) in self.chains {
            volume += chain.traffic().total;
            history.absorb(chain.traffic().history.clone());
            chains.push(chain.into_model(&subject));
        }
        let timelines = self.timelines.into_iter().map(|(signature, timeline)| timeline.into_model(signature));
        model::Client {
            address: address.to_string(),
            identity: self.identity.into_model(),
            worst: model::WorstFinding {
                severity,
                signature: signature.id().to_owned(),
                activity: signature.activity().to_owned(),
            },
            span: Span::new(first, last),
            alert_count: totals.map_or(self.alert_count, |totals| totals.alerts),
            sightings: totals.map_or(self.sightings, |totals| totals.sightings),
            sent: volume.sent.0,
            received: volume.received.0,
            is_partial: self.is_partial,
            traffic: history.into_model(),
            chains,
            further_chains: self.further_chains.len() as u64,
            timelines: timelines.collect(),
            further_alerts: self.alert_count - alerts.len() as u64,
            alerts,
        }
    }
}
