//! The built-in indicators.

use std::sync::Arc;

use super::{Indicator, Pattern};
use crate::units::Timestamp;

/// The values with their confidence, as ThreatFox (abuse.ch) listed them on 2026-05-27.
const LISTED: [(&str, u8); 9] = [
    ("91.202.233.25:4888", 99),
    ("209.99.186.75:443", 99),
    ("5.252.177.201:443", 99),
    ("193.202.84.64:581", 99),
    ("194.180.191.223:443", 99),
    ("65.109.104.71:443", 99),
    ("94.23.185.83:9606", 75),
    ("feersona.net", 99),
    ("bryonsad.net", 99),
];

/// 2026-05-27T00:00:00Z in seconds since the epoch.
const FIRST_SEEN: i64 = 1_779_840_000;

/// The NetSupport Manager RAT C2 servers that ThreatFox listed on 2026-05-27.
pub fn builtin() -> Vec<Indicator> {
    let family: Arc<str> = "NetSupportManager RAT".into();
    let threat: Arc<str> = "botnet_cc".into();
    let source: Arc<str> = "ThreatFox".into();
    let reference: Arc<str> = "ThreatFox 2026-05-27".into();
    LISTED
        .iter()
        .map(|&(value, confidence)| Indicator {
            pattern: match value.parse::<std::net::SocketAddr>() {
                Ok(endpoint) => Pattern::Endpoint(endpoint.ip(), endpoint.port()),
                Err(_) => Pattern::Domain(value.to_owned()),
            },
            family: family.clone(),
            threat: threat.clone(),
            confidence,
            first_seen: Some(Timestamp::from_parts(FIRST_SEEN, 0)),
            last_seen: None,
            source: source.clone(),
            reference: reference.clone(),
            tags: Vec::new(),
            id: None,
            is_compromised: false,
            is_from_url: false,
        })
        .collect()
}
