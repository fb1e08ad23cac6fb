//! ClientHellos of real clients, split in every way, truncated, broken and generated.

use proptest::prelude::*;

use super::client_hello::*;
use super::testing::*;
use crate::domain_name::DomainName;
use crate::protocol::parse_result::ParseResult;

/// The result for bytes in records, with the name as bytes.
fn parsed(bytes: &[u8]) -> ParseResult<Option<Vec<u8>>> {
    as_bytes(parse_client_hello(bytes))
}

fn as_bytes(result: ParseResult<ClientHello<'_>>) -> ParseResult<Option<Vec<u8>>> {
    match result {
        ParseResult::Complete(hello, used) => {
            ParseResult::Complete(hello.server_name.map(|name| name.as_bytes().to_vec()), used)
        }
        ParseResult::Incomplete => ParseResult::Incomplete,
        ParseResult::Mismatch => ParseResult::Mismatch,
    }
}

fn name(bytes: &[u8]) -> Option<String> {
    match parsed(bytes) {
        ParseResult::Complete(name, _) => name.map(|name| name.escape_ascii().to_string()),
        other => panic!("{other:?}"),
    }
}

/// A hello with these extensions, in one record.
fn record(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    in_records(&MadeHello::with(extensions).message(), &[])
}

/// A hello whose `server_name` has these data, in one record.
fn record_of_names(data: &[u8]) -> Vec<u8> {
    record(&[(0, data.to_vec())])
}

/// A hello that the encoder of the tests did not write: version 1.0, one cipher suite, and only
/// `server_name`.
const PLAIN: &[u8] = b"\x16\x03\x01\x00\x47\x01\x00\x00\x43\x03\x01\
    0123456789abcdef0123456789abcdef\x00\x00\x02\x00\x2f\x01\x00\
    \x00\x18\x00\x00\x00\x14\x00\x12\x00\x00\x0fGW.Feersona.ne\xff";

#[test]
fn the_name_is_read_unchanged() {
    let ParseResult::Complete(hello, used) = parse_client_hello(PLAIN) else { panic!() };
    let server_name = hello.server_name.unwrap();
    assert_eq!((server_name.as_bytes(), used), (&b"GW.Feersona.ne\xff"[..], PLAIN.len()));
    assert!(server_name.is_borrowed());
    let mut name = DomainName::new();
    assert!(server_name.read(&mut name));
    assert_eq!(name.as_bytes(), b"gw.feersona.ne\xff");
}

#[test]
fn a_hello_is_complete_at_the_end_of_its_name() {
    let bytes = in_records(&MadeHello::usual(b"feersona.net").message(), &[]);
    let end = bytes.windows(12).position(|window| window == b"feersona.net").unwrap() + 12;
    assert!(end < bytes.len());
    assert_eq!(parsed(&bytes[..end]), ParseResult::Complete(Some(b"feersona.net".to_vec()), end));
    assert_eq!(parsed(&bytes), parsed(&bytes[..end]));
    assert_eq!(parsed(&bytes[..end - 1]), ParseResult::Incomplete);
}

#[test]
fn a_hello_without_a_name_ends_with_its_extensions() {
    let bytes = record(&[(GREASE, vec![]), (0x002b, vec![2, 3, 4])]);
    assert_eq!(parsed(&bytes), ParseResult::Complete(None, bytes.len()));
    assert_eq!(parsed(&bytes[..bytes.len() - 1]), ParseResult::Incomplete);
    let bytes = in_records(&MadeHello { extensions: None, ..MadeHello::with(&[]) }.message(), &[]);
    assert_eq!(parsed(&bytes), ParseResult::Complete(None, bytes.len()));
    assert_eq!(parsed(&record(&[])), ParseResult::Complete(None, record(&[]).len()));
}

#[test]
fn the_first_host_name_counts() {
    let several = server_names(&[(7, b"other"), (0, b"first.example"), (0, b"second.example")]);
    assert_eq!(name(&record_of_names(&several)).as_deref(), Some("first.example"));
    assert_eq!(name(&record_of_names(&server_names(&[(7, b"other")]))), None);
    let twice = record(&[(0, server_names(&[(0, b"a.example")])), (0, server_names(&[(0, b"b.example")]))]);
    assert_eq!(name(&twice).as_deref(), Some("a.example"));
}

#[test]
fn an_invalid_name_is_none() {
    for data in [&[][..], &[0, 0], &server_names(&[(0, b"")]), &server_names(&[(0, &[b'a'; 255])])] {
        assert_eq!(name(&record_of_names(data)), None, "{data:?}");
    }
    assert_eq!(name(&record_of_names(&server_names(&[(0, &[b'a'; 254])]))).map(|name| name.len()), Some(254));
}

#[test]
fn addresses_and_names_are_distinguished() {
    let address = |text: &[u8]| {
        let bytes = record_of_names(&server_names(&[(0, text)]));
        let ParseResult::Complete(hello, _) = parse_client_hello(&bytes) else { panic!() };
        hello.server_name.unwrap().address().map(|address| address.to_string())
    };
    assert_eq!(address(b"91.202.233.25").as_deref(), Some("91.202.233.25"));
    assert_eq!(address(b"2001:DB8::1").as_deref(), Some("2001:db8::1"));
    assert_eq!(address(b"[2001:db8::1]").as_deref(), Some("2001:db8::1"));
    for text in [&b"feersona.net"[..], b"91.202.233", b"91.202.233.25.example", b"\xff\xfe"] {
        assert_eq!(address(text), None, "{text:?}");
    }
}

#[test]
fn a_name_split_over_records_is_joined() {
    let message = MadeHello::usual(b"feersona.net").message();
    let whole = in_records(&message, &[]);
    let at = message.windows(12).position(|window| window == b"feersona.net").unwrap();
    for lengths in [vec![at + 4], vec![at, 12], vec![1; message.len()], vec![at + 1, 1, 1, 1, 1]] {
        let bytes = in_records(&message, &lengths);
        assert_eq!(name(&bytes), name(&whole), "{lengths:?}");
    }
}

#[test]
fn other_bytes_are_rejected_at_once() {
    let alert = b"\x15\x03\x03\x00\x02\x02\x28";
    let server_hello = b"\x16\x03\x03\x00\x31\x02\x00\x00\x2d\x03\x03";
    let application_data = b"\x17\x03\x03\x00\x20";
    let version_2 = b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10";
    for bytes in [&alert[..], server_hello, application_data, version_2, b"GET / HTTP/1.1\r\n", &[0; 100], b"\x16\x02"]
    {
        assert_eq!(parsed(bytes), ParseResult::Mismatch, "{bytes:?}");
        assert!(!may_be_client_hello(bytes), "{bytes:?}");
    }
    for bytes in [&b"\x16\x03\x05"[..], b"\x16\x03\x01\x00\x00\x01", b"\x16\x03\x01\xff\xff\x01"] {
        assert_eq!(parsed(bytes), ParseResult::Mismatch, "{bytes:?}");
    }
}

#[test]
fn every_version_is_read() {
    for minor in 0..=4 {
        let mut bytes = PLAIN.to_vec();
        (bytes[2], bytes[10]) = (minor, minor);
        assert!(may_be_client_hello(&bytes));
        assert_eq!(parsed(&bytes), parsed(PLAIN));
    }
}

#[test]
fn another_record_within_a_hello_ends_it() {
    let mut bytes = in_records(&MadeHello::usual(b"feersona.net").message(), &[50]);
    assert_eq!(bytes[55], 22);
    bytes[55] = 21;
    assert_eq!(parsed(&bytes), ParseResult::Mismatch);
    assert_eq!(parsed(&bytes[..55]), ParseResult::Incomplete);
}

#[test]
fn a_field_that_extends_beyond_the_field_around_it_makes_no_hello() {
    let hello = MadeHello::with(&[(0, server_names(&[(0, b"feersona.net")]))]);
    let message = hello.message();
    // Type 1, length 3, version 2, random 32, session id 1, suites 2 + 2, compression 1 + 1,
    // extensions 2, type 2, length 2, list 2, kind 1, name 2.
    for (place, what) in [
        (3, "message"),
        (38, "session id"),
        (40, "suites"),
        (43, "compression"),
        (46, "extensions"),
        (50, "extension"),
        (52, "list"),
        (55, "name"),
    ] {
        let mut longer = message.clone();
        longer[place] = if what == "message" { longer[place] - 1 } else { longer[place] + 100 };
        longer.extend([0; 300]);
        assert_eq!(as_bytes(parse_client_hello_message(&longer)), ParseResult::Mismatch, "{what}");
    }
}

#[test]
fn a_hello_beyond_the_bound_is_rejected() {
    let hello = |before| record(&[(GREASE, vec![0; before]), (0, server_names(&[(0, b"feersona.net")]))]);
    let rest = hello(0).len();
    let last = hello(LONGEST_HELLO - rest);
    assert_eq!((last.len(), name(&last).as_deref()), (LONGEST_HELLO, Some("feersona.net")));
    let beyond = hello(LONGEST_HELLO - rest + 1);
    assert_eq!(parsed(&beyond), ParseResult::Mismatch);
    assert_eq!(parsed(&beyond[..LONGEST_HELLO]), ParseResult::Mismatch);
    assert_eq!(parsed(&beyond[..LONGEST_HELLO - 1]), ParseResult::Incomplete);
}

/// Checks that a result stays the same when more bytes follow, except `Partial`, and that the check
/// of the first bytes agrees.
fn results_stay_the_same(bytes: &[u8]) -> Result<(), TestCaseError> {
    let mut last = ParseResult::Incomplete;
    for length in 0..=bytes.len() {
        let now = parsed(&bytes[..length]);
        prop_assert!(last == ParseResult::Incomplete || now == last, "at {}: {:?} after {:?}", length, now, last);
        prop_assert!(length == 0 || now == ParseResult::Mismatch || may_be_client_hello(&bytes[..length]));
        if let ParseResult::Complete(_, used) = now {
            prop_assert!(used <= length);
        }
        last = now;
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_generated_hello_is_parsed(hello in made_hello(), lengths in prop::collection::vec(1usize..100, 0..30)) {
        let message = hello.message();
        let ParseResult::Complete(read, _) = as_bytes(parse_client_hello_message(&message)) else { panic!("not whole") };
        prop_assert_eq!(&read, &hello.name());
        let ParseResult::Complete(read, used) = parsed(&in_records(&message, &lengths)) else { panic!("not whole") };
        prop_assert_eq!(&read, &hello.name());
        let ParseResult::Complete(read, used_of_fewer) = parsed(&in_records(&message, &[])) else { panic!("not whole") };
        prop_assert_eq!(&read, &hello.name());
        prop_assert!(used >= used_of_fewer);
    }

    #[test]
    fn every_prefix_of_a_hello_is_partial_or_gives_the_same(hello in made_hello(), lengths in prop::collection::vec(1usize..300, 0..10)) {
        let bytes = in_records(&hello.message(), &lengths);
        let ParseResult::Complete(read, needed) = parsed(&bytes) else { panic!("not whole") };
        for length in 0..=bytes.len() {
            let expected = if length < needed { ParseResult::Incomplete } else { ParseResult::Complete(read.clone(), needed) };
            prop_assert_eq!(parsed(&bytes[..length]), expected, "at {}", length);
        }
    }

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300), as_record in any::<bool>()) {
        let mut bytes = bytes;
        if as_record && bytes.len() > 9 {
            bytes[..6].copy_from_slice(&[22, 3, 3, 1, 0, 1]);
            bytes[6..9].copy_from_slice(&[0, 0, 200]);
        }
        results_stay_the_same(&bytes)?;
        let _must_not_panic = parse_client_hello_message(&bytes);
    }

    #[test]
    fn any_mutation_is_read(
        hello in made_hello(),
        lengths in prop::collection::vec(1usize..100, 0..5),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..6),
    ) {
        let mut bytes = in_records(&hello.message(), &lengths);
        for (index, byte, kind) in changes {
            let index = index.index(bytes.len());
            match kind {
                0 => bytes[index] = byte,
                1 => bytes.insert(index, byte),
                _ => { bytes.remove(index); }
            }
        }
        bytes.truncate(2000);
        results_stay_the_same(&bytes)?;
    }
}
