//! `replay --carve`: the carved capture replays to the same alerts, is complete, and opens in other
//! programs.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use rattap::capture::{Block, FileSource, FillStatus, Frame, Input, Origin, Source};
use rattap::units::Timestamp;

use crate::captures;
use crate::needs::Need;
use crate::run::{Run, has_program, replay, run, run_with_input, sample};
use crate::samples::samples;

/// The lines without the file's name and what other packets say of the client, sorted: if the input
/// ends earlier, windows close in another order.
fn lines(out: &str) -> Vec<String> {
    let elsewhere = ["deviceInboundInterface=", "shost=", "suser="];
    let strip = |line: &str| {
        let kept = line.split(' ').filter(|word| !elsewhere.iter().any(|key| word.starts_with(key)));
        kept.collect::<Vec<_>>().join(" ")
    };
    let mut lines: Vec<_> = out.lines().map(strip).collect();
    lines.sort();
    lines
}

fn carve(options: &[&str], paths: &[impl AsRef<Path>], into: &Path) -> Run {
    let options: Vec<_> = options.iter().copied().chain(["--carve", into.to_str().unwrap()]).collect();
    replay(&options, paths)
}

/// All frames of a capture with their bytes.
fn frames(path: &Path) -> Vec<(Frame, Vec<u8>)> {
    let mut files = FileSource::new(vec![Input::File(path.to_owned())], None);
    let mut block = Block::new(std::sync::Arc::new(Origin::default()), std::sync::Arc::default());
    let mut all = Vec::new();
    while files.fill(&mut block, &mut |error| panic!("{error}")) == FillStatus::Filled {
        all.extend(block.frames.iter().map(|frame| (Frame { offset: 0, ..*frame }, block.captured(frame).to_vec())));
    }
    all
}

/// The output of a program that reads a capture.
fn said(program: &str, arguments: &[&str], path: &Path) -> String {
    let mut command = Command::new(program);
    if program == "tshark" {
        command.args(["-n", "-r"]);
    }
    let output = command.arg(path).args(arguments).output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    let complaints: Vec<_> = complaints.lines().filter(|line| !line.contains("Running as user")).collect();
    assert!(output.status.success() && complaints.is_empty(), "{program} {}: {complaints:?}", path.display());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn samples_carved_replay_to_the_same_alerts_and_every_alert_is_named_in_a_comment() {
    let folder = tempfile::tempdir().unwrap();
    let carved = folder.path().join("carved.pcapng");
    let mut with_alerts = 0;
    for path in samples().iter().map(|sample| sample.path) {
        let paths = [sample(path)];
        let plain = replay(&[], &paths);
        let original = carve(&[], &paths, &carved);
        assert_eq!((&original.out, original.code), (&plain.out, plain.code), "{path}: {}", original.err);
        let again = replay(&[], &[&carved]);
        assert_eq!(again.code, 0, "{path}: {}", again.err);
        assert_eq!(lines(&again.out), lines(&original.out), "{path}");
        let bytes = fs::read(&carved).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for line in original.out.lines() {
            let id = line.split_once(" externalId=").unwrap().1.split(' ').next().unwrap();
            assert!(text.contains(&format!("rattap externalId={id} signature=")), "{path}: {line}");
        }
        with_alerts += usize::from(!original.out.is_empty());
        if original.out.is_empty() {
            assert!(frames(&carved).is_empty(), "{path}");
        }
    }
    assert!(with_alerts > 50, "{with_alerts}");
}

#[test]
fn all_samples_in_one_run_give_the_same_bytes_for_any_workers() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = ["endpoint", "names", "tunnel", "fragment", "link", "resolved"].map(sample).into();
    let outcomes = ["1", "2", "5"].map(|workers| {
        let carved = folder.path().join(workers);
        let run = carve(&["--workers", workers], &paths, &carved);
        (run, fs::read(carved).unwrap())
    });
    assert!(!outcomes[0].1.is_empty());
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
    let carved = folder.path().join("1");
    if has_program(Need::Tshark, "capinfos") {
        let told = said("capinfos", &["-T", "-M", "-c", "-r"], &carved);
        assert!(told.contains(&format!("\t{}", frames(&carved).len())), "{told}");
    }
    if has_program(Need::Tshark, "tshark") {
        // Wireshark sees the same packets, times and comments.
        let fields = ["-T", "fields", "-e", "frame.number", "-e", "frame.time_epoch", "-e", "frame.comment"];
        let told = said("tshark", &fields, &carved);
        assert_eq!(told.lines().count(), frames(&carved).len());
        for line in outcomes[0].0.out.lines() {
            let id = line.split_once(" externalId=").unwrap().1.split(' ').next().unwrap();
            assert!(told.contains(&format!("rattap externalId={id} signature=")), "{line}");
        }
    }
}

#[test]
fn a_conversation_is_carved_from_before_its_detection() {
    let folder = tempfile::tempdir().unwrap();
    let carved = folder.path().join("carved.pcapng");
    let path = sample("names/tls.pcap");
    assert_eq!(carve(&[], &[&path], &carved).code, 0);
    // The name is in the fourth packet, after the handshake.
    let (whole, carved) = (frames(&path), frames(&carved));
    assert!(carved.len() >= 4 && whole.contains(&carved[0]), "{}", carved.len());
    assert_eq!(carved[0].1[47] & 0x3f, 0x02, "a SYN comes first");
}

#[test]
fn only_what_passes_the_filter_is_carved() {
    let folder = tempfile::tempdir().unwrap();
    let carved = folder.path().join("carved.pcapng");
    let filter = "src port 4888 or dst port 4888";
    let paths = [sample("endpoint")];
    let original = carve(&["--filter", filter], &paths, &carved);
    assert!(!original.out.is_empty());
    assert_eq!(lines(&replay(&[], &[&carved]).out), lines(&original.out));
    let frames = frames(&carved).len();
    carve(&[], &paths, &carved);
    assert!(frames < self::frames(&carved).len());
}

#[test]
fn only_what_lies_in_the_time_window_is_carved() {
    let folder = tempfile::tempdir().unwrap();
    let [packed, carved] = ["story.pcap.gz", "carved.pcapng"].map(|name| folder.path().join(name));
    let mut encoder = flate2::write::GzEncoder::new(File::create(&packed).unwrap(), flate2::Compression::fast());
    encoder.write_all(&fs::read(sample("story.pcap")).unwrap()).unwrap();
    encoder.finish().unwrap();
    let whole = carve(&[], &[&packed], &carved);
    let all = frames(&carved);
    for path in [&packed, &sample("story.pcap")] {
        let original = carve(&["--from", "2026-06-09 09:30", "--to", "2026-06-09 10:00"], &[path], &carved);
        assert_eq!(original.code, 0, "{}", original.err);
        assert!(!original.out.is_empty() && original.out != whole.out);
        assert_eq!(lines(&replay(&[], &[&carved]).out), lines(&original.out));
        let [from, to] = [1_780_997_400, 1_780_999_200].map(|seconds| Timestamp::from_parts(seconds, 0));
        let expected: Vec<_> = all.iter().filter(|(frame, _)| from <= frame.time && frame.time < to).cloned().collect();
        assert_eq!(frames(&carved), expected);
    }
}

#[test]
fn suppressed_sightings_are_not_carved() {
    let folder = tempfile::tempdir().unwrap();
    let (rules, carved) = (folder.path().join("rules.toml"), folder.path().join("carved.pcapng"));
    let rule = "[[rule]]\nname = 'all'\nscenario = 'other'\nowner = 'o'\nreason = 'r'\nexpires = 2099-12-31\neffect = 'suppress'\n\
                [rule.match]\nsource = '10.0.0.0/8'\ndestination = '203.0.113.0/24'\n";
    fs::write(&rules, rule).unwrap();
    let path = [sample("netsupport/beacon.pcap")];
    assert!(!carve(&[], &path, &carved).out.is_empty() && !frames(&carved).is_empty());
    let run = carve(&["--exclusions", rules.to_str().unwrap()], &path, &carved);
    assert_eq!((run.code, run.out.as_str()), (0, ""), "{}", run.err);
    assert!(frames(&carved).is_empty());
}

#[test]
fn inputs_that_cannot_be_read_twice_or_would_be_overwritten_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let carved = folder.path().join("carved.pcapng");
    let carved_text = carved.to_str().unwrap();
    let piped = run_with_input(["replay", "--carve", carved_text, "-"], Vec::new());
    assert!(piped.code == 2 && piped.err.contains("write it to a file first"), "{}", piped.err);
    assert!(!carved.exists());
    let copy = folder.path().join("copy.pcap");
    fs::copy(sample("story.pcap"), &copy).unwrap();
    let before = fs::read(&copy).unwrap();
    for arguments in [["--carve", "", ""], ["-o", "", "--carve"], ["--names", "", "--carve"]] {
        let copy = copy.to_str().unwrap();
        let arguments = match arguments {
            [carve, _, ""] => vec![carve, copy],
            [other, _, carve] => vec![other, carved_text, carve, carved_text],
        };
        let run = run(["replay"].into_iter().chain(arguments).chain([copy]));
        assert_eq!(run.code, 2, "{}", run.err);
        assert!(run.err.contains("--carve"), "{}", run.err);
    }
    assert_eq!(fs::read(&copy).unwrap(), before);
    let follows = run(["replay", "--carve", carved_text, "--follow", folder.path().to_str().unwrap()]);
    assert!(
        follows.code == 2 && follows.err.contains("replay the captures with --carve by themselves"),
        "{}",
        follows.err
    );
    let nowhere = folder.path().join("none").join("x.pcapng");
    let run = run(["replay", "--carve", nowhere.to_str().unwrap(), copy.to_str().unwrap()]);
    assert!(run.code == 2 && run.err.contains("cannot create the file"), "{}", run.err);
}

/// A pcapng file of many Blocks: an interface is added in the middle, one conversation begins in
/// the first Block and ends in the last, and everything between is of no interest.
fn large() -> Vec<u8> {
    let mut out = Vec::new();
    let mut block = |kind: u32, body: &[u8]| {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = (body.len() as u32 + 12).to_le_bytes();
        [&kind.to_le_bytes()[..], &length, &body, &length].iter().for_each(|part| out.extend_from_slice(part));
    };
    let section = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    let interface = |link: u16| [&link.to_le_bytes()[..], &[0, 0], &0_u32.to_le_bytes()].concat();
    let packet = |interface: u32, number: u64, bytes: &[u8]| {
        let micros = 1_795_485_200_000_000 + number * 1000;
        let words = [interface, (micros >> 32) as u32, micros as u32, bytes.len() as u32, bytes.len() as u32];
        [&words.map(u32::to_le_bytes).concat()[..], bytes].concat()
    };
    let ip = |client_port: u16, server: [u8; 4], length: usize| {
        let total = (28 + length) as u16;
        let mut bytes = vec![0x45, 0, (total >> 8) as u8, total as u8, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1];
        bytes.extend(server);
        bytes.extend(client_port.to_be_bytes());
        bytes.extend([0x12, 0x34, ((8 + length) >> 8) as u8, (8 + length) as u8, 0, 0]);
        bytes.resize(usize::from(total), 0x20);
        bytes
    };
    let listed = [94, 23, 185, 83];
    block(0x0a0d_0d0a, &section);
    block(1, &interface(101));
    block(6, &packet(0, 0, &ip(5000, listed, 10)));
    for number in 1..12_000_u32 {
        if number == 5000 {
            block(1, &interface(228));
        }
        let server = [198, 51, (number >> 8) as u8, number as u8];
        block(6, &packet(u32::from(number >= 5000), number.into(), &ip(number as u16, server, 1000)));
    }
    block(6, &packet(1, 12_000, &ip(5000, listed, 10)));
    out
}

#[test]
fn unneeded_blocks_are_skipped_and_compressed_files_give_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let [plain, packed, carved, carved_packed] =
        ["large.pcapng", "large.pcapng.gz", "a", "b"].map(|name| folder.path().join(name));
    fs::write(&plain, large()).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(File::create(&packed).unwrap(), flate2::Compression::fast());
    encoder.write_all(&large()).unwrap();
    encoder.finish().unwrap();
    let (one, other) = (carve(&[], &[&plain], &carved), carve(&[], &[&packed], &carved_packed));
    assert_eq!((one.code, other.code, lines(&one.out)), (0, 0, lines(&other.out)), "{}", one.err);
    let links: Vec<_> = frames(&carved).iter().map(|(frame, _)| frame.link.0).collect();
    assert_eq!(links, [101, 228]);
    assert_eq!(frames(&carved), frames(&carved_packed));
    assert_eq!(lines(&replay(&[], &[&carved]).out), lines(&one.out));
}

#[test]
fn conversations_beyond_the_limit_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let [many, carved] = ["many.pcap", "carved.pcapng"].map(|name| folder.path().join(name));
    let header = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 101_u32];
    let mut bytes = header.map(u32::to_le_bytes).concat();
    for number in 0..70_000_u32 {
        bytes.extend([1_795_485_200, number, 40, 40].map(u32::to_le_bytes).concat());
        let port = (number >> 1) as u16 + 1024;
        bytes.extend([0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1 + (number & 1) as u8, 5, 252, 177, 201]);
        bytes.extend([&port.to_be_bytes()[..], &[1, 187, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 4, 0, 0, 0, 0, 0]].concat());
    }
    fs::write(&many, bytes).unwrap();
    // Not quiet, unlike `replay`.
    let run = run(["replay", "--carve", carved.to_str().unwrap(), many.to_str().unwrap()]);
    let beyond = "4,464 sightings of conversations that were not carved, because there are too many";
    assert!(run.code == 0 && run.err.contains(beyond), "{}", run.err);
    assert_eq!(frames(&carved).len(), 65_536);
}

#[test]
fn real_captures_carved_replay_to_the_same_alerts() {
    let Some(folder) = captures::folder() else { return };
    let temporary = tempfile::tempdir().unwrap();
    let [list, carved] = ["list.txt", "carved.pcapng"].map(|name| temporary.path().join(name));
    let mut with_alerts = 0;
    let manifest = fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    for path in manifest.lines().skip(1).filter_map(|line| line.split('\t').next()) {
        let path = folder.join(path);
        // A third of the names and servers in the capture itself.
        let names = temporary.path().join("names");
        run(["replay", "-q", "-o", "/dev/null", "--names", names.to_str().unwrap(), path.to_str().unwrap()]);
        let seen = fs::read_to_string(&names).unwrap_or_default();
        let listed: std::collections::BTreeSet<_> = seen
            .lines()
            .step_by(3)
            .flat_map(|line| {
                let columns: Vec<_> = line.split('\t').collect();
                [columns[3].to_owned(), columns[7].to_owned()]
            })
            .collect();
        fs::write(&list, listed.into_iter().map(|value| value + "\n").collect::<String>()).unwrap();
        let options = ["--indicators", list.to_str().unwrap(), "--allow-broad"];
        let original = carve(&options, &[&path], &carved);
        if original.out.is_empty() {
            continue;
        }
        let again = replay(&options, &[&carved]);
        assert_eq!(lines(&again.out), lines(&original.out), "{}: {}", path.display(), again.err);
        with_alerts += 1;
    }
    assert!(with_alerts > 20, "{with_alerts}");
}
