//! Packet headers (RFC 9000 section 17.2).

use arrayvec::ArrayVec;

/// The longest connection ID of the supported versions, in bytes (RFC 9000 section 17.2).
const LONGEST_ID: usize = 20;
/// The shortest Destination Connection ID of the first packet of a client, in bytes (RFC 9000
/// section 7.2).
const SHORTEST_CHOSEN_ID: usize = 8;
/// The shortest datagram with an Initial packet that a server accepts, in bytes (RFC 9000 section
/// 14.1). An attacker who sends packets to waste decryption attempts has to send at least this much
/// for each.
const SHORTEST_DATAGRAM: usize = 1200;

/// The bit of the first byte that marks a long header.
const LONG_HEADER: u8 = 0x80;

/// The supported versions of QUIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuicVersion {
    /// Version 1 (RFC 9000).
    V1,
    /// Version 2 (RFC 9369).
    V2,
    /// draft-ietf-quic-transport-29: version 1 with another salt. Clients and servers used it for a
    /// year before the RFC.
    Draft29,
}

impl QuicVersion {
    #[inline]
    fn from_number(number: u32) -> Option<Self> {
        match number {
            0x0000_0001 => Some(Self::V1),
            0x6b33_43cf => Some(Self::V2),
            0xff00_001d => Some(Self::Draft29),
            _ => None,
        }
    }

    #[inline]
    fn packet_type(self, first: u8) -> PacketType {
        // The numbers of the types in version 2 are one higher, modulo four (RFC 9369 section 3.2).
        let first_type = if self == Self::V2 { 1 } else { 0 };
        match (first >> 4).wrapping_sub(first_type) & 3 {
            0 => PacketType::Initial,
            3 => PacketType::Retry,
            _ => PacketType::Other,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PacketType {
    Initial,
    Retry,
    /// 0-RTT or Handshake.
    Other,
}

/// Returns true if a datagram may start with the first Initial packet of a client, judged by its
/// first bytes. It is cheap enough to be called for every packet.
///
/// The fixed bit is not checked, since clients may clear it (RFC 9287).
#[inline(always)]
pub fn may_be_initial(datagram: &[u8]) -> bool {
    let [first, a, b, c, d, id, ..] = *datagram else { return false };
    datagram.len() >= SHORTEST_DATAGRAM
        && first & LONG_HEADER != 0
        && (SHORTEST_CHOSEN_ID..=LONGEST_ID).contains(&usize::from(id))
        && QuicVersion::from_number(u32::from_be_bytes([a, b, c, d]))
            .is_some_and(|version| version.packet_type(first) == PacketType::Initial)
}

/// The input of the keys of a client's Initial packets: the version, and the Destination Connection
/// ID of the client's first packet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OriginalConnectionId {
    version: QuicVersion,
    id: ArrayVec<u8, LONGEST_ID>,
}

impl OriginalConnectionId {
    /// Reads it from the first datagram of a connection. Returns `None` if the datagram does not
    /// start with a complete Initial packet as a client sends it.
    pub fn from_datagram(datagram: &[u8]) -> Option<Self> {
        if !may_be_initial(datagram) {
            return None;
        }
        let packet = initial_packets(datagram).next()?;
        Some(Self { version: packet.version, id: packet.destination_id.try_into().ok()? })
    }

    #[cfg(test)]
    pub(crate) fn new(version: QuicVersion, id: &[u8]) -> Self {
        Self { version, id: id.try_into().unwrap() }
    }

    /// The version of QUIC.
    pub fn version(&self) -> QuicVersion {
        self.version
    }

    /// The Destination Connection ID that the client chose.
    pub fn id(&self) -> &[u8] {
        &self.id
    }
}

/// An Initial packet, encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InitialPacket<'a> {
    pub(super) version: QuicVersion,
    pub(super) destination_id: &'a [u8],
    /// The packet from the first byte of the header to the last byte of the payload.
    pub(super) bytes: &'a [u8],
    /// The offset of the packet number in `bytes`.
    pub(super) number_offset: usize,
}

/// Iterates over the Initial packets of a datagram and skips packets of other types between them
/// (RFC 9000 section 12.2).
pub(super) fn initial_packets(datagram: &[u8]) -> InitialPackets<'_> {
    InitialPackets { rest: datagram, id: None }
}

/// The iterator that [`initial_packets`] returns.
#[derive(Debug, Clone)]
pub(super) struct InitialPackets<'a> {
    rest: &'a [u8],
    /// The Destination Connection ID of the first packet, which all packets of a datagram share.
    id: Option<&'a [u8]>,
}

impl<'a> Iterator for InitialPackets<'a> {
    type Item = InitialPacket<'a>;

    fn next(&mut self) -> Option<InitialPacket<'a>> {
        loop {
            // After a packet that cannot be parsed, the start of the next one is unknown.
            let (packet, packet_type, rest) = split_packet(std::mem::take(&mut self.rest))?;
            if *self.id.get_or_insert(packet.destination_id) != packet.destination_id {
                return None;
            }
            self.rest = rest;
            if packet_type == PacketType::Initial {
                return Some(packet);
            }
        }
    }
}

/// Splits the first packet off: returns the packet, its type, and the bytes after it.
///
/// Returns `None` if it has no long header of a supported version, is a Retry (which has no
/// length), or is incomplete.
fn split_packet(bytes: &[u8]) -> Option<(InitialPacket<'_>, PacketType, &[u8])> {
    let (&[first, a, b, c, d], rest) = bytes.split_first_chunk()?;
    if first & LONG_HEADER == 0 {
        return None;
    }
    let version = QuicVersion::from_number(u32::from_be_bytes([a, b, c, d]))?;
    let packet_type = version.packet_type(first);
    let (destination_id, rest) = split_id(rest)?;
    let (_source_id, mut rest) = split_id(rest)?;
    match packet_type {
        PacketType::Retry => return None,
        PacketType::Initial => {
            let (token, after) = split_varint(rest)?;
            rest = after.get(usize::try_from(token).ok()?..)?;
        }
        PacketType::Other => {}
    }
    let (length, rest) = split_varint(rest)?;
    let number_offset = bytes.len() - rest.len();
    let (_, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let (bytes, after) = bytes.split_at_checked(bytes.len() - after.len())?;
    Some((InitialPacket { version, destination_id, bytes, number_offset }, packet_type, after))
}

fn split_id(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    if usize::from(length) > LONGEST_ID {
        return None;
    }
    rest.split_at_checked(length.into())
}

/// Splits off a variable-length integer of one, two, four or eight bytes (RFC 9000 section 16).
#[inline]
pub(super) fn split_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (&first, _) = bytes.split_first()?;
    let (digits, rest) = bytes.split_at_checked(1 << (first >> 6))?;
    let number = digits.iter().fold(0, |number, &digit| number << 8 | u64::from(digit));
    // The two top bits encode the length.
    let bits = 8 * digits.len() - 2;
    Some((number & ((1 << bits) - 1), rest))
}
