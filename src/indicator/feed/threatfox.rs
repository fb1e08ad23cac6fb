//! The part that the ThreatFox formats share (<https://threatfox.abuse.ch/api/>).

use serde::Deserialize;

use super::collector::{FamilyNames, FeedEntry};
use super::csv::{confidence, is_true, split_list};
use super::date;
use super::json::JsonText;

/// Kinds of indicators that are visible on a network.
const NETWORK_KINDS: [&str; 4] = ["ip:port", "domain", "url", "ip"];
/// Kinds that are not: hashes and mail addresses.
const OTHER_KINDS: [&str; 5] = ["md5_hash", "sha1_hash", "sha256_hash", "sha3_384_hash", "envelope_from"];

pub(super) fn is_of_network(kind: &str) -> bool {
    NETWORK_KINDS.contains(&kind)
}

pub(super) fn is_kind(kind: &str) -> bool {
    is_of_network(kind) || OTHER_KINDS.contains(&kind)
}

/// An entry of the two JSON formats, which use different names for some fields.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ioc {
    id: JsonText,
    #[serde(alias = "ioc_value")]
    ioc: JsonText,
    ioc_type: JsonText,
    threat_type: JsonText,
    malware: JsonText,
    malware_printable: JsonText,
    malware_alias: JsonText,
    confidence_level: JsonText,
    #[serde(alias = "first_seen_utc")]
    first_seen: JsonText,
    #[serde(alias = "last_seen_utc")]
    last_seen: JsonText,
    is_compromised: JsonText,
    reference: JsonText,
    tags: JsonText,
}

impl Ioc {
    pub(super) fn is_of_network(&self) -> bool {
        is_of_network(self.ioc_type.get())
    }

    pub(super) fn tags(&self) -> Vec<&str> {
        split_list(self.tags.get())
    }

    /// `id` is the identifier if the entry itself has none.
    pub(super) fn entry<'a>(&'a self, line: usize, id: &'a str, tags: &'a [&'a str]) -> FeedEntry<'a> {
        FeedEntry {
            line,
            value: self.ioc.get(),
            family: FamilyNames {
                key: self.malware.get(),
                name: self.malware_printable.get(),
                aliases: self.malware_alias.get(),
            },
            threat: self.threat_type.get(),
            confidence: confidence(self.confidence_level.get()),
            first_seen: date::read(self.first_seen.get()),
            last_seen: date::read(self.last_seen.get()),
            is_compromised: is_true(self.is_compromised.get()),
            is_from_url: self.ioc_type.get() == "url",
            reference: self.reference.get(),
            tags,
            id: if self.id.get().is_empty() { id } else { self.id.get() },
            ..FeedEntry::default()
        }
    }
}
