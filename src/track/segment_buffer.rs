//! The bytes of a head whose segments come in any order.

use std::iter;
use std::ops::Range;

/// Bytes with gaps. The first copy of each byte counts.
#[derive(Debug)]
pub(super) struct SegmentBuffer {
    bytes: Vec<u8>,
    /// The ranges of `bytes` that are filled: sorted, and not adjacent.
    ranges: Vec<Range<usize>>,
}

impl SegmentBuffer {
    /// A buffer that begins with these bytes, with room for `capacity` of them.
    pub(super) fn new(first_bytes: &[u8], capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(first_bytes.len().max(capacity));
        bytes.extend_from_slice(first_bytes);
        Self { bytes, ranges: iter::once(0..first_bytes.len()).collect() }
    }

    /// The memory that it uses.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The number of filled ranges: one more than there are gaps between them.
    pub(super) fn range_count(&self) -> usize {
        self.ranges.len()
    }

    /// The bytes before the first gap.
    pub(super) fn contiguous(&self) -> &[u8] {
        match self.ranges.first() {
            Some(&Range { start: 0, end }) => &self.bytes[..end],
            _ => &[],
        }
    }

    /// The bytes before the first gap.
    pub(super) fn into_contiguous(mut self) -> Vec<u8> {
        self.bytes.truncate(self.contiguous().len());
        self.bytes
    }

    /// Stores a segment where there are no bytes yet. Returns true if some were there with another
    /// value.
    pub(super) fn insert(&mut self, start: usize, segment: &[u8]) -> bool {
        let end = start + segment.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let mut conflict = false;
        let mut place = start;
        // Known ranges are compared, the gaps between them are filled.
        for known in &self.ranges {
            if known.end <= place || known.start >= end {
                continue;
            }
            let (from, to) = (known.start.max(place), known.end.min(end));
            self.bytes[place..from].copy_from_slice(&segment[place - start..from - start]);
            conflict |= self.bytes[from..to] != segment[from - start..to - start];
            place = to;
        }
        self.bytes[place..end].copy_from_slice(&segment[place - start..]);
        self.add_range(start, end);
        conflict
    }

    fn add_range(&mut self, mut start: usize, mut end: usize) {
        self.ranges.retain(|known| {
            let touches = known.start <= end && start <= known.end;
            if touches {
                (start, end) = (start.min(known.start), end.max(known.end));
            }
            !touches
        });
        let place = self.ranges.partition_point(|known| known.start < start);
        self.ranges.insert(place, start..end);
    }

    /// Removes this many bytes from the start. Bytes beyond them keep their distance to the new
    /// start.
    pub(super) fn remove_front(&mut self, length: usize) {
        self.bytes.drain(..length.min(self.bytes.len()));
        self.ranges.retain_mut(|range| {
            *range = range.start.saturating_sub(length)..range.end.saturating_sub(length);
            range.end > 0
        });
    }

    /// Adds the bytes of another buffer with the same start.
    pub(super) fn merge(&mut self, other: &Self) {
        for range in &other.ranges {
            let bytes = &other.bytes[range.clone()];
            if !bytes.is_empty() {
                self.insert(range.start, bytes);
            }
        }
    }
}
