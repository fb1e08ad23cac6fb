//! Parses a ClientHello up to its server name.

use arrayvec::ArrayVec;

use super::handshake_reader::{HANDSHAKE, HandshakeReader, LAST_MINOR_VERSION, MAJOR_VERSION, ReadError};
use super::server_name::{LONGEST_SERVER_NAME, ServerName};
use crate::protocol::parse_result::ParseResult;

/// The longest ClientHello that is parsed, in bytes of the stream, including record headers. It
/// bounds the memory for a hello in several segments. The hellos of current clients take 200 to
/// 2,000 bytes, and up to about 8,000 with session tickets and certificate names.
pub const LONGEST_HELLO: usize = 16 * 1024;

/// The handshake type of a ClientHello.
const CLIENT_HELLO: u8 = 1;
/// The length of `random` in bytes.
const RANDOM_LENGTH: usize = 32;
/// The longest `legacy_session_id` in bytes.
const LONGEST_SESSION_ID: usize = 32;
/// The type of the extension `server_name`.
const SERVER_NAME: u16 = 0;
/// The only type of name in that extension that was ever defined.
const HOST_NAME: u8 = 0;

/// A parsed ClientHello.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// The first host name in the extension `server_name`. `None` if there is none, or if it is
    /// empty or too long for a name.
    pub server_name: Option<ServerName<'a>>,
}

/// Returns true if a segment may start with a ClientHello, judged by its first bytes. It is cheap
/// enough to be called for every packet.
///
/// For bytes that are not empty, it is true whenever [`parse_client_hello`] returns anything but
/// [`ParseResult::Mismatch`].
#[inline(always)]
pub fn may_be_client_hello(bytes: &[u8]) -> bool {
    match *bytes {
        [content_type, major, minor, _, _, message, ..] => {
            content_type == HANDSHAKE
                && major == MAJOR_VERSION
                && minor <= LAST_MINOR_VERSION
                && message == CLIENT_HELLO
        }
        [content_type, ref rest @ ..] => {
            content_type == HANDSHAKE
                && rest.first().is_none_or(|&major| major == MAJOR_VERSION)
                && rest.get(1).is_none_or(|&minor| minor <= LAST_MINOR_VERSION)
        }
        [] => false,
    }
}

/// Parses the ClientHello at the start of a stream. `bytes` start at the first byte of a record.
///
/// The length in [`ParseResult::Complete`] counts the bytes that had to be read: up to the end of
/// the server name.
#[inline]
pub fn parse_client_hello(bytes: &[u8]) -> ParseResult<ClientHello<'_>> {
    parse(bytes, HandshakeReader::of_records)
}

/// Parses a ClientHello without records, as QUIC carries it (RFC 9001 section 4.1.3). `bytes` start
/// at the first byte of the handshake message.
#[inline]
pub fn parse_client_hello_message(bytes: &[u8]) -> ParseResult<ClientHello<'_>> {
    parse(bytes, HandshakeReader::of_messages)
}

fn parse<'a>(bytes: &'a [u8], reader: impl FnOnce(&'a [u8]) -> HandshakeReader<'a>) -> ParseResult<ClientHello<'a>> {
    let within_bound = bytes.get(..LONGEST_HELLO).unwrap_or(bytes);
    let mut reader = reader(within_bound);
    match read_server_name(&mut reader) {
        Ok(server_name) => ParseResult::Complete(ClientHello { server_name }, reader.position()),
        Err(ReadError::Incomplete) if within_bound.len() < LONGEST_HELLO => ParseResult::Incomplete,
        Err(ReadError::Incomplete | ReadError::NotClientHello) => ParseResult::Mismatch,
    }
}

/// Reads a hello up to the end of its server name, or to its end if it has none.
fn read_server_name<'a>(reader: &mut HandshakeReader<'a>) -> Result<Option<ServerName<'a>>, ReadError> {
    if reader.u8()? != CLIENT_HELLO {
        return Err(ReadError::NotClientHello);
    }
    let [a, b, c] = reader.array()?;
    let length = u32::from_be_bytes([0, a, b, c]) as usize;
    let end = reader.end_after(length, usize::MAX)?;

    let [major, _] = within(reader, 2, end)?.array()?;
    if major != MAJOR_VERSION {
        return Err(ReadError::NotClientHello);
    }
    within(reader, RANDOM_LENGTH, end)?.skip(RANDOM_LENGTH)?;
    let session_id = usize::from(within(reader, 1, end)?.u8()?);
    if session_id > LONGEST_SESSION_ID {
        return Err(ReadError::NotClientHello);
    }
    within(reader, session_id, end)?.skip(session_id)?;
    let cipher_suites = usize::from(within(reader, 2, end)?.u16()?);
    within(reader, cipher_suites, end)?.skip(cipher_suites)?;
    let compression_methods = usize::from(within(reader, 1, end)?.u8()?);
    within(reader, compression_methods, end)?.skip(compression_methods)?;
    if reader.message_position() == end {
        // SSL 3.0 and old clients of TLS 1.0 send no extensions.
        return Ok(None);
    }

    let extensions = usize::from(within(reader, 2, end)?.u16()?);
    let extensions_end = reader.end_after(extensions, end)?;
    while reader.message_position() < extensions_end {
        within(reader, 4, extensions_end)?;
        let [a, b, c, d] = reader.array()?;
        let extension_type = u16::from_be_bytes([a, b]);
        let length = usize::from(u16::from_be_bytes([c, d]));
        let extension_end = reader.end_after(length, extensions_end)?;
        if extension_type == SERVER_NAME {
            return read_first_host_name(reader, extension_end);
        }
        reader.skip(length)?;
    }
    Ok(None)
}

/// Reads the data of the extension `server_name`, which end at `end`.
fn read_first_host_name<'a>(reader: &mut HandshakeReader<'a>, end: usize) -> Result<Option<ServerName<'a>>, ReadError> {
    if reader.message_position() == end {
        return Ok(None);
    }
    let list = usize::from(within(reader, 2, end)?.u16()?);
    let list_end = reader.end_after(list, end)?;
    while reader.message_position() < list_end {
        within(reader, 3, list_end)?;
        let name_type = reader.u8()?;
        let length = usize::from(reader.u16()?);
        within(reader, length, list_end)?;
        if name_type == HOST_NAME {
            return read_host_name(reader, length);
        }
        reader.skip(length)?;
    }
    Ok(None)
}

/// Reads a host name of `length` bytes. Returns `None` if it is empty or too long.
fn read_host_name<'a>(reader: &mut HandshakeReader<'a>, length: usize) -> Result<Option<ServerName<'a>>, ReadError> {
    if length == 0 || length > LONGEST_SERVER_NAME {
        reader.skip(length)?;
        return Ok(None);
    }
    let mut chunk = reader.chunk(length)?;
    if chunk.len() == length {
        return Ok(Some(ServerName::borrowed(chunk)));
    }
    let mut joined = ArrayVec::new();
    loop {
        // It always fits: no name is longer than the capacity.
        let _fits = joined.try_extend_from_slice(chunk);
        if joined.len() >= length {
            return Ok(Some(ServerName::joined(joined)));
        }
        chunk = reader.chunk(length - joined.len())?;
    }
}

/// Returns the reader if `length` more bytes end no later than `end`. This ensures that a field
/// never extends beyond the field that contains it.
#[inline]
fn within<'r, 'a>(
    reader: &'r mut HandshakeReader<'a>,
    length: usize,
    end: usize,
) -> Result<&'r mut HandshakeReader<'a>, ReadError> {
    reader.end_after(length, end)?;
    Ok(reader)
}
