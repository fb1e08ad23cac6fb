//! The captures that were seen before.

use std::collections::HashMap;

use crate::capture::identity::{CaptureIdentity, FileState, HeadDigest};

/// The number of listings for which a deleted capture stays known. It may come back compressed.
const LISTINGS_KNOWN: u64 = 10;

/// The number of deleted captures that may be known before old ones are forgotten.
const MAX_DELETED: usize = 8192;

/// The captures that were seen before, by content and by inode.
#[derive(Default)]
pub(super) struct KnownCaptures {
    by_head: HashMap<HeadDigest, Seen<FileState>>,
    by_inode: HashMap<(u64, u64), Seen<CaptureIdentity>>,
    /// The number of the latest listing.
    listing: u64,
}

/// A value with the number of the last listing in which it was seen.
struct Seen<T> {
    value: T,
    listing: u64,
}

impl KnownCaptures {
    pub(super) fn add(&mut self, identity: CaptureIdentity) {
        let (file, listing) = (identity.file, self.listing);
        self.by_head.insert(identity.head, Seen { value: file, listing });
        self.by_inode.insert(file.inode(), Seen { value: identity, listing });
    }

    /// Removes a capture that was not found under any of its names.
    pub(super) fn remove_head(&mut self, head: &HeadDigest) {
        self.by_head.remove(head);
    }

    /// Removes a file of such a capture.
    pub(super) fn remove_file(&mut self, file: &FileState) {
        self.by_inode.remove(&file.inode());
    }

    /// The number of known captures.
    pub(super) fn len(&self) -> usize {
        self.by_head.len()
    }

    pub(super) fn has_head(&self, head: &HeadDigest) -> bool {
        self.by_head.contains_key(head)
    }

    /// The identity that a file had when it was last examined, even if it changed since.
    pub(super) fn identity(&self, file: &FileState) -> Option<CaptureIdentity> {
        self.by_inode.get(&file.inode()).map(|seen| seen.value)
    }

    /// Returns true if the file is known and unchanged. This also notes that it was seen.
    pub(super) fn is_unchanged(&mut self, file: &FileState) -> bool {
        let Some(known) = self.by_inode.get_mut(&file.inode()) else { return false };
        if known.value.file != *file {
            return false;
        }
        known.listing = self.listing;
        if let Some(known) = self.by_head.get_mut(&known.value.head) {
            known.listing = self.listing;
        }
        true
    }

    /// Begins a new listing.
    pub(super) fn begin_listing(&mut self) {
        self.listing += 1;
    }

    /// Returns true until the first listing.
    pub(super) fn is_before_first_listing(&self) -> bool {
        self.listing == 0
    }

    /// Forgets captures that were deleted long ago, if there are many. `present` is the number of
    /// files in the folder.
    pub(super) fn forget_deleted(&mut self, present: usize) {
        if self.by_head.len().max(self.by_inode.len()) > 2 * present + MAX_DELETED {
            let oldest = self.listing.saturating_sub(LISTINGS_KNOWN);
            self.by_head.retain(|_, seen| seen.listing >= oldest);
            self.by_inode.retain(|_, seen| seen.listing >= oldest);
        }
    }

    /// All known captures.
    pub(super) fn all(&self) -> impl Iterator<Item = CaptureIdentity> {
        let heads = self.by_head.iter().map(|(head, seen)| CaptureIdentity { head: *head, file: seen.value });
        let others = self.by_inode.values().map(|seen| seen.value);
        let others = others.filter(|one| self.by_head.get(&one.head).is_none_or(|seen| seen.value != one.file));
        heads.chain(others)
    }
}
