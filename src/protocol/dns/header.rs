//! The message header (RFC 1035 section 4.1.1).

use dns_parser::Header;

/// The length of the header in bytes. No message is shorter, and no name starts within it.
pub const HEADER_LENGTH: usize = 12;
/// The reserved bit Z in the fourth byte of the header. `dns-parser` rejects a header in which it
/// is set.
const RESERVED_BIT: u8 = 0b0100_0000;

/// Parses the header at the start of `bytes`, whatever bits are set. Returns `None` if the bytes
/// end within it.
#[inline]
pub(super) fn parse(bytes: &[u8]) -> Option<Header> {
    let mut header = *bytes.first_chunk::<HEADER_LENGTH>()?;
    header[3] &= !RESERVED_BIT;
    Header::parse(&header).ok()
}
