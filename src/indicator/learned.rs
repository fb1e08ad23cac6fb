//! Addresses that DNS answers gave for listed domains, for the scanners to look up.
//!
//! The tracker owns the full table (the answer that gave an address, and its expiry) and publishes
//! this immutable copy. A scanner that finds an address here reports a candidate; the tracker
//! checks it against its own table at the time of the packet.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use foldhash::fast::RandomState;

use super::bloom::BloomFilter;
use super::embedded::{embedded, may_embed};

/// A published set of learned addresses.
#[derive(Debug, Default)]
pub struct LearnedAddresses {
    /// Incremented with each publication.
    generation: u64,
    addresses: Option<(BloomFilter, HashSet<IpAddr, RandomState>)>,
}

impl LearnedAddresses {
    /// A set with its generation number.
    pub fn new(generation: u64, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let addresses: HashSet<IpAddr, RandomState> = addresses.into_iter().collect();
        if addresses.is_empty() {
            return Self { generation, addresses: None };
        }
        let mut bloom = BloomFilter::for_entries(addresses.len());
        addresses.iter().for_each(|address| bloom.insert(*address));
        Self { generation, addresses: Some((bloom, addresses)) }
    }

    /// The generation number: the number of the publication.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// All addresses, in no order.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses.iter().flat_map(|(_, addresses)| addresses.iter().copied())
    }

    /// Returns true if there are no addresses.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.addresses.is_none()
    }

    /// Returns true if the address, or an IPv4 address inside it, was learned.
    #[inline]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.contains_ipv4(address.to_bits()),
            IpAddr::V6(address) => self.contains_ipv6(address.octets()),
        }
    }

    #[inline]
    fn contains_ipv4(&self, address: u32) -> bool {
        let Some((bloom, addresses)) = &self.addresses else { return false };
        bloom.may_contain_ipv4(address) && addresses.contains(&IpAddr::V4(Ipv4Addr::from_bits(address)))
    }

    #[inline]
    fn contains_ipv6(&self, octets: [u8; 16]) -> bool {
        let Some((bloom, addresses)) = &self.addresses else { return false };
        let bits = u128::from_be_bytes(octets);
        let address = Ipv6Addr::from_bits(bits);
        (bloom.may_contain_ipv6(bits) && addresses.contains(&IpAddr::V6(address)))
            || (may_embed((bits >> 64) as u64)
                && embedded(address).iter().any(|inner| addresses.contains(&IpAddr::V4(inner.address))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contains_what_was_learned_and_what_embeds_it() {
        let learned = LearnedAddresses::new(3, ["203.0.113.66".parse().unwrap(), "2001:db8::66".parse().unwrap()]);
        assert_eq!(learned.generation(), 3);
        assert!(learned.contains_ipv4(0xcb00_7142));
        assert!(!learned.contains_ipv4(0xcb00_7143));
        let octets = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
        assert!(learned.contains_ipv6(octets("2001:db8::66")));
        assert!(learned.contains_ipv6(octets("64:ff9b::203.0.113.66")));
        assert!(!learned.contains_ipv6(octets("2001:db8::67")));
        assert!(LearnedAddresses::default().is_empty());
    }
}
