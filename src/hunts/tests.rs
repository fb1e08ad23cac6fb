use proptest::prelude::*;

use super::catalog::{HUNTS, Requires};
use super::*;
use crate::indicator::{Indicator, IndicatorSet, Pattern, builtin};

fn set(patterns: impl IntoIterator<Item = Pattern>) -> IndicatorSet {
    let model = builtin().remove(0);
    IndicatorSet::new(patterns.into_iter().map(|pattern| Indicator { pattern, ..model.clone() }).collect())
}

fn endpoint(text: &str) -> Pattern {
    let endpoint: std::net::SocketAddr = text.parse().unwrap();
    Pattern::Endpoint(endpoint.ip(), endpoint.port())
}

fn address(text: &str) -> Pattern {
    Pattern::Address(text.parse().unwrap())
}

fn network(text: &str) -> Pattern {
    Pattern::Network(text.parse().unwrap())
}

fn domain(text: &str) -> Pattern {
    Pattern::Domain(text.to_owned())
}

fn query(set: &IndicatorSet, name: &str) -> String {
    let hunt = hunts(set).into_iter().find(|hunt| hunt.name() == name).unwrap();
    hunt.query().to_owned()
}

#[test]
fn the_builtin_indicators_stand_in_every_query_that_needs_them() {
    let set = IndicatorSet::new(builtin());
    let hunts = hunts(&set);
    assert_eq!(hunts.iter().map(Hunt::name).collect::<Vec<_>>(), names().collect::<Vec<_>>());
    for hunt in &hunts {
        assert!(!hunt.reads_watchlist());
        let query = hunt.query();
        let addresses = query.matches("91.202.233.25").count();
        let domains = query.matches("feersona.net").count();
        let expected = match hunt.definition.requires {
            // The address alone, and with its port.
            Requires::Addresses => (2, 0),
            Requires::Domains => (0, 1),
            Requires::Nothing => (0, 0),
        };
        assert_eq!((addresses, domains), expected, "{}", hunt.name());
    }
}

#[test]
fn hunts_that_would_look_for_nothing_are_left_out() {
    let named = |set| hunts(&set).iter().map(Hunt::name).collect::<Vec<_>>();
    let of_the_sensor = ["sensor-addresses", "sensor-names", "sensor-netsupport"];
    assert_eq!(named(set([])), of_the_sensor);
    assert_eq!(
        named(set([domain("example.org")])),
        ["dns-events", "sensor-addresses", "sensor-names", "sensor-netsupport", "asim-dns"]
    );
    assert!(named(set([network("203.0.113.0/24")])).contains(&"cef-addresses"));
}

#[test]
fn ipv6_is_canonical_and_compared_in_any_case() {
    let set = set([endpoint("[2001:DB8:0::7]:443"), address("2001:db8::A")]);
    let query = query(&set, "cef-addresses");
    assert!(query.contains(r#"let Addresses = dynamic(["2001:db8::7", "2001:db8::a"]);"#), "{query}");
    assert!(query.contains(r#"let Endpoints = dynamic(["[2001:db8::7]:443"]);"#), "{query}");
    assert!(query.contains("DestinationIP in~ (Addresses)"), "{query}");
}

#[test]
fn ranges_are_asked_for_by_function_and_only_where_there_are_any() {
    let both = query(&set([network("203.0.113.7/24"), network("2001:db8::/48")]), "asim-network");
    assert!(both.contains(r#"let Ranges4 = dynamic(["203.0.113.0/24"]);"#), "{both}");
    assert!(both.contains(r#"let Ranges6 = dynamic(["2001:db8::/48"]);"#), "{both}");
    assert!(both.contains("ipv4_is_in_any_range(DstIpAddr, Ranges4)"), "{both}");
    assert!(both.contains("ipv6_is_in_any_range(SrcIpAddr, Ranges6)"), "{both}");
    let none = query(&IndicatorSet::new(builtin()), "asim-network");
    assert!(!none.contains("Ranges") && !none.contains("in_any_range"), "{none}");
}

#[test]
fn as_many_labels_are_compared_as_listed_domains_have() {
    let query = query(&set([domain("a.example.org"), domain("example.net")]), "dns-events");
    assert!(query.contains(r#"case(Last3 in (Domains), Last3, Last2 in (Domains), Last2, "")"#), "{query}");
    assert!(!query.contains("Last1") && !query.contains("Last4"), "{query}");
}

#[test]
fn too_many_indicators_are_read_from_the_watchlist_and_none_is_missing_there() {
    let few_and_many = (0..1_000u32).map(|number| Pattern::Address((0x0b00_0000 + number).to_be_bytes().into()));
    let set = set(few_and_many.chain([domain("example.org"), endpoint("11.0.0.1:443"), network("12.0.0.0/8")]));
    for hunt in hunts(&set) {
        let needs_addresses = hunt.definition.requires == Requires::Addresses;
        assert_eq!(hunt.reads_watchlist(), needs_addresses, "{}", hunt.name());
        assert_eq!(hunt.query().contains(r#"_GetWatchlist("rattap")"#), needs_addresses, "{}", hunt.name());
        assert!(hunt.query().len() <= MAX_QUERY_LENGTH);
    }
    let csv = watchlist(&set);
    let rows: Vec<_> = csv.lines().collect();
    assert_eq!(rows.len(), 1 + 1_000 + 2, "a header, the addresses (one of them with its port), a domain, a range");
    assert_eq!(rows[0], "Indicator,Kind,Match");
    assert_eq!(rows[1], r#""11.0.0.1:443",ip:port,"11.0.0.1""#);
    assert!(rows.contains(&r#""12.0.0.0/8",cidr,"12.0.0.0/8""#));
    assert!(rows.contains(&r#""example.org",domain,"example.org""#));
}

#[test]
fn identifiers_are_guids_and_none_is_used_twice() {
    // Titles are in single quotes in YAML.
    assert!(HUNTS.iter().all(|definition| !definition.title.contains('\'')));
    let mut ids: Vec<_> = HUNTS.iter().map(|definition| definition.rule.id).collect();
    for id in &ids {
        let lengths: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert!(id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()));
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), HUNTS.len());
}

#[test]
fn every_column_that_a_rule_maps_is_in_what_its_query_gives() {
    for hunt in hunts(&IndicatorSet::new(builtin())) {
        let (_, rows) = hunt.query().rsplit_once("| summarize").unwrap();
        let (rows, _) = rows.split_once("\n|").unwrap();
        let columns: Vec<_> = rows.split([',', '\n', ' ']).collect();
        for column in hunt.definition.rule.columns() {
            assert!(columns.contains(&column), "{}: {column}", hunt.name());
        }
    }
}

fn any_pattern() -> impl Strategy<Value = Pattern> {
    prop_oneof![
        any::<(std::net::IpAddr, u16)>().prop_map(|(address, port)| Pattern::Endpoint(address, port)),
        any::<std::net::IpAddr>().prop_map(Pattern::Address),
        any::<std::net::Ipv4Addr>()
            .prop_map(|address| Pattern::Network(ipnet::Ipv4Net::new(address, 20).unwrap().into())),
        "\\PC{1,12}|[\"\\\\'\n\r\u{2028} |;)(]{1,8}".prop_map(Pattern::Domain),
    ]
}

proptest! {
    #[test]
    fn the_order_of_the_indicators_says_nothing(patterns in prop::collection::vec(any_pattern(), 0..20)) {
        let forward = set(patterns.clone());
        let backward = set(patterns.into_iter().rev());
        let all = |set: &IndicatorSet| hunts(set).iter().map(|hunt| hunt.kql() + &hunt.yaml()).collect::<String>();
        prop_assert_eq!(all(&forward), all(&backward));
        prop_assert_eq!(watchlist(&forward), watchlist(&backward));
    }

    #[test]
    fn indicator_text_starts_no_line_and_no_query(patterns in prop::collection::vec(any_pattern(), 1..20)) {
        let plain = set([endpoint("192.0.2.1:443"), address("192.0.2.2"), network("198.51.100.0/24"), domain("example.org")]);
        let lines = |set: &IndicatorSet| hunts(set).iter().map(|hunt| (hunt.name(), hunt.kql().lines().count())).collect::<Vec<_>>();
        let most = lines(&plain);
        for hunt in hunts(&set(patterns)) {
            let count = hunt.kql().lines().count();
            let (_, of_plain) = most.iter().find(|(name, _)| *name == hunt.name()).unwrap();
            // One more line for each further number of labels.
            let labels = hunt.query().matches("| extend Last").count().saturating_sub(1);
            prop_assert!(count <= of_plain + labels, "{}", hunt.query());
            prop_assert!(!hunt.query().contains("\n\n"));
        }
    }
}
