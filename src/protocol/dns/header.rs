//! The header of a message (RFC 1035 section 4.1.1).

use dns_parser::Header;

/// The header's length in bytes. No name can start before it, no message is shorter.
pub const HEADER_LENGTH: usize = 12;
/// The reserved bit Z in the header's fourth byte, which `dns-parser` does not forgive.
const RESERVED_BIT: u8 = 0b0100_0000;

/// Reads the header that `bytes` start with, whatever its bits. None where they end within it.
#[inline]
pub(super) fn parse(bytes: &[u8]) -> Option<Header> {
    let mut header = *bytes.first_chunk::<HEADER_LENGTH>()?;
    header[3] &= !RESERVED_BIT;
    Header::parse(&header).ok()
}
