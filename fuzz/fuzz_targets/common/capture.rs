//! A capture read in two ways: from a file, and from a stream that yields it in pieces.

use std::cell::RefCell;
use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use rattap::capture::{BLOCK_CAPACITY, Block, CaptureCounts, Files, Fill, Input, LinkType, Source};
use rattap::units::Timestamp;

/// The file that each input is put into: in memory, where the system has a place for that.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    folder.join(format!("rattap-fuzz-{}", std::process::id()))
});

thread_local! {
    /// Its buffer is large: made once.
    static BLOCK: RefCell<Block> = RefCell::new(Block::new(Arc::default(), Arc::default()));
}

/// Yields its bytes in pieces of these lengths, over and over.
struct Pieces {
    bytes: Vec<u8>,
    done: usize,
    length: usize,
    step: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.done..];
        let count = self.length.min(rest.len()).min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.done += count;
        self.length = self.length * 5 % 1009 + self.step;
        Ok(count)
    }
}

#[derive(Debug, PartialEq)]
struct Seen {
    time: Timestamp,
    link: LinkType,
    original: u32,
    bytes: Vec<u8>,
}

#[derive(Debug, PartialEq)]
struct Reading {
    frames: Vec<Seen>,
    problems: Vec<String>,
    counts: CaptureCounts,
}

fn drain(mut files: Files, problems: &mut Vec<String>, most_blocks: usize) -> (Vec<Seen>, CaptureCounts) {
    let mut frames = Vec::new();
    BLOCK.with_borrow_mut(|block| {
        let mut blocks = 0;
        while files.fill(block, &mut |error| problems.push(error.to_string())) == Fill::Filled {
            blocks += 1;
            assert!(blocks <= most_blocks, "no end after {blocks} Blocks");
            assert_eq!(block.bytes.len(), BLOCK_CAPACITY);
            for frame in &block.frames {
                let bytes = block.captured(frame);
                assert_eq!(bytes.len(), frame.captured as usize, "{frame:?} lies beside its Block");
                frames.push(Seen {
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

fn read(files: impl FnOnce(&mut Vec<String>) -> Files, most_blocks: usize) -> Reading {
    let mut problems = Vec::new();
    let files = files(&mut problems);
    let (frames, counts) = drain(files, &mut problems, most_blocks);
    let bytes: usize = frames.iter().map(|frame| frame.bytes.len()).sum();
    assert_eq!((counts.packets, counts.bytes.0), (frames.len() as u64, bytes as u64));
    // A file lists its first ten damaged places and says once that there are more.
    assert!(problems.len() <= 12, "{problems:?}");
    Reading { frames, problems, counts }
}

/// The first byte says into what pieces the others, a capture, are cut.
pub fn check(data: &[u8]) {
    let Some((&pieces, capture)) = data.split_first() else { return };
    fs::write(&*FILE, capture).expect("a place for files");
    let whole = read(|_| Files::new(vec![Input::File(FILE.clone())], None), 3 + capture.len() * 1024 / BLOCK_CAPACITY);

    let least = capture.len() / 64;
    let stream = Pieces { bytes: capture.to_vec(), done: 0, length: least + usize::from(pieces), step: least + 1 };
    let in_pieces = read(
        |problems| Files::from_stream("-", stream, None, &mut |error| problems.push(error.to_string())),
        // A piece of a compressed file may be many Blocks.
        300 + capture.len() * 1024,
    );
    // What is searched for after damage depends on what is there to be searched.
    if whole.problems.is_empty() {
        assert_eq!(in_pieces, whole);
    }
}

/// Whether an input begins as pcapng.
pub fn is_pcapng(data: &[u8]) -> bool {
    data.get(1..5) == Some(&[0x0a, 0x0d, 0x0d, 0x0a])
}
