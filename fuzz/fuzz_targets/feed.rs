//! Lists of indicators: any text. The format is detected by content, so the seeds determine which
//! formats are tested.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rattap::domain_name::DomainName;
use rattap::indicator::{Closeness, IndicatorSet, Pattern, feed};

fuzz_target!(|text: &str| {
    let read = feed::parse(text, "list");
    for refusal in &read.refusals {
        assert!(!refusal.to_string().chars().any(char::is_control), "{refusal}");
    }
    for indicator in &read.indicators {
        let printed = indicator.pattern.to_string();
        assert!(!printed.chars().any(char::is_control), "{printed:?}");
        let again = feed::parse(&printed, "list");
        let patterns: Vec<_> = again.indicators.iter().map(|indicator| &indicator.pattern).collect();
        assert_eq!((patterns, again.refusals.len()), (vec![&indicator.pattern], 0), "{printed:?}");
    }
    // Every listed indicator is found, and the set returns it unchanged.
    let set = IndicatorSet::new(read.indicators);
    assert_eq!(
        IndicatorSet::new(set.iter().collect()).iter().map(|of| of.pattern).collect::<Vec<_>>(),
        set.iter().map(|of| of.pattern).collect::<Vec<_>>()
    );
    for indicator in set.iter() {
        match &indicator.pattern {
            Pattern::Endpoint(address, port) => {
                let found = set.find_address(*address, Some(*port)).expect("it is listed");
                assert!(set.may_list(*address) && found.closeness == Closeness::Endpoint);
            }
            Pattern::Address(address) => {
                let found = set.find_address(*address, None).expect("it is listed");
                assert!(set.may_list(*address) && found.closeness == Closeness::Address);
            }
            Pattern::Network(network) => {
                for address in [network.network(), network.broadcast()] {
                    let found = set.find_address(address, None).expect("it is listed");
                    assert!(set.may_list(address) && found.closeness >= Closeness::Network);
                }
            }
            Pattern::Domain(name) => {
                let name = DomainName::parse(name).expect("it was read");
                let found = set.find_domain(&name).and_then(|id| set.get(id)).expect("it is listed");
                assert_eq!(found.pattern, indicator.pattern);
            }
        }
    }
});
