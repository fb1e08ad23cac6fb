//! The bytes of CRYPTO frames, put in order.

use arrayvec::ArrayVec;

use crate::protocol::parse_result::ParseResult;
use crate::protocol::tls::{self, ClientHello, LONGEST_HELLO};

/// How far into the stream bytes are kept: as far as a hello is read.
pub const LONGEST_STREAM: usize = LONGEST_HELLO;

/// How many pieces with gaps between them are kept. Chrome cuts a hello into some ten frames a packet and shuffles them; of a
/// hello in three packets, that makes at most half as many gaps at a time.
const MOST_PIECES: usize = 64;

/// What became of bytes that were put into a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// They are there now, or were before.
    Kept,
    /// Some of them stand where others came before, which stay.
    Conflict,
    /// Nothing of them is kept: they reach beyond [`LONGEST_STREAM`], or leave too many gaps.
    Refused,
}

/// The start of a client's stream of handshake messages, as far as its frames came. Of what comes twice, the first copy
/// stands.
#[derive(Debug, Clone, Default)]
pub struct CryptoStream {
    /// Up to the end of the last piece; zeros in the gaps.
    bytes: Vec<u8>,
    /// Start and end of what has come: in order, with gaps between them.
    pieces: ArrayVec<(usize, usize), MOST_PIECES>,
}

impl CryptoStream {
    /// With nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything, but keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.pieces.clear();
    }

    /// Puts bytes to their place.
    pub fn put(&mut self, offset: u64, data: &[u8]) -> Put {
        let Some((start, end)) = place(offset, data.len()) else { return Put::Refused };
        if data.is_empty() {
            return Put::Kept;
        }
        // The pieces that the new one touches become one with it.
        let first = self.pieces.partition_point(|&(_, piece_end)| piece_end < start);
        let after = self.pieces.partition_point(|&(piece_start, _)| piece_start <= end);
        if first == after && self.pieces.is_full() {
            return Put::Refused;
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let touched: ArrayVec<(usize, usize), MOST_PIECES> = self.pieces.drain(first..after).collect();
        let mut is_same = true;
        let mut position = start;
        for &(piece_start, piece_end) in &touched {
            self.copy(position, piece_start, start, data);
            let (from, to) = (piece_start.max(start), piece_end.min(end));
            if from < to {
                is_same &= self.bytes.get(from..to) == data.get(from - start..to - start);
            }
            position = position.max(piece_end);
        }
        self.copy(position, end, start, data);
        let union_start = touched.first().map_or(start, |&(piece_start, _)| piece_start.min(start));
        let union_end = touched.last().map_or(end, |&(_, piece_end)| piece_end.max(end));
        // There is room: it was looked for above.
        let _fits = self.pieces.try_insert(first, (union_start, union_end));
        if is_same { Put::Kept } else { Put::Conflict }
    }

    /// Copies the bytes of `data`, which stand at `start`, to `from..to`; nothing where that is empty.
    fn copy(&mut self, from: usize, to: usize, start: usize, data: &[u8]) {
        if from < to
            && let Some(room) = self.bytes.get_mut(from..to)
            && let Some(data) = data.get(from - start..to - start)
        {
            room.copy_from_slice(data);
        }
    }

    /// The bytes before the first gap.
    pub fn contiguous(&self) -> &[u8] {
        match self.pieces.first() {
            Some(&(0, end)) => self.bytes.get(..end).unwrap_or_default(),
            _ => &[],
        }
    }

    /// The room that is taken, in bytes, gaps included: for whoever keeps many.
    pub fn room(&self) -> usize {
        self.bytes.capacity()
    }

    /// Reads the ClientHello that the stream begins with.
    pub fn client_hello(&self) -> ParseResult<ClientHello<'_>> {
        tls::client_hello_message(self.contiguous())
    }
}

/// Start and end, where that is within the bound.
fn place(offset: u64, length: usize) -> Option<(usize, usize)> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(length)?;
    (end <= LONGEST_STREAM).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pieces_come_in_any_order() {
        let mut stream = CryptoStream::new();
        assert_eq!(stream.put(4, b"efg"), Put::Kept);
        assert_eq!(stream.contiguous(), b"");
        assert_eq!(stream.put(0, b"ab"), Put::Kept);
        assert_eq!(stream.contiguous(), b"ab");
        assert_eq!(stream.put(2, b"cd"), Put::Kept);
        assert_eq!(stream.contiguous(), b"abcdefg");
        assert_eq!(stream.put(9, b""), Put::Kept);
        assert_eq!(stream.contiguous(), b"abcdefg");
    }

    #[test]
    fn the_first_copy_stands() {
        let mut stream = CryptoStream::new();
        stream.put(2, b"cd");
        assert_eq!(stream.put(0, b"abcde"), Put::Kept);
        assert_eq!(stream.put(0, b"ABCDEF"), Put::Conflict);
        assert_eq!(stream.contiguous(), b"abcdeF");
        assert_eq!(stream.put(1, b"bcd"), Put::Kept);
    }

    #[test]
    fn what_is_too_far_or_leaves_too_many_gaps_is_refused() {
        let mut stream = CryptoStream::new();
        let last = LONGEST_STREAM as u64 - 1;
        assert_eq!(stream.put(last, b"ab"), Put::Refused);
        assert_eq!(stream.put(u64::MAX, b"ab"), Put::Refused);
        assert_eq!(stream.put(last, b"a"), Put::Kept);
        for piece in 1..MOST_PIECES as u64 {
            assert_eq!(stream.put(2 * piece, b"a"), Put::Kept);
        }
        assert_eq!(stream.put(1000, b"a"), Put::Refused);
        assert_eq!(stream.put(3, b"b"), Put::Kept, "it fills a gap");
        assert_eq!(stream.put(1000, b"a"), Put::Kept);
        stream.clear();
        assert_eq!((stream.put(0, b"new"), stream.contiguous()), (Put::Kept, &b"new"[..]));
    }

    proptest! {
        #[test]
        fn it_is_as_if_each_byte_came_by_itself(puts in prop::collection::vec((0usize..80, prop::collection::vec(0u8..3, 0..20)), 0..30)) {
            let mut stream = CryptoStream::new();
            let mut model: Vec<Option<u8>> = vec![None; 100];
            for (offset, data) in &puts {
                let mut conflict = false;
                for (place, byte) in model[*offset..].iter_mut().zip(data) {
                    conflict |= *place.get_or_insert(*byte) != *byte;
                }
                let expected = if conflict { Put::Conflict } else { Put::Kept };
                prop_assert_eq!(stream.put(*offset as u64, data), expected);
                let contiguous: Vec<u8> = model.iter().map_while(|place| *place).collect();
                prop_assert_eq!(stream.contiguous(), contiguous);
            }
        }
    }
}
