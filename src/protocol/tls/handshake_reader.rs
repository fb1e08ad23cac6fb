//! Reads the bytes of handshake messages without the headers of their records.

/// The content type of a record with handshake messages.
pub(super) const HANDSHAKE: u8 = 22;
/// The first byte of the version in records and hellos, from SSL 3.0 to TLS 1.3.
pub(super) const MAJOR_VERSION: u8 = 3;
/// The highest second byte of the version: that of TLS 1.3. By the RFC, records say 1.0 or 1.2, but
/// some clients write 1.3.
pub(super) const LAST_MINOR_VERSION: u8 = 4;

/// The longest record in bytes. Those of TLS 1.2 (RFC 5246 section 6.2.3) may be longer than those
/// of TLS 1.3.
const LONGEST_RECORD: usize = (1 << 14) + 2048;

/// The reason why a ClientHello cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadError {
    /// The bytes end before the message.
    Incomplete,
    /// The bytes are no ClientHello.
    NotClientHello,
}

/// A reader of handshake messages.
#[derive(Debug, Clone)]
pub(super) struct HandshakeReader<'a> {
    bytes: &'a [u8],
    position: usize,
    /// The bytes left in the record.
    left_in_record: usize,
    /// The bytes of messages read so far.
    message_position: usize,
}

impl<'a> HandshakeReader<'a> {
    /// Makes a reader of bytes that start with a record header.
    #[inline]
    pub(super) fn of_records(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0, left_in_record: 0, message_position: 0 }
    }

    /// Makes a reader of messages without records.
    #[inline]
    pub(super) fn of_messages(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0, left_in_record: usize::MAX, message_position: 0 }
    }

    /// The number of bytes read, including record headers.
    #[inline]
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// The number of message bytes read, excluding record headers.
    #[inline]
    pub(super) fn message_position(&self) -> usize {
        self.message_position
    }

    /// The message position after `length` more bytes. Returns [`ReadError::NotClientHello`] if it
    /// is beyond `limit`.
    #[inline]
    pub(super) fn end_after(&self, length: usize, limit: usize) -> Result<usize, ReadError> {
        let end = self.message_position.saturating_add(length);
        if end <= limit { Ok(end) } else { Err(ReadError::NotClientHello) }
    }

    /// Reads the next bytes of the message: at most `most`, as many as the record and the captured
    /// bytes hold. Returns at least one byte unless `most` is 0.
    #[inline]
    pub(super) fn chunk(&mut self, most: usize) -> Result<&'a [u8], ReadError> {
        if most == 0 {
            return Ok(&[]);
        }
        if self.left_in_record == 0 {
            self.left_in_record = self.record_header()?;
        }
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let length = most.min(self.left_in_record).min(rest.len());
        if length == 0 {
            return Err(ReadError::Incomplete);
        }
        self.position += length;
        self.left_in_record -= length;
        self.message_position += length;
        Ok(rest.get(..length).unwrap_or_default())
    }

    /// Skips `length` bytes.
    #[inline]
    pub(super) fn skip(&mut self, mut length: usize) -> Result<(), ReadError> {
        while length > 0 {
            length -= self.chunk(length)?.len();
        }
        Ok(())
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        // In nearly all hellos the array is in one record.
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        if self.left_in_record >= N
            && let Some(array) = rest.first_chunk::<N>()
        {
            self.position += N;
            self.left_in_record -= N;
            self.message_position += N;
            return Ok(*array);
        }
        self.array_across_records()
    }

    #[cold]
    fn array_across_records<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let mut array = [0; N];
        let mut unfilled = &mut array[..];
        while !unfilled.is_empty() {
            let chunk = self.chunk(unfilled.len())?;
            let (filled, rest) = unfilled.split_at_mut(chunk.len());
            filled.copy_from_slice(chunk);
            unfilled = rest;
        }
        Ok(array)
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Result<u8, ReadError> {
        self.array().map(|[byte]| byte)
    }

    #[inline]
    pub(super) fn u16(&mut self) -> Result<u16, ReadError> {
        self.array().map(u16::from_be_bytes)
    }

    /// Reads a record header (RFC 8446 section 5.1) and returns the length of the record. The
    /// captured part of an incomplete header is checked as well.
    fn record_header(&mut self) -> Result<usize, ReadError> {
        let mut rest = self.bytes.get(self.position..).unwrap_or_default().iter().copied();
        let mut next = || rest.next().ok_or(ReadError::Incomplete);
        if next()? != HANDSHAKE || next()? != MAJOR_VERSION || next()? > LAST_MINOR_VERSION {
            return Err(ReadError::NotClientHello);
        }
        let length = usize::from(u16::from_be_bytes([next()?, next()?]));
        // Empty records are forbidden. They could delay the message forever.
        if length == 0 || length > LONGEST_RECORD {
            return Err(ReadError::NotClientHello);
        }
        self.position += 5;
        Ok(length)
    }
}
