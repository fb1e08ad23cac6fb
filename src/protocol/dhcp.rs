//! DHCP for IPv4 (RFC 2131, RFC 2132): the address of a client, its MAC address and its name.

use std::net::Ipv4Addr;

/// The length of the fixed part of a message, with the magic cookie (RFC 2131 section 3).
const FIXED: usize = 240;
/// The magic cookie before the options.
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Ethernet, in the field `htype`.
const ETHERNET: u8 = 1;

// Options (RFC 2132, RFC 4702).
const PAD: u8 = 0;
const HOST_NAME: u8 = 12;
const REQUESTED_ADDRESS: u8 = 50;
const MESSAGE_TYPE: u8 = 53;
const CLIENT_FQDN: u8 = 81;
const END: u8 = 255;

// Message types (RFC 2132 section 9.6).
const REQUEST: u8 = 3;
const ACK: u8 = 5;
const INFORM: u8 = 8;

/// The flag E of option 81: the name is in the form of DNS messages (RFC 4702 section 2.1).
const IS_ENCODED: u8 = 0x04;
/// The bytes of option 81 before the name: the flags and two response codes.
const BEFORE_NAME: usize = 3;

/// The facts about a client in a DHCP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The address that the client has, or asks for.
    pub address: Ipv4Addr,
    /// The client's MAC address, if it is on Ethernet.
    pub mac: Option<[u8; 6]>,
    /// The name that the client gives itself (option 81, or else 12): bytes from the wire, dots
    /// between labels.
    pub name: Option<Vec<u8>>,
}

/// Reads a request, an inform or an acknowledgment. `None` for other messages, for other bytes, and
/// if no address is in it.
pub fn parse(bytes: &[u8]) -> Option<Lease> {
    let (fixed, options) = bytes.split_at_checked(FIXED)?;
    let (op, htype, hlen) = (*fixed.first()?, *fixed.get(1)?, *fixed.get(2)?);
    if !matches!(op, 1 | 2) || fixed.get(FIXED - COOKIE.len()..)? != COOKIE {
        return None;
    }
    let found = Options::read(options);
    let field = |offset: usize| fixed.get(offset..)?.first_chunk::<4>().map(|address| Ipv4Addr::from(*address));
    let known = |address: Option<Ipv4Addr>| address.filter(|address| !address.is_unspecified());
    let (ciaddr, yiaddr) = (known(field(12)), known(field(16)));
    let address = match (op, found.message_type?) {
        (1, REQUEST) => ciaddr.or_else(|| known(found.requested)),
        (1, INFORM) => ciaddr,
        (2, ACK) => yiaddr,
        _ => None,
    }?;
    let mac = fixed.get(28..)?.first_chunk::<6>().filter(|_| htype == ETHERNET && hlen == 6).copied();
    Some(Lease { address, mac, name: found.name() })
}

#[derive(Default)]
struct Options<'a> {
    message_type: Option<u8>,
    requested: Option<Ipv4Addr>,
    host_name: Option<&'a [u8]>,
    fqdn: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    /// Reads the options up to their end, or to where they are cut.
    fn read(mut rest: &'a [u8]) -> Self {
        let mut found = Self::default();
        while let Some((&code, after)) = rest.split_first() {
            match code {
                END => break,
                PAD => {
                    rest = after;
                    continue;
                }
                _ => {}
            }
            let Some((&length, after)) = after.split_first() else { break };
            let Some((value, after)) = after.split_at_checked(usize::from(length)) else { break };
            match code {
                MESSAGE_TYPE => found.message_type = value.first().copied(),
                REQUESTED_ADDRESS => found.requested = value.first_chunk::<4>().map(|address| (*address).into()),
                HOST_NAME => found.host_name = Some(value),
                CLIENT_FQDN => found.fqdn = Some(value),
                _ => {}
            }
            rest = after;
        }
        found
    }

    fn name(&self) -> Option<Vec<u8>> {
        let fqdn = self.fqdn.and_then(|value| Some((*value.first()?, value.get(BEFORE_NAME..)?)));
        let fqdn = fqdn.map(|(flags, name)| if flags & IS_ENCODED == 0 { name.to_vec() } else { dotted(name) });
        // Some clients end the name by a zero.
        let trimmed = |name: &[u8]| name.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
        let is_name = |name: &Vec<u8>| !name.is_empty();
        fqdn.map(|name| trimmed(&name)).filter(is_name).or_else(|| self.host_name.map(trimmed).filter(is_name))
    }
}

/// Labels in the form of DNS messages, without compression, as text with dots.
fn dotted(mut labels: &[u8]) -> Vec<u8> {
    let mut name = Vec::new();
    while let Some((&length, rest)) = labels.split_first() {
        let Some((label, rest)) = rest.split_at_checked(usize::from(length)).filter(|_| length > 0) else { break };
        if !name.is_empty() {
            name.push(b'.');
        }
        name.extend_from_slice(label);
        labels = rest;
    }
    name
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(op: u8, options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; FIXED];
        bytes[..3].copy_from_slice(&[op, ETHERNET, 6]);
        bytes[16..20].copy_from_slice(&[10, 0, 0, u8::from(op == 2)]);
        bytes[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
        bytes[FIXED - 4..].copy_from_slice(&COOKIE);
        if op == 1 {
            bytes[16..20].fill(0);
        }
        [&bytes, options].concat()
    }

    #[test]
    fn a_request_names_the_client_and_its_address() {
        let bytes = message(1, b"\x35\x01\x03\x32\x04\x0a\x00\x00\x07\x0c\x04DESK\xff");
        let lease = parse(&bytes).unwrap();
        let expected = ("10.0.0.7".parse().unwrap(), Some([2, 0, 0, 0, 0, 9]), Some(b"DESK".to_vec()));
        assert_eq!((lease.address, lease.mac, lease.name), expected);
        // A qualified name counts more, in both of its forms.
        for fqdn in [&b"\x51\x10\x00\x00\x00desk.corp.test"[..], b"\x51\x12\x04\x00\x00\x04desk\x04corp\x04test\x00"] {
            let fqdn = [&[fqdn[0], fqdn.len() as u8 - 2], &fqdn[2..]].concat();
            let bytes = message(2, &[b"\x35\x01\x05\x0c\x04DESK", &fqdn[..]].concat());
            assert_eq!(parse(&bytes).unwrap().name.unwrap(), b"desk.corp.test");
            assert_eq!(parse(&bytes).unwrap().address, Ipv4Addr::new(10, 0, 0, 1));
        }
    }

    #[test]
    fn other_messages_say_nothing() {
        assert_eq!(parse(&message(1, b"\x35\x01\x01\x0c\x04DESK\xff")), None);
        assert_eq!(parse(&message(2, b"\x35\x01\x02\xff")), None);
        assert_eq!(parse(&message(1, b"\x35\x01\x03")), None);
        assert_eq!(parse(&message(3, b"\x35\x01\x03\x32\x04\x0a\x00\x00\x07")), None);
        assert_eq!(parse(b""), None);
    }

    proptest! {
        #[test]
        fn any_options_are_read_without_panic(options in prop::collection::vec(any::<u8>(), 0..300), op in 0..4u8, cut in 0..540usize) {
            let bytes = message(op, &options);
            let lease = parse(&bytes[..cut.min(bytes.len())]);
            prop_assert!(lease.is_none_or(|lease| lease.name.is_none_or(|name| !name.is_empty() && name.len() <= 255)));
        }
    }
}
