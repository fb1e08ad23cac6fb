//! SOCKS requests: whom a client asks its proxy to connect it with (RFC 1928; SOCKS4 and 4a by their authors' notes).
//!
//! A SOCKS5 client first offers methods of authentication (`05 n` and n methods), then perhaps gives its user name and password
//! (RFC 1929: `01 n name n password`), and then sends its request. Mostly each of them comes in a segment of its own, so a
//! request is read by itself, and behind an offer where the two came together or were put together from several segments.
//!
//! These bytes come on any port, and a few bytes of some other protocol are soon alike. So a request counts only where all of
//! it is as it should be: a known command and kind of address, zero where zero is due, a port, a name of printable bytes; and
//! where nothing comes after it but what a hasty client sends before it has an answer: TLS, HTTP or SSH. Those who ask for
//! UDP without a port (most do) name nobody, and are passed over. Datagrams relayed by SOCKS5 are not read.

use super::authority::Host;
use super::http;
use super::parse_result::ParseResult;

/// The most methods in an offer. Nine are assigned, and clients offer three at most; the bound keeps random bytes from
/// being the start of an offer.
const MOST_METHODS: u8 = 16;
/// The longest user name of SOCKS4, which has no bound of its own; as in RFC 1929.
const LONGEST_USER: usize = 255;

/// Which SOCKS a request is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// SOCKS4, or 4a where the host is a name.
    V4,
    /// SOCKS5.
    V5,
}

/// What a client wants of its proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// A connection to the host.
    Connect,
    /// A connection that the host will open.
    Bind,
    /// Datagrams to be relayed; the host is whence they come.
    UdpAssociate,
}

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// Which SOCKS it is.
    pub version: Version,
    /// What is wanted.
    pub command: Command,
    /// With whom. An address written as a name counts as the address.
    pub host: Host<'a>,
    /// The port there, never 0.
    pub port: u16,
}

/// Judges by its first bytes whether a segment may be a client's. False for no bytes.
///
/// The choice of a method, two bytes by which a SOCKS5 server answers an offer, may pass as the start of an offer.
#[inline]
pub fn may_be_request(segment: &[u8]) -> bool {
    match *segment {
        [4, command, ..] => matches!(command, 1 | 2),
        [5, methods, ..] => (1..=MOST_METHODS).contains(&methods),
        [4 | 5] => true,
        _ => false,
    }
}

/// Reads the request that `bytes` start with, or that comes in them after an offer of methods.
///
/// An offer alone is the start of one. The length counts from the start of `bytes`.
pub fn request(bytes: &[u8]) -> ParseResult<Request<'_>> {
    match bytes.first() {
        None => ParseResult::Partial,
        Some(4) => followed(bytes, 0, version4),
        Some(5) => match after_offer(bytes) {
            // A request may look like an offer (`05 02 00 01` is both), but then no request comes behind it; unless it is a
            // BIND to 5.1.0.x or the like, which is read wrong.
            ParseResult::Whole((), start) => match followed(bytes, start, version5) {
                ParseResult::Other => followed(bytes, 0, version5),
                head => head,
            },
            ParseResult::Partial => match followed(bytes, 0, version5) {
                ParseResult::Other => ParseResult::Partial,
                head => head,
            },
            ParseResult::Other => followed(bytes, 0, version5),
        },
        Some(_) => ParseResult::Other,
    }
}

/// Reads a request from `start` on, and judges what comes after it.
fn followed<'a>(
    bytes: &'a [u8],
    start: usize,
    read: fn(&mut Cursor<'a>) -> Step<Request<'a>>,
) -> ParseResult<Request<'a>> {
    let mut cursor = Cursor { rest: bytes.get(start..).unwrap_or_default() };
    match read(&mut cursor) {
        Ok(request) => {
            let after = cursor.rest;
            // A TLS record of a handshake; or its first byte.
            let tls = after.starts_with(&[0x16, 3]) || after == [0x16];
            if after.is_empty() || tls || http::may_be_request(after) || after.starts_with(b"SSH-") {
                ParseResult::Whole(request, bytes.len() - after.len())
            } else {
                ParseResult::Other
            }
        }
        Err(Short::Partial) => ParseResult::Partial,
        Err(Short::Other) => ParseResult::Other,
    }
}

/// Where a request has to start after an offer of methods, and after a user name where that was offered.
fn after_offer(bytes: &[u8]) -> ParseResult<()> {
    fn read(cursor: &mut Cursor<'_>) -> Step<()> {
        cursor.expect(|byte| byte == 5)?;
        let count = cursor.expect(|byte| (1..=MOST_METHODS).contains(&byte))?;
        // Assigned ones, and private ones.
        let methods = cursor.take(usize::from(count), |byte| byte <= 9 || (0x80..0xff).contains(&byte))?;
        if methods.contains(&2) && cursor.rest.first() == Some(&1) {
            cursor.byte()?;
            for _ in 0..2 {
                let length = cursor.byte()?;
                cursor.take(usize::from(length), |_| true)?;
            }
        }
        Ok(())
    }
    let mut cursor = Cursor { rest: bytes };
    match read(&mut cursor) {
        Ok(()) => ParseResult::Whole((), bytes.len() - cursor.rest.len()),
        Err(Short::Partial) => ParseResult::Partial,
        Err(Short::Other) => ParseResult::Other,
    }
}

fn version5<'a>(cursor: &mut Cursor<'a>) -> Step<Request<'a>> {
    cursor.expect(|byte| byte == 5)?;
    let command = match cursor.expect(|byte| (1..=3).contains(&byte))? {
        1 => Command::Connect,
        2 => Command::Bind,
        _ => Command::UdpAssociate,
    };
    cursor.expect(|byte| byte == 0)?;
    let host = match cursor.byte()? {
        1 => Host::V4(cursor.array::<4>()?.into()),
        3 => {
            let length = cursor.expect(|byte| byte > 0)?;
            name(cursor.take(usize::from(length), |byte| byte.is_ascii_graphic())?)?
        }
        4 => Host::V6(cursor.array::<16>()?.into()),
        _ => return Err(Short::Other),
    };
    let port = port(cursor)?;
    Ok(Request { version: Version::V5, command, host, port })
}

fn version4<'a>(cursor: &mut Cursor<'a>) -> Step<Request<'a>> {
    cursor.expect(|byte| byte == 4)?;
    let command = match cursor.expect(|byte| matches!(byte, 1 | 2))? {
        1 => Command::Connect,
        _ => Command::Bind,
    };
    let port = port(cursor)?;
    let address = cursor.array::<4>()?;
    let _user = cursor.text(LONGEST_USER)?;
    let host = match address {
        [0, 0, 0, 0] => return Err(Short::Other),
        // 4a: no network has these; the name follows.
        [0, 0, 0, _] => name(cursor.text(usize::from(u8::MAX))?)?,
        address => Host::V4(address.into()),
    };
    Ok(Request { version: Version::V4, command, host, port })
}

fn port(cursor: &mut Cursor<'_>) -> Step<u16> {
    match u16::from_be_bytes(cursor.array()?) {
        0 => Err(Short::Other),
        port => Ok(port),
    }
}

fn name(text: &[u8]) -> Step<Host<'_>> {
    Host::parse(text).ok_or(Short::Other)
}

/// Why a value could not be read.
enum Short {
    /// The bytes end.
    Partial,
    /// They say something else.
    Other,
}

type Step<T> = Result<T, Short>;

/// Takes values off the front of bytes.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn byte(&mut self) -> Step<u8> {
        let (&first, rest) = self.rest.split_first().ok_or(Short::Partial)?;
        self.rest = rest;
        Ok(first)
    }

    fn expect(&mut self, valid: impl Fn(u8) -> bool) -> Step<u8> {
        let byte = self.byte()?;
        if valid(byte) { Ok(byte) } else { Err(Short::Other) }
    }

    fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        let (&array, rest) = self.rest.split_first_chunk().ok_or(Short::Partial)?;
        self.rest = rest;
        Ok(array)
    }

    /// Takes `length` bytes, each of which, also where they are not all there, has to be valid.
    fn take(&mut self, length: usize, valid: impl Fn(u8) -> bool) -> Step<&'a [u8]> {
        let there = self.rest.get(..length).unwrap_or(self.rest);
        if !there.iter().all(|&byte| valid(byte)) {
            return Err(Short::Other);
        }
        if there.len() < length {
            return Err(Short::Partial);
        }
        self.rest = self.rest.get(length..).unwrap_or_default();
        Ok(there)
    }

    /// Takes printable bytes, at most `longest`, and the zero after them.
    fn text(&mut self, longest: usize) -> Step<&'a [u8]> {
        let length = self.rest.iter().take(longest).take_while(|byte| byte.is_ascii_graphic()).count();
        let text = self.take(length, |_| true)?;
        self.expect(|byte| byte == 0)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A whole request and its length; `Err` says whether more bytes may make one.
    fn read(bytes: &[u8]) -> Result<(Request<'_>, usize), bool> {
        match request(bytes) {
            ParseResult::Whole(request, length) => Ok((request, length)),
            ParseResult::Partial => Err(true),
            ParseResult::Other => Err(false),
        }
    }

    fn connect(version: Version, host: &str, port: u16) -> Request<'_> {
        Request { version, command: Command::Connect, host: Host::parse(host.as_bytes()).unwrap(), port }
    }

    const NAME: &[u8] = b"\x05\x01\x00\x03\x0fgw.FeerSona.net\x01\xbb";

    #[test]
    fn a_name_and_both_kinds_of_address() {
        assert_eq!(read(NAME), Ok((connect(Version::V5, "gw.FeerSona.net", 443), NAME.len())));
        let v4 = [5, 1, 0, 1, 91, 202, 233, 25, 0x13, 0x18];
        assert_eq!(read(&v4), Ok((connect(Version::V5, "91.202.233.25", 4888), 10)));
        let v6 = [&[5, 1, 0, 4, 0x20, 1, 0xd, 0xb8][..], &[0; 11], &[1, 0, 80]].concat();
        assert_eq!(read(&v6), Ok((connect(Version::V5, "2001:db8::1", 80), 22)));
        let as_name = b"\x05\x01\x00\x03\x0d91.202.233.25\x13\x18";
        assert_eq!(read(as_name).unwrap().0, connect(Version::V5, "91.202.233.25", 4888));
        let udp = [5, 3, 0, 1, 10, 0, 0, 7, 0x13, 0x18];
        assert_eq!(read(&udp).unwrap().0.command, Command::UdpAssociate);
    }

    #[test]
    fn after_an_offer_and_a_user_name() {
        for offer in [
            &b"\x05\x01\x00"[..],
            b"\x05\x02\x00\x01",
            b"\x05\x03\x00\x01\x02",
            b"\x05\x01\x02\x01\x05agent\x06secret",
            b"\x05\x02\x00\x02\x01\x01\xc3\x00",
        ] {
            let bytes = [offer, NAME].concat();
            assert_eq!(read(&bytes), Ok((connect(Version::V5, "gw.FeerSona.net", 443), bytes.len())), "{offer:?}");
            for length in 0..bytes.len() {
                assert_eq!(read(&bytes[..length]), Err(true), "{offer:?} at {length}");
            }
        }
    }

    #[test]
    fn an_older_client() {
        let v4 = b"\x04\x01\x13\x18\x5b\xca\xe9\x19agent\x00";
        assert_eq!(read(v4), Ok((connect(Version::V4, "91.202.233.25", 4888), v4.len())));
        let v4a = b"\x04\x01\x00\x50\x00\x00\x00\x01\x00feersona.net\x00";
        assert_eq!(read(v4a), Ok((connect(Version::V4, "feersona.net", 80), v4a.len())));
        for length in 0..v4a.len() {
            assert_eq!(read(&v4a[..length]), Err(true), "at {length}");
        }
    }

    #[test]
    fn a_hasty_client_sends_more_behind_it() {
        for more in [&b"\x16\x03\x01\x02\x00\x01"[..], b"\x16", b"GET / HTTP/1.1\r\n", b"SSH-2.0-x\r\n"] {
            assert_eq!(read(&[NAME, more].concat()).map(|it| it.1), Ok(NAME.len()), "{more:?}");
        }
        assert_eq!(read(&[NAME, b"more"].concat()), Err(false));
    }

    #[test]
    fn what_only_looks_like_it() {
        for other in [
            &b"\x05\x01\x01\x01\x01\x02\x03\x04\x00\x50"[..],
            b"\x05\x04\x00\x01\x01\x02\x03\x04\x00\x50",
            b"\x05\x01\x00\x02\x01\x02\x03\x04\x00\x50",
            // No port, a name with a control byte, an empty name.
            b"\x05\x01\x00\x01\x01\x02\x03\x04\x00\x00",
            b"\x05\x01\x00\x03\x04a\x01.b\x00\x50",
            b"\x05\x01\x00\x03\x00\x00\x50",
            b"\x05\x00",
            b"\x05\x11",
            b"\x05\x02\x00\x10",
            // MQTT, and a binary record.
            b"\x04\x03\x00\x50",
            b"\x04\x01\x00\x00\x01\x02\x03\x04\x00",
            b"\x04\x01\x00\x50\x00\x00\x00\x00\x00",
            b"\x04\x01\x00\x50\x01\x02\x03\x04a\xff\x00",
            b"GET / HTTP/1.1",
            b"\x16\x03\x01",
        ] {
            assert_eq!(read(other), Err(false), "{other:?}");
        }
        let long_user = [&b"\x04\x01\x00\x50\x01\x02\x03\x04"[..], &[b'x'; 256]].concat();
        assert_eq!(read(&long_user), Err(false));
    }

    #[test]
    fn the_judge_passes_starts_only() {
        assert!(may_be_request(NAME) && may_be_request(b"\x05") && may_be_request(b"\x04\x01"));
        assert!(
            !may_be_request(b"")
                && !may_be_request(b"\x05\x00")
                && !may_be_request(b"\x04\x03")
                && !may_be_request(b"\x16\x03")
        );
    }

    fn written() -> impl Strategy<Value = (Vec<u8>, u16)> {
        let host = prop_oneof![
            any::<[u8; 4]>().prop_map(|it| [&[1][..], &it].concat()),
            any::<[u8; 16]>().prop_map(|it| [&[4][..], &it].concat()),
            "[a-z0-9_.-]{0,30}[a-z]".prop_map(|it| [&[3, it.len() as u8][..], it.as_bytes()].concat()),
        ];
        let offer = prop_oneof![
            Just(Vec::new()),
            prop::collection::vec(prop::sample::select(vec![0u8, 1, 3, 0x80]), 1..4).prop_map(|it| [
                &[5, it.len() as u8][..],
                &it
            ]
            .concat()),
            Just(b"\x05\x01\x02\x01\x01u\x02pw".to_vec()),
        ];
        (offer, 1u8..=3, host, 1u16..).prop_map(|(offer, command, host, port)| {
            ([&offer[..], &[5, command, 0], &host, &port.to_be_bytes()].concat(), port)
        })
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0u8..7], 0..60), first in 3u8..7) {
            let bytes = [&[first][..], &bytes].concat();
            if let Ok((request, length)) = read(&bytes) {
                prop_assert!(length <= bytes.len() && request.port != 0);
            }
            prop_assert!(may_be_request(&bytes) || read(&bytes) == Err(false));
        }

        #[test]
        fn what_was_written_is_read_and_each_cut_is_a_start((bytes, port) in written()) {
            let (request, length) = read(&bytes).unwrap();
            prop_assert_eq!((request.port, length), (port, bytes.len()));
            for length in 0..bytes.len() {
                prop_assert_eq!(read(&bytes[..length]), Err(true), "at {}", length);
            }
        }
    }
}
