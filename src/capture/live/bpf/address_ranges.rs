//! The addresses whose packets the kernel has to keep, as ranges.

use std::net::IpAddr;

use ipnet::IpNet;

/// Ranges of IPv4 addresses, and of the first 32 bits of IPv6 addresses: sorted, and apart from
/// each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::capture::live) struct AddressRanges {
    pub(super) ipv4: Vec<Range>,
    pub(super) ipv6: Vec<Range>,
}

/// A range of 32-bit values: the first and the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Range {
    pub(super) first: u32,
    pub(super) last: u32,
}

/// The first 32 bits of the IPv6 addresses that may contain an IPv4 address: mapped, NAT64, 6to4
/// and Teredo. All of them are kept.
const EMBEDDING: [Range; 4] = [
    Range { first: 0, last: 0 },
    Range { first: 0x0064_ff9b, last: 0x0064_ff9b },
    Range { first: 0x2001_0000, last: 0x2001_0000 },
    Range { first: 0x2002_0000, last: 0x2002_ffff },
];

impl AddressRanges {
    /// The ranges of these networks. A single address is a network of its whole length.
    pub(in crate::capture::live) fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        let mut ranges = Self { ipv4: Vec::new(), ipv6: EMBEDDING.to_vec() };
        for network in networks {
            match (network.network(), network.broadcast()) {
                (IpAddr::V4(first), IpAddr::V4(last)) => {
                    ranges.ipv4.push(Range { first: first.to_bits(), last: last.to_bits() });
                }
                (IpAddr::V6(first), IpAddr::V6(last)) => {
                    let head = |address: std::net::Ipv6Addr| (address.to_bits() >> 96) as u32;
                    ranges.ipv6.push(Range { first: head(first), last: head(last) });
                }
                _ => {}
            }
        }
        ranges.ipv4 = joined(ranges.ipv4);
        ranges.ipv6 = joined(ranges.ipv6);
        ranges
    }

    /// The ranges with further addresses.
    pub(in crate::capture::live) fn with(&self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let more = Self::new(addresses.into_iter().map(IpNet::from));
        let join = |one: &[Range], other: &[Range]| joined([one, other].concat());
        Self { ipv4: join(&self.ipv4, &more.ipv4), ipv6: join(&self.ipv6, &more.ipv6) }
    }

    /// Wider ranges, of which there are fewer: each is a network with this prefix length.
    pub(super) fn widened(&self, prefix_length: u32) -> Self {
        let host_bits = u32::MAX.checked_shr(prefix_length).unwrap_or(0);
        let widen = |ranges: &[Range]| {
            joined(
                ranges
                    .iter()
                    .map(|range| Range { first: range.first & !host_bits, last: range.last | host_bits })
                    .collect(),
            )
        };
        Self { ipv4: widen(&self.ipv4), ipv6: widen(&self.ipv6) }
    }
}

/// Sorts ranges and joins those that touch.
fn joined(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_unstable();
    let mut joined: Vec<Range> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if u64::from(range.first) <= u64::from(last.last) + 1 => last.last = last.last.max(range.last),
            _ => joined.push(range),
        }
    }
    joined
}
