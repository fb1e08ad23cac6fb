//! What MISP's formats share (<https://www.misp-project.org/datamodels/>): the types of attributes.

use std::net::IpAddr;

use super::LeftOut;
use super::reader::{Broken, Entry, Reader};

/// Takes an attribute: none, one or two indicators, by its type. The entry's value is the attribute's.
pub(super) fn attribute(kind: &str, entry: &Entry<'_>, reader: &mut Reader<'_>) -> Result<(), Broken> {
    match kind {
        "ip-dst" | "ip-src" | "domain" | "hostname" => reader.entry(entry),
        "url" => reader.entry(&Entry { is_from_url: true, ..*entry }),
        "ip-dst|port" | "ip-src|port" => {
            let endpoint = entry.value.split_once('|').and_then(|(address, port)| {
                let address: IpAddr = address.trim().parse().ok()?;
                Some(match address {
                    IpAddr::V4(address) => format!("{address}:{}", port.trim()),
                    IpAddr::V6(address) => format!("[{address}]:{}", port.trim()),
                })
            });
            reader.entry(&Entry { value: endpoint.as_deref().unwrap_or(entry.value), ..*entry })
        }
        "hostname|port" => {
            let (name, _) = entry.value.split_once('|').unwrap_or((entry.value, ""));
            reader.entry(&Entry { value: name, ..*entry })
        }
        "domain|ip" => {
            let Some((name, address)) = entry.value.split_once('|') else { return reader.entry(entry) };
            reader.entry(&Entry { value: name, ..*entry })?;
            reader.entry(&Entry { value: address, ..*entry })
        }
        _ => {
            reader.leave_out(LeftOut::OtherKind);
            Ok(())
        }
    }
}

/// The value of a tag such as `misp-galaxy:malpedia="NetSupportManager RAT"`, where that names malware.
pub(super) fn family(tag: &str) -> Option<&str> {
    const OF_MALWARE: [&str; 9] =
        ["malpedia", "rat", "tool", "malware", "mitre-malware", "mitre-tool", "botnet", "stealer", "backdoor"];
    let (galaxy, value) = tag.strip_prefix("misp-galaxy:")?.split_once('=')?;
    OF_MALWARE.contains(&galaxy).then(|| value.trim_matches('"'))
}
