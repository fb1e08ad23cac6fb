//! One indicator in any of its spellings.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::domain_name::DomainName;
use crate::indicator::Pattern;
use crate::indicator::guard::is_top_level_domain;

/// Longer than any URL that a browser takes.
const LONGEST_VALUE: usize = 8192;

/// How much of a refused value a message repeats: enough to find it.
const QUOTED: usize = 60;

/// Spellings that keep an indicator from being clicked, and what they stand for.
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

/// Ports that a URL means where it names none.
const DEFAULT_PORTS: [(&str, u16); 4] = [("http", 80), ("https", 443), ("ftp", 21), ("ws", 80)];

/// What a value names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) pattern: Pattern,
    /// It is a URL's host.
    pub(super) is_from_url: bool,
}

/// Reads an address, an endpoint, a range, a domain (also as `*.name`), a domain with a port, which is left out, or a URL, which is
/// reduced to its host, and to the port where that is an address. Or says why not.
pub(super) fn read(value: &str) -> Result<Value, String> {
    let value = value.trim();
    let refused = |why: &str| Err(format!("{}: {why}", quoted(value)));
    if value.is_empty() {
        return Err("nothing there where an indicator should be".to_owned());
    }
    if value.len() > LONGEST_VALUE {
        return refused("longer than any URL");
    }
    let plain = refanged(value);
    let own = |pattern| Ok(Value { pattern, is_from_url: false });
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
        Ok(pattern) => Ok(Value { pattern, is_from_url }),
        Err(why) => refused(&why),
    }
}

/// An address in brackets or not, an endpoint or a range. `None` for anything else.
fn address(text: &str) -> Option<Result<Pattern, &'static str>> {
    // Most lists are of names: nothing else is worth three attempts.
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

/// An endpoint of what a list gives apart.
pub(super) fn endpoint(address: IpAddr, port: u16) -> Result<Pattern, &'static str> {
    match port {
        0 => Err("port 0 is no port"),
        port => Ok(Pattern::Endpoint(address.to_canonical(), port)),
    }
}

/// The host of a URL, or a name by itself.
fn host(authority: &str, scheme: Option<&str>) -> Result<Pattern, String> {
    if let Some(found) = address(authority) {
        return match (found?, scheme) {
            (Pattern::Address(address), Some(scheme)) => match DEFAULT_PORTS.iter().find(|(name, _)| *name == scheme) {
                Some((_, port)) => Ok(Pattern::Endpoint(address, *port)),
                None => Ok(Pattern::Address(address)),
            },
            (Pattern::Network(_), Some(_)) => Err("a range is no host".to_owned()),
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
        return Err("bytes that are no UTF-8".to_owned());
    }
    let parsed = DomainName::parse(name).map_err(|error| format!("no address, endpoint, range or domain ({error})"))?;
    let text = String::from_utf8(parsed.as_bytes().to_vec()).map_err(|_| "bytes that are no UTF-8")?;
    // Nothing that looks like an address is meant as a name.
    if parsed.domains().next().is_some_and(|top| top.iter().all(u8::is_ascii_digit)) {
        return Err("no address, endpoint, range or domain".to_owned());
    }
    if parsed.label_count() < 2 && !is_top_level_domain(&text) {
        return Err("a domain needs at least two labels".to_owned());
    }
    Ok(text)
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Undoes the spellings that keep an indicator from being clicked.
fn refanged(value: &str) -> String {
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

/// As much of a value as a message repeats, safe for a terminal.
pub(super) fn quoted(value: &str) -> String {
    let mut text: String = value.chars().take(QUOTED).flat_map(char::escape_default).collect();
    if value.chars().nth(QUOTED).is_some() {
        text.push('…');
    }
    text
}
