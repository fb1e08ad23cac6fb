//! Decompression on a thread of its own.
//!
//! Decompression costs several times what scanning does, so it limits the speed of a compressed
//! capture. A thread decompresses ahead of the reader. So several files can be decompressed at a
//! time while one of them is read.

use std::io::{self, ErrorKind, Read};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

/// The size of the chunks that are handed over. A chunk is still in a core's own cache when it is
/// copied into the Block.
const CHUNK: usize = 256 << 10;

/// The number of bytes that are decompressed ahead. So much of the next file is ready when its turn
/// comes. Of a small file, as log rotation makes them, that is most of it.
const AHEAD: usize = 16 << 20;

/// The number of chunks of a stream.
const CHUNKS: usize = AHEAD / CHUNK;

/// A stream that another thread decompresses ahead.
pub(super) struct Decompressed {
    chunks: Receiver<io::Result<Vec<u8>>>,
    /// Returns used chunks to the thread.
    free: Sender<Vec<u8>>,
    current: Vec<u8>,
    /// The position in `current` up to which it was read.
    position: usize,
}

impl Decompressed {
    /// Starts the thread that reads a decompressor. `is_streamed`: each piece is handed over as it
    /// comes, however small.
    pub(super) fn new(stream: impl Read + Send + 'static, is_streamed: bool) -> io::Result<Self> {
        let (send, chunks) = bounded(CHUNKS);
        let (free, emptied) = bounded(CHUNKS);
        // The thread ends with the stream, or when the receiver is dropped.
        thread::Builder::new()
            .name("decompress".to_owned())
            .spawn(move || read_ahead(stream, is_streamed, &send, &emptied))?;
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
                // The channel has room for all chunks.
                let _ = self.free.try_send(emptied);
            }
        }
        let mut rest = self.current.get(self.position..).unwrap_or_default();
        let count = rest.read(buffer)?;
        self.position += count;
        Ok(count)
    }
}

/// Fills chunks from a stream until it ends.
fn read_ahead(
    mut stream: impl Read,
    is_streamed: bool,
    chunks: &Sender<io::Result<Vec<u8>>>,
    emptied: &Receiver<Vec<u8>>,
) {
    loop {
        let mut chunk = emptied.try_recv().unwrap_or_default();
        chunk.resize(CHUNK, 0);
        let (filled, end) = fill(&mut stream, is_streamed, &mut chunk);
        chunk.truncate(filled);
        if (filled > 0 && chunks.send(Ok(chunk)).is_err()) || end.is_err() || matches!(end, Ok(true)) {
            if let Err(error) = end {
                // The receiver may be gone.
                let _ = chunks.send(Err(error));
            }
            return;
        }
    }
}

/// Fills a buffer, or with `is_streamed` reads once. Returns how many bytes it got, and true if the
/// stream has ended.
fn fill(stream: &mut impl Read, is_streamed: bool, buffer: &mut [u8]) -> (usize, io::Result<bool>) {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest) {
            Ok(0) => return (filled, Ok(true)),
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return (filled, Err(error)),
        }
        if is_streamed {
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
        for is_streamed in [false, true] {
            let mut read = Vec::new();
            let mut decompressed = Decompressed::new(io::Cursor::new(bytes.clone()), is_streamed).unwrap();
            decompressed.read_to_end(&mut read).unwrap();
            assert!(read == bytes);
            assert_eq!(decompressed.read(&mut [0; 4]).unwrap(), 0);
        }
    }

    #[test]
    fn what_came_before_an_error_is_read_first() {
        let mut read = Vec::new();
        let mut decompressed = Decompressed::new(Broken(b"twelve bytes".to_vec()), false).unwrap();
        let error = decompressed.read_to_end(&mut read).unwrap_err();
        assert_eq!((read.as_slice(), error.to_string().as_str()), (&b"twelve bytes"[..], "broken"));
    }

    #[test]
    fn a_prompt_stream_is_not_waited_for() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut decompressed = Decompressed::new(reader, true).unwrap();
        io::Write::write_all(&mut writer, b"early").unwrap();
        let mut buffer = [0; 64];
        assert_eq!(decompressed.read(&mut buffer).unwrap(), 5);
        assert_eq!(&buffer[..5], b"early");
    }

    #[test]
    fn a_stream_nobody_reads_holds_no_more_than_its_bound() {
        let decompressed = Decompressed::new(io::repeat(1), false).unwrap();
        while decompressed.chunks.len() < CHUNKS {
            thread::yield_now();
        }
        assert_eq!(decompressed.chunks.len(), CHUNKS);
    }
}
