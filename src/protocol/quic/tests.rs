//! The example packets of the RFCs, ClientHellos in every arrangement of frames and packets, and
//! other bytes.

use proptest::prelude::*;

use super::testing::*;
use super::*;
use crate::protocol::parse_result::ParseResult;
use crate::protocol::tls::ClientHello;
use crate::protocol::tls::testing::{MadeHello, made_hello};

const VERSIONS: [QuicVersion; 3] = [QuicVersion::V1, QuicVersion::V2, QuicVersion::Draft29];

/// Bytes from hex digits. Blanks are ignored.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

/// The connection ID of the examples in RFC 9001 and RFC 9369.
fn example(version: QuicVersion) -> OriginalConnectionId {
    OriginalConnectionId::new(version, &hex("8394c8f03e515708"))
}

/// The frames of the client in those examples (appendix A.2 of both): a hello for `example.com`,
/// and padding.
fn example_frames() -> Vec<u8> {
    let mut frames = hex(
        "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000c0
         00000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e0005000501
         00000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304
         000d0010000e0403050306030203080408050806002d00020101001c00024001003900320408ffffffffffffffff05048000ffff07
         048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff",
    );
    frames.resize(1162, 0);
    frames
}

fn as_text(result: ParseResult<ClientHello<'_>>) -> ParseResult<Option<String>> {
    match result {
        ParseResult::Complete(hello, used) => {
            ParseResult::Complete(hello.server_name.map(|name| name.as_bytes().escape_ascii().to_string()), used)
        }
        ParseResult::Incomplete => ParseResult::Incomplete,
        ParseResult::Mismatch => ParseResult::Mismatch,
    }
}

/// The result for one datagram, with the name as text.
fn parsed(datagram: &[u8]) -> ParseResult<Option<String>> {
    as_text(InitialReader::new().client_hello(datagram))
}

/// The name in a datagram with a complete hello.
fn name(datagram: &[u8]) -> String {
    match parsed(datagram) {
        ParseResult::Complete(Some(name), _) => name,
        other => panic!("{other:?}"),
    }
}

fn hello() -> Vec<u8> {
    MadeHello::usual(b"feersona.net").message()
}

#[test]
fn the_examples_of_the_rfcs_are_written_and_read() {
    let number = [0, 0, 0, 2];
    let v1 = example(QuicVersion::V1);
    let packet = initial_to(v1.id(), &v1, &[], &number, &example_frames());
    assert_eq!(packet.len(), 1200);
    assert_eq!(packet[..32], hex("c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11"));
    // The authentication tag covers every byte before it.
    assert_eq!(packet[1184..], hex("e221af44860018ab0856972e194cd934"));
    assert_eq!(name(&packet), "example.com");

    let v2 = example(QuicVersion::V2);
    let packet = initial_to(v2.id(), &v2, &[], &number, &example_frames());
    assert_eq!(packet[..38], hex("d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485dd04de806071"));
    assert_eq!(name(&packet), "example.com");
}

#[test]
fn each_version_and_length_of_packet_number_is_read() {
    for version in VERSIONS {
        for length in 1..=4 {
            let origin = example(version);
            let packet = initial_to(origin.id(), &origin, b"token", &vec![7; length], &padded(crypto(0, &hello())));
            assert!(may_be_initial(&packet));
            assert_eq!(name(&packet), "feersona.net", "{version:?} {length}");
        }
    }
}

#[test]
fn other_frames_are_skipped() {
    let ack = [&[2][..], &varint(70), &varint(100), &varint(2), &varint(0), &[1, 1, 2, 2]].concat();
    let ack_with_ecn = [&[3][..], &varint(70_000), &varint(0), &varint(0), &varint(0), &[1, 2, 3]].concat();
    let message = hello();
    let (first, last) = message.split_at(300);
    let frames = [&[0, 0, 1, 1][..], &ack, &crypto(300, last), &[0], &ack_with_ecn, &[1], &crypto(0, first)].concat();
    assert_eq!(name(&initial(&example(QuicVersion::V1), 0, &padded(frames))), "feersona.net");
}

#[test]
fn a_frame_not_allowed_in_initial_packets_ends_the_packet() {
    let origin = example(QuicVersion::V1);
    // STREAM, CONNECTION_CLOSE, an ACK with more ranges than bytes, a truncated CRYPTO frame.
    for odd in
        [&[8][..], &[0x1c, 0, 0, 0], &[2, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0], &[6, 0, 0x7f]]
    {
        let after = [odd, &crypto(0, &hello())].concat();
        let cut_off = if odd[0] == 6 { odd.to_vec() } else { padded(after) };
        let datagram = [initial(&origin, 0, &cut_off), vec![0; 1200]].concat();
        assert_eq!(parsed(&datagram), ParseResult::Mismatch, "{odd:?}");
    }
}

#[test]
fn a_hello_in_two_datagrams_is_reassembled() {
    let origin = example(QuicVersion::V1);
    let message = hello();
    let at = message.windows(12).position(|window| window == b"feersona.net").unwrap() + 3;
    let first = initial(&origin, 0, &padded(crypto(0, &message[..at])));
    // After the answer of the server, the client retransmits to the ID that the server chose.
    let second = initial_to(b"srv", &origin, &[], &[1], &padded(crypto(at, &message[at..])));
    assert_eq!(parsed(&first), ParseResult::Incomplete);
    assert_eq!(parsed(&second), ParseResult::Mismatch, "its keys are derived from the ID of the first");
    let mut reader = InitialReader::new();
    for datagrams in [[&first, &second], [&second, &first]] {
        let mut stream = CryptoStream::new();
        for datagram in datagrams {
            let inserted =
                reader.read_into(datagram, &OriginalConnectionId::from_datagram(&first).unwrap(), &mut stream);
            assert_eq!(inserted, 1);
        }
        let ParseResult::Complete(Some(name), _) = as_text(stream.client_hello()) else { panic!() };
        assert_eq!(name, "feersona.net");
    }
}

#[test]
fn a_later_part_alone_is_partial_and_no_part_is_nothing() {
    let origin = example(QuicVersion::V2);
    assert_eq!(parsed(&initial(&origin, 1, &padded(crypto(500, &hello()[500..])))), ParseResult::Incomplete);
    assert_eq!(parsed(&initial(&origin, 1, &padded(vec![1]))), ParseResult::Mismatch);
    let other_message = [&[2, 0, 0, 100][..], &[3; 100]].concat();
    assert_eq!(parsed(&initial(&origin, 1, &padded(crypto(0, &other_message)))), ParseResult::Mismatch);
}

#[test]
fn each_packet_of_a_datagram_is_read() {
    let origin = example(QuicVersion::V1);
    let message = hello();
    let datagram = [
        initial(&origin, 0, &crypto(0, &message[..700])),
        other(&origin, 1, 80),
        initial(&origin, 1, &crypto(700, &message[700..])),
        other(&origin, 2, 80),
        vec![0; 100],
    ]
    .concat();
    assert_eq!(name(&datagram), "feersona.net");
    let mut stream = CryptoStream::new();
    let inserted = InitialReader::new().read_into(&datagram, &origin, &mut stream);
    assert_eq!(inserted, 2);
}

#[test]
fn rejected_frames_are_not_counted_and_the_first_copy_is_kept() {
    let origin = example(QuicVersion::V1);
    let frames = [crypto(0, b"abc"), crypto(1, b"B"), crypto(LONGEST_STREAM, b"x")].concat();
    let mut stream = CryptoStream::new();
    let inserted = InitialReader::new().read_into(&initial(&origin, 0, &padded(frames)), &origin, &mut stream);
    assert_eq!(inserted, 2);
    assert_eq!(stream.contiguous(), b"abc");
}

#[test]
fn packets_with_other_keys_or_ids_are_ignored() {
    let origin = example(QuicVersion::V1);
    let stranger = OriginalConnectionId::new(QuicVersion::V1, b"another id");
    let with_other_keys = initial_to(origin.id(), &stranger, &[], &[0], &padded(crypto(0, &hello())));
    assert_eq!(parsed(&with_other_keys), ParseResult::Mismatch);
    let mut stream = CryptoStream::new();
    let inserted = InitialReader::new().read_into(&with_other_keys, &origin, &mut stream);
    assert_eq!(inserted, 0);
    // A packet to another ID than that of the first packet ends the datagram.
    let packets =
        [other(&origin, 1, 1200), initial_to(b"different", &origin, &[], &[0], &crypto(0, &hello()))].concat();
    let inserted = InitialReader::new().read_into(&packets, &origin, &mut stream);
    assert_eq!(inserted, 0);
}

#[test]
fn the_check_of_the_first_bytes_accepts_a_clients_first_packet() {
    let origin = example(QuicVersion::V1);
    let good = initial(&origin, 0, &padded(crypto(0, &hello())));
    assert!(may_be_initial(&good));
    assert!(!may_be_initial(&good[..1199]), "too short for a server to accept");
    for (place, byte, what) in [
        (0, 0x40, "short header"),
        (0, 0xd0, "0-RTT"),
        (0, 0xf0, "Retry"),
        (4, 2, "unknown version"),
        (5, 7, "an id too short to be chosen"),
        (5, 21, "an id too long"),
    ] {
        let mut bytes = good.clone();
        bytes[place] = byte;
        assert!(!may_be_initial(&bytes), "{what}");
        assert_eq!(parsed(&bytes), ParseResult::Mismatch, "{what}");
    }
    let mut greased = good;
    greased[0] &= !0x40;
    assert!(may_be_initial(&greased), "the fixed bit may be missing");
}

/// A hello, the ranges of its frames in random order, and the number of frames per datagram.
fn arranged() -> impl Strategy<Value = (MadeHello, Vec<(usize, usize)>, usize)> {
    (made_hello(), prop::collection::vec(any::<prop::sample::Index>(), 0..12), 1usize..5).prop_flat_map(
        |(hello, cuts, per_datagram)| {
            let length = hello.message().len();
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(length)).chain([0, length]).collect();
            ends.sort_unstable();
            ends.dedup();
            let pieces: Vec<(usize, usize)> = ends.windows(2).map(|pair| (pair[0], pair[1])).collect();
            (Just(hello), Just(pieces).prop_shuffle(), Just(per_datagram))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_arrangement_of_frames_gives_the_same((hello, pieces, per_datagram) in arranged(), version in prop::sample::select(&VERSIONS[..])) {
        let message = hello.message();
        let expected = hello.name().map(|name| name.escape_ascii().to_string());
        let origin = example(version);
        let frames: Vec<_> = pieces.iter().map(|&(start, end)| crypto(start, &message[start..end])).collect();
        let ParseResult::Complete(read, used) = parsed(&initial(&origin, 0, &padded(frames.concat()))) else { panic!("not whole") };
        prop_assert_eq!(&read, &expected);

        let mut reader = InitialReader::new();
        let mut stream = CryptoStream::new();
        for frames in frames.chunks(per_datagram) {
            // No prefix of the frames gives another result.
            if let ParseResult::Complete(read, _) = as_text(stream.client_hello()) {
                prop_assert_eq!(&read, &expected);
            }
            let datagram = initial(&origin, 3, &padded(frames.concat()));
            reader.read_into(&datagram, &origin, &mut stream);
        }
        prop_assert_eq!(as_text(stream.client_hello()), ParseResult::Complete(read, used));
    }

    #[test]
    fn damaged_packets_give_nothing_or_the_same(
        (hello, pieces, _) in arranged(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..4),
    ) {
        let message = hello.message();
        let frames: Vec<_> = pieces.iter().map(|&(start, end)| crypto(start, &message[start..end])).collect();
        let origin = example(QuicVersion::V1);
        let good = [initial(&origin, 0, &padded(frames.concat())), vec![0; 20]].concat();
        let mut bytes = good.clone();
        for (index, byte, kind) in changes {
            let index = index.index(bytes.len());
            match kind {
                0 => bytes[index] = byte,
                1 => bytes.insert(index, byte),
                _ => { bytes.remove(index); }
            }
        }
        let now = parsed(&bytes);
        prop_assert!(now == ParseResult::Mismatch || now == parsed(&good));
    }

    #[test]
    fn any_bytes_are_read(
        start in prop::sample::select(vec![
            vec![], b"\xc0\0\0\0\x01\x08".to_vec(), b"\xd3\x6b\x33\x43\xcf\x14".to_vec(), b"\xc1\xff\0\0\x1d\x09".to_vec(),
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..1400),
        small in any::<bool>(),
    ) {
        let rest = rest.iter().map(|byte| if small { byte % 24 } else { *byte });
        let bytes: Vec<u8> = start.into_iter().chain(rest).collect();
        // Random bytes do not have a valid authentication tag.
        prop_assert_eq!(parsed(&bytes), ParseResult::Mismatch);
        let mut stream = CryptoStream::new();
        let inserted = InitialReader::new().read_into(&bytes, &example(QuicVersion::V1), &mut stream);
        prop_assert_eq!(inserted, 0);
    }

    #[test]
    fn any_payload_is_read(payload in prop::collection::vec(prop_oneof![0u8..8, any::<u8>()], 0..300)) {
        let total: usize = frame::crypto_frames(&payload).map(|frame| frame.data.len() + 3).sum();
        prop_assert!(total <= payload.len());
    }
}
