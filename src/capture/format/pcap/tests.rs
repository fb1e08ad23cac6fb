use proptest::prelude::*;

use super::*;
use crate::capture::format::resync::DamagedRecord;
use crate::capture::testing::{ParseOutcome, ParsedFrame, Pcap, run};

/// Large enough for every record in these tests, even with damaged lengths, as a real Block is.
const CAPACITY: usize = 2 << 20;

fn read_in(bytes: &[u8], capacity: usize) -> Result<ParseOutcome, String> {
    read_bound(bytes, capacity, None)
}

fn read_bound(bytes: &[u8], capacity: usize, bound: Option<u32>) -> Result<ParseOutcome, String> {
    let (header, records) = bytes.split_first_chunk().ok_or("too short")?;
    let mut parser = PcapParser::new(header)?;
    parser.max_captured = bound.unwrap_or(parser.max_captured);
    Ok(run(records, FILE_HEADER_LENGTH as u64, capacity, |buffer, sink| parser.parse(buffer, 0, sink)))
}

fn read(bytes: &[u8]) -> ParseOutcome {
    read_in(bytes, CAPACITY).unwrap()
}

fn frame(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n * 7) as u8).collect()
}

#[test]
fn both_byte_orders_and_resolutions_are_read() {
    for big in [false, true] {
        for (magic, nanos) in [(0xa1b2_c3d4, 5_000), (0xa1b2_3c4d, 5)] {
            let file = Pcap { big, magic, ..Pcap::default() }.file(&[b"first", b"second!"]);
            let outcome = read(&file);
            assert_eq!(outcome.damaged, []);
            let expected = |second, bytes: &[u8]| ParsedFrame {
                time: Timestamp::from_parts(second, nanos),
                bytes: bytes.to_vec(),
                original: bytes.len() as u32,
                link: 1,
            };
            assert_eq!(outcome.frames, [expected(1_700_000_000, b"first"), expected(1_700_000_001, b"second!")]);
        }
    }
}

#[test]
fn old_versions_have_their_lengths_the_other_way_round() {
    for (version, lengths_swapped) in
        [((2, 0), true), ((2, 2), true), ((543, 0), true), ((2, 3), true), ((2, 3), false), ((2, 4), false)]
    {
        let pcap = Pcap { version, lengths_swapped, ..Pcap::default() };
        let file = [pcap.header(), pcap.record(1, 0, b"abc", 60), pcap.record(2, 0, b"defg", 4)].concat();
        let outcome = read(&file);
        let lengths: Vec<_> = outcome.frames.iter().map(|frame| (frame.bytes.len(), frame.original)).collect();
        assert_eq!(lengths, [(3, 60), (4, 4)], "{version:?}");
        assert_eq!((outcome.cut, outcome.damaged), (1, vec![]));
    }
}

#[test]
fn longer_record_headers_are_told_by_what_makes_sense() {
    for (magic, extra) in [(0xa1b2_cd34, 8), (0xa1b2_cd34, 12), (0xa1b2_cd34, 4), (0xa1b2_c3d4, 8), (0xa1b2_c3d4, 4)] {
        for big in [false, true] {
            let frames = [frame(60), frame(80), frame(64)];
            let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
            let outcome = read(&Pcap { big, magic, extra, ..Pcap::default() }.file(&frames));
            assert_eq!(outcome.damaged, [], "{magic:x} {extra}");
            assert_eq!(outcome.frames.iter().map(|frame| frame.bytes.as_slice()).collect::<Vec<_>>(), frames);
        }
    }
}

#[test]
fn the_link_type_is_the_low_half_of_its_field() {
    let link = |link| read(&Pcap { link, ..Pcap::default() }.file(&[b"x"])).frames[0].link;
    // Four bytes of frame check sequence, and the bit that says so.
    assert_eq!(link(0x2400_0001), 1);
    assert_eq!(link(12), 101);
    assert_eq!(link(14), 101);
    assert_eq!(link(182), 182);
}

#[test]
fn headers_that_libpcap_refuses_are_refused() {
    let refused = |pcap: Pcap| read_in(&pcap.file(&[b"x"]), CAPACITY).unwrap_err();
    assert!(refused(Pcap { version: (1, 0), ..Pcap::default() }).contains("version 1.0"));
    assert!(refused(Pcap { version: (2, 5), ..Pcap::default() }).contains("version 2.5"));
    assert!(refused(Pcap { link: 0x0030_0001, ..Pcap::default() }).contains("0x00300001"));
}

#[test]
fn odd_fractions_and_lengths_are_tolerated() {
    let pcap = Pcap::default();
    let file = [pcap.header(), pcap.record(10, 2_500_000, b"abcd", 2), pcap.record(11, u32::MAX, b"", 9)].concat();
    let outcome = read(&file);
    assert_eq!(outcome.frames[0].time, Timestamp::from_parts(12, 500_000_000));
    assert_eq!(outcome.frames[0].bytes, b"abcd");
    assert_eq!(outcome.frames[1].time, Timestamp::from_nanos(11_000_000_000 + i64::from(u32::MAX) * 1000));
    assert_eq!((outcome.frames.len(), outcome.damaged.len()), (2, 0));
}

#[test]
fn a_file_of_a_header_alone_is_an_empty_capture() {
    assert_eq!(read(&Pcap::default().header()), ParseOutcome::default());
}

#[test]
fn a_file_cut_short_gives_what_is_whole() {
    let frames = [frame(60), frame(80)];
    let file = Pcap::default().file(&[&frames[0], &frames[1]]);
    let second = FILE_HEADER_LENGTH + 16 + 60;
    for length in second + 1..file.len() {
        let outcome = read(&file[..length]);
        assert_eq!(outcome.frames.len(), 1, "cut at {length}");
        let record = DamagedRecord { offset: second as u64, damage: Damage::Cut, resumed: None };
        assert_eq!(outcome.damaged, [record]);
    }
}

#[test]
fn after_damage_reading_goes_on_at_the_next_good_record() {
    let frames: Vec<Vec<u8>> = (0..8).map(|n| frame(60 + n)).collect();
    let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    for big in [false, true] {
        let mut file = Pcap { big, ..Pcap::default() }.file(&frames);
        let third = FILE_HEADER_LENGTH + 16 + 60 + 16 + 61;
        file[third + 8..third + 12].fill(0xff);
        let outcome = read(&file);
        let seen: Vec<usize> = outcome.frames.iter().map(|frame| frame.bytes.len()).collect();
        assert_eq!(seen, [60, 61, 63, 64, 65, 66, 67]);
        let damage = Damage::CapturedLength { captured: u32::MAX, bound: MAX_CAPTURED };
        let resumed = Some((third + 16 + 62) as u64);
        assert_eq!(outcome.damaged, [DamagedRecord { offset: third as u64, damage, resumed }]);
    }
}

#[test]
fn records_far_from_the_last_good_time_need_more_of_a_chain() {
    let pcap = Pcap::default();
    let far = |count: u32| {
        let mut file = pcap.file(&[b"first", b"second"]);
        file.extend([0xff; 50]);
        for second in 0..count {
            file.extend(pcap.record(1_600_000_000 + second, 0, b"far away", 8));
        }
        // Without these bytes the end of the file would confirm the records.
        file.extend([0xff; 50]);
        read(&file).frames.len()
    };
    assert_eq!(far(3), 2);
    assert_eq!(far(6), 8);
}

#[test]
fn a_record_larger_than_the_buffer_is_passed_over() {
    // D-Bus allows 128 MiB.
    let pcap = Pcap { link: 231, ..Pcap::default() };
    let large = vec![0x55; 5000];
    let outcome = read_in(&pcap.file(&[b"before", &large, b"after"]), 1000).unwrap();
    let seen: Vec<&[u8]> = outcome.frames.iter().map(|frame| frame.bytes.as_slice()).collect();
    assert_eq!(seen, [b"before".as_slice(), b"after"]);
    assert_eq!((outcome.oversized, outcome.damaged), (1, vec![]));
}

#[test]
fn a_believable_snapshot_length_raises_the_bound() {
    let large = vec![0x55; 300_000];
    let frames = |snaplen| read(&Pcap { snaplen, ..Pcap::default() }.file(&[&large])).frames.len();
    assert_eq!(frames(500_000), 1);
    assert_eq!(frames(u32::MAX), 0);
}

fn captures() -> impl Strategy<Value = (Vec<u8>, usize)> {
    let frames = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..30);
    (frames, any::<bool>(), prop::sample::select(vec![0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34]), 0..3_u16).prop_map(
        |(frames, big, magic, minor)| {
            let extra = if magic == 0xa1b2_cd34 { 8 } else { 0 };
            let minor = if minor == 0 { 2 } else { 4 };
            let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
            let pcap = Pcap { big, magic, extra, version: (2, minor), lengths_swapped: minor == 2, ..Pcap::default() };
            (pcap.file(&frames), frames.len())
        },
    )
}

proptest! {
    #[test]
    fn a_sound_file_gives_all_its_frames((file, count) in captures(), capacity in 600_usize..5000) {
        let outcome = read(&file);
        prop_assert_eq!(outcome.frames.len(), count);
        prop_assert_eq!(&outcome.damaged, &vec![]);
        prop_assert_eq!(read_in(&file, capacity).unwrap(), outcome);
    }

    #[test]
    fn any_damage_is_survived_alike_however_the_bytes_come(
        (mut file, _) in captures(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in any::<prop::sample::Index>(),
        capacity in 2200_usize..6000,
    ) {
        for (place, value) in changes {
            let place = FILE_HEADER_LENGTH + place.index(file.len() - FILE_HEADER_LENGTH + 1);
            if let Some(byte) = file.get_mut(place) { *byte = value; }
        }
        let file = &file[..FILE_HEADER_LENGTH + cut.index(file.len() - FILE_HEADER_LENGTH + 1)];
        // With this limit even a small buffer has room for a chain of records, as a Block has for
        // real ones.
        let bound = Some(300);
        prop_assert_eq!(read_bound(file, capacity, bound).unwrap(), read_bound(file, CAPACITY, bound).unwrap());
    }

    #[test]
    fn any_bytes_in_any_buffer_come_to_an_end(
        bytes in prop::collection::vec(any::<u8>(), 0..3000),
        capacity in 64_usize..4000,
        big in any::<bool>(),
    ) {
        let file = [Pcap { big, ..Pcap::default() }.header(), bytes].concat();
        let outcome = read_in(&file, capacity).unwrap();
        prop_assert!(outcome.frames.len() * 16 <= file.len());
    }

    #[test]
    fn any_damage_in_a_small_buffer_comes_to_an_end(
        (mut file, _) in captures(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        capacity in 64_usize..4000,
    ) {
        for (place, value) in changes {
            let place = FILE_HEADER_LENGTH + place.index(file.len() - FILE_HEADER_LENGTH + 1);
            if let Some(byte) = file.get_mut(place) { *byte = value; }
        }
        read_in(&file, capacity).unwrap();
    }
}
