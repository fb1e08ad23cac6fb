use proptest::prelude::*;

use super::parser::{
    CUSTOM, CUSTOM_NOT_COPIED, ENHANCED_PACKET, INTERFACE_DESCRIPTION, MAX_INTERFACES, PcapngParser, SIMPLE_PACKET,
};
use crate::capture::format::damage::Damage;
use crate::capture::format::resync::DamagedRecord;
use crate::capture::testing::{ParseOutcome, ParsedFrame, Pcapng, number, run};
use crate::units::Timestamp;

const CAPACITY: usize = 2 << 20;

const LITTLE: Pcapng = Pcapng { big: false };
const BIG: Pcapng = Pcapng { big: true };

fn read_in(bytes: &[u8], capacity: usize) -> ParseOutcome {
    let mut parser = PcapngParser::new();
    run(bytes, 0, capacity, |buffer, sink| parser.parse(buffer, 0, sink))
}

fn read(blocks: &[Vec<u8>]) -> ParseOutcome {
    read_in(&blocks.concat(), CAPACITY)
}

fn times(outcome: &ParseOutcome) -> Vec<i64> {
    outcome.frames.iter().map(|frame| frame.time.nanos()).collect()
}

#[test]
fn every_kind_of_packet_block_is_read_in_both_byte_orders() {
    for ng in [LITTLE, BIG] {
        let outcome = read(&[
            ng.section(),
            ng.interface(1, 6, &[]),
            ng.interface(113, 0, &[]),
            ng.packet(1, 5_000_000_000_007, b"enhanced", 80),
            ng.obsolete(0, 6, b"obsolete!"),
            // Only as many bytes as the interface's snapshot length are captured. The rest is
            // padding.
            ng.simple(11, b"simple"),
            ng.simple(3, b"abc"),
        ]);
        let seen = |micros: i64, bytes: &[u8], original, link| ParsedFrame {
            time: Timestamp::from_nanos(micros * 1000),
            bytes: bytes.to_vec(),
            original,
            link,
        };
        assert_eq!(
            outcome.frames,
            [
                seen(5_000_000_000_007, b"enhanced", 80, 113),
                seen(6, b"obsolete!", 9, 1),
                seen(6, b"simple", 11, 1),
                seen(6, b"abc", 3, 1),
            ]
        );
        assert_eq!((outcome.damaged, outcome.cut), (vec![], 2));
    }
}

#[test]
fn each_section_has_its_own_byte_order_and_interfaces() {
    let outcome = read(&[
        LITTLE.section(),
        LITTLE.interface(1, 0, &[]),
        LITTLE.interface(101, 0, &[]),
        LITTLE.packet(1, 1, b"one", 3),
        BIG.section_of(1, 2),
        BIG.interface(276, 0, &[]),
        BIG.packet(0, 2, b"two", 3),
        BIG.packet(1, 3, b"nowhere", 7),
        LITTLE.section(),
        LITTLE.packet(0, 4, b"nowhere", 7),
    ]);
    let links: Vec<u16> = outcome.frames.iter().map(|frame| frame.link).collect();
    assert_eq!(links, [101, 276]);
    let unknown: Vec<&Damage> = outcome.damaged.iter().map(|record| &record.damage).collect();
    assert_eq!(unknown, [&Damage::UnknownInterface { number: 1 }, &Damage::UnknownInterface { number: 0 }]);
}

#[test]
fn time_has_the_resolution_and_offset_of_its_interface() {
    let options = |ng: Pcapng, resolution: u8, offset: i64| {
        let offset = number(ng.big, offset.to_le_bytes());
        ng.interface(1, 0, &[(2, b"eth0"), (9, &[resolution]), (14, &offset)])
    };
    for ng in [LITTLE, BIG] {
        let time = |resolution, offset, units| {
            times(&read(&[ng.section(), options(ng, resolution, offset), ng.packet(0, units, b"x", 1)]))[0]
        };
        assert_eq!(time(0, 0, 7), 7_000_000_000);
        assert_eq!(time(3, 0, 7), 7_000_000);
        assert_eq!(time(6, 1, 7), 1_000_007_000);
        assert_eq!(time(9, -1, 7), -999_999_993);
        assert_eq!(time(12, 0, 7_999), 7);
        assert_eq!(time(0x80, 0, 7), 7_000_000_000);
        assert_eq!(time(0x81, 0, 3), 1_500_000_000);
        assert_eq!(time(0x80 | 10, 0, 1024 + 512), 1_500_000_000);
        // Impossible times saturate or become zero.
        assert_eq!(time(0, 0, 1 << 62), i64::MAX);
        assert_eq!(time(0x80, 0, 1 << 62), i64::MAX);
        assert_eq!(time(9, i64::MAX, 1 << 62), i64::MAX);
        assert_eq!(time(9, i64::MIN, 5), i64::MIN + 5);
        assert_eq!(time(0x7f, 0, 1 << 60), 0);
        assert_eq!(time(0xff, 0, 1 << 60), 0);
        // Before 1970.
        assert_eq!(time(6, 0, -505_000_001_i64 as u64), -505_000_001_000);
        assert_eq!(time(0x81, 0, -3_i64 as u64), -1_500_000_000);
        assert_eq!(time(12, 0, -5_000_i64 as u64), -5);
    }
}

#[test]
fn other_blocks_are_skipped() {
    let mut blocks = vec![LITTLE.section(), LITTLE.interface(1, 0, &[]), LITTLE.packet(0, 1, b"a", 1)];
    for kind in [0, 4, 5, 7, 8, 10, CUSTOM, CUSTOM_NOT_COPIED, 0x8000_0001] {
        blocks.push(LITTLE.block(kind, &[0xab; 21]));
    }
    blocks.push(LITTLE.block(7, b""));
    blocks.push(LITTLE.packet(0, 2, b"b", 1));
    let outcome = read(&blocks);
    assert_eq!((outcome.frames.len(), outcome.damaged), (2, vec![]));
}

#[test]
fn a_block_larger_than_the_buffer_is_passed_over() {
    let before = [LITTLE.section(), LITTLE.interface(1, 0, &[]), LITTLE.packet(0, 1, b"a", 1)].concat();
    let large = LITTLE.block(CUSTOM, &[0x55; 5000]);
    let after = LITTLE.packet(0, 2, b"b", 1);
    let outcome = read_in(&[before.as_slice(), &large, &after].concat(), 1000);
    assert_eq!((outcome.frames.len(), outcome.damaged), (2, vec![]));

    let mut damaged = large.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let outcome = read_in(&[before.as_slice(), &damaged, &after].concat(), 1000);
    assert_eq!(outcome.frames.len(), 2);
    let resumed = Some((before.len() + damaged.len()) as u64);
    let damage = Damage::LengthsDiffer { leading: 5012, trailing: 5012 ^ 0x0100_0000 };
    assert_eq!(outcome.damaged, [DamagedRecord { offset: before.len() as u64, damage, resumed }]);
}

#[test]
fn a_packet_larger_than_its_block_is_left_out_alone() {
    for (block, room) in [(LITTLE.packet(0, 1, b"abcd", 4), 4), (LITTLE.obsolete(0, 1, b"abcdefgh"), 8)] {
        let mut block = block;
        block[20..24].copy_from_slice(&99_u32.to_le_bytes());
        let offset = LITTLE.section().len() + LITTLE.interface(1, 0, &[]).len();
        let resumed = Some((offset + block.len()) as u64);
        let outcome = read(&[LITTLE.section(), LITTLE.interface(1, 0, &[]), block, LITTLE.packet(0, 2, b"b", 1)]);
        assert_eq!(outcome.frames.len(), 1);
        let damage = Damage::PacketLength { captured: 99, room };
        assert_eq!(outcome.damaged, [DamagedRecord { offset: offset as u64, damage, resumed }]);
    }
}

#[test]
fn blocks_too_short_for_their_type_are_left_out() {
    let outcome = read(&[
        LITTLE.section(),
        LITTLE.block(INTERFACE_DESCRIPTION, b"1234"),
        LITTLE.block(ENHANCED_PACKET, b"12345678"),
        LITTLE.block(SIMPLE_PACKET, b""),
        LITTLE.interface(1, 0, &[]),
        LITTLE.packet(0, 2, b"b", 1),
    ]);
    assert_eq!(outcome.frames.len(), 1);
    let lengths: Vec<&Damage> = outcome.damaged.iter().map(|record| &record.damage).collect();
    assert_eq!(lengths, [16, 20, 12].map(|length| Damage::BlockLength { length }).iter().collect::<Vec<_>>());
}

#[test]
fn after_a_damaged_length_reading_goes_on_at_the_next_block() {
    for ng in [LITTLE, BIG] {
        let packet = |time| ng.packet(0, time, b"0123456789", 10);
        let before = [ng.section(), ng.interface(1, 0, &[]), packet(1)].concat();
        for length in [0_u32, 8, 41, 48, 4000, 0xffff_fffc] {
            let mut damaged = packet(2);
            damaged[4..8].copy_from_slice(&ng.n(length));
            let file = [before.clone(), damaged, packet(3), packet(4)].concat();
            let outcome = read_in(&file, CAPACITY);
            assert_eq!(times(&outcome), [1000, 3000, 4000], "length {length}");
            assert_eq!(outcome.damaged.len(), 1);
            assert_eq!(outcome.damaged[0].offset, before.len() as u64);
            assert_eq!(outcome.damaged[0].resumed, Some((before.len() + packet(2).len()) as u64));
        }
    }
}

#[test]
fn a_file_cut_short_gives_what_is_whole() {
    let packet = LITTLE.packet(0, 1, b"0123456789", 10);
    let whole = [LITTLE.section(), LITTLE.interface(1, 0, &[]), packet.clone()].concat();
    let file = [whole.clone(), packet].concat();
    for length in whole.len() + 1..file.len() {
        let outcome = read_in(&file[..length], CAPACITY);
        assert_eq!(outcome.frames.len(), 1, "cut at {length}");
        let record = DamagedRecord { offset: whole.len() as u64, damage: Damage::Cut, resumed: None };
        assert_eq!(outcome.damaged, [record]);
    }
}

#[test]
fn a_section_of_an_unknown_version_is_left_out() {
    let packets = [LITTLE.interface(1, 0, &[]), LITTLE.packet(0, 1, b"a", 1)].concat();
    for (major, minor) in [(0, 1), (1, 1), (2, 0)] {
        let outcome = read(&[
            LITTLE.section_of(major, minor),
            packets.clone(),
            BIG.section(),
            BIG.interface(1, 0, &[]),
            BIG.packet(0, 9, b"b", 1),
        ]);
        assert_eq!(times(&outcome), [9000]);
        let damage = Damage::SectionVersion { major, minor };
        assert_eq!(outcome.damaged, [DamagedRecord { offset: 0, damage, resumed: None }]);
    }
}

#[test]
fn interfaces_are_bounded() {
    let mut blocks = vec![LITTLE.section()];
    blocks.extend(vec![LITTLE.interface(1, 0, &[]); MAX_INTERFACES + 1]);
    blocks.push(LITTLE.packet(MAX_INTERFACES as u32 - 1, 1, b"a", 1));
    let outcome = read(&blocks);
    assert_eq!(outcome.frames.len(), 1);
    assert_eq!(outcome.damaged.len(), 1);
    assert_eq!(outcome.damaged[0].damage, Damage::TooManyInterfaces);
}

fn captures() -> impl Strategy<Value = (Vec<u8>, usize)> {
    let payload = prop::collection::vec(any::<u8>(), 0..120);
    let block = (0..5_u8, payload);
    let sections = prop::collection::vec((any::<bool>(), prop::collection::vec(block, 0..12)), 1..4);
    sections.prop_map(|sections| {
        let mut file = Vec::new();
        let mut packets = 0;
        for (big, blocks) in sections {
            let ng = Pcapng { big };
            file.extend(ng.section());
            file.extend(ng.interface(1, 0, &[(9, &[9])]));
            for (kind, payload) in blocks {
                packets += usize::from(kind < 3);
                file.extend(match kind {
                    0 => ng.packet(0, 77, &payload, 200),
                    1 => ng.obsolete(0, 78, &payload),
                    2 => ng.simple(payload.len() as u32, &payload),
                    3 => ng.block(CUSTOM, &payload),
                    _ => ng.interface(101, 9, &[(2, &payload)]),
                });
            }
        }
        (file, packets)
    })
}

proptest! {
    #[test]
    fn a_sound_file_gives_all_its_frames((file, packets) in captures(), capacity in 256_usize..3000) {
        let outcome = read_in(&file, CAPACITY);
        prop_assert_eq!(outcome.frames.len(), packets);
        prop_assert_eq!(&outcome.damaged, &vec![]);
        prop_assert_eq!(read_in(&file, capacity), outcome);
    }

    #[test]
    fn any_damage_in_any_buffer_comes_to_an_end(
        (mut file, _) in captures(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in any::<prop::sample::Index>(),
        capacity in 64_usize..4000,
    ) {
        for (place, value) in changes {
            let place = place.index(file.len());
            file[place] = value;
        }
        let file = &file[..cut.index(file.len() + 1)];
        let outcome = read_in(file, capacity);
        prop_assert!(outcome.frames.len() * 12 <= file.len());
    }

    #[test]
    fn any_bytes_come_to_an_end(
        bytes in prop::collection::vec(prop::sample::select(vec![0_u8, 1, 6, 10, 12, 13, 16, 32, 255]), 0..3000),
        capacity in 64_usize..4000,
    ) {
        let file = [LITTLE.section(), LITTLE.interface(1, 0, &[]), bytes].concat();
        let outcome = read_in(&file, capacity);
        prop_assert!(outcome.frames.len() * 12 <= file.len());
    }
}
