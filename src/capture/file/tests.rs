use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::damage_log::MAX_REPORTED;
use super::open::{COMPRESSED_READ_SIZE, open_stream};
use super::{BlockRereader, FileSource};
use crate::capture::block::{BLOCK_CAPACITY, Block, BlockLocation, PIECES_PER_BLOCK};
use crate::capture::counts::CaptureCounts;
use crate::capture::error::CaptureError;
use crate::capture::filter::Filter;
use crate::capture::inputs::{Input, Inputs};
use crate::capture::source::{FillStatus, Source};
use crate::capture::testing::{ParsedFrame, Pcap, Pcapng};
use crate::indicator::IndicatorSet;
use crate::units::ByteCount;

#[path = "../../../tests/integration/needs.rs"]
mod needs;

/// The results of a source: the frames of each Block with its origin, the errors, and the counters.
#[derive(Debug, PartialEq, Eq)]
struct Replay {
    blocks: Vec<(String, Vec<ParsedFrame>)>,
    errors: Vec<String>,
    counts: CaptureCounts,
}

impl Replay {
    fn frames(&self) -> usize {
        self.blocks.iter().map(|(_, frames)| frames.len()).sum()
    }

    fn seen(&self) -> Vec<&ParsedFrame> {
        self.blocks.iter().flat_map(|(_, frames)| frames).collect()
    }
}

fn drain(mut files: FileSource) -> Replay {
    let mut block = Block::new(Arc::default(), Arc::new(IndicatorSet::default()));
    let (mut blocks, mut errors) = (Vec::new(), Vec::new());
    while files.fill(&mut block, &mut |error| errors.push(error.to_string())) == FillStatus::Filled {
        let frames = block.frames.iter().map(|frame| ParsedFrame::of(frame, &block.bytes)).collect();
        blocks.push((block.origin.name.clone(), frames));
        assert!(block.bytes.len() <= files.capacity);
    }
    assert!(block.frames.is_empty());
    Replay { blocks, errors, counts: files.counts() }
}

fn read_paths(paths: &[&Path]) -> Replay {
    drain(FileSource::new(paths.iter().map(|path| Input::File(path.to_path_buf())).collect(), None))
}

fn read_bytes(bytes: &[u8]) -> Replay {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    read_paths(&[file.path()])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn sample() -> Vec<u8> {
    Pcap::default().file(&[b"first", b"second", b"third"])
}

fn sample_ng() -> Vec<u8> {
    let ng = Pcapng { big: true };
    [ng.section(), ng.interface(101, 0, &[]), ng.packet(0, 1, b"first", 5), ng.packet(0, 2, b"second", 90)].concat()
}

#[test]
fn a_stream_is_read_as_a_file_is() {
    for file in [sample(), sample_ng(), gzip(&sample())] {
        let (mut errors, from_file) = (Vec::new(), read_bytes(&file));
        let files = FileSource::from_stream("s", Cursor::new(file), None, &mut |error| errors.push(error.to_string()));
        let from_stream = drain(files);
        assert_eq!((from_stream.seen(), from_stream.counts), (from_file.seen(), from_file.counts));
        assert!(from_stream.blocks.iter().all(|(origin, _)| origin == "s"));
        assert_eq!(errors, [""; 0]);
    }
    let mut nothing = FileSource::from_stream("s", &b"no capture"[..], None, &mut |_| ());
    let mut block = Block::new(Arc::default(), Arc::default());
    assert_eq!(nothing.fill(&mut block, &mut |error| panic!("{error}")), FillStatus::End);
    assert_eq!(nothing.counts().inputs, 0);
}

#[test]
fn both_formats_are_read_plain_and_compressed() {
    for (file, frames) in [(sample(), 3), (sample_ng(), 2)] {
        let plain = read_bytes(&file);
        assert_eq!((plain.frames(), plain.errors.len()), (frames, 0));
        for packed in [gzip(&file), zstd(&file)] {
            let read = read_bytes(&packed);
            assert_eq!(read.seen(), plain.seen());
            assert_eq!((read.errors, read.counts), (vec![], plain.counts));
        }
    }
}

#[test]
fn a_file_of_many_blocks_gives_all_its_frames_in_order() {
    let frames: Vec<Vec<u8>> = (0..6000_u32).map(|n| n.to_be_bytes().repeat(1 + n as usize % 400)).collect();
    let file = Pcap::default().file(&frames.iter().map(Vec::as_slice).collect::<Vec<_>>());
    assert!(file.len() > 2 * BLOCK_CAPACITY);
    let read = read_bytes(&file);
    let seen: Vec<&[u8]> = read.seen().iter().map(|seen| seen.bytes.as_slice()).collect();
    assert_eq!(seen, frames.iter().map(Vec::as_slice).collect::<Vec<_>>());
    assert!(read.errors.is_empty(), "{:?}", read.errors);
    assert!(read.blocks.len() > 8, "{} Blocks", read.blocks.len());
}

/// The locations of the Blocks of a file, with the frames of each piece.
fn pieces(path: &Path) -> Vec<(BlockLocation, [Vec<ParsedFrame>; PIECES_PER_BLOCK])> {
    let mut files = FileSource::new(vec![Input::File(path.to_owned())], None);
    let mut block = Block::new(Arc::default(), Arc::default());
    let mut all = Vec::new();
    while files.fill(&mut block, &mut |error| panic!("{error}")) == FillStatus::Filled {
        let mut pieces: [Vec<ParsedFrame>; PIECES_PER_BLOCK] = Default::default();
        for frame in &block.frames {
            pieces[block.location.piece(frame)].push(ParsedFrame::of(frame, &block.bytes));
        }
        all.push((block.location, pieces));
    }
    all
}

#[test]
fn pieces_of_blocks_are_read_again_by_themselves() {
    let frames: Vec<Vec<u8>> = (0..20_000_u32).map(|n| n.to_be_bytes().repeat(1 + n as usize % 97)).collect();
    let large = |n: usize| if n % 900 == 7 { vec![0x55; 200_000] } else { frames[n].clone() };
    let pcap = Pcap { big: true, ..Pcap::default() };
    let classic = pcap.file(&(0..20_000).map(large).collect::<Vec<_>>().iter().map(Vec::as_slice).collect::<Vec<_>>());
    let ng = Pcapng { big: false };
    let mut next_generation = [ng.section(), ng.interface(101, 0, &[])].concat();
    for number in 0..20_000_u32 {
        if number == 9000 {
            next_generation.extend(ng.interface(1, 0, &[]));
        }
        let frame = large(number as usize);
        next_generation.extend(ng.packet(u32::from(number >= 9000 && number % 2 == 1), number.into(), &frame, 9));
        if number % 1000 == 3 {
            next_generation.extend(ng.block(0x0bad, &[1; 30_000]));
        }
    }
    for bytes in [classic, next_generation] {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &bytes).unwrap();
        let blocks = pieces(file.path());
        assert!(blocks.len() > 2 && blocks.iter().all(|(part, _)| part.is_seekable), "{}", blocks.len());
        assert!(blocks[1].1.iter().filter(|piece| piece.len() > 10).count() > 1, "{:?}", blocks[1].0);
        let mut rereader = BlockRereader::new(vec![Input::File(file.path().to_owned())], None, None);
        let mut block = Block::new(Arc::default(), Arc::default());
        let mut read = |part: &BlockLocation, piece| {
            rereader.read(part, piece, &mut block).unwrap();
            block.frames.iter().map(|frame| ParsedFrame::of(frame, &block.bytes)).collect::<Vec<_>>()
        };
        for (number, (part, pieces)) in blocks.iter().enumerate() {
            if number == 0 || part.has_descriptions {
                assert_eq!(read(part, None), pieces.concat());
                continue;
            }
            // Some are skipped, and others are read twice.
            for piece in [1, 2, 5, 3, 0, 7, 7] {
                assert_eq!(read(part, Some(piece)), pieces[piece], "Block {number}, piece {piece}");
            }
        }
    }
}

#[test]
fn blocks_whose_packets_take_the_time_of_those_before_are_not_sought() {
    let ng = Pcapng { big: true };
    let frame = [0x55; 1000];
    let mut bytes = [ng.section(), ng.interface(1, 0, &[])].concat();
    (0..3000).for_each(|number| bytes.extend(ng.packet(0, number, &frame, 1000)));
    bytes.extend((0..3000).flat_map(|_| ng.simple(1000, &frame)));
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &bytes).unwrap();
    let sought: Vec<bool> = pieces(file.path()).iter().map(|(part, _)| part.is_seekable).collect();
    // Some 3.1 MB with times come first: five whole Blocks, and the start of the sixth.
    assert_eq!(sought.iter().take_while(|sought| **sought).count(), 5, "{sought:?}");
    assert!(sought.len() > 7 && sought.iter().skip(5).all(|sought| !sought), "{sought:?}");
}

#[test]
fn where_reading_fails_is_said() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("bad sector"))
        }
    }
    let readable = sample().len() - 1;
    let stream = Cursor::new(sample()[..readable].to_vec()).chain(Broken);
    let mut files = FileSource::new(Vec::new(), None);
    files.current = Some(open_stream(PathBuf::from("disk"), stream, false).unwrap());
    let read = drain(files);
    assert_eq!((read.frames(), read.errors.len()), (2, 1), "that the record is cut short goes without saying");
    assert!(
        read.errors[0].starts_with(&format!("disk: byte {readable}: cannot read on: bad sector")),
        "{:?}",
        read.errors
    );
}

#[test]
fn compressed_files_of_several_members_are_one() {
    let file = sample();
    let (one, other) = file.split_at(40);
    for packed in [[gzip(one), gzip(other)].concat(), [zstd(one), zstd(other)].concat()] {
        let read = read_bytes(&packed);
        assert_eq!((read.frames(), read.errors), (3, vec![]));
    }
}

#[test]
fn a_compressed_file_that_ends_early_gives_what_came_before() {
    let frames: Vec<Vec<u8>> = (0..2000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes().repeat(20)).collect();
    let file = Pcap::default().file(&frames.iter().map(Vec::as_slice).collect::<Vec<_>>());
    for packed in [gzip(&file), zstd(&file)] {
        let read = read_bytes(&packed[..packed.len() - 10]);
        assert!(read.frames() > 0 || packed.len() < COMPRESSED_READ_SIZE);
        assert_eq!(read.errors.len(), 1, "{:?}", read.errors);
        assert!(read.errors[0].contains("(decompressed): cannot read on"), "{:?}", read.errors);
    }
}

#[test]
fn what_is_no_capture_is_said_and_the_next_input_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let cases: [(&str, Vec<u8>, &str); 8] = [
        ("a-readme", b"This folder holds captures.".to_vec(), "looks like text"),
        ("b-empty", vec![], "it is empty"),
        ("c-xz", b"\xfd7zXZ\0\0\0\0\0\0\0".to_vec(), "xz file: decompress it first"),
        ("d-twice", gzip(&zstd(&sample())), "compressed twice"),
        ("e-text", gzip(b"Hello, this is text."), "decompressed, it looks like text"),
        ("f-header", sample()[..20].to_vec(), "cut short within its file header"),
        ("g-version", Pcap { version: (9, 9), ..Pcap::default() }.file(&[]), "version 9.9"),
        ("h-folder", vec![], "Is a directory"),
    ];
    for (name, bytes, _) in &cases {
        if *name == "h-folder" {
            fs::create_dir(path(name)).unwrap();
        } else {
            fs::write(path(name), bytes).unwrap();
        }
    }
    fs::write(path("z.pcap"), sample()).unwrap();
    let mut paths: Vec<PathBuf> = cases.iter().map(|(name, ..)| path(name)).collect();
    paths.extend([path("gone"), path("z.pcap")]);
    let read = read_paths(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    assert_eq!((read.frames(), read.counts.inputs), (3, 1));
    assert_eq!(read.errors.len(), cases.len() + 1);
    for ((name, _, part), error) in cases.iter().zip(&read.errors) {
        assert!(error.contains(name) && error.contains(part), "{error}");
    }
    assert!(read.errors.last().unwrap().contains("gone: cannot open"));
}

#[test]
fn each_file_begins_a_block_that_says_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("one.pcap"), sample()).unwrap();
    fs::write(path("none.pcap"), Pcap::default().header()).unwrap();
    fs::write(path("two.pcapng"), sample_ng()).unwrap();
    let mut files = FileSource::new(
        ["one.pcap", "none.pcap", "two.pcapng"].map(|name| Input::File(path(name))).to_vec(),
        Some(Filter::new("greater 6").unwrap()),
    );
    files.capacity = 64;
    let progress = files.progress();
    let read = drain(files);
    let by_name = |wanted: &str| {
        let blocks = read.blocks.iter().filter(|(name, _)| name == wanted);
        blocks.flat_map(|(_, frames)| frames).map(|frame| frame.bytes.as_slice()).collect::<Vec<_>>()
    };
    assert_eq!(by_name("one.pcap"), [b"second"]);
    assert_eq!(by_name("two.pcapng"), [b"second"]);
    assert!(read.blocks.len() > 2);
    let expected = CaptureCounts {
        inputs: 3,
        packets: 5,
        bytes: ByteCount(27),
        filtered: 3,
        cut: 1,
        read_span: read.counts.read_span,
        ..CaptureCounts::default()
    };
    assert!(read.counts.read_span.is_some());
    assert_eq!(read.counts, expected);
    let stored = sample().len() + Pcap::default().header().len() + sample_ng().len();
    assert_eq!(progress.load(Ordering::Relaxed), stored as u64);
}

#[test]
fn damage_is_said_with_its_place_and_not_without_end() {
    let cut = read_bytes(&sample()[..sample().len() - 1]);
    assert_eq!((cut.frames(), cut.counts.damaged), (2, 1));
    assert!(
        cut.errors[0].contains("byte 67: the file ends in the middle of a record; all that came"),
        "{:?}",
        cut.errors
    );

    let packed = read_bytes(&gzip(&sample()[..sample().len() - 1]));
    assert!(packed.errors[0].contains("byte 67 (decompressed): the file ends"), "{:?}", packed.errors);

    let ng = Pcapng { big: false };
    let mut file = [ng.section(), ng.interface(1, 0, &[])].concat();
    for _ in 0..50 {
        file.extend(ng.packet(7, 1, b"nowhere", 7));
    }
    file.extend(ng.packet(0, 1, b"here", 4));
    let read = read_bytes(&file);
    assert_eq!((read.frames(), read.counts.damaged), (1, 50));
    assert_eq!(read.errors.len(), MAX_REPORTED as usize + 1);
    assert!(read.errors[0].contains("byte 48: a packet of interface 7"), "{:?}", read.errors);
    assert!(read.errors[0].ends_with("reading resumed at byte 88 (40 bytes skipped)"), "{:?}", read.errors);
    assert!(read.errors[MAX_REPORTED as usize].contains("not listed"), "{:?}", read.errors);
}

#[test]
fn a_record_larger_than_a_block_is_passed_over_and_its_end_awaited() {
    let large = vec![7; 3 << 20];
    let pcap = Pcap { link: 231, ..Pcap::default() };
    let file = pcap.file(&[b"before", &large, b"after"]);
    let read = read_bytes(&file);
    assert_eq!((read.frames(), read.counts.oversized, read.errors.len()), (2, 1, 0));
    let read = read_bytes(&file[..(5 << 19)]);
    assert_eq!((read.frames(), read.counts.oversized, read.counts.damaged), (1, 1, 1));
    assert!(read.errors[0].contains("byte 46: the file ends"), "{:?}", read.errors);

    let ng = Pcapng { big: false };
    let start = [ng.section(), ng.interface(1, 0, &[]), ng.packet(0, 1, b"a", 1)].concat();
    let file = [start.as_slice(), &ng.block(0xbad, &large), &ng.packet(0, 2, b"b", 1)].concat();
    let read = read_bytes(&file);
    assert_eq!((read.frames(), read.errors.len()), (2, 0));
    for end in [start.len() + (5 << 19), start.len() + 8 + large.len() + 2] {
        let read = read_bytes(&file[..end]);
        assert_eq!((read.frames(), read.counts.damaged, read.errors.len()), (1, 1, 1));
        assert!(read.errors[0].contains(&format!("byte {}: the file ends", start.len())), "{:?}", read.errors);
    }
}

/// A pipe whose writer delivers one piece at a time, on request.
struct Piecewise(mpsc::Receiver<Vec<u8>>);

impl Read for Piecewise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.0.recv().unwrap_or_default();
        buffer[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

#[test]
fn a_frame_from_a_pipe_is_handed_on_as_soon_as_it_is_there() {
    let pcap = Pcap::default();
    let (send, receive) = mpsc::channel();
    send.send(pcap.header()).unwrap();
    let mut fail = |error: CaptureError| panic!("{error}");
    let reader = open_stream(PathBuf::from("-"), Piecewise(receive), true).unwrap();
    let mut files = FileSource::new(Vec::new(), None);
    files.current = Some(reader);
    let mut block = Block::new(Arc::default(), Arc::new(IndicatorSet::default()));
    for second in 0..3 {
        // In two pieces. If the source waited for a third one, this test would hang.
        let record = pcap.record(second, 0, b"a frame", 7);
        let (one, other) = record.split_at(20);
        send.send(one.to_vec()).unwrap();
        send.send(other.to_vec()).unwrap();
        assert_eq!(files.fill(&mut block, &mut fail), FillStatus::Filled);
        assert_eq!((block.frames.len(), block.origin.name.as_str()), (1, "-"));
        assert_eq!(block.captured(&block.frames[0]), b"a frame");
    }
    drop(send);
    assert_eq!(files.fill(&mut block, &mut fail), FillStatus::End);
}

#[test]
fn a_block_that_is_reread_has_the_same_frames_whatever_the_size_of_its_records() {
    // Below, at and above the size of a read and that of a usual Block.
    let sizes = [100, 200_000, 700_000, 60, 262_100, 1_000_000, 524_200, 300_000, 40, 524_300, 900_000, 70];
    let payloads: Vec<Vec<u8>> = (0u8..).zip(sizes).map(|(fill, size)| vec![fill; size]).collect();
    let frames: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
    let ng = Pcapng { big: false };
    let mut file = [ng.section(), ng.interface(1, 0, &[])].concat();
    frames.iter().for_each(|frame| file.extend(ng.packet(0, 3, frame, frame.len() as u32)));
    let stored = tempfile::NamedTempFile::new().unwrap();
    fs::write(stored.path(), file).unwrap();
    let input = || vec![Input::File(stored.path().to_owned())];
    let mut fail = |error: CaptureError| panic!("{error}");
    let mut files = FileSource::new(input(), None);
    let mut rereader = BlockRereader::new(input(), None, None);
    let mut seen = Vec::new();
    loop {
        let mut block = Block::new(Arc::default(), Arc::new(IndicatorSet::default()));
        if files.fill(&mut block, &mut fail) == FillStatus::End {
            break;
        }
        let of = |block: &Block| block.frames.iter().map(|frame| block.captured(frame).to_vec()).collect::<Vec<_>>();
        let mut again = Block::new(Arc::default(), Arc::new(IndicatorSet::default()));
        rereader.read(&block.location, None, &mut again).unwrap();
        assert_eq!(of(&again), of(&block));
        seen.extend(of(&block));
    }
    assert_eq!(seen, payloads);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_frames_are_the_same_however_small_the_blocks(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..150), 0..40),
        capacity in 256_usize..4096,
        ng in any::<bool>(),
        packed in any::<bool>(),
    ) {
        let frames: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        let file = if ng {
            let ng = Pcapng { big: false };
            let mut file = [ng.section(), ng.interface(1, 0, &[])].concat();
            frames.iter().for_each(|frame| file.extend(ng.packet(0, 3, frame, 150)));
            file
        } else {
            Pcap::default().file(&frames)
        };
        let stored = tempfile::NamedTempFile::new().unwrap();
        fs::write(stored.path(), if packed { gzip(&file) } else { file }).unwrap();
        let mut files = FileSource::new(vec![Input::File(stored.path().to_owned())], None);
        files.capacity = capacity;
        let read = drain(files);
        prop_assert_eq!(&read.errors, &Vec::<String>::new());
        let seen: Vec<&[u8]> = read.seen().iter().map(|seen| seen.bytes.as_slice()).collect();
        prop_assert_eq!(seen, frames);
    }

    #[test]
    fn any_file_comes_to_an_end(
        magic in prop::sample::select(vec![
            b"\xd4\xc3\xb2\xa1".as_slice(), b"\xa1\xb2\xcd\x34", b"\x0a\x0d\x0d\x0a", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"",
        ]),
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let read = read_bytes(&[magic, &bytes].concat());
        prop_assert!(read.errors.len() <= MAX_REPORTED as usize + 2);
    }
}

/// The expectation for a file that differs from the manifest.
struct Special {
    /// The end of the path.
    path: &'static str,
    frames: usize,
    /// A part of the only message; empty if there is none.
    message: &'static str,
    /// The reason.
    _reason: &'static str,
}

const fn special(path: &'static str, frames: usize, message: &'static str, reason: &'static str) -> Special {
    Special { path, frames, message, _reason: reason }
}

const NOT_READ: &str = "a format that is not read here";
const REFUSED: &str = "Wireshark and libpcap refuse the file as well";
const UNKNOWN_LINK: &str = "Wireshark refuses the link type; libpcap counts as many; decoding leaves them aside later";
const DAMAGED: &str = "Wireshark counts nothing in a damaged file; libpcap yields as many before it stops";

const SPECIAL: [Special; 17] = [
    special("dns.pcap.lz4", 0, "an lz4 file: decompress it", NOT_READ),
    special("dns.pcap.xz", 0, "an xz file: decompress it", NOT_READ),
    special("solaris.snoop", 0, "a snoop capture: convert it", NOT_READ),
    special("clusterfuzz-testcase-minimized-FuzzTarget-5685520970809344", 0, "reserved bits", REFUSED),
    special("linktype-reserved-field-not-zero.pcap", 0, "reserved bits", REFUSED),
    special("pcap-invalid-version-1.pcap", 0, "pcap version 1.4", REFUSED),
    special("pcapng-invalid-vers-1.pcapng", 0, "pcapng version 0.1", REFUSED),
    special("pcapng-invalid-vers-2.pcapng", 0, "pcapng version 1.1", REFUSED),
    special("brcm-tag-stp.pcap", 4, "", UNKNOWN_LINK),
    special("brcm-tag.pcap", 15, "", UNKNOWN_LINK),
    special("vtp_asan.pcap", 5, "", UNKNOWN_LINK),
    special(
        "clusterfuzz-testcase-minimized-FuzzTarget-5723611632762880",
        1,
        "byte 295: a record of 538976288",
        DAMAGED,
    ),
    special(
        "clusterfuzz-testcase-minimized-FuzzTarget-5758569646653440",
        1,
        "byte 295: a record of 145032960",
        DAMAGED,
    ),
    special("crash-eec28dafde1f1ac2299674a75a914ae16d4046fa", 1, "byte 111: a record of 4294967295", DAMAGED),
    special(
        "clusterfuzz-testcase-minimized-FuzzTarget-5696447256461312",
        2,
        "byte 57: the file ends in the middle of a record",
        "cut short; Wireshark counts as many",
    ),
    special(
        "crash-exception-cast-constructed-record",
        2,
        "byte 574: a record of 167776960",
        "damaged so that Wireshark takes its records for those of Red Hat 6.1, and counts 1; libpcap yields 2",
    ),
    special("MANIFEST.tsv", 0, "looks like text", "no capture at all"),
];

/// The real captures are not part of this project: `RATTAP_CAPTURES` names a folder that holds
/// them, with a `MANIFEST.tsv` whose columns are path, …, packets as Wireshark's `capinfos` counts
/// them (the sixth; `?` where it refuses the file).
#[test]
fn real_captures_hold_as_many_frames_as_wireshark_counts() {
    let Some(folder) = std::env::var_os("RATTAP_CAPTURES").map(PathBuf::from) else {
        return needs::skip(needs::Need::Captures, "RATTAP_CAPTURES names no folder of real captures");
    };
    let manifest = fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    let mut expected: BTreeMap<PathBuf, &str> = manifest
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut columns = line.split('\t');
            Some((folder.join(columns.next()?), columns.nth(4)?))
        })
        .collect();
    expected.insert(folder.join("MANIFEST.tsv"), "?");
    let mut wrong = Vec::new();
    let mut frames = 0;
    for (path, count) in &expected {
        let read = read_paths(&[path]);
        frames += read.frames();
        let right = match SPECIAL.iter().find(|special| path.ends_with(special.path)) {
            Some(special) if special.message.is_empty() => read.frames() == special.frames && read.errors.is_empty(),
            Some(special) => {
                let said = matches!(read.errors.as_slice(), [error] if error.contains(special.message));
                read.frames() == special.frames && said
            }
            None => read.frames().to_string() == *count && read.errors.is_empty(),
        };
        if !right {
            wrong.push(format!("{}: {} frames, manifest {count}, {:?}", path.display(), read.frames(), read.errors));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // All of them as one history.
    let inputs = Inputs::expand(&[folder], &mut |error| panic!("{error}"));
    assert_eq!(inputs.list.len(), expected.len());
    let files = FileSource::new(inputs.list, None);
    let progress = files.progress();
    let read = drain(files);
    assert_eq!(read.frames(), frames);
    assert_eq!(inputs.total, Some(ByteCount(progress.load(Ordering::Relaxed))));
}
