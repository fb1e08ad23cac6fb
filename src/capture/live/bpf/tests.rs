use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;

use super::address_ranges::AddressRanges;
use super::assembler::Instruction;
use super::interpreter::run;
use super::kernel_filter::{LONGEST_PROGRAM, program};
use crate::capture::{Block, Frame, LinkType, Origin};
use crate::indicator::{IndicatorSet, LearnedAddresses, builtin};
use crate::scan::{Findings, ScanRequest, scan};
use crate::units::Timestamp;

fn builtin_program() -> (Arc<IndicatorSet>, Vec<Instruction>) {
    let set = Arc::new(IndicatorSet::new(builtin()));
    let program = program(&AddressRanges::new(set.networks()), LONGEST_PROGRAM).unwrap();
    (set, program)
}

/// The Ethernet frames of a sample in the classic format.
fn frames(path: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(path).unwrap();
    let word = |at: usize| u32::from_le_bytes(*bytes[at..].first_chunk().unwrap());
    if bytes.len() < 24 || !matches!(word(0), 0xa1b2_c3d4 | 0xa1b2_3c4d) || word(20) != 1 {
        return Vec::new();
    }
    let (mut frames, mut at) = (Vec::new(), 24);
    while at + 16 <= bytes.len() {
        let length = word(at + 8) as usize;
        let Some(frame) = bytes.get(at + 16..at + 16 + length) else { break };
        frames.push(frame.to_vec());
        at += 16 + length;
    }
    frames
}

fn samples(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            samples(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "pcap") {
            paths.push(path);
        }
    }
}

fn all_frames() -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    samples(&Path::new(env!("CARGO_MANIFEST_DIR")).join("pcaps"), &mut paths);
    paths.sort();
    paths.iter().flat_map(|path| frames(path)).collect()
}

/// Returns true if a scan finds anything in the frame, or a segment that may continue a head.
fn matters(set: &Arc<IndicatorSet>, learned: &LearnedAddresses, frame: &[u8]) -> bool {
    let mut block = Block::new(Arc::new(Origin::default()), set.clone());
    block.bytes = frame.to_vec();
    let length = frame.len() as u32;
    let time = Timestamp::default();
    block.frames = vec![Frame { time, offset: 0, captured: length, original: length, link: LinkType::ETHERNET }];
    let mut findings = Findings::default();
    let request = ScanRequest { names: true, segments: true, flow_hashes: false };
    scan(&block, learned, request, &mut findings);
    !findings.list.is_empty() || !findings.segments().unwrap().is_empty() || findings.counts.dns_messages > 0
}

#[test]
fn no_frame_of_a_sample_that_matters_is_left_out() {
    let (set, program) = builtin_program();
    let mut left_out = 0;
    for frame in all_frames() {
        if run(&program, &frame) == 0 {
            left_out += 1;
            assert!(!matters(&set, &LearnedAddresses::default(), &frame), "{frame:02x?}");
        }
    }
    assert!(left_out > 100, "only {left_out} frames are left out");
}

#[test]
fn learned_addresses_are_kept() {
    let (set, program_before) = builtin_program();
    let listed = AddressRanges::new(set.networks());
    let is_ack = |frame: &&Vec<u8>| run(&program_before, frame) == 0 && frame[12..14] == [8, 0];
    let frames = all_frames();
    let frame = frames.iter().find(is_ack).unwrap();
    for at in [26, 30] {
        let address = std::net::Ipv4Addr::from(*frame[at..].first_chunk::<4>().unwrap());
        let program = program(&listed.with([address.into()]), LONGEST_PROGRAM).unwrap();
        assert_ne!(run(&program, frame), 0);
    }
}

#[test]
fn what_is_too_long_keeps_more() {
    let networks = |count: u32| {
        let address = |number: u32| std::net::Ipv4Addr::from_bits(number.wrapping_mul(0x9e37_79b9));
        (0..count).map(move |number| ipnet::IpNet::from(std::net::IpAddr::V4(address(number))))
    };
    for (count, most) in [(0, LONGEST_PROGRAM), (100, LONGEST_PROGRAM), (5000, LONGEST_PROGRAM), (100_000, 128)] {
        let program = program(&AddressRanges::new(networks(count)), most).unwrap();
        assert!(program.len() <= most, "{count}: {}", program.len());
        // An acknowledgment of each listed address, in both directions.
        let frames = all_frames();
        let (_, builtin) = builtin_program();
        let ack = frames.iter().find(|frame| run(&builtin, frame) == 0 && frame[12..14] == [8, 0]).unwrap();
        for network in networks(count) {
            let std::net::IpAddr::V4(address) = network.network() else { unreachable!() };
            for at in [26, 30] {
                let mut frame = ack.clone();
                frame[at..at + 4].copy_from_slice(&address.octets());
                assert_ne!(run(&program, &frame), 0, "{address} of {count}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn no_changed_frame_that_matters_is_left_out(
        number in any::<prop::sample::Index>(),
        changes in prop::collection::vec((0usize..90, any::<u8>()), 0..6),
        cut in prop::option::of(0usize..90),
    ) {
        thread_local! {
            static SAMPLES: (Arc<IndicatorSet>, Vec<Instruction>, Vec<Vec<u8>>) = {
                let (set, program) = builtin_program();
                (set, program, all_frames())
            };
        }
        SAMPLES.with(|(set, program, frames)| {
            let mut frame = frames[number.index(frames.len())].clone();
            for (at, byte) in changes {
                if let Some(place) = frame.get_mut(at) {
                    *place = byte;
                }
            }
            frame.truncate(cut.unwrap_or(usize::MAX));
            if run(program, &frame) == 0 {
                prop_assert!(!matters(set, &LearnedAddresses::default(), &frame), "{frame:02x?}");
            }
            Ok(())
        })?;
    }
}
