//! Resolved addresses: learned from DNS answers for listed domains.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::indicator::{Embedded, Indicator, LearnedAddresses, embedded};
use crate::scan::DnsSighting;
use crate::units::Timestamp;

/// The shortest time that an address counts. Fast-changing domains have lifetimes of a minute, and
/// clients use an address for as long as their connection lasts.
const SHORTEST_LIFE: Duration = Duration::from_secs(3600);

/// The most addresses: sixty-four answers of the largest size. Past this number the one that was
/// learned first is forgotten.
const MOST_ADDRESSES: usize = 16_384;

/// A learned address.
#[derive(Debug)]
pub(super) struct ResolvedAddress {
    pub(super) indicator: Arc<Indicator>,
    /// The name whose answer gave it.
    pub(super) name: Arc<[u8]>,
    until: Timestamp,
    /// The first publication that contains it.
    generation: u64,
}

/// A look-up's result.
pub(super) struct FoundAddress<'a> {
    pub(super) address: &'a ResolvedAddress,
    /// The learned IPv4 address, if it is embedded in an IPv6 address.
    pub(super) embedded: Option<Embedded>,
}

/// The learned addresses.
#[derive(Debug, Default)]
pub(super) struct ResolvedAddresses {
    table: HashMap<IpAddr, ResolvedAddress, RandomState>,
    /// In the order in which they were learned.
    order: VecDeque<IpAddr>,
    /// The generation of the last publication.
    generation: u64,
    is_changed: bool,
    learned: u64,
    forgotten: u64,
    refused: u64,
    beyond: u64,
}

impl ResolvedAddresses {
    /// The number of addresses that were forgotten because there were too many.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The number of addresses in answers that were not learned because they belong to no host:
    /// loopback, unspecified, multicast, broadcast, link-local. Blocking resolvers answer with
    /// them.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// The number of addresses beyond the bound for one answer.
    pub(super) fn beyond(&self) -> u64 {
        self.beyond
    }

    /// Returns true if no address counts at this time.
    pub(super) fn have_expired(&self, now: Timestamp) -> bool {
        self.table.values().all(|known| known.until < now)
    }

    /// Learns the addresses of an answer.
    pub(super) fn learn_from(&mut self, answer: &DnsSighting, indicator: &Arc<Indicator>, now: Timestamp) {
        let name: Arc<[u8]> = answer.facts.name.as_slice().into();
        for (address, lifetime) in answer.facts.addresses.iter().zip(&answer.lifetimes) {
            self.learn(*address, Duration::from_secs(u64::from(*lifetime)), indicator, &name, now);
        }
        self.beyond += answer.more_addresses;
    }

    fn learn(
        &mut self,
        address: IpAddr,
        lifetime: Duration,
        indicator: &Arc<Indicator>,
        name: &Arc<[u8]>,
        now: Timestamp,
    ) {
        if !is_of_host(address) {
            self.refused += 1;
            return;
        }
        let until = now + lifetime.max(SHORTEST_LIFE);
        if let Some(known) = self.table.get_mut(&address) {
            if known.until < now || known.indicator.pattern == indicator.pattern {
                known.indicator = indicator.clone();
                known.name = name.clone();
            }
            known.until = known.until.max(until);
            return;
        }
        while self.table.len() >= MOST_ADDRESSES
            && let Some(oldest) = self.order.pop_front()
        {
            self.table.remove(&oldest);
            self.forgotten += 1;
        }
        let (indicator, name, generation) = (indicator.clone(), name.clone(), self.generation + 1);
        self.table.insert(address, ResolvedAddress { indicator, name, until, generation });
        self.order.push_back(address);
        self.learned += 1;
        self.is_changed = true;
    }

    /// The number of addresses learned so far, counted again each time that one is learned again
    /// after it was forgotten.
    pub(super) fn learned(&self) -> u64 {
        self.learned
    }

    /// The addresses that were learned since [`learned`](Self::learned) returned this number, and
    /// not forgotten.
    pub(super) fn learned_since(&self, learned: u64) -> impl Iterator<Item = IpAddr> {
        let count = usize::try_from(self.learned - learned).unwrap_or(usize::MAX);
        self.order.iter().rev().take(count).copied()
    }

    /// Looks up an address, and the IPv4 addresses embedded in it, at a time.
    pub(super) fn find(&self, address: IpAddr, now: Timestamp) -> Option<FoundAddress<'_>> {
        let current = |address: &IpAddr| self.table.get(address).filter(|known| now <= known.until);
        if let Some(address) = current(&address) {
            return Some(FoundAddress { address, embedded: None });
        }
        let IpAddr::V6(ipv6) = address else { return None };
        embedded(ipv6).into_iter().find_map(|inner| {
            Some(FoundAddress { address: current(&IpAddr::V4(inner.address))?, embedded: Some(inner) })
        })
    }

    /// Returns true if an address, or an IPv4 address embedded in it, was learned and not
    /// forgotten. It may have expired.
    ///
    /// A scan may know an older publication with more addresses. The addresses here are the same
    /// for all.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.table.contains_key(&address)
            || match address {
                IpAddr::V4(_) => false,
                IpAddr::V6(address) => {
                    embedded(address).iter().any(|inner| self.table.contains_key(&IpAddr::V4(inner.address)))
                }
            }
    }

    /// The addresses that are in no publication up to this generation.
    pub(super) fn newer_than(&self, generation: u64) -> impl Iterator<Item = IpAddr> {
        let has_any = generation < self.generation || self.is_changed;
        let newer = self.table.iter().filter(move |(_, known)| known.generation > generation);
        newer.map(|(address, _)| *address).filter(move |_| has_any)
    }

    /// Returns true if there is a publication after this generation.
    pub(super) fn has_newer_than(&self, generation: u64) -> bool {
        generation < self.generation
    }

    /// Publishes the addresses for the scanners; `None` if none was learned since the last
    /// publication.
    pub(super) fn publish(&mut self) -> Option<LearnedAddresses> {
        if !std::mem::take(&mut self.is_changed) {
            return None;
        }
        self.generation += 1;
        Some(LearnedAddresses::new(self.generation, self.table.keys().copied()))
    }
}

/// Returns true if an address may belong to one host of a network.
fn is_of_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, ..] = address.octets();
            !(first == 0
                || address.is_loopback()
                || address.is_multicast()
                || address.is_broadcast()
                || address.is_link_local())
        }
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_of_host(IpAddr::V4(mapped)),
            None => {
                !(address.is_unspecified()
                    || address.is_loopback()
                    || address.is_multicast()
                    || address.is_unicast_link_local())
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::indicator::builtin;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    fn learned(lifetime: u64) -> ResolvedAddresses {
        let mut resolved = ResolvedAddresses::default();
        let indicator = Arc::new(builtin().remove(7));
        resolved.learn(
            "203.0.113.66".parse().unwrap(),
            Duration::from_secs(lifetime),
            &indicator,
            &b"gw.feersona.net"[..].into(),
            at(0),
        );
        resolved
    }

    #[test]
    fn an_address_counts_for_the_longer_of_its_lifetime_and_an_hour() {
        let address = "203.0.113.66".parse().unwrap();
        assert!(learned(60).find(address, at(3600)).is_some());
        assert!(learned(60).find(address, at(3601)).is_none());
        assert!(learned(7200).find(address, at(7200)).is_some());
        assert!(learned(7200).find(address, at(7201)).is_none());
    }

    #[test]
    fn an_ipv6_address_that_embeds_it_counts() {
        let resolved = learned(60);
        let embedded = resolved.find("64:ff9b::203.0.113.66".parse().unwrap(), at(1)).unwrap().embedded;
        assert_eq!(embedded.unwrap().address.to_string(), "203.0.113.66");
    }

    #[test]
    fn nobodys_addresses_are_not_learned() {
        let mut resolved = ResolvedAddresses::default();
        let indicator = Arc::new(builtin().remove(7));
        for address in [
            "0.0.0.0",
            "127.0.0.1",
            "224.0.0.251",
            "255.255.255.255",
            "169.254.1.1",
            "::",
            "::1",
            "ff02::fb",
            "fe80::1",
            "::ffff:127.0.0.1",
        ] {
            resolved.learn(address.parse().unwrap(), Duration::from_secs(60), &indicator, &b"x"[..].into(), at(0));
        }
        assert_eq!((resolved.refused(), resolved.publish().is_none()), (10, true));
    }

    #[test]
    fn a_publication_holds_all_and_tells_what_is_newer() {
        let mut resolved = learned(60);
        assert_eq!(resolved.newer_than(0).count(), 1);
        let first = resolved.publish().unwrap();
        assert_eq!((first.generation(), resolved.publish().is_none()), (1, true));
        assert!(first.contains("203.0.113.66".parse().unwrap()));
        assert!(resolved.has_newer_than(0) && !resolved.has_newer_than(1));
        assert_eq!((resolved.newer_than(0).count(), resolved.newer_than(1).count()), (1, 0));
    }

    #[test]
    fn the_table_is_bounded_and_the_oldest_goes() {
        let mut resolved = learned(60);
        let indicator = Arc::new(builtin().remove(7));
        for low in 0..MOST_ADDRESSES as u32 {
            resolved.learn(
                IpAddr::V4((0x0a00_0000 + low).into()),
                Duration::from_secs(60),
                &indicator,
                &b"x"[..].into(),
                at(0),
            );
        }
        assert_eq!(
            (resolved.table.len(), resolved.order.len(), resolved.forgotten()),
            (MOST_ADDRESSES, MOST_ADDRESSES, 1)
        );
        assert!(resolved.find("203.0.113.66".parse().unwrap(), at(1)).is_none());
        assert!(!resolved.contains("203.0.113.66".parse().unwrap()));
    }

    #[test]
    fn what_no_longer_counts_is_still_held() {
        let resolved = learned(60);
        for (address, is_held) in [("203.0.113.66", true), ("64:ff9b::203.0.113.66", true), ("203.0.113.67", false)] {
            let address = address.parse().unwrap();
            assert!(resolved.find(address, at(3601)).is_none());
            assert_eq!(resolved.contains(address), is_held);
        }
    }
}
