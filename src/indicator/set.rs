//! The indicators in force, compiled for look-up: ruling out an address that is not listed costs
//! two loads.
//!
//! A [`BloomFilter`] of addresses stands in front of the tables. Nearly every address of nearly
//! every packet is ruled out there; only the rest is looked up in the tables.

use std::cmp::Reverse;
use std::hash::BuildHasher;
use std::net::IpAddr;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use ipnet::IpNet;

use super::Indicator;
use super::bloom::BloomFilter;
use super::embedded::{Embedded, embedded, may_embed};
use super::networks::Networks;
use super::store::Store;
use crate::domain_name::{DomainName, hash_labels};

#[cfg(test)]
mod tests;

/// The number of an indicator in its [`IndicatorSet`]. It is meaningless in any other set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndicatorId(pub(super) u32);

impl IndicatorId {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The closeness of an address match, in ascending order of strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closeness {
    /// Listed with other ports only, or looked up without a port.
    OtherPort,
    /// In a listed network.
    Network,
    /// Listed without a port.
    Address,
    /// Listed with this port.
    Endpoint,
}

/// The strongest match of an address and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressMatch {
    /// The indicator that matches.
    pub indicator: IndicatorId,
    /// The closeness of the match.
    pub closeness: Closeness,
    /// The listed IPv4 address, if it lies in the IPv6 address that was looked up.
    pub embedded: Option<Embedded>,
}

/// The indicators in force. A set never changes once it is built.
#[derive(Debug)]
pub struct IndicatorSet {
    pub(super) store: Store,
    /// The addresses of `addresses`.
    pub(super) address_filter: BloomFilter,
    /// `None` if no networks are listed.
    pub(super) networks: Option<Networks>,
    /// Address indicators by the hash of the address. An address has one entry for each listed
    /// port, and one if it is listed without a port.
    pub(super) addresses: HashTable<IndicatorId>,
    /// Domain indicators by the hash of the name.
    pub(super) domains: HashTable<IndicatorId>,
    /// The number of labels of the shortest listed domain. Shorter suffixes of a name need no
    /// look-up.
    pub(super) fewest_labels: usize,
    /// The number of labels of the longest listed domain. Longer suffixes of a name need no
    /// look-up.
    pub(super) most_labels: usize,
    /// The last `fewest_labels` labels of all listed domains, by their [`hash_labels`]. A name
    /// whose own last labels are not in it needs no look-up; a look-up would cost a cache miss for
    /// each label.
    pub(super) domain_filter: BloomFilter,
    pub(super) hasher: RandomState,
}

impl Default for IndicatorSet {
    fn default() -> Self {
        Self {
            store: Store::default(),
            address_filter: BloomFilter::for_entries(0),
            networks: None,
            addresses: HashTable::new(),
            domains: HashTable::new(),
            fewest_labels: usize::MAX,
            most_labels: 0,
            domain_filter: BloomFilter::for_entries(0),
            hasher: RandomState::default(),
        }
    }
}

impl IndicatorSet {
    /// All indicators, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = Indicator> {
        (0..self.store.len() as u32).filter_map(|number| self.store.get(number))
    }

    /// All indicators that a source lists, as that source lists them.
    pub(super) fn listed_by(&self, source: &str) -> impl Iterator<Item = Indicator> {
        (0..self.store.len() as u32).filter_map(move |number| self.store.listed_by(number, source))
    }

    /// All listed networks and addresses. An address is a network of its whole length.
    pub fn networks(&self) -> impl Iterator<Item = IpNet> {
        (0..self.store.len() as u32).filter_map(|number| self.store.network(number))
    }

    /// The number of indicators.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Returns true if there are no indicators.
    pub fn is_empty(&self) -> bool {
        self.store.len() == 0
    }

    /// The indicator that a look-up in this set found, unpacked. See [`super::IndicatorCache`] for
    /// shared copies.
    pub fn get(&self, id: IndicatorId) -> Option<Indicator> {
        self.store.get(id.0)
    }

    /// Returns false if neither the address nor an IPv4 address inside it is listed, and true if
    /// one of them may be.
    #[inline(always)]
    pub fn may_list(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.may_list_ipv4(address.to_bits()),
            IpAddr::V6(address) => self.may_list_ipv6(address.octets()),
        }
    }

    /// Returns true if one of two addresses may be listed, as [`may_list`](Self::may_list) does.
    /// Nearly always neither is, so both are tested before the only branch.
    #[inline(always)]
    pub fn may_list_either(&self, one: IpAddr, other: IpAddr) -> bool {
        match (one, other) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                self.may_list_ipv4(one.to_bits()) | self.may_list_ipv4(other.to_bits())
            }
            _ => self.may_list(one) || self.may_list(other),
        }
    }

    #[inline]
    fn may_list_ipv4(&self, address: u32) -> bool {
        self.address_filter.may_contain_ipv4(address)
            || self.networks.as_ref().is_some_and(|networks| networks.may_contain_ipv4(address))
    }

    #[inline]
    fn may_list_ipv6(&self, address: [u8; 16]) -> bool {
        let bits = u128::from_be_bytes(address);
        self.address_filter.may_contain_ipv6(bits)
            || may_embed((bits >> 64) as u64)
            || self.networks.as_ref().is_some_and(|networks| networks.may_contain_ipv6(bits))
    }

    /// The strongest match of an address and port. An exact endpoint precedes an address without a
    /// port, then a network, then an address with another port. Of equal matches the most confident
    /// wins, then the first listed.
    pub fn find_address(&self, address: IpAddr, port: Option<u16>) -> Option<AddressMatch> {
        let whole = self.find_whole_address(address, port, None);
        let IpAddr::V6(ipv6) = address else { return whole };
        let inside = embedded(ipv6)
            .into_iter()
            .filter_map(|inner| self.find_whole_address(IpAddr::V4(inner.address), port, Some(inner)));
        whole.into_iter().chain(inside).reduce(|best, next| if self.is_stronger(&next, &best) { next } else { best })
    }

    /// The strongest match of an address itself, without the addresses inside it.
    fn find_whole_address(
        &self,
        address: IpAddr,
        port: Option<u16>,
        embedded: Option<Embedded>,
    ) -> Option<AddressMatch> {
        let by_address = self.addresses.iter_hash(self.hasher.hash_one(address)).filter_map(|&indicator| {
            let (_, listed_port) = self.store.address(indicator.0).filter(|(listed, _)| *listed == address)?;
            let closeness = match listed_port {
                None => Closeness::Address,
                Some(_) if listed_port == port => Closeness::Endpoint,
                Some(_) => Closeness::OtherPort,
            };
            Some(AddressMatch { indicator, closeness, embedded })
        });
        let network = self.networks.as_ref().and_then(|networks| networks.find(address));
        let by_network = network.map(|indicator| AddressMatch { indicator, closeness: Closeness::Network, embedded });
        by_address
            .chain(by_network)
            .max_by_key(|found| (found.closeness, self.store.confidence(found.indicator.0), Reverse(found.indicator)))
    }

    /// Returns true if `next` is a stronger match than `best`. Of equal matches, `best` stays.
    pub fn is_stronger(&self, next: &AddressMatch, best: &AddressMatch) -> bool {
        let strength = |found: &AddressMatch| (found.closeness, self.store.confidence(found.indicator.0));
        strength(next) > strength(best)
    }

    /// Returns false if [`find_domain`](Self::find_domain) finds nothing for the name with these
    /// labels, and true if it may find something. The name need not be copied or checked for this.
    #[inline]
    pub fn may_list_labels<'a>(&self, count: usize, labels: impl Iterator<Item = &'a [u8]>) -> bool {
        let last = labels.skip(count.saturating_sub(self.fewest_labels));
        self.domain_filter.may_contain_hash(hash_labels(last))
    }

    /// Does the same for a name in dotted text, with or without the root dot.
    #[inline]
    pub fn may_list_text(&self, name: &[u8]) -> bool {
        let name = name.strip_suffix(b".").unwrap_or(name);
        let last = last_labels(name, self.fewest_labels).split(|&byte| byte == b'.');
        self.domain_filter.may_contain_hash(hash_labels(last))
    }

    /// The most specific listed domain that equals the name or is a parent of it.
    #[inline]
    pub fn find_domain(&self, name: &DomainName) -> Option<IndicatorId> {
        if !self.may_list_labels(name.label_count(), name.labels()) {
            return None;
        }
        let suffixes = name.domains().take(self.most_labels).skip(self.fewest_labels.saturating_sub(1));
        suffixes.filter_map(|domain| self.find_exact_domain(domain)).last()
    }

    #[inline]
    pub(super) fn find_exact_domain(&self, name: &[u8]) -> Option<IndicatorId> {
        self.domains.find(self.hasher.hash_one(name), |id| self.store.domain(id.0) == name).copied()
    }
}

/// The last labels of a listed name, as many as `labels`.
pub(super) fn last_labels(name: &[u8], labels: usize) -> &[u8] {
    let mut dots = memchr::memrchr_iter(b'.', name);
    dots.nth(labels.saturating_sub(1)).map_or(name, |dot| &name[dot + 1..])
}
