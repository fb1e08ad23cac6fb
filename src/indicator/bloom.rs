//! A blocked Bloom filter of addresses or names. It rules out most entries with one multiplication
//! and one load.

use std::net::IpAddr;

/// The smallest filter, in bits: 8 KiB, a quarter of a first-level cache. With a hundred entries
/// its false-positive rate is below 0.2 %.
const MIN_BITS: usize = 1 << 16;
/// The largest filter, in bits: 2 MiB, which fits into a second-level cache.
const MAX_BITS: usize = 1 << 24;
/// Bits for each entry. The false-positive rate is 1 %.
const BITS_PER_ENTRY: usize = 16;

/// Multipliers with well-mixed bits (from the golden ratio and from the SplitMix64 generator). They
/// spread adjacent addresses over the whole filter.
const FIRST_FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
const SECOND_FACTOR: u64 = 0xbf58_476d_1ce4_e5b9;

/// A set of addresses or names with false positives, but without false negatives.
#[derive(Debug, Clone)]
pub(crate) struct BloomFilter {
    words: Box<[u64]>,
    /// The right shift that reduces a hash to the number of its first bit: 40 to 48.
    shift: u32,
}

impl BloomFilter {
    /// An empty filter, sized for `count` entries.
    pub(crate) fn for_entries(count: usize) -> Self {
        let bits = count.saturating_mul(BITS_PER_ENTRY).clamp(MIN_BITS, MAX_BITS).next_power_of_two();
        Self { words: vec![0; bits / 64].into_boxed_slice(), shift: 64 - bits.trailing_zeros() }
    }

    pub(crate) fn insert(&mut self, address: IpAddr) {
        self.insert_hash(match address {
            IpAddr::V4(address) => hash_ipv4(address.to_bits()),
            IpAddr::V6(address) => hash_ipv6(address.to_bits()),
        });
    }

    /// Inserts an entry by its hash, whose upper bits must be well mixed.
    pub(crate) fn insert_hash(&mut self, hash: u64) {
        let (word, bits) = self.position(hash);
        if let Some(word) = self.words.get_mut(word) {
            *word |= bits;
        }
    }

    /// Returns false if no entry with this hash was inserted.
    #[inline]
    pub(crate) fn may_contain_hash(&self, hash: u64) -> bool {
        let (word, bits) = self.position(hash);
        self.words.get(word).is_some_and(|word| word & bits == bits)
    }

    /// The index of a word and a mask of three bits in it. All three are in one word, so that a
    /// test takes one load.
    #[inline]
    fn position(&self, hash: u64) -> (usize, u64) {
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
            let mut filter = BloomFilter::for_entries(addresses.len());
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
    fn false_positives_are_few_even_for_adjacent_addresses() {
        let mut filter = BloomFilter::for_entries(1000);
        for low in 0..1000 {
            filter.insert(IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 + low)));
        }
        let passed = (0..100_000).filter(|low| filter.may_contain_ipv4(0x0b00_0000 + low)).count();
        assert!(passed < 100_000 / 50, "{passed} of 100000 false positives");
    }

    #[test]
    fn the_size_is_bounded() {
        assert_eq!(BloomFilter::for_entries(usize::MAX).words.len() * 64, MAX_BITS);
        assert_eq!(BloomFilter::for_entries(0).words.len() * 64, MIN_BITS);
    }
}
