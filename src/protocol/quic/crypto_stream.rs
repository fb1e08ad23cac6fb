//! The data of CRYPTO frames, put in order.

use std::ops::Range;

use arrayvec::ArrayVec;

use crate::protocol::parse_result::ParseResult;
use crate::protocol::tls::{self, ClientHello, LONGEST_HELLO};

/// The length of the stream that is kept, in bytes: that of the longest hello that is parsed.
pub const LONGEST_STREAM: usize = LONGEST_HELLO;

/// The most ranges of received data with gaps between them. Chrome splits a hello into about ten
/// frames per packet and shuffles them. For a hello in three packets, that leaves at most half as
/// many gaps at a time.
const MOST_RANGES: usize = 64;

/// The start of a client's stream of handshake messages, as far as its frames were received. If
/// data overlap, the first copy is kept.
#[derive(Debug, Clone, Default)]
pub struct CryptoStream {
    /// The bytes up to the end of the last range. Gaps are zero.
    bytes: Vec<u8>,
    /// The received ranges of offsets, in order, with gaps between them.
    received: ArrayVec<Range<usize>, MOST_RANGES>,
}

impl CryptoStream {
    /// Makes an empty stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the stream empty, but keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.received.clear();
    }

    /// Inserts data at an offset. Returns false and inserts nothing if the data extend beyond
    /// [`LONGEST_STREAM`] or leave too many gaps.
    pub fn insert(&mut self, offset: u64, data: &[u8]) -> bool {
        let Some(inserted) = range(offset, data.len()) else { return false };
        let Range { start, end } = inserted;
        if data.is_empty() {
            return true;
        }
        // The new range is merged with all ranges that it touches.
        let first = self.received.partition_point(|range| range.end < start);
        let after = self.received.partition_point(|range| range.start <= end);
        if first == after && self.received.is_full() {
            return false;
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let touched: ArrayVec<Range<usize>, MOST_RANGES> = self.received.drain(first..after).collect();
        let mut position = start;
        for range in &touched {
            self.copy(position..range.start, start, data);
            position = position.max(range.end);
        }
        self.copy(position..end, start, data);
        let merged_start = touched.first().map_or(start, |range| range.start.min(start));
        let merged_end = touched.last().map_or(end, |range| range.end.max(end));
        // It always fits: a full list was rejected above unless the new range touches another.
        let _fits = self.received.try_insert(first, merged_start..merged_end);
        true
    }

    /// Copies the bytes of `data`, which starts at offset `start`, to the offsets `to`. Copies
    /// nothing if that is empty.
    fn copy(&mut self, to: Range<usize>, start: usize, data: &[u8]) {
        if !to.is_empty()
            && let Some(target) = self.bytes.get_mut(to.clone())
            && let Some(data) = data.get(to.start - start..to.end - start)
        {
            target.copy_from_slice(data);
        }
    }

    /// The bytes before the first gap.
    pub fn contiguous(&self) -> &[u8] {
        match self.received.first() {
            Some(&Range { start: 0, end }) => self.bytes.get(..end).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Parses the ClientHello at the start of the stream.
    pub fn client_hello(&self) -> ParseResult<ClientHello<'_>> {
        tls::parse_client_hello_message(self.contiguous())
    }
}

/// The range of offsets of such data. `None` if it extends beyond [`LONGEST_STREAM`].
fn range(offset: u64, length: usize) -> Option<Range<usize>> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(length)?;
    (end <= LONGEST_STREAM).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frames_may_come_in_any_order() {
        let mut stream = CryptoStream::new();
        assert!(stream.insert(4, b"efg"));
        assert_eq!(stream.contiguous(), b"");
        assert!(stream.insert(0, b"ab"));
        assert_eq!(stream.contiguous(), b"ab");
        assert!(stream.insert(2, b"cd"));
        assert_eq!(stream.contiguous(), b"abcdefg");
        assert!(stream.insert(9, b""));
        assert_eq!(stream.contiguous(), b"abcdefg");
    }

    #[test]
    fn the_first_copy_is_kept() {
        let mut stream = CryptoStream::new();
        stream.insert(2, b"cd");
        assert!(stream.insert(0, b"abcde"));
        assert!(stream.insert(0, b"ABCDEF"));
        assert_eq!(stream.contiguous(), b"abcdeF");
        assert!(stream.insert(1, b"bcd"));
    }

    #[test]
    fn data_too_far_ahead_or_with_too_many_gaps_are_rejected() {
        let mut stream = CryptoStream::new();
        let last = LONGEST_STREAM as u64 - 1;
        assert!(!stream.insert(last, b"ab"));
        assert!(!stream.insert(u64::MAX, b"ab"));
        assert!(stream.insert(last, b"a"));
        for number in 1..MOST_RANGES as u64 {
            assert!(stream.insert(2 * number, b"a"));
        }
        assert!(!stream.insert(1000, b"a"));
        assert!(stream.insert(3, b"b"), "it fills a gap");
        assert!(stream.insert(1000, b"a"));
        stream.clear();
        assert!(stream.insert(0, b"new"));
        assert_eq!(stream.contiguous(), b"new");
    }

    proptest! {
        #[test]
        fn inserting_equals_inserting_each_byte(puts in prop::collection::vec((0usize..80, prop::collection::vec(0u8..3, 0..20)), 0..30)) {
            let mut stream = CryptoStream::new();
            let mut model: Vec<Option<u8>> = vec![None; 100];
            for (offset, data) in &puts {
                for (place, byte) in model[*offset..].iter_mut().zip(data) {
                    place.get_or_insert(*byte);
                }
                prop_assert!(stream.insert(*offset as u64, data));
                let contiguous: Vec<u8> = model.iter().map_while(|place| *place).collect();
                prop_assert_eq!(stream.contiguous(), contiguous);
            }
        }
    }
}
