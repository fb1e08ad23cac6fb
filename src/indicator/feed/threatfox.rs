//! What ThreatFox's formats share (<https://threatfox.abuse.ch/api/>).

use serde::Deserialize;

use super::csv::{confidence, is_true, listed};
use super::date;
use super::json::Text;
use super::reader::{Entry, Family};

/// Kinds of indicators that a network shows.
const OF_NETWORK: [&str; 4] = ["ip:port", "domain", "url", "ip"];
/// Kinds that it does not: hashes, mail addresses.
const OTHERS: [&str; 5] = ["md5_hash", "sha1_hash", "sha256_hash", "sha3_384_hash", "envelope_from"];

pub(super) fn is_of_network(kind: &str) -> bool {
    OF_NETWORK.contains(&kind)
}

pub(super) fn is_kind(kind: &str) -> bool {
    is_of_network(kind) || OTHERS.contains(&kind)
}

/// An entry as both JSON formats write it, each under names of its own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ioc {
    id: Text,
    #[serde(alias = "ioc_value")]
    ioc: Text,
    ioc_type: Text,
    threat_type: Text,
    malware: Text,
    malware_printable: Text,
    malware_alias: Text,
    confidence_level: Text,
    #[serde(alias = "first_seen_utc")]
    first_seen: Text,
    #[serde(alias = "last_seen_utc")]
    last_seen: Text,
    is_compromised: Text,
    reference: Text,
    tags: Text,
}

impl Ioc {
    pub(super) fn is_of_network(&self) -> bool {
        is_of_network(self.ioc_type.get())
    }

    pub(super) fn tags(&self) -> Vec<&str> {
        listed(self.tags.get())
    }

    /// `id` is given where the entry itself does not hold it.
    pub(super) fn entry<'a>(&'a self, line: usize, id: &'a str, tags: &'a [&'a str]) -> Entry<'a> {
        Entry {
            line,
            value: self.ioc.get(),
            family: Family {
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
            ..Entry::default()
        }
    }
}
