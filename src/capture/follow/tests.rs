use std::fs::{self, File};
use std::sync::Arc;
use std::time::Duration;

use super::FolderSource;
use crate::capture::block::Block;
use crate::capture::error::CaptureError;
use crate::capture::file::FileSource;
use crate::capture::source::{FillStatus, Source};
use crate::capture::stop::StopSignal;
use crate::capture::testing::Pcap;

/// A capture that fills several Blocks, of frames that hold this byte.
fn large(byte: u8) -> Vec<u8> {
    Pcap::default().file(&[&[byte; 60_000][..]; 100])
}

/// A parent folder with a folder of captures in it, and a source that follows that.
fn place() -> (tempfile::TempDir, FolderSource, Block) {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("captures");
    fs::create_dir(&folder).unwrap();
    let files = FileSource::new(Vec::new(), None);
    let follow =
        FolderSource::open(&folder, &place.path().join("state"), files, Duration::ZERO, &StopSignal::default())
            .unwrap();
    (place, follow, Block::new(Arc::default(), Arc::default()))
}

/// Fills Blocks until so many frames were read. Returns the first byte of each frame, and the
/// errors.
fn read(follow: &mut FolderSource, block: &mut Block, count: usize) -> (Vec<u8>, Vec<String>) {
    let (mut frames, mut said) = (Vec::new(), Vec::new());
    while frames.len() < count {
        assert_eq!(follow.fill(block, &mut |error| said.push(error.to_string())), FillStatus::Filled);
        frames.extend(block.frames.iter().map(|frame| block.captured(frame)[0]));
    }
    (frames, said)
}

#[test]
fn a_file_that_is_written_anew_in_a_ring_is_a_new_capture() {
    let (place, mut follow, mut block) = place();
    let path = place.path().join("captures/ring0.pcap");
    for byte in [1, 2] {
        // The second time it is the same file, emptied and filled again.
        fs::write(&path, large(byte)).unwrap();
        assert_eq!(read(&mut follow, &mut block, 100), (vec![byte; 100], Vec::new()));
    }
}

#[test]
fn a_file_that_is_written_over_while_it_is_read_is_told_as_lost_and_the_new_capture_read() {
    for kept in [0, 1_000_000, 7_000_000] {
        let (place, mut follow, mut block) = place();
        let path = place.path().join("captures/ring0.pcap");
        fs::write(&path, large(1)).unwrap();
        let (old, said) = read(&mut follow, &mut block, 1);
        assert!(old.len() < 100 && said.is_empty());
        // The writer starts over, and has written so many bytes when reading continues. Bytes of
        // the new capture may be read as frames or as damage.
        let mut new = large(2);
        new.extend_from_slice(&large(2)[24..]);
        let file = fs::File::options().write(true).truncate(true).open(&path).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &new[..kept], 0).unwrap();
        let mut said = Vec::new();
        while !said.iter().any(|said: &String| said.contains("ring0.pcap: lost: ")) {
            assert_eq!(
                follow.fill(&mut block, &mut |error| said.push(error.to_string())),
                FillStatus::Filled,
                "{said:?}"
            );
        }
        std::os::unix::fs::FileExt::write_all_at(&file, &new[kept..], kept as u64).unwrap();
        drop(file);
        assert_eq!(read(&mut follow, &mut block, 200), (vec![2; 200], Vec::new()), "{kept}");
    }
}

#[test]
fn a_capture_that_is_compressed_just_before_it_is_opened_keeps_its_place() {
    let (place, mut follow, mut block) = place();
    let path = |name: &str| place.path().join("captures").join(name);
    let capture = |byte: u8| {
        let pcap = Pcap::default();
        [pcap.header(), pcap.record(1_700_000_000 + u32::from(byte), 0, &[byte; 100], 100)].concat()
    };
    fs::write(path("a.pcap"), capture(1)).unwrap();
    fs::write(path("b.pcap"), capture(2)).unwrap();
    let mut said = Vec::new();
    let mut report = |error: CaptureError| said.push(error.to_string());
    follow.update(&mut report);
    let mut encoder =
        flate2::write::GzEncoder::new(File::create(path("a.pcap.gz")).unwrap(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &capture(1)).unwrap();
    drop(encoder.finish().unwrap());
    fs::remove_file(path("a.pcap")).unwrap();
    follow.open_ahead(&mut report);
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(read(&mut follow, &mut block, 2), (vec![1, 2], Vec::new()));
}
