//! SOCKS requests: the destination to which a client asks its proxy to connect (RFC 1928; SOCKS4
//! and 4a as their authors describe them).
//!
//! A SOCKS5 client first offers authentication methods (`05 n` and n methods), then may send its
//! user name and password (RFC 1929: `01 n name n password`), and then sends its request. Usually
//! each is in a segment of its own. So a request is parsed by itself, and also after an offer, for
//! segments with both and for reassembled streams.
//!
//! SOCKS may use any port, and short messages of other protocols look similar. So every field of a
//! request has to be valid: a known command and address type, zero in the reserved byte, a port, a
//! name of printable bytes. After a request, only TLS, HTTP or SSH may follow, which an eager
//! client sends before the answer. UDP requests without a port (most of them) name no destination
//! and are ignored. Datagrams that SOCKS5 relays are not parsed.

use super::authority::Host;
use super::http;
use super::parse_result::ParseResult;

/// The most methods in an offer. Nine are assigned, and clients offer at most three. The bound
/// keeps random bytes from passing as an offer.
const MOST_METHODS: u8 = 16;
/// The longest user name of SOCKS4 in bytes. SOCKS4 has no bound of its own; this is that of SOCKS5
/// (RFC 1929).
const LONGEST_USER: usize = 255;

/// A SOCKS request: the destination that a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// The destination host. An address that is written as a name counts as the address.
    pub host: Host<'a>,
    /// The destination port, never 0.
    pub port: u16,
}

/// Returns true if a segment may be from a SOCKS client, judged by its first bytes. False for an
/// empty segment.
///
/// The answer of a SOCKS5 server to an offer, two bytes with the chosen method, may pass as the
/// start of an offer.
#[inline]
pub fn may_be_request(segment: &[u8]) -> bool {
    match *segment {
        [4, command, ..] => matches!(command, 1 | 2),
        [5, methods, ..] => (1..=MOST_METHODS).contains(&methods),
        [4 | 5] => true,
        _ => false,
    }
}

/// Parses the request at the start of `bytes`, or after an offer of methods there.
///
/// An offer alone gives [`ParseResult::Incomplete`]. The length is counted from the start of
/// `bytes`.
pub fn parse_request(bytes: &[u8]) -> ParseResult<Request<'_>> {
    match bytes.first() {
        None => ParseResult::Incomplete,
        Some(4) => parse_at(bytes, 0, read_version4),
        Some(5) => match parse_offer(bytes) {
            // A request may look like an offer (`05 02 00 01` is both), but then no request follows
            // it. An exception is a BIND to an address such as 5.1.0.x, which is parsed wrong.
            ParseResult::Complete((), start) => match parse_at(bytes, start, read_version5) {
                ParseResult::Mismatch => parse_at(bytes, 0, read_version5),
                result => result,
            },
            ParseResult::Incomplete => match parse_at(bytes, 0, read_version5) {
                ParseResult::Mismatch => ParseResult::Incomplete,
                result => result,
            },
            ParseResult::Mismatch => parse_at(bytes, 0, read_version5),
        },
        Some(_) => ParseResult::Mismatch,
    }
}

/// Parses a request at `start`, and checks the bytes after it.
fn parse_at<'a>(
    bytes: &'a [u8],
    start: usize,
    read: fn(&mut ByteReader<'a>) -> ReadResult<Request<'a>>,
) -> ParseResult<Request<'a>> {
    let mut reader = ByteReader { rest: bytes.get(start..).unwrap_or_default() };
    match read(&mut reader) {
        Ok(request) => {
            let after = reader.rest;
            // A TLS handshake record, or its first byte.
            let tls = after.starts_with(&[0x16, 3]) || after == [0x16];
            if after.is_empty() || tls || http::may_be_request(after) || after.starts_with(b"SSH-") {
                ParseResult::Complete(request, bytes.len() - after.len())
            } else {
                ParseResult::Mismatch
            }
        }
        Err(ReadError::Incomplete) => ParseResult::Incomplete,
        Err(ReadError::Invalid) => ParseResult::Mismatch,
    }
}

/// Parses an offer of methods, with user name and password after it if that method was offered. The
/// length is the start of the request.
fn parse_offer(bytes: &[u8]) -> ParseResult<()> {
    fn read(reader: &mut ByteReader<'_>) -> ReadResult<()> {
        reader.expect(|byte| byte == 5)?;
        let count = reader.expect(|byte| (1..=MOST_METHODS).contains(&byte))?;
        // Assigned methods, and those for private use.
        let methods = reader.take(usize::from(count), |byte| byte <= 9 || (0x80..0xff).contains(&byte))?;
        if methods.contains(&2) && reader.rest.first() == Some(&1) {
            reader.byte()?;
            for _ in 0..2 {
                let length = reader.byte()?;
                reader.take(usize::from(length), |_| true)?;
            }
        }
        Ok(())
    }
    let mut reader = ByteReader { rest: bytes };
    match read(&mut reader) {
        Ok(()) => ParseResult::Complete((), bytes.len() - reader.rest.len()),
        Err(ReadError::Incomplete) => ParseResult::Incomplete,
        Err(ReadError::Invalid) => ParseResult::Mismatch,
    }
}

fn read_version5<'a>(reader: &mut ByteReader<'a>) -> ReadResult<Request<'a>> {
    reader.expect(|byte| byte == 5)?;
    // CONNECT, BIND or UDP ASSOCIATE.
    reader.expect(|byte| (1..=3).contains(&byte))?;
    reader.expect(|byte| byte == 0)?;
    let host = match reader.byte()? {
        1 => Host::V4(reader.array::<4>()?.into()),
        3 => {
            let length = reader.expect(|byte| byte > 0)?;
            parse_host(reader.take(usize::from(length), |byte| byte.is_ascii_graphic())?)?
        }
        4 => Host::V6(reader.array::<16>()?.into()),
        _ => return Err(ReadError::Invalid),
    };
    let port = read_port(reader)?;
    Ok(Request { host, port })
}

fn read_version4<'a>(reader: &mut ByteReader<'a>) -> ReadResult<Request<'a>> {
    reader.expect(|byte| byte == 4)?;
    // CONNECT or BIND.
    reader.expect(|byte| matches!(byte, 1 | 2))?;
    let port = read_port(reader)?;
    let address = reader.array::<4>()?;
    let _user = reader.text(LONGEST_USER)?;
    let host = match address {
        [0, 0, 0, 0] => return Err(ReadError::Invalid),
        // SOCKS4a: an address from an unused network says that a name follows.
        [0, 0, 0, _] => parse_host(reader.text(usize::from(u8::MAX))?)?,
        address => Host::V4(address.into()),
    };
    Ok(Request { host, port })
}

fn read_port(reader: &mut ByteReader<'_>) -> ReadResult<u16> {
    match u16::from_be_bytes(reader.array()?) {
        0 => Err(ReadError::Invalid),
        port => Ok(port),
    }
}

fn parse_host(text: &[u8]) -> ReadResult<Host<'_>> {
    Host::parse(text).ok_or(ReadError::Invalid)
}

/// The reason why a value cannot be read.
enum ReadError {
    /// The bytes end too early.
    Incomplete,
    /// The bytes are not valid.
    Invalid,
}

type ReadResult<T> = Result<T, ReadError>;

/// Reads values from the start of bytes.
struct ByteReader<'a> {
    rest: &'a [u8],
}

impl<'a> ByteReader<'a> {
    fn byte(&mut self) -> ReadResult<u8> {
        let (&first, rest) = self.rest.split_first().ok_or(ReadError::Incomplete)?;
        self.rest = rest;
        Ok(first)
    }

    /// Reads a byte, which has to be valid.
    fn expect(&mut self, valid: impl Fn(u8) -> bool) -> ReadResult<u8> {
        let byte = self.byte()?;
        if valid(byte) { Ok(byte) } else { Err(ReadError::Invalid) }
    }

    fn array<const N: usize>(&mut self) -> ReadResult<[u8; N]> {
        let (&array, rest) = self.rest.split_first_chunk().ok_or(ReadError::Incomplete)?;
        self.rest = rest;
        Ok(array)
    }

    /// Reads `length` bytes, each of which has to be valid. The available bytes are checked even if
    /// some are missing.
    fn take(&mut self, length: usize, valid: impl Fn(u8) -> bool) -> ReadResult<&'a [u8]> {
        let available = self.rest.get(..length).unwrap_or(self.rest);
        if !available.iter().all(|&byte| valid(byte)) {
            return Err(ReadError::Invalid);
        }
        if available.len() < length {
            return Err(ReadError::Incomplete);
        }
        self.rest = self.rest.get(length..).unwrap_or_default();
        Ok(available)
    }

    /// Reads printable bytes, at most `longest`, and the zero byte after them.
    fn text(&mut self, longest: usize) -> ReadResult<&'a [u8]> {
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

    /// The complete request and its length. The error is true if more bytes may complete it.
    fn read(bytes: &[u8]) -> Result<(Request<'_>, usize), bool> {
        match parse_request(bytes) {
            ParseResult::Complete(request, length) => Ok((request, length)),
            ParseResult::Incomplete => Err(true),
            ParseResult::Mismatch => Err(false),
        }
    }

    fn destination(host: &str, port: u16) -> Request<'_> {
        Request { host: Host::parse(host.as_bytes()).unwrap(), port }
    }

    const NAME: &[u8] = b"\x05\x01\x00\x03\x0fgw.FeerSona.net\x01\xbb";

    #[test]
    fn a_name_and_both_types_of_address() {
        assert_eq!(read(NAME), Ok((destination("gw.FeerSona.net", 443), NAME.len())));
        let v4 = [5, 1, 0, 1, 91, 202, 233, 25, 0x13, 0x18];
        assert_eq!(read(&v4), Ok((destination("91.202.233.25", 4888), 10)));
        let v6 = [&[5, 1, 0, 4, 0x20, 1, 0xd, 0xb8][..], &[0; 11], &[1, 0, 80]].concat();
        assert_eq!(read(&v6), Ok((destination("2001:db8::1", 80), 22)));
        let as_name = b"\x05\x01\x00\x03\x0d91.202.233.25\x13\x18";
        assert_eq!(read(as_name).unwrap().0, destination("91.202.233.25", 4888));
        let udp = [5, 3, 0, 1, 10, 0, 0, 7, 0x13, 0x18];
        assert_eq!(read(&udp).unwrap().0, destination("10.0.0.7", 4888));
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
            assert_eq!(read(&bytes), Ok((destination("gw.FeerSona.net", 443), bytes.len())), "{offer:?}");
            for length in 0..bytes.len() {
                assert_eq!(read(&bytes[..length]), Err(true), "{offer:?} at {length}");
            }
        }
    }

    #[test]
    fn socks4_and_4a() {
        let v4 = b"\x04\x01\x13\x18\x5b\xca\xe9\x19agent\x00";
        assert_eq!(read(v4), Ok((destination("91.202.233.25", 4888), v4.len())));
        let v4a = b"\x04\x01\x00\x50\x00\x00\x00\x01\x00feersona.net\x00";
        assert_eq!(read(v4a), Ok((destination("feersona.net", 80), v4a.len())));
        for length in 0..v4a.len() {
            assert_eq!(read(&v4a[..length]), Err(true), "at {length}");
        }
    }

    #[test]
    fn an_eager_client_sends_more_after_it() {
        for more in [&b"\x16\x03\x01\x02\x00\x01"[..], b"\x16", b"GET / HTTP/1.1\r\n", b"SSH-2.0-x\r\n"] {
            assert_eq!(read(&[NAME, more].concat()).map(|it| it.1), Ok(NAME.len()), "{more:?}");
        }
        assert_eq!(read(&[NAME, b"more"].concat()), Err(false));
    }

    #[test]
    fn similar_bytes_are_rejected() {
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
    fn the_check_of_the_first_bytes_accepts_only_starts() {
        assert!(may_be_request(NAME) && may_be_request(b"\x05") && may_be_request(b"\x04\x01"));
        assert!(
            !may_be_request(b"")
                && !may_be_request(b"\x05\x00")
                && !may_be_request(b"\x04\x03")
                && !may_be_request(b"\x16\x03")
        );
    }

    fn generated() -> impl Strategy<Value = (Vec<u8>, u16)> {
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
        fn a_written_request_is_parsed_and_each_prefix_is_partial((bytes, port) in generated()) {
            let (request, length) = read(&bytes).unwrap();
            prop_assert_eq!((request.port, length), (port, bytes.len()));
            for length in 0..bytes.len() {
                prop_assert_eq!(read(&bytes[..length]), Err(true), "at {}", length);
            }
        }
    }
}
