//! Parsing one indicator in any of its spellings.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::domain_name::DomainName;
use crate::indicator::Pattern;
use crate::indicator::too_broad::is_top_level_domain;

/// The maximum length of a value: longer than any URL that browsers accept.
const MAX_VALUE: usize = 8192;

/// The number of characters of a refused value that a message quotes: enough to find it.
const MAX_QUOTED: usize = 60;

/// Defanged spellings, which keep an indicator from being clicked, and what they stand for.
const DEFANGED: [(&str, &str); 12] = [
    ("[.]", "."),
    ("(.)", "."),
    ("{.}", "."),
    ("[dot]", "."),
    ("(dot)", "."),
    ("{dot}", "."),
    ("\\.", "."),
    ("[:]", ":"),
    ("[://]", "://"),
    ("[:/]/", "://"),
    ("[/]", "/"),
    ("[@]", "@"),
];

/// The default ports of URL schemes.
const DEFAULT_PORTS: [(&str, u16); 4] = [("http", 80), ("https", 443), ("ftp", 21), ("ws", 80)];

/// A parsed value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IndicatorValue {
    pub(super) pattern: Pattern,
    /// True if the pattern is the host of a URL.
    pub(super) is_from_url: bool,
}

/// Parses an address, an endpoint, a network, a domain (also as `*.name`), a domain with a port,
/// which is dropped, or a URL. Of a URL only the host is used, with the port if the host is an
/// address. The error is the reason why the value is invalid.
pub(super) fn read(value: &str) -> Result<IndicatorValue, String> {
    let value = value.trim();
    let refused = |why: &str| Err(format!("{}: {why}", quoted(value)));
    if value.is_empty() {
        return Err("the indicator is missing".to_owned());
    }
    if value.len() > MAX_VALUE {
        return refused("longer than any URL");
    }
    let plain = refang(value);
    let own = |pattern| Ok(IndicatorValue { pattern, is_from_url: false });
    if let Some(found) = address(&plain) {
        return found.map_or_else(refused, own);
    }
    let (scheme, rest) = match plain.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
        _ => (None, &*plain),
    };
    let (authority, is_from_url) = match rest.find(['/', '?', '#']) {
        Some(end) => (&rest[..end], true),
        None => (rest, scheme.is_some()),
    };
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host(authority, scheme) {
        Ok(pattern) => Ok(IndicatorValue { pattern, is_from_url }),
        Err(why) => refused(&why),
    }
}

/// Parses an address with or without brackets, an endpoint or a network. `None` for anything else.
fn address(text: &str) -> Option<Result<Pattern, &'static str>> {
    // Most lists contain names, for which three failed attempts to parse would be too slow.
    if !text.starts_with(|first: char| first.is_ascii_hexdigit() || first == ':' || first == '[') {
        return None;
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(Ok(Pattern::Address(address.to_canonical())));
    }
    if let Ok(endpoint) = text.parse::<SocketAddr>() {
        return Some(self::endpoint(endpoint.ip(), endpoint.port()));
    }
    let network = text.parse::<IpNet>().ok()?;
    Some(Ok(match network.addr() {
        address if network.prefix_len() == network.max_prefix_len() => Pattern::Address(address.to_canonical()),
        _ => Pattern::Network(network.trunc()),
    }))
}

/// Makes an endpoint pattern of an address and a port.
pub(super) fn endpoint(address: IpAddr, port: u16) -> Result<Pattern, &'static str> {
    match port {
        0 => Err("port 0 is not a port"),
        port => Ok(Pattern::Endpoint(address.to_canonical(), port)),
    }
}

/// Parses the host of a URL, or a name.
fn host(authority: &str, scheme: Option<&str>) -> Result<Pattern, String> {
    if let Some(found) = address(authority) {
        return match (found?, scheme) {
            (Pattern::Address(address), Some(scheme)) => match DEFAULT_PORTS.iter().find(|(name, _)| *name == scheme) {
                Some((_, port)) => Ok(Pattern::Endpoint(address, *port)),
                None => Ok(Pattern::Address(address)),
            },
            (Pattern::Network(_), Some(_)) => Err("a network is not a host".to_owned()),
            (pattern, _) => Ok(pattern),
        };
    }
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok_and(|port| port > 0) => name,
        _ => authority,
    };
    domain(name.strip_prefix("*.").unwrap_or(name)).map(Pattern::Domain)
}

fn domain(name: &str) -> Result<String, String> {
    if name.contains(char::REPLACEMENT_CHARACTER) {
        return Err("it is not UTF-8".to_owned());
    }
    let parsed =
        DomainName::parse(name).map_err(|error| format!("not an address, endpoint, network or domain ({error})"))?;
    let text = String::from_utf8(parsed.as_bytes().to_vec()).map_err(|_| "it is not UTF-8")?;
    // A text that looks like an address is not meant as a name.
    if parsed.domains().next().is_some_and(|top| top.iter().all(u8::is_ascii_digit)) {
        return Err("not an address, endpoint, network or domain".to_owned());
    }
    if parsed.label_count() < 2 && !is_top_level_domain(&text) {
        return Err("a domain needs at least two labels".to_owned());
    }
    Ok(text)
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Undoes defanged spellings.
fn refang(value: &str) -> String {
    let mut text = value.to_ascii_lowercase();
    if text.contains(['[', '(', '{', '\\']) {
        for (defanged, plain) in DEFANGED {
            if text.contains(defanged) {
                text = text.replace(defanged, plain);
            }
        }
    }
    for (defanged, plain) in [("hxxp", "http"), ("hxtp", "http"), ("htxp", "http"), ("fxp", "ftp")] {
        if let Some(rest) = text.strip_prefix(defanged)
            && rest.trim_start_matches('s').starts_with("://")
        {
            return format!("{plain}{rest}");
        }
    }
    text
}

/// The beginning of a value for a message, safe for a terminal.
pub(super) fn quoted(value: &str) -> String {
    let mut text: String = value.chars().take(MAX_QUOTED).flat_map(char::escape_default).collect();
    if value.chars().nth(MAX_QUOTED).is_some() {
        text.push('…');
    }
    text
}
