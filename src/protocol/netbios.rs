//! The NetBIOS name service (RFC 1002 section 4.2): the name that a host registers or defends for
//! its own address. Its messages have the format of DNS.

use std::net::Ipv4Addr;

use super::dns::{Message, RecordType};
use crate::domain_name::DomainName;

/// The type of a record with a name's addresses.
const NB: RecordType = RecordType(0x20);
/// The flag of a group's name in the data of such a record.
const GROUP: u8 = 0x80;
/// The length of an encoded name: each of 16 bytes is two letters (RFC 1001 section 14.1).
const ENCODED: usize = 32;
/// The last byte of a name of the workstation service, and of the file server service.
const WORKSTATION: u8 = 0x00;
const FILE_SERVER: u8 = 0x20;

/// The name of the host with this address, if the message registers it, refreshes it or answers
/// with it. Groups and other services are not names of the host.
pub fn own_name(bytes: &[u8], host: Ipv4Addr) -> Option<Vec<u8>> {
    let mut reader = Message::parse(bytes)?.reader();
    let mut name = DomainName::new();
    while let Some(record) = reader.next_record() {
        let is_own = record.rtype == NB && is_unique(record.raw_data(), host);
        if is_own && reader.read_name(record.owner, &mut name) {
            return decoded(name.as_bytes());
        }
    }
    None
}

/// Returns true if the data of a record hold the address, and not as that of a group.
fn is_unique(data: &[u8], host: Ipv4Addr) -> bool {
    data.chunks_exact(6)
        .any(|entry| entry.first().is_some_and(|flags| flags & GROUP == 0) && entry.ends_with(&host.octets()))
}

/// Decodes the first label of a name. The reader of names has turned letters into small ones.
fn decoded(name: &[u8]) -> Option<Vec<u8>> {
    let label = name.get(..ENCODED).filter(|_| matches!(name.get(ENCODED), None | Some(b'.')))?;
    let half = |letter: u8| letter.checked_sub(b'a').filter(|half| *half < 16);
    let mut bytes = Vec::with_capacity(ENCODED / 2);
    for pair in label.chunks_exact(2) {
        let [high, low] = *pair.first_chunk::<2>()?;
        bytes.push(half(high)? << 4 | half(low)?);
    }
    let service = bytes.pop()?;
    let name = bytes.trim_ascii_end();
    (matches!(service, WORKSTATION | FILE_SERVER) && !name.is_empty()).then(|| name.to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A registration: a question, and an additional record whose owner points to it.
    fn registration(name: &[u8; 16], flags: u8, address: [u8; 4]) -> Vec<u8> {
        let encoded: Vec<u8> = name.iter().flat_map(|byte| [b'A' + (byte >> 4), b'A' + (byte & 15)]).collect();
        let mut bytes = b"\x00\x01\x29\x10\x00\x01\x00\x00\x00\x00\x00\x01\x20".to_vec();
        bytes.extend(encoded);
        bytes.extend(b"\x00\x00\x20\x00\x01\xc0\x0c\x00\x20\x00\x01\x00\x04\x93\xe0\x00\x06");
        bytes.extend([flags, 0]);
        bytes.extend(address);
        bytes
    }

    #[test]
    fn a_host_registers_its_own_name() {
        let host = Ipv4Addr::new(10, 0, 0, 7);
        let name = |name: &[u8; 16], flags, address| own_name(&registration(name, flags, address), host);
        assert_eq!(name(b"FRONTDESK-7    \x00", 0, [10, 0, 0, 7]).unwrap(), b"FRONTDESK-7");
        assert_eq!(name(b"FRONTDESK-7    \x20", 0x60, [10, 0, 0, 7]).unwrap(), b"FRONTDESK-7");
        // A group, another service, another host.
        assert_eq!(name(b"CORP           \x00", GROUP, [10, 0, 0, 7]), None);
        assert_eq!(name(b"CORP           \x1d", 0, [10, 0, 0, 7]), None);
        assert_eq!(name(b"FRONTDESK-7    \x00", 0, [10, 0, 0, 8]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0..100usize, at in 0..100usize, byte in any::<u8>()) {
            let host = Ipv4Addr::new(10, 0, 0, 7);
            own_name(&bytes, host);
            let mut bytes = registration(b"FRONTDESK-7    \x00", 0, host.octets());
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let name = own_name(&bytes[..cut.min(bytes.len())], host);
            prop_assert!(name.is_none_or(|name| name.len() < 16));
        }
    }
}
