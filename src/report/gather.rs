//! Gathers what a report tells from the alerts of a run, within bounds, while they pass on their way to the outputs.
//!
//! Memory is bounded whatever comes: a fixed number of hosts has a place of its own, with a fixed number of alerts, chains and buckets
//! each; of many more only sums are kept; all others are added up. Which alerts and hosts are kept depends on the alerts and their
//! order alone, and these are the same for any number of workers.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;

use super::client::{Client, ends};
use super::{alerts, model};
use crate::alert::exclusion::Effect;
use crate::alert::{Alert, Phase, Signature};
use crate::output::{ObservedOutput, Output};
use crate::units::Timestamp;

/// How many hosts are told of with all that was found of them: more than anybody reads, and some 30 MB at the very most.
pub(super) const MOST_DETAILED: usize = 100;

/// How many hosts are counted each by itself: a whole /16. They need some 8 MB.
pub(super) const MOST_COUNTED: usize = 65_536;

/// How many alerts are kept of a host, and of what was suppressed.
pub(super) const MOST_ALERTS: usize = 100;

/// What was gathered: shared between the output thread, which fills it, and whoever makes the report.
#[derive(Clone, Default)]
pub struct Gathered(Arc<Mutex<State>>);

impl Gathered {
    /// An output that gathers from what goes to `output`: in front of all outputs, so that what exclusions suppress comes by, too.
    pub fn over(&self, output: Box<dyn Output>) -> Box<dyn Output> {
        let gathered = self.clone();
        Box::new(ObservedOutput::new(output, move |alert| gathered.add(alert)))
    }

    pub(super) fn add(&self, alert: &Alert) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(alert);
    }

    /// Takes all that was gathered.
    pub(super) fn take(&self) -> State {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct State {
    detailed: HashMap<IpAddr, Client, RandomState>,
    /// Those of all hosts, as far as they are counted.
    sums: HashMap<IpAddr, Sums, RandomState>,
    /// Of hosts that are not even counted.
    uncounted: model::FurtherClients,
    suppressed: Kept,
    suppressed_count: u64,
    /// By signature, in the order of [`Signature::ALL`].
    pub(super) found: [Found; Signature::ALL.len()],
    /// Alerts that a rule lowers: known to be lawful.
    pub(super) vouched: u64,
    alerts: u64,
}

/// What was found of one signature.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    pub(super) alerts: u64,
    pub(super) sightings: u64,
    pub(super) clients: u64,
    /// Of what no rule lowers: the highest severity, its first and last packet, and how sure its indicators are.
    pub(super) severity: u8,
    pub(super) span: Option<(Timestamp, Timestamp)>,
    pub(super) confidence: u8,
}

/// What is summed up of a host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    /// The worst that was found.
    pub(super) worst: (u8, Signature),
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) alerts: u64,
    pub(super) sightings: u64,
    /// The signatures that were found, a bit each.
    signatures: u32,
    /// Likewise, of what no rule lowers.
    unvouched: u32,
}

impl State {
    fn add(&mut self, alert: &Alert) {
        self.alerts += 1;
        let serial = self.alerts;
        if alert.is_suppressed() {
            self.suppressed_count += 1;
            self.suppressed.add(alert, serial);
            return;
        }
        let is_vouched = alert.exclusion.as_ref().and_then(|verdict| verdict.effect()) == Some(Effect::Downgrade);
        self.vouched += u64::from(is_vouched);
        let (host, _) = ends(alert);
        let bit = 1 << alert.signature.index();
        let is_full = self.sums.len() >= MOST_COUNTED;
        let is_new = match self.sums.get_mut(&host.address) {
            Some(sums) => sums.add(alert, bit, is_vouched),
            None if is_full => {
                self.uncounted.are_more = true;
                self.uncounted.alerts += 1;
                self.uncounted.sightings += alert.count;
                false
            }
            None => {
                let mut sums = Sums {
                    worst: (alert.severity, alert.signature),
                    first: alert.start,
                    last: alert.end,
                    alerts: 0,
                    sightings: 0,
                    signatures: 0,
                    unvouched: 0,
                };
                sums.add(alert, bit, is_vouched);
                self.sums.insert(host.address, sums);
                true
            }
        };
        if let Some(found) = self.found.get_mut(alert.signature.index()) {
            found.add(alert, is_new, is_vouched);
        }
        if let Some(client) = self.place(host.address, alert.severity) {
            client.add(alert, serial);
        }
    }

    /// The place of a host, made for it where its alert weighs more than all of another's.
    fn place(&mut self, host: IpAddr, severity: u8) -> Option<&mut Client> {
        if !self.detailed.contains_key(&host) {
            if self.detailed.len() >= MOST_DETAILED {
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
            // It had alerts before, which nobody kept.
            let is_partial = self.sums.get(&host).is_none_or(|sums| sums.alerts > 1);
            self.detailed.insert(host, Client::new(self.alerts, is_partial));
        }
        self.detailed.get_mut(&host)
    }

    /// The hosts that any of these was found of, leaving out what rules vouch for; the earliest first.
    pub(super) fn hosts_of(&self, signatures: &[Signature]) -> Vec<IpAddr> {
        let bits = signatures.iter().fold(0, |bits, signature| bits | 1 << signature.index());
        let mut hosts: Vec<_> = self.sums.iter().filter(|(_, sums)| sums.unvouched & bits != 0).collect();
        hosts.sort_by_key(|(address, sums)| (sums.first, **address));
        hosts.into_iter().map(|(address, _)| *address).collect()
    }

    /// Whether there are hosts that were not counted.
    pub(super) fn is_more(&self) -> bool {
        self.uncounted.are_more
    }

    /// The clients as the report tells them, and the rest.
    pub(super) fn clients(&mut self) -> (Vec<model::Client>, model::FurtherClients) {
        let mut further = self.uncounted.clone();
        let mut clients: Vec<_> = self.detailed.drain().collect();
        let sums = &self.sums;
        for (address, sums) in sums {
            if !clients.iter().any(|(known, _)| known == address) {
                further.clients += 1;
                further.alerts += sums.alerts;
                further.sightings += sums.sightings;
            }
        }
        clients.sort_by_key(|(address, client)| {
            let sums = sums.get(address);
            let (severity, first) = sums.map_or((client.worst, client.first), |sums| (sums.worst.0, sums.first));
            (Reverse(severity), first, *address)
        });
        let told = |(address, client): (IpAddr, Client)| client.told(address, sums.get(&address));
        (clients.into_iter().map(told).collect(), further)
    }

    /// Whether anything was suppressed.
    pub(super) fn has_suppressed(&self) -> bool {
        self.suppressed_count > 0
    }

    /// What was found, by signature.
    pub(super) fn signatures(&self) -> Vec<model::Found> {
        let told = Signature::ALL.iter().zip(self.found).filter(|(_, found)| found.alerts > 0);
        told.map(|(signature, found)| model::Found {
            signature: signature.id().to_owned(),
            activity: signature.activity().to_owned(),
            alerts: found.alerts,
            sightings: found.sightings,
            clients: found.clients,
        })
        .collect()
    }

    /// What was suppressed, and how much more of it there was.
    pub(super) fn suppressed(&mut self) -> (Vec<model::Alert>, u64) {
        let list = std::mem::take(&mut self.suppressed).list();
        let further = self.suppressed_count - list.len() as u64;
        (list, further)
    }
}

impl Found {
    fn add(&mut self, alert: &Alert, is_new: bool, is_vouched: bool) {
        self.alerts += 1;
        self.sightings += alert.count;
        self.clients += u64::from(is_new);
        if !is_vouched {
            self.severity = self.severity.max(alert.severity);
            let (first, last) = self.span.unwrap_or((alert.start, alert.end));
            self.span = Some((first.min(alert.start), last.max(alert.end)));
            self.confidence = self.confidence.max(alert.indicator.as_ref().map_or(0, |indicator| indicator.confidence));
        }
    }
}

impl Sums {
    /// Returns whether the signature was not found of this host before.
    fn add(&mut self, alert: &Alert, bit: u32, is_vouched: bool) -> bool {
        if alert.severity > self.worst.0 {
            self.worst = (alert.severity, alert.signature);
        }
        self.first = self.first.min(alert.start);
        self.last = self.last.max(alert.end);
        self.alerts += 1;
        self.sightings += alert.count;
        let is_new = self.signatures & bit == 0;
        self.signatures |= bit;
        self.unvouched |= if is_vouched { 0 } else { bit };
        is_new
    }
}

/// The most telling alerts: the first of their kind before what follows; of equals the gravest, and then the earliest. So the updates of
/// one long beacon do not push out how it began.
#[derive(Default)]
pub(super) struct Kept(BTreeMap<Rank, model::Alert>);

/// The lowest is the most telling.
type Rank = (bool, Reverse<u8>, Timestamp, u64);

impl Kept {
    /// `serial` tells it from others of the same time.
    pub(super) fn add(&mut self, alert: &Alert, serial: u64) {
        let rank = (alert.phase == Phase::Update, Reverse(alert.severity), alert.seen, serial);
        if self.0.len() >= MOST_ALERTS {
            if self.0.last_key_value().is_some_and(|(last, _)| *last < rank) {
                return;
            }
            self.0.pop_last();
        }
        self.0.insert(rank, alerts::told(alert));
    }

    /// All of them in the order of their sightings.
    pub(super) fn list(self) -> Vec<model::Alert> {
        let mut list: Vec<_> = self.0.into_iter().collect();
        list.sort_by_key(|((_, _, seen, serial), _)| (*seen, *serial));
        list.into_iter().map(|(_, alert)| alert).collect()
    }
}
