//! The server name in a ClientHello.

use std::net::IpAddr;

use arrayvec::ArrayVec;

use crate::domain_name::{DomainName, LONGEST_NAME};

/// The longest server name in bytes: that of a domain name with its root dot.
pub(super) const LONGEST_SERVER_NAME: usize = LONGEST_NAME + 1;

/// The server name in a ClientHello, as any bytes. By RFC 6066 it is a DNS name in ASCII without a
/// root dot, but clients also write addresses there.
#[derive(Debug, Clone)]
pub struct ServerName<'a>(Bytes<'a>);

/// The bytes of a name.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "a name lives on the stack for one lookup; a box would be one allocation per packet"
)]
enum Bytes<'a> {
    Borrowed(&'a [u8]),
    /// Joined from several records.
    Joined(ArrayVec<u8, LONGEST_SERVER_NAME>),
}

impl<'a> ServerName<'a> {
    pub(super) fn borrowed(bytes: &'a [u8]) -> Self {
        Self(Bytes::Borrowed(bytes))
    }

    pub(super) fn joined(bytes: ArrayVec<u8, LONGEST_SERVER_NAME>) -> Self {
        Self(Bytes::Joined(bytes))
    }

    /// Returns true if the name lay in one record.
    #[cfg(test)]
    pub(super) fn is_borrowed(&self) -> bool {
        matches!(self.0, Bytes::Borrowed(_))
    }

    /// The bytes as the client sent them.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Borrowed(bytes) => bytes,
            Bytes::Joined(bytes) => bytes,
        }
    }

    /// The address, if the name is one. An IPv6 address may be in brackets.
    pub fn address(&self) -> Option<IpAddr> {
        let text = std::str::from_utf8(self.as_bytes()).ok()?;
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        bare.parse().ok()
    }

    /// Reads the name into `into`, as [`DomainName::read_text`] does.
    #[inline]
    pub fn read(&self, into: &mut DomainName) -> bool {
        into.read_text(self.as_bytes())
    }
}

impl PartialEq for ServerName<'_> {
    /// Compares the bytes, borrowed or joined.
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for ServerName<'_> {}
