//! Patterns that are too broad to be indicators, because a large part of all traffic would match
//! them. A mistake in a feed must not flood a SOC.
//!
//! Documentation addresses (RFC 5737, RFC 3849) are accepted: they only occur in exercises and
//! samples, which list them on purpose.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::Pattern;

/// The shortest IPv4 prefix that is accepted. Shorter ones, of more than 65,536 addresses, cover a
/// whole provider.
const MIN_PREFIX_IPV4: u8 = 16;
/// The shortest IPv6 prefix that is accepted: registries allocate a /32 to a whole provider.
const MIN_PREFIX_IPV6: u8 = 32;

/// A label that nobody registers. It shows whether a public suffix comes from a wildcard rule.
const UNREGISTERED_LABEL: &str = "rattap--probe";

/// The reason why a pattern is too broad to be an indicator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooBroad {
    /// An address in a special-purpose range, or a network that overlaps one.
    Special {
        /// The purpose of the range.
        purpose: &'static str,
        /// The special-purpose range.
        range: IpNet,
    },
    /// A public DNS resolver, or a network that contains one.
    Resolver {
        /// The operator of the resolver.
        owner: &'static str,
        /// The address of the resolver.
        address: IpAddr,
    },
    /// A network of very many addresses.
    ShortPrefix {
        /// The shortest prefix that is accepted.
        shortest: u8,
    },
    /// A public suffix, below which anybody can register names.
    PublicSuffix,
    /// The host of a listed URL, on a service where anybody can publish content.
    SharedHost {
        /// The service.
        service: &'static str,
    },
}

impl fmt::Display for TooBroad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Special { purpose, range } => write!(f, "too broad: in {range}, {purpose}")?,
            Self::Resolver { owner, address } => write!(f, "too broad: {address} is a public resolver of {owner}")?,
            Self::ShortPrefix { shortest } => write!(f, "too broad: a prefix shorter than /{shortest}")?,
            Self::SharedHost { service } => {
                write!(f, "too broad: a URL on {service}, where anybody can publish content")?;
            }
            Self::PublicSuffix => f.write_str("too broad: a public suffix, below which anybody can register names")?,
        }
        f.write_str(" (--allow-broad accepts it)")
    }
}

const fn ipv4(a: u8, b: u8, c: u8, d: u8, length: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length))
}

const fn ipv6(first: u16, second: u16, length: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0), length))
}

/// The IANA registries of special-purpose and multicast addresses, except the ranges for
/// documentation.
const SPECIAL: [(IpNet, &str); 18] = [
    (ipv4(0, 0, 0, 0, 8), "\"this network\" (RFC 791)"),
    (ipv4(10, 0, 0, 0, 8), "private (RFC 1918)"),
    (ipv4(100, 64, 0, 0, 10), "shared by carrier-grade NATs (RFC 6598)"),
    (ipv4(127, 0, 0, 0, 8), "loopback (RFC 1122)"),
    (ipv4(169, 254, 0, 0, 16), "link-local (RFC 3927)"),
    (ipv4(172, 16, 0, 0, 12), "private (RFC 1918)"),
    (ipv4(192, 0, 0, 0, 24), "for protocol assignments (RFC 6890)"),
    (ipv4(192, 168, 0, 0, 16), "private (RFC 1918)"),
    (ipv4(198, 18, 0, 0, 15), "for benchmarks (RFC 2544)"),
    (ipv4(224, 0, 0, 0, 4), "multicast (RFC 5771)"),
    (ipv4(240, 0, 0, 0, 4), "reserved (RFC 1112) or broadcast"),
    (ipv6(0, 0, 96), "unspecified, loopback or IPv4-compatible (RFC 4291)"),
    (ipv6(0x64, 0xff9b, 47), "translated or local-use translated IPv4 (RFC 6052, RFC 8215)"),
    (ipv6(0x100, 0, 64), "discard-only (RFC 6666)"),
    (ipv6(0xfc00, 0, 7), "unique local (RFC 4193)"),
    (ipv6(0xfe80, 0, 10), "link-local (RFC 4291)"),
    (ipv6(0xfec0, 0, 10), "site-local (RFC 3879)"),
    (ipv6(0xff00, 0, 8), "multicast (RFC 4291)"),
];

/// Public resolvers, as their operators publish them, IPv4 before IPv6.
const RESOLVERS: [(&str, &[&str]); 12] = [
    // https://developers.google.com/speed/public-dns/docs/using
    ("Google", &["8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844"]),
    // https://developers.cloudflare.com/1.1.1.1/ip-addresses/
    (
        "Cloudflare",
        &[
            "1.1.1.1",
            "1.0.0.1",
            "1.1.1.2",
            "1.0.0.2",
            "1.1.1.3",
            "1.0.0.3",
            "2606:4700:4700::1111",
            "2606:4700:4700::1001",
            "2606:4700:4700::1112",
            "2606:4700:4700::1002",
            "2606:4700:4700::1113",
            "2606:4700:4700::1003",
        ],
    ),
    // https://quad9.net/service/service-addresses-and-features/
    (
        "Quad9",
        &[
            "9.9.9.9",
            "149.112.112.112",
            "9.9.9.10",
            "149.112.112.10",
            "9.9.9.11",
            "149.112.112.11",
            "9.9.9.12",
            "149.112.112.12",
            "2620:fe::fe",
            "2620:fe::9",
            "2620:fe::10",
            "2620:fe::fe:10",
            "2620:fe::11",
            "2620:fe::fe:11",
        ],
    ),
    // https://www.opendns.com/setupguide/
    (
        "OpenDNS",
        &[
            "208.67.222.222",
            "208.67.220.220",
            "208.67.222.123",
            "208.67.220.123",
            "2620:119:35::35",
            "2620:119:53::53",
            "2620:119:35::123",
            "2620:119:53::123",
        ],
    ),
    // https://adguard-dns.io/en/public-dns.html
    (
        "AdGuard",
        &[
            "94.140.14.14",
            "94.140.15.15",
            "94.140.14.140",
            "94.140.14.141",
            "94.140.14.15",
            "94.140.15.16",
            "2a10:50c0::ad1:ff",
            "2a10:50c0::ad2:ff",
        ],
    ),
    // https://cleanbrowsing.org/filters/
    (
        "CleanBrowsing",
        &["185.228.168.9", "185.228.169.9", "185.228.168.10", "185.228.169.11", "185.228.168.168", "185.228.169.168"],
    ),
    // Known by use; the owner publishes no page.
    ("Level 3", &["4.2.2.1", "4.2.2.2", "4.2.2.3", "4.2.2.4", "4.2.2.5", "4.2.2.6"]),
    // https://dns.yandex.com/
    ("Yandex", &["77.88.8.8", "77.88.8.1", "77.88.8.88", "77.88.8.2", "77.88.8.7", "77.88.8.3"]),
    // https://www.alidns.com/
    ("Alibaba", &["223.5.5.5", "223.6.6.6", "2400:3200::1", "2400:3200:baba::1"]),
    // https://www.114dns.com/
    ("114DNS", &["114.114.114.114", "114.114.115.115"]),
    // https://www.dnspod.com/
    ("DNSPod", &["119.29.29.29"]),
    // https://dns.he.net/
    ("Hurricane Electric", &["74.82.42.42", "2001:470:20::2"]),
];

/// Services on which anybody can publish content, and where malware was seen to store payloads and
/// server addresses. A list names one page there; all visitors contact the host.
const SHARED_HOSTS: [&str; 40] = [
    "4sync.com",
    "amazonaws.com",
    "archive.org",
    "bit.ly",
    "bitbucket.org",
    "box.com",
    "catbox.moe",
    "codeberg.org",
    "discord.com",
    "discordapp.com",
    "discordapp.net",
    "dropbox.com",
    "dropboxusercontent.com",
    "ethereum.org",
    "facebook.com",
    "firebasestorage.googleapis.com",
    "github.com",
    "githubusercontent.com",
    "gitlab.com",
    "gofile.io",
    "google.com",
    "googleusercontent.com",
    "imgur.com",
    "instagram.com",
    "live.com",
    "mediafire.com",
    "mega.nz",
    "microsoft.com",
    "pastebin.com",
    "pinterest.com",
    "sharepoint.com",
    "sourceforge.net",
    "steamcommunity.com",
    "storage.googleapis.com",
    "t.me",
    "telegram.org",
    "telegra.ph",
    "tinyurl.com",
    "transfer.sh",
    "youtube.com",
];

/// Returns the reason why a pattern is too broad, or `None` if it is not. `is_from_url` is true for
/// the host of a listed URL.
pub fn too_broad(pattern: &Pattern, is_from_url: bool) -> Option<TooBroad> {
    match pattern {
        Pattern::Endpoint(address, _) | Pattern::Address(address) => check_network(IpNet::from(*address)),
        Pattern::Network(network) => check_network(*network),
        Pattern::Domain(name) if is_public_suffix(name) => Some(TooBroad::PublicSuffix),
        Pattern::Domain(name) if is_from_url => {
            let is_on = |service: &&str| {
                name.strip_suffix(*service).is_some_and(|below| below.is_empty() || below.ends_with('.'))
            };
            SHARED_HOSTS.into_iter().find(is_on).map(|service| TooBroad::SharedHost { service })
        }
        Pattern::Domain(_) => None,
    }
}

fn check_network(network: IpNet) -> Option<TooBroad> {
    let meets = |range: &IpNet| range.contains(&network) || network.contains(range);
    if let Some((range, purpose)) = SPECIAL.iter().find(|(range, _)| meets(range)) {
        return Some(TooBroad::Special { purpose, range: *range });
    }
    let shortest = if network.addr().is_ipv4() { MIN_PREFIX_IPV4 } else { MIN_PREFIX_IPV6 };
    if network.prefix_len() < shortest {
        return Some(TooBroad::ShortPrefix { shortest });
    }
    let resolver = |&(address, owner): &(IpAddr, &'static str)| TooBroad::Resolver { owner, address };
    if network.prefix_len() == network.max_prefix_len() {
        let index = RESOLVERS_SORTED.binary_search_by_key(&network.addr(), |&(address, _)| address).ok()?;
        return RESOLVERS_SORTED.get(index).map(resolver);
    }
    RESOLVERS_SORTED.iter().find(|(address, _)| network.contains(address)).map(resolver)
}

/// [`RESOLVERS`] sorted by address.
static RESOLVERS_SORTED: LazyLock<Vec<(IpAddr, &'static str)>> = LazyLock::new(|| {
    let owned = |(owner, list): &(&'static str, &'static [&'static str])| {
        let owner = *owner;
        list.iter().filter_map(move |text| Some((text.parse().ok()?, owner)))
    };
    let mut sorted: Vec<_> = RESOLVERS.iter().flat_map(owned).collect();
    sorted.sort();
    sorted
});

/// Returns true if a name is a top-level domain, or another suffix of the Public Suffix List.
///
/// Some private suffixes give each customer a host directly below them (`*.elb.amazonaws.com`).
/// Such a host belongs to one customer and is accepted, so only the wildcard rules of registries
/// count.
fn is_public_suffix(name: &str) -> bool {
    let Some(suffix) = psl::suffix(name.as_bytes()).filter(|suffix| suffix.is_known()) else { return false };
    if suffix.as_bytes() != name.as_bytes() {
        return false;
    }
    let by_wildcard = || {
        let Some((_, parent)) = name.split_once('.') else { return false };
        let sibling = format!("{UNREGISTERED_LABEL}.{parent}");
        psl::suffix(sibling.as_bytes()).is_some_and(|suffix| suffix.as_bytes() == sibling.as_bytes())
    };
    suffix.typ() == Some(psl::Type::Icann) || !by_wildcard()
}

/// Returns true if a name is a known top-level domain.
pub(super) fn is_top_level_domain(name: &str) -> bool {
    !name.contains('.') && is_public_suffix(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(value: &str) -> String {
        let pattern = super::super::feed::pattern(value).unwrap();
        too_broad(&pattern, false).map(|broad| broad.to_string()).unwrap_or_default()
    }

    #[test]
    fn every_resolver_is_an_address_once() {
        let all: usize = RESOLVERS.iter().map(|(_, list)| list.len()).sum();
        assert_eq!(RESOLVERS_SORTED.len(), all);
        assert!(RESOLVERS_SORTED.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn each_broad_pattern_has_its_reason() {
        for (value, reason) in [
            ("10.1.2.3:443", "private (RFC 1918)"),
            ("100.64.0.1", "shared by carrier"),
            ("127.0.0.1", "loopback"),
            ("169.254.1.1", "link-local"),
            ("192.168.0.0/24", "private"),
            ("198.18.5.5", "benchmarks"),
            ("224.0.0.251", "multicast"),
            ("255.255.255.255", "broadcast"),
            ("0.0.0.0/0", "this network"),
            ("::1", "loopback"),
            ("::ffff:10.0.0.1", "private (RFC 1918)"),
            ("64:ff9b::0a00:1", "translated"),
            ("64:ff9b:1::1", "translated"),
            ("fe80::1", "link-local"),
            ("fd00::/8", "unique local"),
            ("[ff02::fb]:5353", "multicast"),
            ("8.8.8.8", "8.8.8.8 is a public resolver of Google"),
            ("[2606:4700:4700::1111]:443", "resolver of Cloudflare"),
            ("9.9.9.0/24", "resolver of Quad9"),
            ("93.0.0.0/15", "shorter than /16"),
            ("2a00::/31", "shorter than /32"),
            ("com", "public suffix"),
            ("co.uk", "public suffix"),
            ("github.io", "public suffix"),
            ("duckdns.org", "public suffix"),
            ("any.ck", "public suffix"),
        ] {
            let message = why(value);
            assert!(message.contains(reason) && message.contains("--allow-broad"), "{value}: {message:?}");
        }
    }

    #[test]
    fn a_url_on_a_shared_host_does_not_list_the_host() {
        let why = |name: &str, is_from_url| too_broad(&Pattern::Domain(name.to_owned()), is_from_url);
        let service = "github.com";
        assert_eq!(why("github.com", true), Some(TooBroad::SharedHost { service }));
        assert_eq!(why("gist.github.com", true), Some(TooBroad::SharedHost { service }));
        assert_eq!(why("notgithub.com", true), None);
        // A list that names the host itself means it.
        assert_eq!(why("gist.github.com", false), None);
    }

    #[test]
    fn specific_patterns_are_accepted() {
        for value in [
            "203.0.113.7:443",
            "198.51.100.0/24",
            "192.0.2.1",
            "2001:db8::/32",
            "172.32.0.1",
            "93.184.0.0/16",
            "2a00:1450::/32",
            "feersona.net",
            "shop.co.uk",
            "somebody.github.io",
            "evil.duckdns.org",
            "one-customer.elb.amazonaws.com",
            "evil.example",
        ] {
            assert_eq!(why(value), "", "{value}");
        }
    }
}
