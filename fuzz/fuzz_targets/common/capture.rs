//! Reads a capture in two ways: from a file, and from a stream in pieces.

use std::cell::RefCell;
use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use rattap::capture::{BLOCK_CAPACITY, Block, CaptureCounts, FileSource, FillStatus, Input, LinkType, Source};
use rattap::units::Timestamp;

/// The file for the inputs. It is in memory if the system has `/dev/shm`.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    folder.join(format!("rattap-fuzz-{}", std::process::id()))
});

thread_local! {
    /// Its buffer is large, so it is made once.
    static BLOCK: RefCell<Block> = RefCell::new(Block::new(Arc::default(), Arc::default()));
}

/// A stream that returns its bytes in pieces of varying length.
struct Pieces {
    bytes: Vec<u8>,
    position: usize,
    length: usize,
    step: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.position..];
        let count = self.length.min(rest.len()).min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.position += count;
        self.length = self.length * 5 % 1009 + self.step;
        Ok(count)
    }
}

#[derive(Debug, PartialEq)]
struct ReadFrame {
    time: Timestamp,
    link: LinkType,
    original: u32,
    bytes: Vec<u8>,
}

#[derive(Debug, PartialEq)]
struct Reading {
    frames: Vec<ReadFrame>,
    problems: Vec<String>,
    counts: CaptureCounts,
}

fn drain(mut files: FileSource, problems: &mut Vec<String>, most_blocks: usize) -> (Vec<ReadFrame>, CaptureCounts) {
    let mut frames = Vec::new();
    BLOCK.with_borrow_mut(|block| {
        let mut blocks = 0;
        while files.fill(block, &mut |error| problems.push(error.to_string())) == FillStatus::Filled {
            blocks += 1;
            assert!(blocks <= most_blocks, "no end after {blocks} Blocks");
            assert_eq!(block.bytes.len(), BLOCK_CAPACITY);
            for frame in &block.frames {
                let bytes = block.captured(frame);
                assert_eq!(bytes.len(), frame.captured as usize, "{frame:?} lies outside its Block");
                frames.push(ReadFrame {
                    time: frame.time,
                    link: frame.link,
                    original: frame.original,
                    bytes: bytes.to_vec(),
                });
            }
        }
        assert!(block.frames.is_empty());
    });
    (frames, files.counts())
}

fn read(files: impl FnOnce(&mut Vec<String>) -> FileSource, most_blocks: usize) -> Reading {
    let mut problems = Vec::new();
    let files = files(&mut problems);
    let (frames, counts) = drain(files, &mut problems, most_blocks);
    let bytes: usize = frames.iter().map(|frame| frame.bytes.len()).sum();
    assert_eq!((counts.packets, counts.bytes.0), (frames.len() as u64, bytes as u64));
    // The reader reports the first ten damaged places of a file, and once that there are more.
    assert!(problems.len() <= 12, "{problems:?}");
    Reading { frames, problems, counts }
}

/// Checks a capture. The first byte determines the lengths of the pieces, the others are the
/// capture.
pub fn check(data: &[u8]) {
    let Some((&pieces, capture)) = data.split_first() else { return };
    fs::write(&*FILE, capture).expect("a place for files");
    let whole =
        read(|_| FileSource::new(vec![Input::File(FILE.clone())], None), 3 + capture.len() * 1024 / BLOCK_CAPACITY);

    let least = capture.len() / 64;
    let stream = Pieces { bytes: capture.to_vec(), position: 0, length: least + usize::from(pieces), step: least + 1 };
    let in_pieces = read(
        |problems| FileSource::from_stream("-", stream, None, &mut |error| problems.push(error.to_string())),
        // A piece of a compressed file may decompress to many Blocks.
        300 + capture.len() * 1024,
    );
    // After damage, the search for the next packet depends on the bytes that are available at the
    // time.
    if whole.problems.is_empty() {
        assert_eq!(in_pieces, whole);
    }
}

/// Returns true if an input starts as pcapng.
pub fn is_pcapng(data: &[u8]) -> bool {
    data.get(1..5) == Some(&[0x0a, 0x0d, 0x0d, 0x0a])
}
