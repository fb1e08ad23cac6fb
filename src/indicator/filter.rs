//! A bitmap of hashed addresses or names: "surely not" in one multiplication and one load.

use std::net::IpAddr;

/// The smallest filter, in bits: 8 KiB, a quarter of a first-level cache; under a hundred entries it passes fewer than
/// two strangers in a thousand.
const FEWEST_BITS: usize = 1 << 16;
/// The largest filter, in bits: 2 MiB, what a second-level cache may hold.
const MOST_BITS: usize = 1 << 24;
/// Bits for each entry: one stranger in a hundred passes.
const BITS_AN_ENTRY: usize = 16;

/// Multipliers with well-mixed bits (the golden ratio's, and one of the SplitMix64 generator's), so that neighbouring
/// addresses land far apart.
const FIRST_FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
const SECOND_FACTOR: u64 = 0xbf58_476d_1ce4_e5b9;

/// A set of addresses or names that may say yes wrongly, never no.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    words: Box<[u64]>,
    /// How far a hash is shifted to leave the number of its first bit; 40 to 48.
    shift: u32,
}

impl Filter {
    /// An empty filter, of a size that fits so many entries.
    pub(crate) fn for_entries(count: usize) -> Self {
        let bits = count.saturating_mul(BITS_AN_ENTRY).clamp(FEWEST_BITS, MOST_BITS).next_power_of_two();
        Self { words: vec![0; bits / 64].into_boxed_slice(), shift: 64 - bits.trailing_zeros() }
    }

    pub(crate) fn insert(&mut self, address: IpAddr) {
        self.insert_hash(match address {
            IpAddr::V4(address) => hash_ipv4(address.to_bits()),
            IpAddr::V6(address) => hash_ipv6(address.to_bits()),
        });
    }

    /// Inserts something by a hash whose upper bits are well mixed.
    pub(crate) fn insert_hash(&mut self, hash: u64) {
        let (word, bits) = self.place(hash);
        if let Some(word) = self.words.get_mut(word) {
            *word |= bits;
        }
    }

    /// Whether something with this hash may have been inserted.
    #[inline]
    pub(crate) fn may_contain_hash(&self, hash: u64) -> bool {
        let (word, bits) = self.place(hash);
        self.words.get(word).is_some_and(|word| word & bits == bits)
    }

    /// A word, and three bits of it: one load tells of them all.
    #[inline]
    fn place(&self, hash: u64) -> (usize, u64) {
        let bits = 1 << (hash >> self.shift & 63)
            | 1 << (hash >> (self.shift - 6) & 63)
            | 1 << (hash >> (self.shift - 12) & 63);
        ((hash >> self.shift >> 6) as usize, bits)
    }

    #[inline]
    pub(crate) fn may_contain_ipv4(&self, address: u32) -> bool {
        self.may_contain_hash(hash_ipv4(address))
    }

    #[inline]
    pub(crate) fn may_contain_ipv6(&self, address: u128) -> bool {
        self.may_contain_hash(hash_ipv6(address))
    }
}

#[inline]
fn hash_ipv4(address: u32) -> u64 {
    u64::from(address).wrapping_mul(FIRST_FACTOR)
}

#[inline]
fn hash_ipv6(address: u128) -> u64 {
    let (high, low) = ((address >> 64) as u64, address as u64);
    (high.wrapping_mul(SECOND_FACTOR) ^ (high >> 32) ^ low ^ (low >> 29)).wrapping_mul(FIRST_FACTOR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_inserted_passes(addresses in prop::collection::vec(any::<IpAddr>(), 1..200)) {
            let mut filter = Filter::for_entries(addresses.len());
            for address in &addresses {
                filter.insert(*address);
            }
            for address in addresses {
                let passes = match address {
                    IpAddr::V4(address) => filter.may_contain_ipv4(address.to_bits()),
                    IpAddr::V6(address) => filter.may_contain_ipv6(address.to_bits()),
                };
                prop_assert!(passes);
            }
        }
    }

    #[test]
    fn few_strangers_pass_even_among_neighbours() {
        let mut filter = Filter::for_entries(1000);
        for low in 0..1000 {
            filter.insert(IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 + low)));
        }
        let passed = (0..100_000).filter(|low| filter.may_contain_ipv4(0x0b00_0000 + low)).count();
        assert!(passed < 100_000 / 50, "{passed} of 100000 strangers passed");
    }

    #[test]
    fn the_size_is_bounded() {
        assert_eq!(Filter::for_entries(usize::MAX).words.len() * 64, MOST_BITS);
        assert_eq!(Filter::for_entries(0).words.len() * 64, FEWEST_BITS);
    }
}
