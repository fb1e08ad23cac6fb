use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use ipnet::IpNet;

use super::*;
use crate::indicator::{Embedding, Pattern, builtin};
use crate::units::Timestamp;

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
fn the_builtin_set_distinguishes_endpoints_from_addresses() {
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
fn duplicates_merge_to_the_most_confident_with_all_sources_and_both_ends_of_time() {
    let at = |seconds| Some(Timestamp::from_parts(seconds, 0));
    let name = || Pattern::Domain("a.example".to_owned());
    let of = |source: &str, confidence, first_seen, last_seen| Indicator {
        source: source.into(),
        reference: format!("{source} line 1").into(),
        family: format!("family of {source}").into(),
        first_seen,
        last_seen,
        id: Some(source.into()),
        ..indicator(name(), confidence)
    };
    let mut lists =
        vec![of("a", 50, at(5), at(7)), of("b", 90, at(9), None), of("c", 90, None, at(20)), of("a", 50, at(4), None)];
    lists[0].is_compromised = true;
    lists[1].is_from_url = true;
    let set = IndicatorSet::new(lists);
    let merged = set.iter().next().unwrap();
    assert_eq!((set.len(), merged.confidence, merged.first_seen, merged.last_seen), (1, 90, at(4), at(20)));
    assert_eq!((&*merged.source, &*merged.reference), ("b, a, c", "b line 1, a line 1, c line 1"));
    assert_eq!((&*merged.family, merged.id.as_deref()), ("family of b", Some("b")));
    assert!(merged.is_compromised && !merged.is_from_url);
}

#[test]
fn what_is_packed_is_unpacked() {
    let all = [
        "203.0.113.7:443",
        "[2001:db8::1]:443",
        "203.0.113.7",
        "2001:db8::1",
        "198.51.100.0/24",
        "2001:db8::/32",
        "a.example",
    ];
    let list: Vec<Indicator> = all
        .iter()
        .enumerate()
        .map(|(number, value)| Indicator {
            pattern: super::super::feed::pattern(value).unwrap(),
            family: format!("family {}", number / 2).into(),
            threat: "t".into(),
            confidence: number as u8,
            first_seen: (number % 2 == 0).then_some(Timestamp::from_parts(number as i64, 5)),
            last_seen: (number % 2 == 1).then_some(Timestamp::from_parts(number as i64, 7)),
            source: "s".into(),
            reference: format!("reference {}", number / 3).into(),
            tags: (0..number).map(|tag| format!("tag {tag}").into()).collect(),
            id: (number > 3).then(|| format!("id {number}").into()),
            is_compromised: number == 2,
            is_from_url: number == 3,
        })
        .collect();
    let set = IndicatorSet::new(list.clone());
    assert_eq!(set.iter().collect::<Vec<_>>(), list);
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

/// The expected result: compares the address with every indicator.
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
        Pattern::Network(network) if all.iter().any(|address| network.contains(address)) => Some(Closeness::Network),
        _ => None,
    };
    list.iter().filter_map(closeness).max()
}

proptest! {
    #[test]
    fn no_listed_name_is_ruled_out_before_it_is_looked_up(
        listed in prop::collection::vec("[a-z]{1,9}(\\.[a-z]{1,9}){0,3}", 1..6), sub in "([A-Za-z0-9]{1,12}\\.){0,3}", root in "\\.?",
    ) {
        let domain = |name: &String| indicator(Pattern::Domain(name.as_str().into()), 99);
        let set = IndicatorSet::new(listed.iter().map(domain).collect());
        for listed in &listed {
            let text = format!("{sub}{}{root}", listed.to_uppercase());
            prop_assert!(set.find_domain(&DomainName::parse(&text).unwrap()).is_some());
            prop_assert!(set.may_list_text(text.as_bytes()));
            let labels = || text.trim_end_matches('.').split('.').map(str::as_bytes);
            prop_assert!(set.may_list_labels(labels().count(), labels()));
        }
    }

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
