//! Files are opened and decompressed before their turn. The alerts and messages are those of
//! reading one after the other.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::run::{run, sample};

/// The form of a file on the disk.
#[derive(Clone, Copy)]
enum Stored {
    Plain,
    Gzip,
    Zstd,
    /// All of it can be decompressed, but its checksum is wrong.
    GzipWrongSum,
    /// Not one byte can be decompressed.
    GzipBroken,
    Zero,
    Missing,
}

/// The content of each file, in order, and the error that is reported for it.
const FILES: [(&str, Stored, &str); 12] = [
    ("endpoint/udp.pcap", Stored::Gzip, ""),
    ("story.pcap", Stored::GzipWrongSum, "corrupt"),
    ("endpoint/all-seven.pcap", Stored::Zstd, ""),
    ("endpoint/tcp-refused.pcap", Stored::Missing, "cannot open"),
    ("endpoint/tcp-refused.pcap", Stored::GzipBroken, "cannot read"),
    ("answer/a.pcap", Stored::Plain, ""),
    ("damaged/impossible-length.pcap", Stored::Zstd, "byte 182"),
    ("answer/a.pcap", Stored::Zero, "not a capture"),
    ("resolved/at-once.pcap", Stored::Gzip, ""),
    ("damaged/not-a-capture.pcap", Stored::Gzip, "not a capture"),
    ("names/tls.pcap", Stored::Zstd, ""),
    ("story.pcap", Stored::Gzip, ""),
];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn stored(bytes: &[u8], how: Stored) -> Option<Vec<u8>> {
    Some(match how {
        Stored::Plain => bytes.to_vec(),
        Stored::Gzip => gzip(bytes),
        Stored::Zstd => zstd::encode_all(bytes, 1).unwrap(),
        Stored::GzipWrongSum => {
            let mut bytes = gzip(bytes);
            let sum = bytes.len() - 8;
            bytes[sum] ^= 1;
            bytes
        }
        Stored::GzipBroken => [&gzip(bytes)[..10], &[0xff; 100]].concat(),
        Stored::Zero => Vec::new(),
        Stored::Missing => return None,
    })
}

/// Writes the files in these forms, or their readable parts uncompressed under the same names.
fn make(folder: &Path, is_plain: bool) -> Vec<PathBuf> {
    let make = |(number, (name, how, _)): (usize, &(&str, Stored, &str))| {
        let path = folder.join(format!("{number:02}"));
        let bytes = fs::read(sample(name)).unwrap();
        let how = match how {
            Stored::Gzip | Stored::Zstd | Stored::GzipWrongSum if is_plain => Stored::Plain,
            Stored::GzipBroken if is_plain => Stored::Zero,
            how => *how,
        };
        if let Some(bytes) = stored(&bytes, how) {
            fs::write(&path, bytes).unwrap();
        }
        path
    };
    FILES.iter().enumerate().map(make).collect()
}

#[test]
fn mixed_and_broken_files_give_the_output_of_reading_in_turn() {
    let (compressed, plain) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let replay = |paths: &[PathBuf], workers: &str| {
        let words = ["replay", "--sensor-host", "tap-01", "--workers", workers].map(PathBuf::from);
        run(words.iter().chain(paths))
    };
    let expected = replay(&make(plain.path(), true), "1").out;
    assert!(expected.lines().count() > 20);
    let paths = make(compressed.path(), false);
    let name = |path: &PathBuf| path.display().to_string();
    let wanted: Vec<_> = paths.iter().zip(FILES).filter(|(_, (.., what))| !what.is_empty()).collect();
    let mut first = None;
    for workers in ["1", "2", "3", "8"] {
        let run = replay(&paths, workers);
        assert_eq!(run.code, 1, "{}", run.err);
        assert_eq!(run.out, expected, "{workers} workers");
        let messages: Vec<String> = run
            .err
            .lines()
            .filter(|line| line.contains(&name(&compressed.path().to_owned())))
            .map(str::to_owned)
            .collect();
        // A missing file is reported before anything is read.
        let (early, late): (Vec<_>, Vec<_>) =
            wanted.iter().partition(|(_, (_, how, _))| matches!(how, Stored::Missing));
        let wanted: Vec<_> = early.into_iter().chain(late).collect();
        assert_eq!(messages.len(), wanted.len(), "{messages:#?}");
        for (message, (path, (.., what))) in messages.iter().zip(&wanted) {
            assert!(message.contains(&name(path)) && message.contains(what), "{path:?}, {what}: {messages:#?}");
        }
        assert_eq!(first.get_or_insert_with(|| messages.clone()), &messages, "{workers} workers");
    }
}

#[test]
fn many_compressed_captures_take_no_more_memory_and_descriptors_than_few() {
    const CAPTURES: usize = 200;
    /// Frames of each capture, and bytes of a frame: all of them at once would be 96 MB.
    const FRAMES: (usize, usize) = (8, 60_000);
    /// A run that holds only a few of them takes half of that.
    const MOST_MEMORY: u64 = 70 << 20;
    let folder = tempfile::tempdir().unwrap();
    let contact = fs::read(sample("endpoint/udp.pcap")).unwrap();
    let (header, record) = contact.split_at(24);
    let length = (FRAMES.1 as u32).to_le_bytes();
    let frame = [&record[..8], &length, &length, &vec![0; FRAMES.1]].concat();
    let nothing = gzip(&[header, &frame.repeat(FRAMES.0)].concat());
    for number in 0..CAPTURES {
        fs::write(folder.path().join(format!("{number:03}.pcap.gz")), &nothing).unwrap();
    }
    fs::write(folder.path().join("last.pcap.gz"), gzip(&contact)).unwrap();
    // The last input is standard input: the run waits there, so that its memory can be read.
    let mut sensor = Command::new("sh")
        .args(["-c", "ulimit -n 64; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_rattap"), "replay", "-q"])
        .args([folder.path(), Path::new("-")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut alerts = BufReader::new(sensor.stdout.take().unwrap());
    let mut alert = String::new();
    alerts.read_line(&mut alert).unwrap();
    assert!(alert.contains(" deviceInboundInterface=last.pcap.gz "), "{alert}");
    let status = fs::read_to_string(format!("/proc/{}/status", sensor.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")).unwrap();
    let peak = peak.parse::<u64>().unwrap() << 10;
    sensor.stdin.take().unwrap().write_all(&contact).unwrap();
    let mut rest = String::new();
    alerts.read_to_string(&mut rest).unwrap();
    assert!(sensor.wait().unwrap().success() && !rest.is_empty());
    assert!(peak < MOST_MEMORY, "{} MiB", peak >> 20);
}
