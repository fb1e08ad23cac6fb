//! Writes to pipes, terminals and other files that may take no data for a while.
//!
//! Standard output shares its flags with other processes, so it cannot be made non-blocking. But a
//! write of at most [`PIPE_BUF`] bytes to a pipe that polls as writable does not block.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::progress::Waiter;

/// The most bytes that Linux writes to a pipe as a whole (pipe(7)).
const PIPE_BUF: usize = 4096;

/// The interval at which a wait checks whether it has to end: short beside the seconds that a run
/// has for its end.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Writes the first lines of `bytes`, or a part of a line that is longer than [`PIPE_BUF`]. Waits
/// until there is room for them.
pub(super) fn write(mut file: &File, bytes: &[u8], waiter: &mut Waiter) -> io::Result<usize> {
    let bytes = &bytes[..length_of_write(bytes)];
    waiter.note_progress();
    loop {
        if is_writable(file)? {
            match file.write(bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Another process that writes to the same pipe was faster.
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(CHECK_INTERVAL),
                result => {
                    waiter.note_progress();
                    return result;
                }
            }
        }
        waiter.check()?;
    }
}

/// Whole lines are kept together, so that the lines of two writers do not mix.
fn length_of_write(bytes: &[u8]) -> usize {
    match bytes.get(..PIPE_BUF) {
        None => bytes.len(),
        Some(first) => memchr::memrchr(b'\n', first).map_or(PIPE_BUF, |end| end + 1),
    }
}

/// Waits for a moment. A file whose reader has exited counts as writable: the write tells.
fn is_writable(file: &File) -> io::Result<bool> {
    let wait = Timespec::try_from(CHECK_INTERVAL).ok();
    match poll(&mut [PollFd::new(file, PollFlags::OUT)], wait.as_ref()) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_are_written_together_as_far_as_they_fit() {
        assert_eq!(length_of_write(b"a\nb"), 3);
        let line = [&[b'x'; 2000][..], b"\n"].concat();
        assert_eq!(length_of_write(&line.repeat(5)), 2 * 2001);
        assert_eq!(length_of_write(&[b'x'; 5000]), PIPE_BUF);
    }
}
