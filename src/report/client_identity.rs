//! The facts that say which machine a host is.

use std::sync::Arc;

use super::host::HostEnds;
use super::model::{self, Moment};
use super::text::printable;
use crate::alert::{Alert, HostIdentity};
use crate::flow::{MacAddress, Vlans};
use crate::sanitize::sanitize;
use crate::scan::FactSource;

/// The maximum number of MAC addresses of a host, and of its VLANs. A host has one of each, or two
/// if it moved; more are of routers.
const MAX_PLACES: usize = 4;

/// The facts that say which machine a host is.
#[derive(Default)]
pub(super) struct ClientIdentity {
    macs: Vec<MacAddress>,
    vlans: Vec<Vlans>,
    /// The identity in the latest alert that has one.
    facts: Option<Arc<HostIdentity>>,
}

impl ClientIdentity {
    pub(super) fn add(&mut self, alert: &Alert) {
        let is_client = HostEnds::of(alert).host == alert.client;
        let (mac, facts) = if is_client {
            (alert.client_mac, &alert.client_identity)
        } else {
            (alert.server_mac, &alert.server_identity)
        };
        note(&mut self.macs, mac);
        note(&mut self.vlans, (!alert.vlans.is_empty()).then(|| alert.vlans.clone()));
        if facts.is_some() {
            self.facts.clone_from(facts);
        }
    }

    pub(super) fn into_model(self) -> model::Identity {
        let facts = self.facts.unwrap_or_default();
        let name = |(source, fact): (FactSource, &crate::alert::IdentityFact)| model::SeenName {
            value: printable(&sanitize(&fact.value).to_string()),
            source: source.token().to_owned(),
            seen: Moment(fact.seen),
        };
        let of = |is_wanted: fn(FactSource) -> bool| {
            facts.facts().filter(|(source, _)| is_wanted(*source)).map(name).collect::<Vec<_>>()
        };
        let dhcp_mac = of(|source| source == FactSource::DhcpMac).pop().map(|fact| mac(&fact.value, "dhcp"));
        let macs = self.macs.iter().map(|address| mac(&address.to_string(), "frames"));
        let vlan = |vlans: &Vlans| vlans.iter().map(ToString::to_string).collect::<Vec<_>>().join(".");
        model::Identity {
            names: of(FactSource::is_host_name),
            accounts: of(|source| source == FactSource::KerberosAccount),
            macs: dhcp_mac.into_iter().chain(macs).collect(),
            vlans: self.vlans.iter().map(vlan).collect(),
        }
    }
}

fn note<T: PartialEq>(list: &mut Vec<T>, value: Option<T>) {
    if let Some(value) = value
        && list.len() < MAX_PLACES
        && !list.contains(&value)
    {
        list.push(value);
    }
}

/// A MAC address with the meaning of its first byte (IEEE 802: the bit 0x02 says that it was
/// assigned locally, not by a vendor).
fn mac(address: &str, source: &str) -> model::SeenMac {
    let first = address.get(..2).and_then(|first| u8::from_str_radix(first, 16).ok()).unwrap_or_default();
    let is_local = first & 0x02 != 0;
    model::SeenMac {
        address: address.to_owned(),
        vendor_prefix: address.get(..8).filter(|_| !is_local).map(str::to_owned),
        is_locally_administered: is_local,
        source: source.to_owned(),
    }
}
