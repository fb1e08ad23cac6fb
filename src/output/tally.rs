//! Who was seen doing what: counted from the alerts on their way to an output.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

use super::{Output, Watched};
use crate::alert::{Alert, Signature, sanitize};

/// How many clients are kept apart: those past it that matter least are put together. A flood of made-up clients cannot push out one with
/// a graver finding.
const MOST_CLIENTS: usize = 4096;

/// What one client was seen doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTally {
    /// The client.
    pub client: IpAddr,
    /// By signature, the gravest first, then the most frequent.
    pub rows: Vec<Row>,
}

/// One client's findings of one signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The signature.
    pub signature: Signature,
    /// The highest severity of its alerts.
    pub severity: u8,
    /// Sightings that were told.
    pub sightings: u64,
    /// Alerts.
    pub alerts: u64,
    /// What was contacted or asked for in the first alert, made printable.
    pub target: String,
    /// Whether other alerts tell of other targets.
    pub has_more_targets: bool,
}

/// What was put together for want of room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Others {
    /// Clients, one that came back counted again.
    pub clients: u64,
    /// Their sightings.
    pub sightings: u64,
    /// Their alerts.
    pub alerts: u64,
}

impl Others {
    /// Puts a client to the others.
    pub fn add(&mut self, client: &ClientTally) {
        self.clients += 1;
        self.sightings += client.rows.iter().map(|row| row.sightings).sum::<u64>();
        self.alerts += client.rows.iter().map(|row| row.alerts).sum::<u64>();
    }
}

/// Counts alerts by client and signature.
#[derive(Debug, Default)]
pub struct Tally {
    clients: HashMap<IpAddr, Vec<Row>, RandomState>,
    others: Others,
}

impl Tally {
    /// Counts an alert.
    pub fn note(&mut self, alert: &Alert) {
        let client = alert.client.address;
        if !self.clients.contains_key(&client) && self.clients.len() >= 2 * MOST_CLIENTS {
            self.put_together();
        }
        let rows = self.clients.entry(client).or_default();
        let target = target(alert);
        let row = match rows.iter_mut().position(|row| row.signature == alert.signature) {
            Some(known) => rows.get_mut(known),
            None => {
                let signature = alert.signature;
                rows.push(Row {
                    signature,
                    severity: 0,
                    sightings: 0,
                    alerts: 0,
                    target: target.clone(),
                    has_more_targets: false,
                });
                rows.last_mut()
            }
        };
        if let Some(row) = row {
            row.severity = row.severity.max(alert.severity);
            row.sightings += alert.count;
            row.alerts += 1;
            row.has_more_targets |= row.target != target;
        }
    }

    /// All clients, the worst first, and what was put together.
    pub fn worst_first(&self) -> (Vec<ClientTally>, Others) {
        let clients = self.clients.iter().map(|(client, rows)| {
            let mut rows = rows.clone();
            rows.sort_by_key(|row| (u8::MAX - row.severity, u64::MAX - row.sightings, row.signature));
            ClientTally { client: *client, rows }
        });
        let mut clients: Vec<_> = clients.collect();
        clients.sort_by_key(|client| {
            let severity = client.rows.first().map_or(0, |row| row.severity);
            let sightings: u64 = client.rows.iter().map(|row| row.sightings).sum();
            (u8::MAX - severity, u64::MAX - sightings, client.client)
        });
        (clients, self.others)
    }

    /// Puts the half of the clients together that matters least.
    fn put_together(&mut self) {
        let (clients, _) = self.worst_first();
        for client in clients.iter().skip(MOST_CLIENTS) {
            self.clients.remove(&client.client);
            self.others.add(client);
        }
    }
}

/// What an alert is about: the name asked for, else what is listed, else who was contacted.
fn target(alert: &Alert) -> String {
    let name = alert.server_name.as_deref().or_else(|| alert.dns.as_ref().map(|dns| dns.name.as_slice()));
    match (name, &alert.indicator) {
        (Some(name), _) => sanitize(name).to_string(),
        (None, Some(indicator)) => sanitize(indicator.pattern.to_string().as_bytes()).to_string(),
        (None, None) => alert.server.to_string(),
    }
}

/// A tally that the output thread fills, and somebody else shows at the end.
#[derive(Clone, Default)]
pub struct SharedTally(Arc<Mutex<Tally>>);

impl SharedTally {
    /// An output that counts what goes to `output`.
    pub fn over(&self, output: Box<dyn Output>) -> Box<dyn Output> {
        let tally = self.clone();
        Box::new(Watched::new(output, move |alert| {
            if !alert.is_suppressed() {
                tally.held().note(alert);
            }
        }))
    }

    /// The tally so far.
    pub fn held(&self) -> MutexGuard<'_, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::output::cef::tests::query;

    fn alert(client: u32, signature: Signature, severity: u8, count: u64) -> Alert {
        let mut alert = query();
        alert.client.address = IpAddr::V4(Ipv4Addr::from_bits(client));
        Alert { signature, severity, count, ..alert }
    }

    #[test]
    fn the_worst_come_first_by_severity_and_then_by_sightings() {
        let mut tally = Tally::default();
        tally.note(&alert(1, Signature::C2DomainQuery, 8, 900));
        tally.note(&alert(2, Signature::C2Endpoint, 9, 1));
        tally.note(&alert(3, Signature::C2DomainQuery, 8, 1));
        tally.note(&alert(3, Signature::find("netsupport-session").unwrap(), 10, 1));
        tally.note(&alert(3, Signature::find("netsupport-session").unwrap(), 10, 0));
        tally.note(&alert(4, Signature::C2Endpoint, 9, 2));
        let (clients, others) = tally.worst_first();
        let order: Vec<_> = clients.iter().map(|client| client.client.to_string()).collect();
        assert_eq!(order, ["0.0.0.3", "0.0.0.4", "0.0.0.2", "0.0.0.1"]);
        let first: Vec<_> = clients[0].rows.iter().map(|row| (row.signature.id(), row.sightings, row.alerts)).collect();
        assert_eq!(first, [("netsupport-session", 1, 2), ("c2-domain-query", 1, 1)]);
        assert_eq!(others, Others::default());
    }

    #[test]
    fn a_flood_of_clients_is_bounded_and_pushes_out_none_that_is_worse() {
        let mut tally = Tally::default();
        tally.note(&alert(7, Signature::find("netsupport-session").unwrap(), 10, 1));
        let flood = 3 * MOST_CLIENTS as u32;
        for client in 0..flood {
            tally.note(&alert(1000 + client, Signature::C2Address, 3, 2));
        }
        let (clients, others) = tally.worst_first();
        assert_eq!(clients[0].client.to_string(), "0.0.0.7");
        assert!(clients.len() <= 2 * MOST_CLIENTS);
        let kept: u64 = clients.iter().flat_map(|client| &client.rows).map(|row| row.alerts).sum();
        assert_eq!((kept + others.alerts, others.clients), (u64::from(flood) + 1, others.alerts));
        assert_eq!(others.sightings, 2 * others.alerts);
    }

    #[test]
    fn hostile_names_are_made_printable() {
        let mut hostile = query();
        hostile.server_name = Some(b"a\x1b[2J\n.example".to_vec());
        let mut tally = Tally::default();
        tally.note(&hostile);
        tally.note(&query());
        let (clients, _) = tally.worst_first();
        assert_eq!(clients[0].rows[0].target, r"a\x1b[2J\x0a.example");
        assert!(clients[0].rows[0].has_more_targets);
    }
}
