//! Kerberos (RFC 4120): the account in a client's first request, which is in clear (AS-REQ,
//! sections 5.4.1 and 7.2.2).

use super::parse_result::ParseResult;

/// The tag of an AS-REQ: application 10.
const AS_REQ: u8 = 0x6a;
/// The longest request over TCP that is reassembled. One with a certificate has some 8 kB.
const LONGEST: usize = 65_536;
/// The length that precedes each message over TCP, in bytes.
const PREFIX: usize = 4;

// Tags of DER (ITU-T X.690).
const SEQUENCE: u8 = 0x30;
const GENERAL_STRING: u8 = 0x1b;

/// The context tag of a field.
const fn field(number: u8) -> u8 {
    0xa0 | number
}

/// The account that a client logs on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsRequest<'a> {
    /// The name: that of a machine ends with `$`.
    pub name: &'a [u8],
    /// The realm, empty if it is missing.
    pub realm: &'a [u8],
}

/// Reads a request at the start of a datagram. `None` for other bytes. What is cut behind the name
/// is no obstacle.
pub fn parse(bytes: &[u8]) -> Option<AsRequest<'_>> {
    let request = inner(inner(bytes, AS_REQ)?, SEQUENCE)?;
    let body = inner(find(request, field(4))?, SEQUENCE)?;
    let client = inner(find(body, field(1))?, SEQUENCE)?;
    let names = inner(find(client, field(1))?, SEQUENCE)?;
    let name = inner(names, GENERAL_STRING).filter(|name| !name.is_empty())?;
    let realm = find(body, field(2)).and_then(|realm| inner(realm, GENERAL_STRING)).unwrap_or_default();
    Some(AsRequest { name, realm })
}

/// Reads a request at the start of a stream, behind its length.
pub fn parse_stream(bytes: &[u8]) -> ParseResult<Option<AsRequest<'_>>> {
    let Some((prefix, rest)) = bytes.split_first_chunk::<PREFIX>() else { return ParseResult::Mismatch };
    let length = u32::from_be_bytes(*prefix) as usize;
    if rest.first() != Some(&AS_REQ) || length > LONGEST {
        return ParseResult::Mismatch;
    }
    match rest.get(..length) {
        Some(message) => ParseResult::Complete(parse(message), PREFIX + length),
        None => ParseResult::Incomplete,
    }
}

/// An element of DER: its tag, its content as far as it is there, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f)).filter(|(bytes, _)| bytes.len() <= 4)?;
        length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        rest = after;
    }
    let (content, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
    Some((tag, content, after))
}

/// The content of the first element, if it has this tag.
fn inner(bytes: &[u8], wanted: u8) -> Option<&[u8]> {
    element(bytes).filter(|(tag, ..)| *tag == wanted).map(|(_, content, _)| content)
}

/// The content of the first element with this tag.
fn find(mut bytes: &[u8], wanted: u8) -> Option<&[u8]> {
    while let Some((tag, content, after)) = element(bytes) {
        if tag == wanted {
            return Some(content);
        }
        bytes = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len();
        let header =
            if length < 128 { vec![tag, length as u8] } else { vec![tag, 0x82, (length >> 8) as u8, length as u8] };
        [&header, content].concat()
    }

    fn request(name: &[u8], realm: &[u8]) -> Vec<u8> {
        let names = der(field(1), &der(SEQUENCE, &der(GENERAL_STRING, name)));
        let client = [der(field(0), &der(2, &[1])), names].concat();
        let body = [
            der(field(0), &der(3, &[0, 0x40, 0x81, 0, 0x10])),
            der(field(1), &der(SEQUENCE, &client)),
            der(field(2), &der(GENERAL_STRING, realm)),
        ]
        .concat();
        let padata = der(field(3), &der(SEQUENCE, &[7; 200]));
        let request =
            [der(field(1), &der(2, &[5])), der(field(2), &der(2, &[10])), padata, der(field(4), &der(SEQUENCE, &body))];
        der(AS_REQ, &der(SEQUENCE, &request.concat()))
    }

    #[test]
    fn the_account_of_a_request_is_read() {
        let bytes = request(b"j.doe", b"CORP.TEST");
        let expected = AsRequest { name: b"j.doe", realm: b"CORP.TEST" };
        assert_eq!(parse(&bytes), Some(expected));
        let stream = [&(bytes.len() as u32).to_be_bytes()[..], &bytes].concat();
        assert_eq!(parse_stream(&stream), ParseResult::Complete(Some(expected), stream.len()));
        assert_eq!(parse_stream(&stream[..40]), ParseResult::Incomplete);
        assert_eq!(parse_stream(b"GET / HTTP/1.1"), ParseResult::Mismatch);
        assert_eq!(parse(&bytes[1..]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0..300usize, byte in any::<u8>(), cut in 0..400usize) {
            parse(&bytes);
            parse_stream(&bytes);
            let mut bytes = request(b"j.doe", b"CORP.TEST");
            let end = cut.min(bytes.len());
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let found = parse(&bytes[..end]);
            prop_assert!(found.is_none_or(|found| !found.name.is_empty() && found.name.len() <= end));
        }
    }
}
