//! The facts that a report needs from the alerts of a run, within bounds.
//!
//! Memory is bounded for any input. A fixed number of hosts is collected in detail, each with a
//! fixed number of alerts, chains and buckets. For many more hosts only totals are kept, and all
//! others are added up. Which alerts and hosts are kept depends only on the alerts and their order,
//! which do not depend on the number of workers.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use super::client::Client;
use super::host::HostEnds;
use super::model;
use super::next_steps::FoundIndicators;
use super::outcome::{ContactOutcome, HostOutcome};
use super::top_alerts::TopAlerts;
use super::totals::{HostTotals, SignatureSet, SignatureTotals};
use crate::alert::exclusion::Effect;
use crate::alert::{Alert, Signature};

/// The maximum number of hosts that are collected in detail: more than anybody reads, and some 30
/// MB at most.
pub(super) const MAX_DETAILED_HOSTS: usize = 100;

/// The maximum number of hosts with totals of their own: a whole /16, in some 8 MB.
pub(super) const MAX_COUNTED_HOSTS: usize = 65_536;

/// The collected contents.
#[derive(Default)]
pub(super) struct Collection {
    detailed: HashMap<IpAddr, Client, RandomState>,
    /// The totals of all hosts, including the detailed ones.
    totals: HashMap<IpAddr, HostTotals, RandomState>,
    /// The alerts about hosts without totals.
    uncounted: model::FurtherClients,
    suppressed: TopAlerts,
    suppressed_count: u64,
    /// By signature, in the order of [`Signature::ALL`].
    by_signature: [SignatureTotals; Signature::ALL.len()],
    /// The number of alerts that a rule downgrades, which are lawful use.
    downgraded_count: u64,
    /// The number of alerts so far, which gives each alert its serial number.
    alert_count: u64,
}

impl Collection {
    pub(super) fn add(&mut self, alert: &Alert) {
        self.alert_count += 1;
        let serial = self.alert_count;
        if alert.is_suppressed() {
            self.suppressed_count += 1;
            self.suppressed.add(alert, serial);
            return;
        }
        let is_downgraded = alert.exclusion.as_ref().and_then(|verdict| verdict.effect()) == Some(Effect::Downgrade);
        self.downgraded_count += u64::from(is_downgraded);
        let host = HostEnds::of(alert).host.address;
        let is_new_host = self.add_to_totals(host, alert, is_downgraded);
        if let Some(totals) = self.by_signature.get_mut(alert.signature.index()) {
            totals.add(alert, is_new_host, is_downgraded);
        }
        if let Some(client) = self.detailed_client(host, alert.severity) {
            client.add(alert, serial, is_downgraded);
        }
    }

    /// Adds an alert to the totals of its host. Returns true if it is the host's first one with its
    /// signature.
    fn add_to_totals(&mut self, host: IpAddr, alert: &Alert, is_downgraded: bool) -> bool {
        if self.totals.len() >= MAX_COUNTED_HOSTS && !self.totals.contains_key(&host) {
            self.uncounted.are_more = true;
            self.uncounted.alerts += 1;
            self.uncounted.sightings += alert.count;
            return false;
        }
        self.totals.entry(host).or_insert_with(|| HostTotals::new(alert)).add(alert, is_downgraded)
    }

    /// The detailed client of a host. If the maximum is reached, an alert of a higher severity
    /// displaces the host with the lowest one.
    fn detailed_client(&mut self, host: IpAddr, severity: u8) -> Option<&mut Client> {
        if !self.detailed.contains_key(&host) {
            if self.detailed.len() >= MAX_DETAILED_HOSTS {
                let rank = |client: &Client| (client.worst, Reverse(client.serial));
                let (lowest, worst) = self
                    .detailed
                    .iter()
                    .min_by_key(|(_, client)| rank(client))
                    .map(|(address, client)| (*address, client.worst))?;
                if worst >= severity {
                    return None;
                }
                self.detailed.remove(&lowest);
            }
            // Earlier alerts about the host were not collected.
            let is_partial = self.totals.get(&host).is_none_or(|totals| totals.alerts > 1);
            self.detailed.insert(host, Client::new(self.alert_count, is_partial));
        }
        self.detailed.get_mut(&host)
    }

    /// The hosts with any of these signatures, without downgraded alerts, the earliest first.
    pub(super) fn hosts_with(&self, signatures: &[Signature]) -> Vec<IpAddr> {
        let signatures = SignatureSet::of(signatures);
        let has_any = |totals: &HostTotals| totals.not_downgraded.intersects(signatures);
        let mut hosts: Vec<_> = self.totals.iter().filter(|(_, totals)| has_any(totals)).collect();
        hosts.sort_by_key(|(address, totals)| (totals.first, **address));
        hosts.into_iter().map(|(address, _)| *address).collect()
    }

    /// The facts about a host for the verdict, if all alerts about it were collected.
    pub(super) fn outcome(&self, host: IpAddr) -> Option<&HostOutcome> {
        self.detailed.get(&host).and_then(Client::outcome)
    }

    /// The furthest that a host came in contact with listed servers.
    pub(super) fn contact_outcome(&self, host: IpAddr) -> Option<ContactOutcome> {
        self.totals.get(&host).and_then(|totals| totals.contact)
    }

    /// The indicators of the detailed hosts, without downgraded alerts.
    pub(super) fn indicators(&self) -> FoundIndicators {
        let mut found = FoundIndicators::new();
        self.detailed.values().for_each(|client| client.add_indicators(&mut found));
        found
    }

    /// The totals of a signature.
    pub(super) fn signature_totals(&self, signature: Signature) -> Option<&SignatureTotals> {
        self.by_signature.get(signature.index())
    }

    /// Returns true if there were too many hosts to count.
    pub(super) fn has_uncounted_hosts(&self) -> bool {
        self.uncounted.are_more
    }

    /// Returns true if an exclusion suppressed or downgraded any alert.
    pub(super) fn has_excluded(&self) -> bool {
        self.downgraded_count > 0 || self.suppressed_count > 0
    }

    /// Takes the detailed clients in the order of the report, and the totals of the others.
    pub(super) fn take_clients(&mut self) -> (Vec<model::Client>, model::FurtherClients) {
        let mut further = self.uncounted.clone();
        let mut clients: Vec<_> = self.detailed.drain().collect();
        for (address, totals) in &self.totals {
            if !clients.iter().any(|(known, _)| known == address) {
                further.clients += 1;
                further.alerts += totals.alerts;
                further.sightings += totals.sightings;
            }
        }
        clients.sort_by_key(|(address, client)| {
            let totals = self.totals.get(address);
            let (severity, first) =
                totals.map_or((client.worst, client.first), |totals| (totals.worst.0, totals.first));
            (Reverse(severity), first, *address)
        });
        let into_model = |(address, client): (IpAddr, Client)| client.into_model(address, self.totals.get(&address));
        (clients.into_iter().map(into_model).collect(), further)
    }

    /// The findings by signature.
    pub(super) fn signatures(&self) -> Vec<model::SignatureSummary> {
        let with_alerts = Signature::ALL.iter().zip(self.by_signature).filter(|(_, totals)| totals.alerts > 0);
        with_alerts
            .map(|(signature, totals)| model::SignatureSummary {
                signature: signature.id().to_owned(),
                activity: signature.activity().to_owned(),
                alerts: totals.alerts,
                sightings: totals.sightings,
                clients: totals.hosts,
            })
            .collect()
    }

    /// Takes the most significant suppressed alerts, and the number of the others.
    pub(super) fn take_suppressed(&mut self) -> (Vec<model::Alert>, u64) {
        let list = std::mem::take(&mut self.suppressed).into_list();
        let further = self.suppressed_count - list.len() as u64;
        (list, further)
    }
}
