//! TLS: the name of the server that a client asks for, in its ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3).
//!
//! All versions from SSL 3.0 to TLS 1.3 begin alike, so they are read alike. A hello may lie in one record or in many, cut
//! anywhere, even within the four bytes of its own header: the reader takes the headers of records out as it goes, and
//! nothing is put together for it. What it does not know (GREASE values, key shares, extensions yet to come) it passes over
//! by length. Of a hello with an Encrypted ClientHello in it, the name is the outer one: what an observer can see.
//!
//! A hello with a post-quantum key share takes some 1,700 bytes, more than a segment holds. Mostly the name stands in the
//! first segment all the same, and there is nothing to wait for once it was read. So a hello is [`ParseResult::Whole`] from the last
//! byte of its server name on, or, where it names none, from the end of its extensions on.
//!
//! What was told of some bytes stays true whatever comes after them: only [`ParseResult::Partial`] can become something else.
//!
//! ```
//! use rattap::protocol::parse_result::Head;
//! use rattap::protocol::tls;
//!
//! let segment = b"POST / HTTP/1.1\r\n";
//! assert!(!tls::may_be_client_hello(segment));
//! assert_eq!(tls::client_hello(segment), Head::Other);
//! assert_eq!(tls::client_hello(b"\x16\x03\x01"), Head::Partial);
//! ```

mod reader;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use arrayvec::ArrayVec;

use super::parse_result::ParseResult;
use crate::domain_name::{DomainName, LONGEST_NAME};
use reader::{Reader, Stop};

/// How many bytes of a stream a hello is looked for in, headers of records included: what is kept for a hello that comes in
/// pieces. Hellos of today's clients take 200 to 2,000 bytes, and up to some 8,000 with tickets and certificates' names.
pub const LONGEST_HELLO: usize = 16 * 1024;

/// The longest name that can be one: with its root dot.
const LONGEST_SERVER_NAME: usize = LONGEST_NAME + 1;

/// The content type of a record that holds handshake messages.
const HANDSHAKE: u8 = 22;
/// The type of the handshake message ClientHello.
const CLIENT_HELLO: u8 = 1;
/// Versions of records and of hellos have this first byte, from SSL 3.0 to TLS 1.3.
const MAJOR_VERSION: u8 = 3;
/// TLS 1.3. Records still say 1.0 or 1.2 there, but some clients are ahead of the RFC.
const LAST_MINOR_VERSION: u8 = 4;
/// The bytes of `random`.
const RANDOM_LENGTH: usize = 32;
/// The longest `legacy_session_id`.
const LONGEST_SESSION_ID: usize = 32;
/// The extension `server_name`.
const SERVER_NAME: u16 = 0;
/// The one kind of name in it that was ever defined.
const HOST_NAME: u8 = 0;

/// What a ClientHello says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// The first host name in the extension `server_name`. None where there is none, and where it is empty or longer than any
    /// name.
    pub server_name: Option<ServerName<'a>>,
}

/// The server's name as it stands in a hello: any bytes, by RFC 6066 a DNS name in ASCII without root dot, but clients also
/// write addresses there.
#[derive(Debug, Clone)]
pub struct ServerName<'a>(Text<'a>);

/// Where a name lies.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "a name lives on the stack for one look-up; a box would be a heap a packet"
)]
enum Text<'a> {
    InOnePiece(&'a [u8]),
    /// It was split over records.
    Gathered(ArrayVec<u8, LONGEST_SERVER_NAME>),
}

impl ServerName<'_> {
    /// The bytes as they came.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Text::InOnePiece(bytes) => bytes,
            Text::Gathered(bytes) => bytes,
        }
    }

    /// The address that the name spells, where it is one. IPv6 may stand in brackets.
    pub fn address(&self) -> Option<IpAddr> {
        let text = std::str::from_utf8(self.as_bytes()).ok()?;
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        bare.parse().ok()
    }

    /// Reads the name into `into`: see [`DomainName::read_text`].
    #[inline]
    pub fn read(&self, into: &mut DomainName) -> bool {
        into.read_text(self.as_bytes())
    }
}

impl PartialEq for ServerName<'_> {
    /// By the bytes, wherever they lie.
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for ServerName<'_> {}

/// Tells by its first bytes whether a segment may begin with a ClientHello: for the path that every packet takes.
///
/// True wherever [`client_hello`] says anything but [`ParseResult::Other`] of at least one byte.
#[inline(always)]
pub fn may_be_client_hello(bytes: &[u8]) -> bool {
    match *bytes {
        [kind, major, minor, _, _, message, ..] => {
            kind == HANDSHAKE && major == MAJOR_VERSION && minor <= LAST_MINOR_VERSION && message == CLIENT_HELLO
        }
        [kind, ref rest @ ..] => {
            kind == HANDSHAKE
                && rest.first().is_none_or(|&major| major == MAJOR_VERSION)
                && rest.get(1).is_none_or(|&minor| minor <= LAST_MINOR_VERSION)
        }
        [] => false,
    }
}

/// Reads the ClientHello that a stream begins with. `bytes` start at the first byte of a record.
///
/// The length in [`ParseResult::Whole`] is that of what had to be read: see the module.
#[inline]
pub fn client_hello(bytes: &[u8]) -> ParseResult<ClientHello<'_>> {
    hello(bytes, Reader::of_records)
}

/// Reads a ClientHello that is not in records, as QUIC carries it (RFC 9001 section 4.1.3). `bytes` start at the first byte of
/// the handshake message.
#[inline]
pub fn client_hello_message(bytes: &[u8]) -> ParseResult<ClientHello<'_>> {
    hello(bytes, Reader::of_messages)
}

fn hello<'a>(bytes: &'a [u8], reader: impl FnOnce(&'a [u8]) -> Reader<'a>) -> ParseResult<ClientHello<'a>> {
    let within_bound = bytes.get(..LONGEST_HELLO).unwrap_or(bytes);
    let mut reader = reader(within_bound);
    match server_name(&mut reader) {
        Ok(server_name) => ParseResult::Whole(ClientHello { server_name }, reader.position()),
        Err(Stop::Cut) if within_bound.len() < LONGEST_HELLO => ParseResult::Partial,
        Err(Stop::Cut | Stop::Other) => ParseResult::Other,
    }
}

/// Reads up to the server name, or to the end of a hello without one.
fn server_name<'a>(reader: &mut Reader<'a>) -> Result<Option<ServerName<'a>>, Stop> {
    if reader.u8()? != CLIENT_HELLO {
        return Err(Stop::Other);
    }
    let [a, b, c] = reader.array()?;
    let length = u32::from_be_bytes([0, a, b, c]) as usize;
    let end = reader.end(length, usize::MAX)?;

    let [major, _] = within(reader, 2, end)?.array()?;
    if major != MAJOR_VERSION {
        return Err(Stop::Other);
    }
    within(reader, RANDOM_LENGTH, end)?.skip(RANDOM_LENGTH)?;
    let session_id = usize::from(within(reader, 1, end)?.u8()?);
    if session_id > LONGEST_SESSION_ID {
        return Err(Stop::Other);
    }
    within(reader, session_id, end)?.skip(session_id)?;
    let cipher_suites = usize::from(within(reader, 2, end)?.u16()?);
    within(reader, cipher_suites, end)?.skip(cipher_suites)?;
    let compression_methods = usize::from(within(reader, 1, end)?.u8()?);
    within(reader, compression_methods, end)?.skip(compression_methods)?;
    if reader.taken() == end {
        // SSL 3.0 and old clients of TLS 1.0 know no extensions.
        return Ok(None);
    }

    let extensions = usize::from(within(reader, 2, end)?.u16()?);
    let extensions_end = reader.end(extensions, end)?;
    while reader.taken() < extensions_end {
        within(reader, 4, extensions_end)?;
        let [a, b, c, d] = reader.array()?;
        let kind = u16::from_be_bytes([a, b]);
        let length = usize::from(u16::from_be_bytes([c, d]));
        let extension_end = reader.end(length, extensions_end)?;
        if kind == SERVER_NAME {
            return first_host_name(reader, extension_end);
        }
        reader.skip(length)?;
    }
    Ok(None)
}

/// Reads the data of the extension `server_name`, which end at `end`.
fn first_host_name<'a>(reader: &mut Reader<'a>, end: usize) -> Result<Option<ServerName<'a>>, Stop> {
    if reader.taken() == end {
        return Ok(None);
    }
    let list = usize::from(within(reader, 2, end)?.u16()?);
    let list_end = reader.end(list, end)?;
    while reader.taken() < list_end {
        within(reader, 3, list_end)?;
        let kind = reader.u8()?;
        let length = usize::from(reader.u16()?);
        within(reader, length, list_end)?;
        if kind == HOST_NAME {
            return name(reader, length);
        }
        reader.skip(length)?;
    }
    Ok(None)
}

fn name<'a>(reader: &mut Reader<'a>, length: usize) -> Result<Option<ServerName<'a>>, Stop> {
    if length == 0 || length > LONGEST_SERVER_NAME {
        reader.skip(length)?;
        return Ok(None);
    }
    let piece = reader.piece(length)?;
    if piece.len() == length {
        return Ok(Some(ServerName(Text::InOnePiece(piece))));
    }
    let mut gathered = ArrayVec::new();
    let mut piece = piece;
    loop {
        // It always fits: no name is longer than the room.
        let _fits = gathered.try_extend_from_slice(piece);
        if gathered.len() >= length {
            return Ok(Some(ServerName(Text::Gathered(gathered))));
        }
        piece = reader.piece(length - gathered.len())?;
    }
}

/// The reader itself, where `length` more bytes end no later than `end`: a part never reaches out of the part it lies in.
#[inline]
fn within<'r, 'a>(reader: &'r mut Reader<'a>, length: usize, end: usize) -> Result<&'r mut Reader<'a>, Stop> {
    reader.end(length, end)?;
    Ok(reader)
}
