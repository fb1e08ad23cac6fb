//! Building an indicator set, one listing after another.

use std::hash::BuildHasher;
use std::net::IpAddr;

use hashbrown::HashTable;
use thiserror::Error;

use super::bloom::BloomFilter;
use super::set::{IndicatorId, IndicatorSet, last_labels};
use super::store::{Interner, StoreFull};
use super::{Indicator, Listing, Pattern};
use crate::domain_name::hash_labels;

/// The largest number of indicators in a set: ten times all malware in the largest public list, in
/// some 1.5 GB.
const MAX_INDICATORS: usize = 16_000_000;

/// More indicators, or more text, than a set can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("more than {MAX_INDICATORS} indicators, or more than 4 GiB of text; load fewer lists, or select families")]
pub struct TooMany;

impl From<StoreFull> for TooMany {
    fn from(_: StoreFull) -> Self {
        Self
    }
}

/// Builds an [`IndicatorSet`].
#[derive(Debug, Default)]
pub struct SetBuilder {
    set: IndicatorSet,
    interner: Interner,
    /// Address indicators by the hash of address and port. Without it, a list of all ports of one
    /// address would take quadratic time.
    endpoints: HashTable<IndicatorId>,
}

impl SetBuilder {
    /// Adds a listing. If its pattern is there already, the two are merged: the highest confidence
    /// wins (of equal ones the first), and the result has the earliest first-seen time, the latest
    /// last-seen time, and all sources and references.
    pub fn add(&mut self, listing: &Listing<'_>) -> Result<(), TooMany> {
        if let Some(known) = self.find(&listing.pattern) {
            return Ok(self.set.store.merge(&mut self.interner, known.0, listing)?);
        }
        if self.set.store.len() >= MAX_INDICATORS {
            return Err(TooMany);
        }
        let id = IndicatorId(self.set.store.push(&mut self.interner, listing)?);
        match &listing.pattern {
            Pattern::Endpoint(address, port) => self.insert_address(*address, Some(*port), id),
            Pattern::Address(address) => self.insert_address(*address, None, id),
            Pattern::Network(network) => {
                self.set.networks.get_or_insert_default().insert(*network, id);
            }
            Pattern::Domain(name) => self.insert_domain(name, id),
        }
        Ok(())
    }

    /// Adds an indicator. One beyond the maximum is dropped.
    pub fn add_indicator(&mut self, indicator: &Indicator) {
        let tags: Vec<&str> = indicator.tags.iter().map(|tag| &**tag).collect();
        let _ = self.add(&Listing::of(indicator, &tags));
    }

    fn insert_address(&mut self, address: IpAddr, port: Option<u16>, id: IndicatorId) {
        let IndicatorSet { store, hasher, .. } = &self.set;
        let hash = hasher.hash_one((address, port));
        self.endpoints
            .insert_unique(hash, id, |other| hasher.hash_one(store.address(other.0).unwrap_or((address, port))));
    }

    fn insert_domain(&mut self, name: &str, id: IndicatorId) {
        let IndicatorSet { store, domains, hasher, fewest_labels, most_labels, .. } = &mut self.set;
        let labels = name.split('.').count();
        *fewest_labels = (*fewest_labels).min(labels);
        *most_labels = (*most_labels).max(labels);
        let hash = hasher.hash_one(name.as_bytes());
        domains.insert_unique(hash, id, |other| hasher.hash_one(store.domain(other.0)));
    }

    /// The indicator with exactly this pattern.
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
            Pattern::Domain(name) => self.set.find_exact_domain(name.as_bytes()),
        }
    }

    /// The number of indicators so far.
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Returns true if nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// Finishes the set: sizes its Bloom filters for its entries and frees spare memory.
    pub fn build(self) -> IndicatorSet {
        let mut set = self.set;
        set.store.shrink();
        set.domain_filter = BloomFilter::for_entries(set.domains.len());
        for id in &set.domains {
            let suffix = last_labels(set.store.domain(id.0), set.fewest_labels);
            set.domain_filter.insert_hash(hash_labels(suffix.split(|&byte| byte == b'.')));
        }
        // The table of addresses is filled only here: it has its final size from the start, and the
        // records are visited in their order, which saves most cache misses.
        let count = self.endpoints.len();
        drop(self.endpoints);
        set.address_filter = BloomFilter::for_entries(count);
        // Neither this nor the insertions rehash, so the hash of other entries is not asked for.
        set.addresses.reserve(count, |_| 0);
        for id in (0..set.store.len() as u32).map(IndicatorId) {
            if let Some((address, _)) = set.store.address(id.0) {
                set.address_filter.insert(address);
                set.addresses.insert_unique(set.hasher.hash_one(address), id, |_| 0);
            }
        }
        set
    }
}

impl IndicatorSet {
    /// Builds a set, merging duplicates as [`SetBuilder::add`] does. Indicators beyond the maximum
    /// are dropped.
    pub fn new(list: Vec<Indicator>) -> Self {
        let mut builder = SetBuilder::default();
        list.iter().for_each(|indicator| builder.add_indicator(indicator));
        builder.build()
    }
}
