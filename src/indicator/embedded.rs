//! IPv4 addresses inside IPv6 addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use arrayvec::ArrayVec;

/// The form of an IPv6 address that contains an IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Embedding {
    /// `::ffff:0:0/96` (RFC 4291 section 2.5.5.2).
    Mapped,
    /// `64:ff9b::/96` (RFC 6052).
    Nat64,
    /// `2002::/16` (RFC 3056).
    SixToFour,
    /// `2001::/32`, which contains the server and the client (RFC 4380 section 4).
    Teredo,
}

impl Embedding {
    /// The name for use in a sentence.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mapped => "IPv4-mapped",
            Self::Nat64 => "NAT64",
            Self::SixToFour => "6to4",
            Self::Teredo => "Teredo",
        }
    }
}

/// An IPv4 address found inside an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Embedded {
    /// The IPv4 address.
    pub address: Ipv4Addr,
    /// The form of the IPv6 address.
    pub form: Embedding,
}

/// The IPv4 addresses inside an IPv6 address. Only addresses of four well-known ranges contain any.
pub fn embedded(address: Ipv6Addr) -> ArrayVec<Embedded, 2> {
    let mut found = ArrayVec::new();
    let mut push = |address, form| found.push(Embedded { address, form });
    let octets = address.octets();
    let ipv4_at = |start: usize| {
        let [a, b, c, d] = [octets[start], octets[start + 1], octets[start + 2], octets[start + 3]];
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] => push(ipv4_at(12), Embedding::Mapped),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => push(ipv4_at(12), Embedding::Nat64),
        [0x2002, ..] => push(ipv4_at(2), Embedding::SixToFour),
        [0x2001, 0, ..] => {
            push(Ipv4Addr::from_bits(!ipv4_at(12).to_bits()), Embedding::Teredo);
            push(ipv4_at(4), Embedding::Teredo);
        }
        _ => {}
    }
    found
}

/// Returns true if [`embedded`] would find an address. The first eight bytes decide this, which is
/// cheap enough for the scan.
#[inline]
pub(crate) fn may_embed(first_half: u64) -> bool {
    first_half == 0
        || first_half == 0x0064_ff9b_0000_0000
        || first_half >> 48 == 0x2002
        || first_half >> 32 == 0x2001_0000
}
