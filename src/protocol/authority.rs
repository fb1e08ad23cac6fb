//! The authority of a URI (RFC 3986 section 3.2), as HTTP writes it: a host, and usually a port.
//!
//! For a connection through a proxy, the authority is the real destination, and the destination
//! address of the packets is that of the proxy.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The longest address in text form, in bytes: an IPv6 address that ends in dotted IPv4.
const LONGEST_ADDRESS: usize = 45;

/// True at the index of each byte that cannot be in a host.
const INVALID_IN_HOST: [bool; 256] = {
    let mut invalid = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        invalid[byte] = matches!(byte as u8, 0..=b' ' | 0x7f | b'/' | b'?' | b'#' | b'@' | b'[' | b']');
        byte += 1;
    }
    invalid
};

/// A host, as a name or an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host<'a> {
    /// A name in dotted text, in the case that the client wrote, without the root dot. It is never
    /// empty and has neither blanks nor control bytes. Percent-encoding is not decoded, and the
    /// labels are not checked.
    Name(&'a [u8]),
    /// An IPv4 address of four decimal numbers. Other spellings (one number, octal) count as names.
    V4(Ipv4Addr),
    /// An IPv6 address. A zone is dropped.
    V6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Parses a host without a port. An IPv6 address may be in brackets.
    ///
    /// Returns `None` if the text is empty or has an invalid byte: a blank, a control byte, one of
    /// `/?#@[]`, or a colon outside an IPv6 address.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        if let Some(inner) = text.strip_prefix(b"[") {
            return parse_ipv6(inner.strip_suffix(b"]")?).map(Self::V6);
        }
        let name = text.strip_suffix(b".").unwrap_or(text);
        // An IPv4 address ends in a digit. Few names do.
        if name.last().is_some_and(u8::is_ascii_digit)
            && let Some(address) = parse_address(name)
        {
            return Some(Self::V4(address));
        }
        if name.contains(&b':') {
            return parse_ipv6(text).map(Self::V6);
        }
        let valid = !name.is_empty() && !name.iter().any(|&byte| INVALID_IN_HOST[usize::from(byte)]);
        valid.then_some(Self::Name(name))
    }

    /// The address, if the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        match *self {
            Self::Name(_) => None,
            Self::V4(address) => Some(address.into()),
            Self::V6(address) => Some(address.into()),
        }
    }
}

/// A host, and its port if one is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authority<'a> {
    /// The host.
    pub host: Host<'a>,
    /// The port as written. If there is none, the real port is unknown: the NetSupport client
    /// writes none for its gateway on 443.
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Parses `[user@]host[:port]`. Blanks around it are ignored.
    ///
    /// An empty or invalid port counts as absent, so that odd spellings do not hide a host. Returns
    /// `None` if the host is invalid, as [`Host::parse`] does.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let text = match text.iter().rposition(|&byte| byte == b'@') {
            Some(at) => text.get(at + 1..)?,
            None => text,
        };
        if let Some(inner) = text.strip_prefix(b"[") {
            let end = inner.iter().position(|&byte| byte == b']')?;
            let (address, rest) = inner.split_at_checked(end)?;
            let port =
                rest.strip_prefix(b"]").and_then(|rest| rest.trim_ascii().strip_prefix(b":")).and_then(parse_port);
            return Some(Self { host: Host::V6(parse_ipv6(address)?), port });
        }
        let Some(colon) = text.iter().rposition(|&byte| byte == b':') else {
            return Some(Self { host: Host::parse(text)?, port: None });
        };
        let (host, rest) = text.split_at_checked(colon)?;
        if host.contains(&b':') {
            // Several colons without brackets: an IPv6 address without a port.
            return Some(Self { host: Host::V6(parse_ipv6(text)?), port: None });
        }
        Some(Self { host: Host::parse(host.trim_ascii_end())?, port: rest.strip_prefix(b":").and_then(parse_port) })
    }
}

fn parse_port(text: &[u8]) -> Option<u16> {
    let text = text.trim_ascii();
    // `parse` alone would accept a sign.
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    if !digits {
        return None;
    }
    str::from_utf8(text).ok()?.parse().ok()
}

fn parse_ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    // The zone follows `%25` (RFC 6874), or in practice a bare `%`.
    let end = text.iter().position(|&byte| byte == b'%').unwrap_or(text.len());
    parse_address(text.get(..end)?)
}

fn parse_address<A: FromStr>(text: &[u8]) -> Option<A> {
    if text.len() > LONGEST_ADDRESS || !text.first().is_some_and(|&first| first.is_ascii_hexdigit() || first == b':') {
        return None;
    }
    str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str, port: Option<u16>) -> Option<Authority<'_>> {
        Some(Authority { host: Host::Name(text.as_bytes()), port })
    }

    fn address(text: &str, port: Option<u16>) -> Option<Authority<'_>> {
        let host = match text.parse().unwrap() {
            IpAddr::V4(address) => Host::V4(address),
            IpAddr::V6(address) => Host::V6(address),
        };
        Some(Authority { host, port })
    }

    #[test]
    fn names_with_and_without_port() {
        assert_eq!(Authority::parse(b"gw.FeerSona.net"), name("gw.FeerSona.net", None));
        assert_eq!(Authority::parse(b"feersona.net:8080"), name("feersona.net", Some(8080)));
        assert_eq!(Authority::parse(b" \tfeersona.net.:443 "), name("feersona.net", Some(443)));
        assert_eq!(Authority::parse(b"user:pass@feersona.net:81"), name("feersona.net", Some(81)));
        assert_eq!(Authority::parse(b"a@b@feersona.net"), name("feersona.net", None));
        assert_eq!(Authority::parse(b"f%65ersona.net"), name("f%65ersona.net", None));
    }

    #[test]
    fn an_invalid_port_does_not_hide_the_host() {
        for text in ["feersona.net:", "feersona.net:abc", "feersona.net:65536", "feersona.net:+80", "feersona.net :"] {
            assert_eq!(Authority::parse(text.as_bytes()), name("feersona.net", None), "{text}");
        }
        assert_eq!(Authority::parse(b"feersona.net : 0080"), name("feersona.net", Some(80)));
    }

    #[test]
    fn addresses_of_both_kinds() {
        assert_eq!(Authority::parse(b"91.202.233.25:4888"), address("91.202.233.25", Some(4888)));
        assert_eq!(Authority::parse(b"91.202.233.25."), address("91.202.233.25", None));
        assert_eq!(Authority::parse(b"[2001:DB8::1]:443"), address("2001:db8::1", Some(443)));
        assert_eq!(Authority::parse(b"[2001:db8::1]"), address("2001:db8::1", None));
        assert_eq!(Authority::parse(b"2001:db8::1"), address("2001:db8::1", None));
        assert_eq!(Authority::parse(b"[fe80::1%25eth0]:80"), address("fe80::1", Some(80)));
        assert_eq!(Authority::parse(b"[::ffff:91.202.233.25]:1"), address("::ffff:91.202.233.25", Some(1)));
        assert_eq!(Host::parse(b"[::1]"), address("::1", None).map(|it| it.host));
        // Not addresses in the usual spelling.
        assert_eq!(Authority::parse(b"91.202.233.025"), name("91.202.233.025", None));
        assert_eq!(Authority::parse(b"91.202.233"), name("91.202.233", None));
    }

    #[test]
    fn text_without_a_host_is_rejected() {
        for text in ["", " ", ":80", ".", "user@", "a b", "a/b", "[2001:db8::1", "[x]:80", "a:b:80", "feersona.net\0"] {
            assert_eq!(Authority::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(text in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(Authority { host: Host::Name(name), .. }) = Authority::parse(&text) {
                prop_assert!(!name.is_empty() && !name.iter().any(u8::is_ascii_whitespace));
            }
        }

        #[test]
        fn a_written_address_is_parsed(address in any::<std::net::SocketAddr>()) {
            let text = address.to_string();
            let read = Authority::parse(text.as_bytes()).unwrap();
            prop_assert_eq!(read.host.address(), Some(address.ip()));
            prop_assert_eq!(read.port, Some(address.port()));
        }
    }
}
