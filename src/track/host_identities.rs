//! The identities of hosts: the facts that were seen, and their place in alerts.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::alert::{Alert, HostIdentity, IdentityFact};
use crate::scan::{Finding, HostFact};

/// The number of hosts in one generation: two of them are 16,384 hosts, the size of a /18, in some
/// 12 MB if each has every fact.
const MAX_HOSTS: usize = 8192;

/// The identities of hosts by address. When a generation is full, the one before it is forgotten:
/// hosts without a fact since.
#[derive(Debug, Default)]
pub(super) struct HostIdentities {
    current: Generation,
    previous: Generation,
    forgotten: u64,
}

type Generation = HashMap<IpAddr, Arc<HostIdentity>, RandomState>;

impl HostIdentities {
    /// Adds a fact.
    pub(super) fn add(&mut self, fact: &HostFact, finding: &Finding) {
        let host = fact.host.unwrap_or(finding.flow.source.address);
        if !self.current.contains_key(&host) && self.current.len() >= MAX_HOSTS {
            let full = std::mem::take(&mut self.current);
            self.forgotten += self.previous.len() as u64;
            self.previous = full;
        }
        let previous = &mut self.previous;
        let identity = self.current.entry(host).or_insert_with(|| previous.remove(&host).unwrap_or_default());
        let fact_of_source = IdentityFact { value: fact.value.clone(), seen: finding.time };
        Arc::make_mut(identity).set(fact.source, fact_of_source);
    }

    /// The number of hosts that were forgotten because there were too many.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Sets the identities of both ends of each alert on its way to `emit`.
    pub(super) fn identifying(&self, emit: &mut dyn FnMut(Alert)) -> impl FnMut(Alert) {
        |mut alert: Alert| {
            alert.client_identity = self.get(alert.client.address);
            alert.server_identity = self.get(alert.server.address);
            emit(alert);
        }
    }

    fn get(&self, host: IpAddr) -> Option<Arc<HostIdentity>> {
        self.current.get(&host).or_else(|| self.previous.get(&host)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Endpoint, Flow, Protocol};
    use crate::scan::{FactSource, FindingKind};

    #[test]
    fn the_number_of_hosts_is_bounded_and_those_that_go_on_are_kept() {
        let mut identities = HostIdentities::default();
        let end = Endpoint { address: [10, 0, 0, 1].into(), port: None };
        let flow = Flow { source: end, destination: end, protocol: Protocol::UDP };
        let finding = Finding::of_flow(flow, FindingKind::PartialHello);
        let fact = |number: u32, value: &[u8]| HostFact {
            host: (number > 0).then(|| number.to_be_bytes().into()),
            source: FactSource::Dhcp,
            value: value.to_vec(),
        };
        for number in 1..=3 * MAX_HOSTS as u32 {
            identities.add(&fact(number, b"other"), &finding);
            if number % 1000 == 0 {
                // The sender of the packet.
                identities.add(&fact(0, b"desk"), &finding);
            }
        }
        let name = identities.get(end.address).and_then(|identity| identity.host_name().map(<[u8]>::to_vec));
        assert_eq!(name.unwrap(), b"desk");
        let kept = identities.current.len() + identities.previous.len();
        assert!(kept <= 2 * MAX_HOSTS);
        assert_eq!(kept as u64 + identities.forgotten(), 3 * MAX_HOSTS as u64 + 1);
    }
}
