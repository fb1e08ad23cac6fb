//! Addresses that DNS answers gave for listed domains, as the scanners look for them.
//!
//! The tracker owns the truth (who gave the address, until when it counts) and publishes this copy, which never changes.
//! A scanner that finds an address here reports a mere candidate: the tracker decides by its own table as of that packet.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use foldhash::fast::RandomState;

use super::embedded::{embedded, may_embed};
use super::filter::Filter;

/// A published set of learned addresses.
#[derive(Debug, Default)]
pub struct Learned {
    /// Grows by one with each publication.
    generation: u64,
    addresses: Option<(Filter, HashSet<IpAddr, RandomState>)>,
}

impl Learned {
    /// A set as of a generation.
    pub fn new(generation: u64, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let addresses: HashSet<IpAddr, RandomState> = addresses.into_iter().collect();
        if addresses.is_empty() {
            return Self { generation, addresses: None };
        }
        let mut filter = Filter::for_entries(addresses.len());
        addresses.iter().for_each(|address| filter.insert(*address));
        Self { generation, addresses: Some((filter, addresses)) }
    }

    /// Which publication this is.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// True where nothing was learned.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.addresses.is_none()
    }

    /// Whether an address, or an IPv4 address inside it, was learned.
    #[inline]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.contains_ipv4(address.to_bits()),
            IpAddr::V6(address) => self.contains_ipv6(address.octets()),
        }
    }

    /// Whether an IPv4 address was learned.
    #[inline]
    fn contains_ipv4(&self, address: u32) -> bool {
        let Some((filter, addresses)) = &self.addresses else { return false };
        filter.may_contain_ipv4(address) && addresses.contains(&IpAddr::V4(Ipv4Addr::from_bits(address)))
    }

    /// Whether an IPv6 address, or an IPv4 address inside it, was learned.
    #[inline]
    fn contains_ipv6(&self, octets: [u8; 16]) -> bool {
        let Some((filter, addresses)) = &self.addresses else { return false };
        let bits = u128::from_be_bytes(octets);
        let address = Ipv6Addr::from_bits(bits);
        (filter.may_contain_ipv6(bits) && addresses.contains(&IpAddr::V6(address)))
            || (may_embed((bits >> 64) as u64)
                && embedded(address).iter().any(|inner| addresses.contains(&IpAddr::V4(inner.address))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contains_what_was_learned_and_what_embeds_it() {
        let learned = Learned::new(3, ["203.0.113.66".parse().unwrap(), "2001:db8::66".parse().unwrap()]);
        assert_eq!(learned.generation(), 3);
        assert!(learned.contains_ipv4(0xcb00_7142));
        assert!(!learned.contains_ipv4(0xcb00_7143));
        let octets = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
        assert!(learned.contains_ipv6(octets("2001:db8::66")));
        assert!(learned.contains_ipv6(octets("64:ff9b::203.0.113.66")));
        assert!(!learned.contains_ipv6(octets("2001:db8::67")));
        assert!(Learned::default().is_empty());
    }
}
