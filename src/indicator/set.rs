//! The indicators in force, compiled so that a packet that touches none of them costs two loads.
//!
//! In front of the tables stands a [`Filter`]: a bitmap of hashed addresses. Nearly every address of nearly every packet
//! ends there. Only what passes it is looked up for real.

use std::cmp::Reverse;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;
use thiserror::Error;

use super::embedded::{Embedded, embedded, may_embed};
use super::filter::Filter;
use super::store::{Filling, Full, Store};
use super::{Indicator, Listing, Pattern};
use crate::domain_name::DomainName;

#[cfg(test)]
mod tests;

/// Networks shorter than this many bits are marked in the filter of leading halves bit by bit up to here.
const LEADING_BITS: u8 = 16;

/// How many unpacked indicators are kept at hand: more than a network contacts at a time.
const UNPACKED: usize = 64;

/// How many indicators a set holds: ten times all malware in the largest public list, in some 1.5 GB.
const MOST_INDICATORS: usize = 16_000_000;

/// An indicator's place in its [`IndicatorSet`]; means nothing to another set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndicatorId(u32);

/// How an address that was looked up stands to the listed one. The order is the order of strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closeness {
    /// Listed with other ports only, or met without a port.
    OtherPort,
    /// In a listed range.
    Network,
    /// Listed without a port.
    Address,
    /// Listed with this port.
    Endpoint,
}

/// The strongest that a set has to say of an address and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressMatch {
    /// Which indicator.
    pub indicator: IndicatorId,
    /// How close.
    pub closeness: Closeness,
    /// Where the listed address is an IPv4 address inside the IPv6 address that was looked up.
    pub embedded: Option<Embedded>,
}

/// The indicators in force.
#[derive(Debug)]
pub struct IndicatorSet {
    store: Store,
    /// Addresses of `addresses`, hashed.
    filter: Filter,
    /// Leading halves (IPv4) of `ipv4_networks`; leading 16 bits of `ipv6_networks`. `None` where there are no networks.
    networks: Option<Networks>,
    /// By the hash of the address; an address has an entry for each port, and for being listed without one.
    addresses: HashTable<IndicatorId>,
    /// By the hash of the name.
    names: HashTable<IndicatorId>,
    /// How many labels the shortest and the longest of them have: no other part of a name need be looked up.
    name_labels: (usize, usize),
    /// The ends of all names, of as many labels as the shortest has: a name with another end needs no look-up, which would be one
    /// for each of its labels, each far out in memory.
    name_ends: Filter,
    hasher: RandomState,
    /// Indicators that were unpacked lately, each at its number's remainder: every packet of a conversation asks for the same again.
    unpacked: [Mutex<Unpacked>; UNPACKED],
}

type Unpacked = Option<(IndicatorId, Arc<Indicator>)>;

#[derive(Debug, Default)]
struct Networks {
    ipv4: PrefixMap<Ipv4Net, IndicatorId>,
    ipv6: PrefixMap<Ipv6Net, IndicatorId>,
    ipv4_leading: Leading,
    ipv6_leading: Leading,
}

/// One bit for each value of an address's first 16 bits.
#[derive(Debug)]
struct Leading(Box<[u64; 1 << 10]>);

impl Default for Leading {
    fn default() -> Self {
        Self(Box::new([0; 1 << 10]))
    }
}

impl Networks {
    fn insert(&mut self, network: IpNet, id: IndicatorId) {
        match network.trunc() {
            IpNet::V4(network) => {
                self.ipv4_leading.insert((network.network().to_bits() >> 16) as u16, network.prefix_len());
                self.ipv4.insert(network, id);
            }
            IpNet::V6(network) => {
                self.ipv6_leading.insert(network.network().segments()[0], network.prefix_len());
                self.ipv6.insert(network, id);
            }
        }
    }

    /// The very network.
    fn get(&self, network: IpNet) -> Option<IndicatorId> {
        match network.trunc() {
            IpNet::V4(network) => self.ipv4.get(&network).copied(),
            IpNet::V6(network) => self.ipv6.get(&network).copied(),
        }
    }

    /// The smallest that an address is in.
    fn find(&self, address: IpAddr) -> Option<IndicatorId> {
        match address {
            IpAddr::V4(address) => self.ipv4.get_lpm(&Ipv4Net::from(address)).map(|(_, id)| *id),
            IpAddr::V6(address) => self.ipv6.get_lpm(&Ipv6Net::from(address)).map(|(_, id)| *id),
        }
    }
}

impl Leading {
    fn insert(&mut self, leading: u16, prefix_length: u8) {
        let span = 1u32 << LEADING_BITS.saturating_sub(prefix_length);
        for value in u32::from(leading)..(u32::from(leading) + span).min(1 << LEADING_BITS) {
            self.0[value as usize >> 6] |= 1 << (value & 63);
        }
    }

    #[inline]
    fn contains(&self, leading: u16) -> bool {
        self.0[usize::from(leading) >> 6] >> (leading & 63) & 1 == 1
    }
}

impl Default for IndicatorSet {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

/// More indicators, or longer texts, than a set can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("more than {MOST_INDICATORS} indicators, or than 4 GiB of text")]
pub struct TooMany;

impl From<Full> for TooMany {
    fn from(_: Full) -> Self {
        Self
    }
}

/// Compiles a set, one listing after the other.
#[derive(Debug)]
pub struct SetBuilder {
    set: IndicatorSet,
    filling: Filling,
    /// By the hash of address and port, so that a list of all ports of one address is read in no more time than others.
    endpoints: HashTable<IndicatorId>,
}

impl Default for SetBuilder {
    fn default() -> Self {
        let set = IndicatorSet {
            store: Store::default(),
            filter: Filter::for_entries(0),
            networks: None,
            addresses: HashTable::new(),
            names: HashTable::new(),
            name_labels: (usize::MAX, 0),
            name_ends: Filter::for_entries(0),
            hasher: RandomState::default(),
            unpacked: std::array::from_fn(|_| Mutex::new(None)),
        };
        Self { set, filling: Filling::default(), endpoints: HashTable::new() }
    }
}

impl SetBuilder {
    /// Adds what a list says of something. What is there already is merged: the highest confidence (of equals the first), the
    /// earliest first-seen, the latest last-seen, all sources and references.
    pub fn add(&mut self, listing: &Listing<'_>) -> Result<(), TooMany> {
        if let Some(known) = self.find(&listing.pattern) {
            return Ok(self.set.store.merge(&mut self.filling, known.0, listing)?);
        }
        if self.set.store.len() >= MOST_INDICATORS {
            return Err(TooMany);
        }
        let id = IndicatorId(self.set.store.push(&mut self.filling, listing)?);
        match &listing.pattern {
            Pattern::Endpoint(address, port) => self.insert_address(*address, Some(*port), id),
            Pattern::Address(address) => self.insert_address(*address, None, id),
            Pattern::Network(network) => {
                self.set.networks.get_or_insert_default().insert(*network, id);
            }
            Pattern::Domain(name) => {
                let labels = name.split('.').count();
                let IndicatorSet { store, names, hasher, name_labels: (fewest, most), .. } = &mut self.set;
                (*fewest, *most) = ((*fewest).min(labels), (*most).max(labels));
                let hash = hasher.hash_one(name.as_bytes());
                names.insert_unique(hash, id, |other| hasher.hash_one(store.domain(other.0)));
            }
        }
        Ok(())
    }

    /// Adds an indicator that is there as such. What is beyond the bound is left out.
    pub fn add_indicator(&mut self, indicator: &Indicator) {
        let tags: Vec<&str> = indicator.tags.iter().map(|tag| &**tag).collect();
        let _ = self.add(&indicator.listing(&tags));
    }

    fn insert_address(&mut self, address: IpAddr, port: Option<u16>, id: IndicatorId) {
        let IndicatorSet { store, addresses, hasher, .. } = &mut self.set;
        let hash = hasher.hash_one(address);
        addresses
            .insert_unique(hash, id, |other| hasher.hash_one(store.address(other.0).map_or(address, |(of, _)| of)));
        let hash = hasher.hash_one((address, port));
        self.endpoints
            .insert_unique(hash, id, |other| hasher.hash_one(store.address(other.0).unwrap_or((address, port))));
    }

    /// Where this is listed already.
    fn find(&self, pattern: &Pattern) -> Option<IndicatorId> {
        let IndicatorSet { store, hasher, networks, .. } = &self.set;
        let endpoint = |address: IpAddr, port: Option<u16>| {
            let hash = hasher.hash_one((address, port));
            self.endpoints.find(hash, |id| store.address(id.0) == Some((address, port))).copied()
        };
        match pattern {
            Pattern::Endpoint(address, port) => endpoint(*address, Some(*port)),
            Pattern::Address(address) => endpoint(*address, None),
            Pattern::Network(network) => networks.as_ref()?.get(*network),
            Pattern::Domain(name) => self.set.listed_domain(name.as_bytes()),
        }
    }

    /// How many indicators there are so far.
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// True where there is none so far.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// The set.
    pub fn build(self) -> IndicatorSet {
        let mut set = self.set;
        set.store.shrink();
        set.name_ends = Filter::for_entries(set.names.len());
        for id in &set.names {
            set.name_ends.insert_hash(set.hasher.hash_one(end(set.store.domain(id.0), set.name_labels.0)));
        }
        set.filter = Filter::for_entries(set.addresses.len());
        for id in &set.addresses {
            if let Some((address, _)) = set.store.address(id.0) {
                set.filter.insert(address);
            }
        }
        set
    }
}

impl IndicatorSet {
    /// Compiles a list, as [`SetBuilder::add`] merges it. What is beyond the bound is left out.
    pub fn new(list: Vec<Indicator>) -> Self {
        let mut builder = SetBuilder::default();
        list.iter().for_each(|indicator| builder.add_indicator(indicator));
        builder.build()
    }

    /// All indicators, in the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = Indicator> {
        (0..self.store.len() as u32).filter_map(|number| self.store.get(number))
    }

    /// All indicators that a source lists, as that source lists them.
    pub(super) fn listed_by(&self, source: &str) -> impl Iterator<Item = Indicator> {
        (0..self.store.len() as u32).filter_map(move |number| self.store.listed_by(number, source))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// True where nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.store.len() == 0
    }

    /// The indicator that a look-up in this set found, unpacked.
    pub fn get(&self, id: IndicatorId) -> Option<Arc<Indicator>> {
        let place = &self.unpacked[id.0 as usize % UNPACKED];
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, indicator)) = place.as_ref().filter(|(known, _)| *known == id) {
            return Some(indicator.clone());
        }
        let indicator = Arc::new(self.store.get(id.0)?);
        *place = Some((id, indicator.clone()));
        Some(indicator)
    }

    /// False where neither an address nor an IPv4 address inside it is listed; true where one may be.
    #[inline(always)]
    pub fn may_list(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.may_list_ipv4(address.to_bits()),
            IpAddr::V6(address) => self.may_list_ipv6(address.octets()),
        }
    }

    /// False where an IPv4 address is not listed; true where it may be.
    #[inline]
    fn may_list_ipv4(&self, address: u32) -> bool {
        self.filter.may_contain_ipv4(address)
            || self.networks.as_ref().is_some_and(|networks| networks.ipv4_leading.contains((address >> 16) as u16))
    }

    /// False where neither an IPv6 address nor an IPv4 address inside it is listed; true where one may be.
    #[inline]
    fn may_list_ipv6(&self, address: [u8; 16]) -> bool {
        let bits = u128::from_be_bytes(address);
        self.filter.may_contain_ipv6(bits)
            || may_embed((bits >> 64) as u64)
            || self.networks.as_ref().is_some_and(|networks| networks.ipv6_leading.contains((bits >> 112) as u16))
    }

    /// The strongest match of an address and port: the exact endpoint before the address without a port, that before a
    /// range, that before another port; of equals the most confident, then the first listed.
    pub fn find_address(&self, address: IpAddr, port: Option<u16>) -> Option<AddressMatch> {
        let plain = self.find_plain(address, port, None);
        let IpAddr::V6(ipv6) = address else { return plain };
        let inside = embedded(ipv6)
            .into_iter()
            .filter_map(|inner| self.find_plain(IpAddr::V4(inner.address), port, Some(inner)));
        plain.into_iter().chain(inside).reduce(|best, next| if self.is_stronger(&next, &best) { next } else { best })
    }

    fn find_plain(&self, address: IpAddr, port: Option<u16>, embedded: Option<Embedded>) -> Option<AddressMatch> {
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

    /// Whether `next` says more than `best`; where both say the same, `best` stays.
    pub fn is_stronger(&self, next: &AddressMatch, best: &AddressMatch) -> bool {
        let strength = |found: &AddressMatch| (found.closeness, self.store.confidence(found.indicator.0));
        strength(next) > strength(best)
    }

    /// The most specific listed domain that is the name or stands above it.
    #[inline]
    pub fn find_domain(&self, name: &DomainName) -> Option<IndicatorId> {
        let (fewest, most) = self.name_labels;
        let mut parts = name.domains().take(most).skip(fewest.saturating_sub(1)).peekable();
        if !self.name_ends.may_contain_hash(self.hasher.hash_one(*parts.peek()?)) {
            return None;
        }
        parts.filter_map(|domain| self.listed_domain(domain)).last()
    }

    #[inline]
    fn listed_domain(&self, name: &[u8]) -> Option<IndicatorId> {
        self.names.find(self.hasher.hash_one(name), |id| self.store.domain(id.0) == name).copied()
    }
}

/// The end of a listed name, of so many labels.
fn end(name: &[u8], labels: usize) -> &[u8] {
    let mut dots = memchr::memrchr_iter(b'.', name);
    dots.nth(labels.saturating_sub(1)).map_or(name, |dot| &name[dot + 1..])
}
