//! Fragments of IP datagrams.

use crate::flow::Protocol;

/// A fragment: a part of an IP datagram that was too long for a link on its way (RFC 791 section
/// 3.2, RFC 8200 section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// The identification of the datagram, which all its fragments share.
    pub id: u32,
    /// The offset of `data` in the datagram, in bytes after the IP header.
    pub offset: u32,
    /// The "more fragments" flag: other fragments follow this one.
    pub more: bool,
    /// The protocol of the datagram, as the header of this fragment names it.
    pub protocol: Protocol,
    /// The length of `data` on the wire, in bytes.
    pub length: u32,
    /// The bytes of the datagram in this fragment, as far as they were captured.
    pub data: &'a [u8],
}
