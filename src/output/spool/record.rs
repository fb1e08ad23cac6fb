//! A record of the spool: one alert.
//!
//! ```text
//! checksum: u32 | length: u32 | number: u64 | milliseconds since the epoch: i64 | line: length bytes
//! ```
//!
//! All numbers are little endian. The checksum is the CRC-32 of everything that follows it. It
//! detects a record that was written in part, and zeros that a file system left in its place.

use jiff::Timestamp;

/// The length of a record's header, which precedes the line.
pub const HEADER_LENGTH: usize = 24;

/// The longest line: twice the longest CEF line. A greater length in a header is damage; no memory
/// is allocated for it.
const LONGEST_LINE: usize = 2 * crate::output::LONGEST_LINE;

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The record's number, from 1 on. Numbers in a segment have no gaps.
    pub number: u64,
    /// The time at which the alert was put into the spool. It is the time in the alert's syslog
    /// header, however late the alert is sent.
    pub time: Timestamp,
    /// The alert's line, without a line feed.
    pub line: String,
}

impl Record {
    /// Returns the record's bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LENGTH + self.line.len());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&(self.line.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.time.as_millisecond().to_le_bytes());
        bytes.extend_from_slice(self.line.as_bytes());
        let checksum = crc32fast::hash(&bytes[4..]);
        bytes[..4].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The record's size in bytes, on disk and in memory.
    pub(super) fn size(&self) -> u64 {
        (HEADER_LENGTH + self.line.len()) as u64
    }

    /// Parses a record, whose bytes are its header and its line. Returns `None` if they are
    /// damaged.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (header, line) = bytes.split_first_chunk::<HEADER_LENGTH>()?;
        let (checksum, _) = header.split_first_chunk()?;
        if line_length(header)? != line.len() || u32::from_le_bytes(*checksum) != crc32fast::hash(&bytes[4..]) {
            return None;
        }
        let number = u64::from_le_bytes(header[8..16].try_into().ok()?);
        let time = i64::from_le_bytes(header[16..].try_into().ok()?);
        let line = std::str::from_utf8(line).ok()?;
        // No alert contains control characters. A line feed would start a second message.
        if line.chars().any(char::is_control) {
            return None;
        }
        Some(Self { number, time: Timestamp::from_millisecond(time).ok()?, line: line.to_owned() })
    }
}

/// Returns the length of the line that follows a header, or `None` if it is out of range.
pub fn line_length(header: &[u8; HEADER_LENGTH]) -> Option<usize> {
    let length = u32::from_le_bytes(header[4..8].try_into().ok()?) as usize;
    (1..=LONGEST_LINE).contains(&length).then_some(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(number: u64, time: i64, line: &str) -> Record {
        Record { number, time: Timestamp::from_millisecond(time).unwrap(), line: line.to_owned() }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(number: u64, time in 0i64..4_000_000_000_000, line in "[^\\p{Cc}]{1,500}") {
            let record = record(number, time, &line);
            let bytes = record.encode();
            prop_assert_eq!(bytes.len() as u64, record.size());
            prop_assert_eq!(Record::decode(&bytes), Some(record));
        }

        #[test]
        fn a_changed_byte_or_a_missing_end_is_noticed(at in 0usize..50, bit in 0u32..8, end in 0usize..50) {
            let bytes = record(7, 1_795_485_200_010, "CEF:0|Rattap|Sensor|0.1.0|").encode();
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            prop_assert_eq!(Record::decode(&changed), None);
            prop_assert_eq!(Record::decode(&bytes[..end]), None);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            Record::decode(&bytes);
        }
    }

    #[test]
    fn zeros_lines_of_two_lines_and_lengths_of_none_are_refused() {
        assert_eq!(Record::decode(&[0; HEADER_LENGTH]), None);
        assert_eq!(Record::decode(&record(1, 0, "one\ntwo").encode()), None);
        assert_eq!(Record::decode(&record(1, 0, "").encode()), None);
        assert_eq!(Record::decode(&record(1, 0, &"x".repeat(LONGEST_LINE + 1)).encode()), None);
    }
}
