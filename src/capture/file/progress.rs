//! The progress of reading a file.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A file that adds the bytes read from it to a shared counter. When it is closed it adds the
/// unread rest too, so that a file that could not be read does not hold back the progress bar.
pub(super) struct ProgressReader {
    file: File,
    /// The unread bytes of its length; 0 for a pipe.
    unread: u64,
    progress: Arc<AtomicU64>,
}

impl ProgressReader {
    /// Wraps a file of this length; 0 for a pipe.
    pub(super) fn new(file: File, length: u64, progress: Arc<AtomicU64>) -> Self {
        Self { file, unread: length, progress }
    }
}

impl Read for ProgressReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.unread = self.unread.saturating_sub(count as u64);
        self.progress.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl Drop for ProgressReader {
    fn drop(&mut self) {
        self.progress.fetch_add(self.unread, Ordering::Relaxed);
    }
}
