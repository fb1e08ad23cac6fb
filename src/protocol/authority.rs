//! Whom a client asks for, in the text form that HTTP writes (RFC 3986 section 3.2): a host, and mostly a port.
//!
//! Behind a proxy these words, and not the packet's addresses, say where a conversation goes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The longest address in text form: an IPv6 one that ends in dotted IPv4.
const LONGEST_ADDRESS: usize = 45;

/// The bytes that no host has, by their number.
const ODD: [bool; 256] = {
    let mut odd = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        odd[byte] = matches!(byte as u8, 0..=b' ' | 0x7f | b'/' | b'?' | b'#' | b'@' | b'[' | b']');
        byte += 1;
    }
    odd
};

/// A host by name or by address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host<'a> {
    /// A name in dotted text as it came, in any case, without the root dot. It is never empty and holds neither blanks nor
    /// control bytes. Percent-encoding is left alone, and labels are not checked.
    Name(&'a [u8]),
    /// An IPv4 address, written as four decimal numbers. Other spellings (one number, octal) count as names.
    V4(Ipv4Addr),
    /// An IPv6 address. A zone is dropped.
    V6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Reads a host without a port. IPv6 addresses may stand in brackets or bare.
    ///
    /// None where it is empty or holds a byte that no host has: a blank, a control byte, one of `/?#@[]`, or a colon outside
    /// an IPv6 address.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        if let Some(inner) = text.strip_prefix(b"[") {
            return ipv6(inner.strip_suffix(b"]")?).map(Self::V6);
        }
        let name = text.strip_suffix(b".").unwrap_or(text);
        // An address ends in a digit; so do few names.
        if name.last().is_some_and(u8::is_ascii_digit)
            && let Some(address) = address(name)
        {
            return Some(Self::V4(address));
        }
        if name.contains(&b':') {
            return ipv6(text).map(Self::V6);
        }
        let valid = !name.is_empty() && !name.iter().any(|&byte| ODD[usize::from(byte)]);
        valid.then_some(Self::Name(name))
    }

    /// The address, where it is one.
    pub fn address(&self) -> Option<IpAddr> {
        match *self {
            Self::Name(_) => None,
            Self::V4(address) => Some(address.into()),
            Self::V6(address) => Some(address.into()),
        }
    }
}

/// A host, and the port where one is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authority<'a> {
    /// The host.
    pub host: Host<'a>,
    /// The port as written. None says nothing about the real one: NetSupport's client writes none for its gateway on 443.
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads `[user@]host[:port]`, with blanks around it.
    ///
    /// A port that is empty or no number in range counts as not written, so that odd spellings hide no host. None where there
    /// is no host, as in [`Host::parse`].
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let text = match text.iter().rposition(|&byte| byte == b'@') {
            Some(at) => text.get(at + 1..)?,
            None => text,
        };
        if let Some(inner) = text.strip_prefix(b"[") {
            let end = inner.iter().position(|&byte| byte == b']')?;
            let (address, rest) = inner.split_at_checked(end)?;
            let port = rest.strip_prefix(b"]").and_then(|rest| rest.trim_ascii().strip_prefix(b":")).and_then(port);
            return Some(Self { host: Host::V6(ipv6(address)?), port });
        }
        let Some(colon) = text.iter().rposition(|&byte| byte == b':') else {
            return Some(Self { host: Host::parse(text)?, port: None });
        };
        let (host, rest) = text.split_at_checked(colon)?;
        if host.contains(&b':') {
            // Several colons and no brackets: an IPv6 address without port.
            return Some(Self { host: Host::V6(ipv6(text)?), port: None });
        }
        Some(Self { host: Host::parse(host.trim_ascii_end())?, port: rest.strip_prefix(b":").and_then(port) })
    }
}

fn port(text: &[u8]) -> Option<u16> {
    let text = text.trim_ascii();
    // `parse` alone would take a sign.
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    if !digits {
        return None;
    }
    str::from_utf8(text).ok()?.parse().ok()
}

fn ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    // RFC 6874: the zone comes after `%25`, and in the field after a bare `%`.
    let end = text.iter().position(|&byte| byte == b'%').unwrap_or(text.len());
    address(text.get(..end)?)
}

fn address<A: FromStr>(text: &[u8]) -> Option<A> {
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
    fn a_port_that_is_none_hides_no_host() {
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
        // Not an address in the usual spelling.
        assert_eq!(Authority::parse(b"91.202.233.025"), name("91.202.233.025", None));
        assert_eq!(Authority::parse(b"91.202.233"), name("91.202.233", None));
    }

    #[test]
    fn no_host() {
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
        fn what_was_written_is_read(address in any::<std::net::SocketAddr>()) {
            let text = address.to_string();
            let read = Authority::parse(text.as_bytes()).unwrap();
            prop_assert_eq!(read.host.address(), Some(address.ip()));
            prop_assert_eq!(read.port, Some(address.port()));
        }
    }
}
