//! Listed networks: prefix trees, with a bitmap in front of each that rules out most addresses with
//! one load.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;

use super::IndicatorId;

/// The number of leading bits of an address that the bitmaps distinguish. A network with a shorter
/// prefix sets a run of bits.
const BITMAP_PREFIX: u8 = 16;

/// The networks of a set, by address family.
#[derive(Debug, Default)]
pub(super) struct Networks {
    ipv4: PrefixMap<Ipv4Net, IndicatorId>,
    ipv6: PrefixMap<Ipv6Net, IndicatorId>,
    ipv4_prefixes: PrefixBitmap,
    ipv6_prefixes: PrefixBitmap,
}

impl Networks {
    pub(super) fn insert(&mut self, network: IpNet, id: IndicatorId) {
        match network.trunc() {
            IpNet::V4(network) => {
                self.ipv4_prefixes.insert((network.network().to_bits() >> 16) as u16, network.prefix_len());
                self.ipv4.insert(network, id);
            }
            IpNet::V6(network) => {
                self.ipv6_prefixes.insert(network.network().segments()[0], network.prefix_len());
                self.ipv6.insert(network, id);
            }
        }
    }

    /// The indicator of exactly this network.
    pub(super) fn get(&self, network: IpNet) -> Option<IndicatorId> {
        match network.trunc() {
            IpNet::V4(network) => self.ipv4.get(&network).copied(),
            IpNet::V6(network) => self.ipv6.get(&network).copied(),
        }
    }

    /// The indicator of the smallest network that contains the address (longest prefix match).
    pub(super) fn find(&self, address: IpAddr) -> Option<IndicatorId> {
        match address {
            IpAddr::V4(address) => self.ipv4.get_lpm(&Ipv4Net::from(address)).map(|(_, id)| *id),
            IpAddr::V6(address) => self.ipv6.get_lpm(&Ipv6Net::from(address)).map(|(_, id)| *id),
        }
    }

    /// False if no network contains the IPv4 address.
    #[inline]
    pub(super) fn may_contain_ipv4(&self, address: u32) -> bool {
        self.ipv4_prefixes.contains((address >> 16) as u16)
    }

    /// False if no network contains the IPv6 address.
    #[inline]
    pub(super) fn may_contain_ipv6(&self, address: u128) -> bool {
        self.ipv6_prefixes.contains((address >> 112) as u16)
    }
}

/// One bit for each value of the first 16 bits of an address.
#[derive(Debug)]
struct PrefixBitmap(Box<[u64; 1 << 10]>);

impl Default for PrefixBitmap {
    fn default() -> Self {
        Self(Box::new([0; 1 << 10]))
    }
}

impl PrefixBitmap {
    fn insert(&mut self, prefix: u16, prefix_length: u8) {
        let span = 1u32 << BITMAP_PREFIX.saturating_sub(prefix_length);
        for value in u32::from(prefix)..(u32::from(prefix) + span).min(1 << BITMAP_PREFIX) {
            self.0[value as usize >> 6] |= 1 << (value & 63);
        }
    }

    #[inline]
    fn contains(&self, prefix: u16) -> bool {
        self.0[usize::from(prefix) >> 6] >> (prefix & 63) & 1 == 1
    }
}
