//! The headers of packets (RFC 9000 section 17.2).

use arrayvec::ArrayVec;

/// The longest connection id of the versions known here (RFC 9000 section 17.2).
const LONGEST_ID: usize = 20;
/// The shortest id that a client may choose for the server it does not know yet (RFC 9000 section 7.2).
const SHORTEST_CHOSEN_ID: usize = 8;
/// The shortest datagram in which a server accepts an Initial packet (RFC 9000 section 14.1). It also bounds what an attacker
/// gains by sending packets that have to be tried.
const SHORTEST_DATAGRAM: usize = 1200;

/// The bit of a long header.
const LONG_HEADER: u8 = 0x80;

/// The versions whose Initial packets can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// RFC 9000.
    V1,
    /// RFC 9369.
    V2,
    /// draft-ietf-quic-transport-29, which clients and servers used for a year before the RFC: version 1 with another salt.
    Draft29,
}

impl Version {
    #[inline]
    fn of(number: u32) -> Option<Self> {
        match number {
            0x0000_0001 => Some(Self::V1),
            0x6b33_43cf => Some(Self::V2),
            0xff00_001d => Some(Self::Draft29),
            _ => None,
        }
    }

    #[inline]
    fn kind(self, first: u8) -> Kind {
        // Version 2 counts the types from one further on (RFC 9369 section 3.2).
        let counted_from = if self == Self::V2 { 1 } else { 0 };
        match (first >> 4).wrapping_sub(counted_from) & 3 {
            0 => Kind::Initial,
            3 => Kind::Retry,
            _ => Kind::Other,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Initial,
    Retry,
    /// 0-RTT or Handshake.
    Other,
}

/// Tells by its first bytes whether a datagram may begin with the Initial packet of a client that begins a connection: for the
/// path that every packet takes.
///
/// The fixed bit is not asked for, since clients may leave it out (RFC 9287).
#[inline(always)]
pub fn may_be_initial(datagram: &[u8]) -> bool {
    let [first, a, b, c, d, id, ..] = *datagram else { return false };
    datagram.len() >= SHORTEST_DATAGRAM
        && first & LONG_HEADER != 0
        && (SHORTEST_CHOSEN_ID..=LONGEST_ID).contains(&usize::from(id))
        && Version::of(u32::from_be_bytes([a, b, c, d])).is_some_and(|version| version.kind(first) == Kind::Initial)
}

/// What the keys of a client's Initial packets follow from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    version: Version,
    id: ArrayVec<u8, LONGEST_ID>,
}

impl Origin {
    /// Takes it from the first datagram of a connection. None where that does not begin with an Initial packet, whole and as a
    /// client would send it.
    pub fn of(datagram: &[u8]) -> Option<Self> {
        if !may_be_initial(datagram) {
            return None;
        }
        let packet = initial_packets(datagram).next()?;
        Some(Self { version: packet.version, id: packet.destination_id.try_into().ok()? })
    }

    #[cfg(test)]
    pub(crate) fn new(version: Version, id: &[u8]) -> Self {
        Self { version, id: id.try_into().unwrap() }
    }

    /// The version of QUIC.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The connection id that the client chose for the server.
    pub fn id(&self) -> &[u8] {
        &self.id
    }
}

/// An Initial packet, encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InitialPacket<'a> {
    pub(super) version: Version,
    pub(super) destination_id: &'a [u8],
    /// From the first byte of the header to the last of the payload.
    pub(super) bytes: &'a [u8],
    /// Where in `bytes` the packet number starts.
    pub(super) number_at: usize,
}

/// The Initial packets of a datagram, in which others may lie with them (RFC 9000 section 12.2).
pub(super) fn initial_packets(datagram: &[u8]) -> InitialPackets<'_> {
    InitialPackets { rest: datagram, id: None }
}

/// Goes over a datagram: see [`initial_packets`].
#[derive(Debug, Clone)]
pub(super) struct InitialPackets<'a> {
    rest: &'a [u8],
    /// The one that all packets of a datagram are addressed to: that of the first.
    id: Option<&'a [u8]>,
}

impl<'a> Iterator for InitialPackets<'a> {
    type Item = InitialPacket<'a>;

    fn next(&mut self) -> Option<InitialPacket<'a>> {
        loop {
            // After what cannot be read, nothing can be told apart.
            let (packet, kind, rest) = split_packet(std::mem::take(&mut self.rest))?;
            if *self.id.get_or_insert(packet.destination_id) != packet.destination_id {
                return None;
            }
            self.rest = rest;
            if kind == Kind::Initial {
                return Some(packet);
            }
        }
    }
}

/// The packet that `bytes` begin with, and what comes after it.
///
/// None where it has no long header of a known version, is a Retry (which has no length), or is not there whole.
fn split_packet(bytes: &[u8]) -> Option<(InitialPacket<'_>, Kind, &[u8])> {
    let (&[first, a, b, c, d], rest) = bytes.split_first_chunk()?;
    if first & LONG_HEADER == 0 {
        return None;
    }
    let version = Version::of(u32::from_be_bytes([a, b, c, d]))?;
    let kind = version.kind(first);
    let (destination_id, rest) = split_id(rest)?;
    let (_source_id, mut rest) = split_id(rest)?;
    match kind {
        Kind::Retry => return None,
        Kind::Initial => {
            let (token, after) = split_varint(rest)?;
            rest = after.get(usize::try_from(token).ok()?..)?;
        }
        Kind::Other => {}
    }
    let (length, rest) = split_varint(rest)?;
    let number_at = bytes.len() - rest.len();
    let (_, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let (bytes, after) = bytes.split_at_checked(bytes.len() - after.len())?;
    Some((InitialPacket { version, destination_id, bytes, number_at }, kind, after))
}

fn split_id(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    if usize::from(length) > LONGEST_ID {
        return None;
    }
    rest.split_at_checked(length.into())
}

/// A number in one, two, four or eight bytes (RFC 9000 section 16), and what comes after it.
#[inline]
pub(super) fn split_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (&first, _) = bytes.split_first()?;
    let (digits, rest) = bytes.split_at_checked(1 << (first >> 6))?;
    let number = digits.iter().fold(0, |number, &digit| number << 8 | u64::from(digit));
    // The two top bits told the length.
    let bits = 8 * digits.len() - 2;
    Some((number & ((1 << bits) - 1), rest))
}
