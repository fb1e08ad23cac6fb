//! The part that both MISP formats share (<https://www.misp-project.org/datamodels/>): the types of
//! attributes.

use std::net::IpAddr;

use super::SkipReason;
use super::collector::{EntryCollector, FeedEntry, FormatError};

/// Adds an attribute, which has no, one or two indicators, depending on its type. `entry.value` is
/// the attribute's value.
pub(super) fn attribute(
    kind: &str,
    entry: &FeedEntry<'_>,
    collector: &mut EntryCollector<'_>,
) -> Result<(), FormatError> {
    match kind {
        "ip-dst" | "ip-src" | "domain" | "hostname" => collector.add(entry),
        "url" => collector.add(&FeedEntry { is_from_url: true, ..*entry }),
        "ip-dst|port" | "ip-src|port" => {
            let endpoint = entry.value.split_once('|').and_then(|(address, port)| {
                let address: IpAddr = address.trim().parse().ok()?;
                Some(match address {
                    IpAddr::V4(address) => format!("{address}:{}", port.trim()),
                    IpAddr::V6(address) => format!("[{address}]:{}", port.trim()),
                })
            });
            collector.add(&FeedEntry { value: endpoint.as_deref().unwrap_or(entry.value), ..*entry })
        }
        "hostname|port" => {
            let (name, _) = entry.value.split_once('|').unwrap_or((entry.value, ""));
            collector.add(&FeedEntry { value: name, ..*entry })
        }
        "domain|ip" => {
            let Some((name, address)) = entry.value.split_once('|') else { return collector.add(entry) };
            collector.add(&FeedEntry { value: name, ..*entry })?;
            collector.add(&FeedEntry { value: address, ..*entry })
        }
        _ => {
            collector.skip(SkipReason::OtherKind);
            Ok(())
        }
    }
}

/// The malware family in a tag such as `misp-galaxy:malpedia="NetSupportManager RAT"`.
pub(super) fn family(tag: &str) -> Option<&str> {
    const MALWARE_GALAXIES: [&str; 9] =
        ["malpedia", "rat", "tool", "malware", "mitre-malware", "mitre-tool", "botnet", "stealer", "backdoor"];
    let (galaxy, value) = tag.strip_prefix("misp-galaxy:")?.split_once('=')?;
    MALWARE_GALAXIES.contains(&galaxy).then(|| value.trim_matches('"'))
}
