//! The identity of a capture file.

use std::fs;
use std::os::unix::fs::MetadataExt;

/// The first half of the SHA-256 of a capture's first bytes.
pub(super) type HeadDigest = [u8; 16];

/// Hashes the first bytes of a capture.
pub(super) fn head_digest(bytes: &[u8]) -> HeadDigest {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}

/// Distinguishes one capture from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CaptureIdentity {
    /// The digest of its first bytes, decompressed. They include the time of its first packet. So a
    /// capture that was compressed or copied is recognized.
    pub head: HeadDigest,
    pub file: FileState,
}

/// Distinguishes one stored file from another without opening it. Renaming changes none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FileState {
    pub device: u64,
    pub inode: u64,
    pub length: u64,
    /// Nanoseconds since 1970.
    pub modified: i64,
}

impl FileState {
    pub(super) fn new(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
        }
    }

    /// Device and inode.
    pub(super) fn inode(&self) -> (u64, u64) {
        (self.device, self.inode)
    }
}
