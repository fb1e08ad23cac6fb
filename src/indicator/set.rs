//! The indicators in force, compiled so that a packet that touches none of them costs two loads.
//!
//! In front of the tables stands a [`Filter`]: a bitmap of hashed addresses. Nearly every address of nearly every packet
//! ends there. Only what passes it is looked up for real.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use arrayvec::ArrayVec;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;

use super::filter::Filter;
use super::{Indicator, Pattern};
use crate::domain_name::DomainName;

/// Networks shorter than this many bits are marked in the filter of leading halves bit by bit up to here.
const LEADING_BITS: u8 = 16;

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

/// How a listed IPv4 address lay in the IPv6 address that was looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Embedding {
    /// `::ffff:0:0/96` (RFC 4291 section 2.5.5.2).
    Mapped,
    /// `64:ff9b::/96` (RFC 6052).
    Nat64,
    /// `2002::/16` (RFC 3056).
    SixToFour,
    /// `2001::/32`, server or client (RFC 4380 section 4).
    Teredo,
}

impl Embedding {
    /// What it is called in a sentence.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mapped => "IPv4-mapped",
            Self::Nat64 => "NAT64",
            Self::SixToFour => "6to4",
            Self::Teredo => "Teredo",
        }
    }
}

/// An IPv4 address and how it lay in an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Embedded {
    /// The IPv4 address.
    pub address: Ipv4Addr,
    /// The form of the IPv6 address.
    pub form: Embedding,
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

/// The IPv4 addresses inside an IPv6 address: none but in four well-known ranges.
pub fn embedded(address: Ipv6Addr) -> ArrayVec<Embedded, 2> {
    let mut found = ArrayVec::new();
    let mut push = |address, form| found.push(Embedded { address, form });
    let octets = address.octets();
    let ipv4_at = |start: usize| {
        let [a, b, c, d] = [octets[start], octets[start + 1], octets[start + 2], octets[start + 3]];
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] => push(ipv4_at(12), Embedding::Mapped),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => push(ipv4_at(12), Embedding::Nat64),
        [0x2002, ..] => push(ipv4_at(2), Embedding::SixToFour),
        [0x2001, 0, ..] => {
            push(Ipv4Addr::from_bits(!ipv4_at(12).to_bits()), Embedding::Teredo);
            push(ipv4_at(4), Embedding::Teredo);
        }
        _ => {}
    }
    found
}

/// True where [`embedded`] finds anything: decided by the first eight bytes, for the scan.
#[inline]
pub(crate) fn may_embed(first_half: u64) -> bool {
    first_half == 0
        || first_half == 0x0064_ff9b_0000_0000
        || first_half >> 48 == 0x2002
        || first_half >> 32 == 0x2001_0000
}

/// The indicators in force.
#[derive(Debug)]
pub struct IndicatorSet {
    indicators: Vec<Arc<Indicator>>,
    /// Addresses of `addresses`, hashed.
    filter: Filter,
    /// Leading halves (IPv4) of `ipv4_networks`; leading 16 bits of `ipv6_networks`. `None` where there are no networks.
    networks: Option<Networks>,
    /// What is listed of an address: for each port, or without one.
    addresses: HashMap<IpAddr, Vec<Listed>, RandomState>,
    /// By the hash of the name.
    names: HashTable<IndicatorId>,
    /// How many labels the shortest and the longest of them have: no other part of a name need be looked up.
    name_labels: (usize, usize),
    name_hasher: RandomState,
}

#[derive(Debug, Clone, Copy)]
struct Listed {
    port: Option<u16>,
    indicator: IndicatorId,
}

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

impl IndicatorSet {
    /// Compiles a list. Of entries with the same pattern the one with the highest confidence stays (of equals the first),
    /// with the earliest first-seen of all.
    pub fn new(list: Vec<Indicator>) -> Self {
        let indicators = merged(list);
        let count = indicators.iter().filter(|indicator| !matches!(indicator.pattern, Pattern::Domain(_))).count();
        let mut set = Self {
            indicators: Vec::new(),
            filter: Filter::for_entries(count),
            networks: None,
            addresses: HashMap::default(),
            names: HashTable::new(),
            name_labels: (usize::MAX, 0),
            name_hasher: RandomState::default(),
        };
        for (number, indicator) in indicators.into_iter().enumerate() {
            set.insert(IndicatorId(number as u32), &indicator.pattern);
            set.indicators.push(Arc::new(indicator));
        }
        set
    }

    fn insert(&mut self, id: IndicatorId, pattern: &Pattern) {
        match pattern {
            Pattern::Endpoint(address, port) => self.insert_address(*address, Some(*port), id),
            Pattern::Address(address) => self.insert_address(*address, None, id),
            Pattern::Network(IpNet::V4(network)) => {
                let networks = self.networks.get_or_insert_default();
                let network = network.trunc();
                networks.ipv4_leading.insert((network.network().to_bits() >> 16) as u16, network.prefix_len());
                networks.ipv4.insert(network, id);
            }
            Pattern::Network(IpNet::V6(network)) => {
                let networks = self.networks.get_or_insert_default();
                let network = network.trunc();
                networks.ipv6_leading.insert(network.network().segments()[0], network.prefix_len());
                networks.ipv6.insert(network, id);
            }
            Pattern::Domain(name) => {
                let labels = name.split('.').count();
                let (fewest, most) = self.name_labels;
                self.name_labels = (fewest.min(labels), most.max(labels));
                let Self { names, name_hasher, indicators, .. } = self;
                let hash = name_hasher.hash_one(name.as_bytes());
                names.insert_unique(hash, id, |other| {
                    name_hasher.hash_one(domain_of(indicators, *other).unwrap_or(name.as_bytes()))
                });
            }
        }
    }

    fn insert_address(&mut self, address: IpAddr, port: Option<u16>, indicator: IndicatorId) {
        self.filter.insert(address);
        self.addresses.entry(address).or_default().push(Listed { port, indicator });
    }

    /// All indicators, in the order of the list.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Indicator>> {
        self.indicators.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.indicators.len()
    }

    /// True where nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.indicators.is_empty()
    }

    /// The indicator that a look-up in this set found.
    pub fn get(&self, id: IndicatorId) -> Option<&Arc<Indicator>> {
        self.indicators.get(id.0 as usize)
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
        let listed = self.addresses.get(&address).map(Vec::as_slice).unwrap_or_default();
        let by_address = listed.iter().map(|listed| {
            let closeness = match listed.port {
                None => Closeness::Address,
                Some(_) if listed.port == port => Closeness::Endpoint,
                Some(_) => Closeness::OtherPort,
            };
            AddressMatch { indicator: listed.indicator, closeness, embedded }
        });
        let network = self.networks.as_ref().and_then(|networks| match address {
            IpAddr::V4(address) => networks.ipv4.get_lpm(&Ipv4Net::from(address)).map(|(_, id)| *id),
            IpAddr::V6(address) => networks.ipv6.get_lpm(&Ipv6Net::from(address)).map(|(_, id)| *id),
        });
        let by_network = network.map(|indicator| AddressMatch { indicator, closeness: Closeness::Network, embedded });
        by_address.chain(by_network).reduce(|best, next| if self.is_stronger(&next, &best) { next } else { best })
    }

    /// Whether `next` says more than `best`; where both say the same, the earlier in the list stays.
    pub fn is_stronger(&self, next: &AddressMatch, best: &AddressMatch) -> bool {
        let confidence = |found: &AddressMatch| self.get(found.indicator).map_or(0, |indicator| indicator.confidence);
        (next.closeness, confidence(next)) > (best.closeness, confidence(best))
    }

    /// The most specific listed domain that is the name or stands above it.
    #[inline]
    pub fn find_domain(&self, name: &DomainName) -> Option<IndicatorId> {
        let (fewest, most) = self.name_labels;
        let mut found = None;
        for domain in name.domains().take(most).skip(fewest.saturating_sub(1)) {
            let hash = self.name_hasher.hash_one(domain);
            if let Some(id) = self.names.find(hash, |id| domain_of(&self.indicators, *id) == Some(domain)) {
                found = Some(*id);
            }
        }
        found
    }
}

fn domain_of(indicators: &[Arc<Indicator>], id: IndicatorId) -> Option<&[u8]> {
    match &indicators.get(id.0 as usize)?.pattern {
        Pattern::Domain(name) => Some(name.as_bytes()),
        _ => None,
    }
}

fn merged(list: Vec<Indicator>) -> Vec<Indicator> {
    let mut places: HashMap<Pattern, usize, RandomState> = HashMap::default();
    let mut kept: Vec<Indicator> = Vec::with_capacity(list.len());
    for mut indicator in list {
        match places.get(&indicator.pattern) {
            None => {
                places.insert(indicator.pattern.clone(), kept.len());
                kept.push(indicator);
            }
            Some(&place) => {
                let first_seen = [kept[place].first_seen, indicator.first_seen].into_iter().flatten().min();
                if indicator.confidence > kept[place].confidence {
                    std::mem::swap(&mut kept[place], &mut indicator);
                }
                kept[place].first_seen = first_seen;
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::indicator::builtin;
    use proptest::prelude::*;

    fn indicator(pattern: Pattern, confidence: u8) -> Indicator {
        Indicator { pattern, confidence, ..builtin().remove(0) }
    }

    fn found(set: &IndicatorSet, address: &str, port: Option<u16>) -> Option<(String, Closeness, Option<Embedding>)> {
        let found = set.find_address(address.parse().unwrap(), port)?;
        Some((set.get(found.indicator)?.pattern.to_string(), found.closeness, found.embedded.map(|inner| inner.form)))
    }

    fn domain(set: &IndicatorSet, name: &str) -> Option<String> {
        set.find_domain(&DomainName::parse(name).unwrap()).map(|id| set.get(id).unwrap().pattern.to_string())
    }

    #[test]
    fn the_builtin_set_tells_endpoint_from_address() {
        let set = IndicatorSet::new(builtin());
        assert_eq!(set.len(), 9);
        let listed = || "91.202.233.25:4888".to_owned();
        assert_eq!(found(&set, "91.202.233.25", Some(4888)), Some((listed(), Closeness::Endpoint, None)));
        assert_eq!(found(&set, "91.202.233.25", Some(80)), Some((listed(), Closeness::OtherPort, None)));
        assert_eq!(found(&set, "91.202.233.25", None), Some((listed(), Closeness::OtherPort, None)));
        assert_eq!(found(&set, "91.202.233.26", Some(4888)), None);
    }

    #[test]
    fn ipv4_inside_ipv6_is_found_and_named() {
        let set = IndicatorSet::new(builtin());
        for (address, how) in [
            ("::ffff:91.202.233.25", Embedding::Mapped),
            ("64:ff9b::91.202.233.25", Embedding::Nat64),
            ("2002:5bca:e919::1", Embedding::SixToFour),
            ("2001:0:5bca:e919::1", Embedding::Teredo),
            ("2001:0:102:304::a435:16e6", Embedding::Teredo),
        ] {
            let (_, closeness, embedding) = found(&set, address, Some(4888)).expect(address);
            assert_eq!((closeness, embedding), (Closeness::Endpoint, Some(how)), "{address}");
            let IpAddr::V6(ipv6) = address.parse().unwrap() else { panic!("{address} is IPv6") };
            assert!(set.may_list_ipv6(ipv6.octets()), "{address}");
        }
        assert_eq!(found(&set, "64:ff9b:1::91.202.233.25", Some(4888)), None);
    }

    #[test]
    fn the_strongest_statement_wins() {
        let set = IndicatorSet::new(vec![
            indicator(Pattern::Network("198.51.100.0/24".parse().unwrap()), 99),
            indicator(Pattern::Endpoint("198.51.100.7".parse().unwrap(), 81), 50),
            indicator(Pattern::Endpoint("198.51.100.7".parse().unwrap(), 82), 75),
            indicator(Pattern::Address("198.51.100.8".parse().unwrap()), 10),
        ]);
        assert_eq!(found(&set, "198.51.100.7", Some(81)).unwrap().1, Closeness::Endpoint);
        assert_eq!(found(&set, "198.51.100.7", Some(83)).unwrap().1, Closeness::Network);
        assert_eq!(found(&set, "198.51.100.8", Some(83)).unwrap().1, Closeness::Address);
        assert_eq!(found(&set, "198.51.100.9", None).unwrap().1, Closeness::Network);
        assert_eq!(found(&set, "198.51.101.9", None), None);
    }

    #[test]
    fn of_several_listed_ports_the_most_confident_names_the_address() {
        let address: IpAddr = "198.51.100.7".parse().unwrap();
        let set = IndicatorSet::new(vec![
            indicator(Pattern::Endpoint(address, 81), 50),
            indicator(Pattern::Endpoint(address, 82), 75),
            indicator(Pattern::Endpoint(address, 83), 75),
        ]);
        assert_eq!(found(&set, "198.51.100.7", Some(9)).unwrap().0, "198.51.100.7:82");
    }

    #[test]
    fn domains_match_at_label_boundaries_and_the_most_specific_is_named() {
        let mut list = builtin();
        list.push(indicator(Pattern::Domain("gw.feersona.net".to_owned()), 99));
        let set = IndicatorSet::new(list);
        assert_eq!(domain(&set, "feersona.net").as_deref(), Some("feersona.net"));
        assert_eq!(domain(&set, "A.FeerSona.net.").as_deref(), Some("feersona.net"));
        assert_eq!(domain(&set, "x.gw.feersona.net").as_deref(), Some("gw.feersona.net"));
        for miss in ["xfeersona.net", "feersona.net.example.org", "feersona.ne", "net", "feersona"] {
            assert_eq!(domain(&set, miss), None, "{miss}");
        }
        let mut dotted = DomainName::new();
        dotted.push_label(b"x.feersona").unwrap();
        dotted.push_label(b"net").unwrap();
        assert_eq!(set.find_domain(&dotted), None);
    }

    #[test]
    fn duplicates_merge_to_the_most_confident_and_the_earliest() {
        let name = || Pattern::Domain("a.example".to_owned());
        let mut late = indicator(name(), 90);
        late.first_seen = Some(crate::units::Timestamp::from_parts(2_000_000_000, 0));
        let early = indicator(name(), 50);
        let set = IndicatorSet::new(vec![early.clone(), late]);
        let kept = set.iter().next().unwrap();
        assert_eq!((set.len(), kept.confidence, kept.first_seen), (1, 90, early.first_seen));
    }

    fn address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            (0u32..300).prop_map(|low| IpAddr::V4(Ipv4Addr::from_bits(0xc633_6400 + low))),
            (0u128..300).prop_map(|low| IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) + low))),
            (0u128..300).prop_map(|low| IpAddr::V6(Ipv6Addr::from_bits((0x0064_ff9b << 96) + 0xc633_6400 + low))),
        ]
    }

    fn pattern() -> impl Strategy<Value = Pattern> {
        prop_oneof![
            (address(), 80u16..84).prop_map(|(address, port)| Pattern::Endpoint(address, port)),
            address().prop_map(Pattern::Address),
            (address(), 8u8..=32).prop_map(|(address, length)| Pattern::Network(IpNet::new(address, length).unwrap())),
        ]
    }

    /// What the set must say, by trying every indicator.
    fn naive(list: &[Pattern], address: IpAddr, port: u16) -> Option<Closeness> {
        let mut all = vec![address];
        if let IpAddr::V6(ipv6) = address {
            all.extend(embedded(ipv6).into_iter().map(|inner| IpAddr::V4(inner.address)));
        }
        let closeness = |pattern: &Pattern| match pattern {
            Pattern::Endpoint(listed, listed_port) if all.contains(listed) => {
                Some(if *listed_port == port { Closeness::Endpoint } else { Closeness::OtherPort })
            }
            Pattern::Address(listed) if all.contains(listed) => Some(Closeness::Address),
            Pattern::Network(network) if all.iter().any(|address| network.contains(address)) => {
                Some(Closeness::Network)
            }
            _ => None,
        };
        list.iter().filter_map(closeness).max()
    }

    proptest! {
        #[test]
        fn the_compiled_set_agrees_with_trying_every_indicator(
            list in prop::collection::vec(pattern(), 0..20), address in address(), port in 80u16..84,
        ) {
            let set = IndicatorSet::new(list.iter().cloned().map(|pattern| indicator(pattern, 99)).collect());
            let compiled = set.find_address(address, Some(port)).map(|found| found.closeness);
            prop_assert_eq!(compiled, naive(&list, address, port));
            let may = match address {
                IpAddr::V4(address) => set.may_list_ipv4(address.to_bits()),
                IpAddr::V6(address) => set.may_list_ipv6(address.octets()),
            };
            prop_assert!(may || compiled.is_none());
        }
    }
}
