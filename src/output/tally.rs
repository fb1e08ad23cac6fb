//! Counts of alerts by client and signature, taken from the alerts on their way to an output.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

use super::{ObservedOutput, Output};
use crate::alert::{Alert, Signature};
use crate::sanitize::sanitize;

/// The number of clients that are kept when the table is full. Those with the least severe findings
/// are merged, so a flood of forged clients cannot push out a client with a more severe finding.
const CLIENTS_KEPT: usize = 4096;

/// The number of clients at which the table is full. Twice the number that is kept, so that the
/// clients are sorted once for each [`CLIENTS_KEPT`] new ones.
const MOST_CLIENTS: usize = 2 * CLIENTS_KEPT;

/// The findings of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTally {
    /// The client.
    pub client: IpAddr,
    /// One entry for each signature: the most severe first, then the most frequent.
    pub signatures: Vec<SignatureTally>,
}

impl ClientTally {
    fn severity(&self) -> u8 {
        self.signatures.first().map_or(0, |tally| tally.severity)
    }

    fn sightings(&self) -> u64 {
        self.signatures.iter().map(|tally| tally.sightings).sum()
    }

    fn alerts(&self) -> u64 {
        self.signatures.iter().map(|tally| tally.alerts).sum()
    }
}

/// The alerts of one client with one signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureTally {
    /// The signature.
    pub signature: Signature,
    /// The highest severity of the alerts.
    pub severity: u8,
    /// The number of sightings that the alerts reported.
    pub sightings: u64,
    /// The number of alerts.
    pub alerts: u64,
    /// The name or address that the first alert is about, sanitized.
    pub target: String,
    /// True if other alerts are about other targets.
    pub has_more_targets: bool,
}

/// The sum over clients that were merged to bound the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OtherClients {
    /// The number of clients. A client that is merged, seen again and merged again counts twice.
    pub clients: u64,
    /// Their sightings.
    pub sightings: u64,
    /// Their alerts.
    pub alerts: u64,
}

impl OtherClients {
    /// Adds a client.
    pub fn add(&mut self, client: &ClientTally) {
        self.clients += 1;
        self.sightings += client.sightings();
        self.alerts += client.alerts();
    }
}

/// Counts alerts by client and signature.
#[derive(Debug, Default)]
pub struct Tally {
    clients: HashMap<IpAddr, Vec<SignatureTally>, RandomState>,
    others: OtherClients,
}

impl Tally {
    /// Counts an alert.
    pub fn count(&mut self, alert: &Alert) {
        let client = alert.client.address;
        if !self.clients.contains_key(&client) && self.clients.len() >= MOST_CLIENTS {
            self.merge_least_severe();
        }
        let signatures = self.clients.entry(client).or_default();
        let target = target(alert);
        let tally = match signatures.iter_mut().position(|tally| tally.signature == alert.signature) {
            Some(index) => signatures.get_mut(index),
            None => {
                let signature = alert.signature;
                signatures.push(SignatureTally {
                    signature,
                    severity: 0,
                    sightings: 0,
                    alerts: 0,
                    target: target.clone(),
                    has_more_targets: false,
                });
                signatures.last_mut()
            }
        };
        if let Some(tally) = tally {
            tally.severity = tally.severity.max(alert.severity);
            tally.sightings += alert.count;
            tally.alerts += 1;
            tally.has_more_targets |= tally.target != target;
        }
    }

    /// Returns all clients, the most severe first, and the sum over the merged ones.
    pub fn most_severe_first(&self) -> (Vec<ClientTally>, OtherClients) {
        let clients = self.clients.iter().map(|(client, signatures)| {
            let mut signatures = signatures.clone();
            signatures.sort_by_key(|tally| (u8::MAX - tally.severity, u64::MAX - tally.sightings, tally.signature));
            ClientTally { client: *client, signatures }
        });
        let mut clients: Vec<_> = clients.collect();
        clients.sort_by_key(|tally| (u8::MAX - tally.severity(), u64::MAX - tally.sightings(), tally.client));
        (clients, self.others)
    }

    /// Merges the less severe half of the clients.
    fn merge_least_severe(&mut self) {
        let (clients, _) = self.most_severe_first();
        for client in clients.iter().skip(CLIENTS_KEPT) {
            self.clients.remove(&client.client);
            self.others.add(client);
        }
    }
}

/// Returns the name that was asked for, else the indicator, else the server that was contacted.
pub(super) fn target(alert: &Alert) -> String {
    let name = alert.server_name.as_deref().or_else(|| alert.dns.as_ref().map(|dns| dns.name.as_slice()));
    match (name, &alert.indicator) {
        (Some(name), _) => sanitize(name).to_string(),
        (None, Some(indicator)) => sanitize(indicator.pattern.to_string().as_bytes()).to_string(),
        (None, None) => alert.server.to_string(),
    }
}

/// A tally that the output thread fills and another thread reads.
#[derive(Clone, Default)]
pub struct SharedTally(Arc<Mutex<Tally>>);

impl SharedTally {
    /// Counts the alerts that go to `output`, except suppressed ones.
    pub fn observe(&self, output: Box<dyn Output>) -> Box<dyn Output> {
        let tally = self.clone();
        Box::new(ObservedOutput::new(output, move |alert| {
            if !alert.is_suppressed() {
                tally.lock().count(alert);
            }
        }))
    }

    /// Locks the tally, to read it.
    pub fn lock(&self) -> MutexGuard<'_, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::output::testing::query;

    fn alert(client: u32, signature: Signature, severity: u8, count: u64) -> Alert {
        let mut alert = query();
        alert.client.address = IpAddr::V4(Ipv4Addr::from_bits(client));
        Alert { signature, severity, count, ..alert }
    }

    #[test]
    fn the_worst_come_first_by_severity_and_then_by_sightings() {
        let mut tally = Tally::default();
        tally.count(&alert(1, Signature::C2DomainQuery, 8, 900));
        tally.count(&alert(2, Signature::C2Endpoint, 9, 1));
        tally.count(&alert(3, Signature::C2DomainQuery, 8, 1));
        tally.count(&alert(3, Signature::find("netsupport-session").unwrap(), 10, 1));
        tally.count(&alert(3, Signature::find("netsupport-session").unwrap(), 10, 0));
        tally.count(&alert(4, Signature::C2Endpoint, 9, 2));
        let (clients, others) = tally.most_severe_first();
        let order: Vec<_> = clients.iter().map(|client| client.client.to_string()).collect();
        assert_eq!(order, ["0.0.0.3", "0.0.0.4", "0.0.0.2", "0.0.0.1"]);
        let first: Vec<_> =
            clients[0].signatures.iter().map(|tally| (tally.signature.id(), tally.sightings, tally.alerts)).collect();
        assert_eq!(first, [("netsupport-session", 1, 2), ("c2-domain-query", 1, 1)]);
        assert_eq!(others, OtherClients::default());
    }

    #[test]
    fn a_flood_of_clients_is_bounded_and_pushes_out_none_that_is_worse() {
        let mut tally = Tally::default();
        tally.count(&alert(7, Signature::find("netsupport-session").unwrap(), 10, 1));
        let flood = 3 * CLIENTS_KEPT as u32;
        for client in 0..flood {
            tally.count(&alert(1000 + client, Signature::C2Address, 3, 2));
        }
        let (clients, others) = tally.most_severe_first();
        assert_eq!(clients[0].client.to_string(), "0.0.0.7");
        assert!(clients.len() <= MOST_CLIENTS);
        let kept: u64 = clients.iter().flat_map(|client| &client.signatures).map(|tally| tally.alerts).sum();
        assert_eq!((kept + others.alerts, others.clients), (u64::from(flood) + 1, others.alerts));
        assert_eq!(others.sightings, 2 * others.alerts);
    }

    #[test]
    fn hostile_names_are_made_printable() {
        let mut hostile = query();
        hostile.server_name = Some(b"a\x1b[2J\n.example".to_vec());
        let mut tally = Tally::default();
        tally.count(&hostile);
        tally.count(&query());
        let (clients, _) = tally.most_severe_first();
        assert_eq!(clients[0].signatures[0].target, r"a\x1b[2J\x0a.example");
        assert!(clients[0].signatures[0].has_more_targets);
    }
}
