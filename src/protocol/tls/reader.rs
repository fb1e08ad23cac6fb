//! The bytes of handshake messages, with the headers of the records that they came in taken out.

use super::{HANDSHAKE, LAST_MINOR_VERSION, MAJOR_VERSION};

/// The most bytes in a record: those of TLS 1.2 (RFC 5246 section 6.2.3) may be longer than those of 1.3.
const LONGEST_RECORD: usize = (1 << 14) + 2048;

/// Why reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes end before the message does.
    Cut,
    /// This is no ClientHello.
    Other,
}

/// Goes over handshake messages.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Bytes until the next header of a record.
    until_header: usize,
    /// Bytes of messages read so far.
    taken: usize,
}

impl<'a> Reader<'a> {
    /// For bytes that begin with the header of a record.
    #[inline]
    pub(super) fn of_records(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0, until_header: 0, taken: 0 }
    }

    /// For messages without records.
    #[inline]
    pub(super) fn of_messages(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0, until_header: usize::MAX, taken: 0 }
    }

    /// How many bytes were read, headers of records included.
    #[inline]
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// How many bytes were read, headers of records left out.
    #[inline]
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// What [`Reader::taken`] will be after `length` more bytes. [`Stop::Other`] where that is beyond `limit`.
    #[inline]
    pub(super) fn end(&self, length: usize, limit: usize) -> Result<usize, Stop> {
        let end = self.taken.saturating_add(length);
        if end <= limit { Ok(end) } else { Err(Stop::Other) }
    }

    /// The next bytes, at most `most` of them: as many as lie in one record and are there, at least one (unless `most` is 0).
    #[inline]
    pub(super) fn piece(&mut self, most: usize) -> Result<&'a [u8], Stop> {
        if most == 0 {
            return Ok(&[]);
        }
        if self.until_header == 0 {
            self.until_header = self.record_header()?;
        }
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let length = most.min(self.until_header).min(rest.len());
        if length == 0 {
            return Err(Stop::Cut);
        }
        self.position += length;
        self.until_header -= length;
        self.taken += length;
        Ok(rest.get(..length).unwrap_or_default())
    }

    /// Passes over `length` bytes.
    #[inline]
    pub(super) fn skip(&mut self, mut length: usize) -> Result<(), Stop> {
        while length > 0 {
            length -= self.piece(length)?.len();
        }
        Ok(())
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        // As good as always all of it lies in one record, and is there.
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        if self.until_header >= N
            && let Some(array) = rest.first_chunk::<N>()
        {
            self.position += N;
            self.until_header -= N;
            self.taken += N;
            return Ok(*array);
        }
        self.array_in_pieces()
    }

    #[cold]
    fn array_in_pieces<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let mut array = [0; N];
        let mut room = &mut array[..];
        while !room.is_empty() {
            let piece = self.piece(room.len())?;
            let (filled, rest) = room.split_at_mut(piece.len());
            filled.copy_from_slice(piece);
            room = rest;
        }
        Ok(array)
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Result<u8, Stop> {
        self.array().map(|[byte]| byte)
    }

    #[inline]
    pub(super) fn u16(&mut self) -> Result<u16, Stop> {
        self.array().map(u16::from_be_bytes)
    }

    /// Reads the header of a record (RFC 8446 section 5.1): how long the record is. A header of which only a part is there is
    /// judged by that part.
    fn record_header(&mut self) -> Result<usize, Stop> {
        let mut rest = self.bytes.get(self.position..).unwrap_or_default().iter().copied();
        let mut next = || rest.next().ok_or(Stop::Cut);
        if next()? != HANDSHAKE || next()? != MAJOR_VERSION || next()? > LAST_MINOR_VERSION {
            return Err(Stop::Other);
        }
        let length = usize::from(u16::from_be_bytes([next()?, next()?]));
        // Empty ones are forbidden; they could put off the message for ever.
        if length == 0 || length > LONGEST_RECORD {
            return Err(Stop::Other);
        }
        self.position += 5;
        Ok(length)
    }
}
