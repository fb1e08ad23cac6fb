//! Decompression off the scan's way.
//!
//! Decompressing costs several times what scanning does, so it is what a compressed capture waits for. It runs on a thread of its
//! own, ahead of whoever reads, and several files can be decompressed at a time while one of them is read.

use std::io::{self, ErrorKind, Read};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

/// How much is handed over at a time: what lies in a core's own cache still when it is copied into the Block.
const CHUNK: usize = 256 << 10;

/// How far a file is decompressed ahead: so much of the next file is ready when its turn comes. Of a small one, as rotation makes
/// them, that is most of it.
const AHEAD: usize = 16 << 20;

/// How many chunks there are to one stream.
const CHUNKS: usize = AHEAD / CHUNK;

/// A stream that another thread reads ahead.
pub(super) struct Decompressed {
    chunks: Receiver<io::Result<Vec<u8>>>,
    /// Where read chunks go back to.
    free: Sender<Vec<u8>>,
    current: Vec<u8>,
    /// How much of `current` was read.
    position: usize,
}

impl Decompressed {
    /// Begins to read a decompressor. `prompt`: each piece is handed over as it comes, however small.
    pub(super) fn new(stream: impl Read + Send + 'static, prompt: bool) -> io::Result<Self> {
        let (send, chunks) = bounded(CHUNKS);
        let (free, emptied) = bounded(CHUNKS);
        // It ends with the stream, or when nobody reads any more.
        thread::Builder::new().name("unpack".to_owned()).spawn(move || read_ahead(stream, prompt, &send, &emptied))?;
        Ok(Self { chunks, free, current: Vec::new(), position: 0 })
    }
}

impl Read for Decompressed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.current.len() {
            // The thread drops its end of the channel when the stream has ended.
            let Ok(chunk) = self.chunks.recv() else { return Ok(0) };
            let emptied = std::mem::replace(&mut self.current, chunk?);
            self.position = 0;
            if emptied.capacity() > 0 {
                // It has room for all chunks there are.
                let _ = self.free.try_send(emptied);
            }
        }
        let mut rest = self.current.get(self.position..).unwrap_or_default();
        let got = rest.read(buffer)?;
        self.position += got;
        Ok(got)
    }
}

fn read_ahead(mut stream: impl Read, prompt: bool, chunks: &Sender<io::Result<Vec<u8>>>, emptied: &Receiver<Vec<u8>>) {
    loop {
        let mut chunk = emptied.try_recv().unwrap_or_default();
        chunk.resize(CHUNK, 0);
        let (filled, end) = fill(&mut stream, prompt, &mut chunk);
        chunk.truncate(filled);
        if (filled > 0 && chunks.send(Ok(chunk)).is_err()) || end.is_err() || matches!(end, Ok(true)) {
            if let Err(error) = end {
                // Whoever reads may have gone.
                let _ = chunks.send(Err(error));
            }
            return;
        }
    }
}

/// Fills a buffer, or takes what one call gives where that must be handed on at once. Says how much that was, and whether the
/// stream has ended.
fn fill(stream: &mut impl Read, prompt: bool, buffer: &mut [u8]) -> (usize, io::Result<bool>) {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest) {
            Ok(0) => return (filled, Ok(true)),
            Ok(got) => filled += got,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return (filled, Err(error)),
        }
        if prompt {
            break;
        }
    }
    (filled, Ok(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes in pieces of a few, then an error.
    struct Broken(Vec<u8>);

    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(buffer.len()).min(7);
            if count == 0 {
                return Err(io::Error::other("broken"));
            }
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }

    #[test]
    fn the_bytes_come_in_order_and_then_the_end() {
        let bytes: Vec<u8> = (0..3 * CHUNK + 5).map(|at| (at % 251) as u8).collect();
        for prompt in [false, true] {
            let mut read = Vec::new();
            let mut unpacked = Decompressed::new(io::Cursor::new(bytes.clone()), prompt).unwrap();
            unpacked.read_to_end(&mut read).unwrap();
            assert!(read == bytes);
            assert_eq!(unpacked.read(&mut [0; 4]).unwrap(), 0);
        }
    }

    #[test]
    fn what_came_before_an_error_is_read_first() {
        let mut read = Vec::new();
        let mut unpacked = Decompressed::new(Broken(b"twelve bytes".to_vec()), false).unwrap();
        let error = unpacked.read_to_end(&mut read).unwrap_err();
        assert_eq!((read.as_slice(), error.to_string().as_str()), (&b"twelve bytes"[..], "broken"));
    }

    #[test]
    fn a_prompt_stream_is_not_waited_for() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut unpacked = Decompressed::new(reader, true).unwrap();
        io::Write::write_all(&mut writer, b"early").unwrap();
        let mut buffer = [0; 64];
        assert_eq!(unpacked.read(&mut buffer).unwrap(), 5);
        assert_eq!(&buffer[..5], b"early");
    }

    #[test]
    fn a_stream_nobody_reads_holds_no_more_than_its_bound() {
        let unpacked = Decompressed::new(io::repeat(1), false).unwrap();
        while unpacked.chunks.len() < CHUNKS {
            thread::yield_now();
        }
        assert_eq!(unpacked.chunks.len(), CHUNKS);
    }
}
