//! A record of the spool: one alert.
//!
//! ```text
//! sum: u32 | length: u32 | number: u64 | milliseconds since the epoch: i64 | line: length bytes      (little endian)
//! ```
//!
//! The sum is the CRC-32 of all that follows it, so a record that was written in part, or zeros that a file system left in
//! its place, are not taken for one.

use jiff::Timestamp;

/// The bytes before the line.
pub const HEADER: usize = 24;

/// The longest line: twice that of CEF. A length beyond it is damage, and nobody makes room for it.
const LONGEST: usize = 2 * crate::output::LONGEST_LINE;

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Counts from 1 on, without a gap in a segment.
    pub number: u64,
    /// When the alert was put into the spool: the time in its syslog header, however late it is sent.
    pub time: Timestamp,
    /// The CEF line, without its line feed.
    pub line: String,
}

impl Record {
    /// The record's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + self.line.len());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&(self.line.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.time.as_millisecond().to_le_bytes());
        bytes.extend_from_slice(self.line.as_bytes());
        let sum = crc32fast::hash(&bytes[4..]);
        bytes[..4].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// How many bytes it takes, as a record or in memory.
    pub fn size(&self) -> u64 {
        (HEADER + self.line.len()) as u64
    }

    /// The record of which `bytes` are the header and the line. `None` where they are none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (header, line) = bytes.split_first_chunk::<HEADER>()?;
        let (sum, _) = header.split_first_chunk()?;
        if length(header)? != line.len() || u32::from_le_bytes(*sum) != crc32fast::hash(&bytes[4..]) {
            return None;
        }
        let number = u64::from_le_bytes(header[8..16].try_into().ok()?);
        let time = i64::from_le_bytes(header[16..].try_into().ok()?);
        let line = std::str::from_utf8(line).ok()?;
        // A line feed would be the start of a second message, which no alert ever holds.
        if line.chars().any(char::is_control) {
            return None;
        }
        Some(Self { number, time: Timestamp::from_millisecond(time).ok()?, line: line.to_owned() })
    }
}

/// The length of the line that follows the header. `None` where it is none of a line.
pub fn length(header: &[u8; HEADER]) -> Option<usize> {
    let length = u32::from_le_bytes(header[4..8].try_into().ok()?) as usize;
    (1..=LONGEST).contains(&length).then_some(length)
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
        assert_eq!(Record::decode(&[0; HEADER]), None);
        assert_eq!(Record::decode(&record(1, 0, "one\ntwo").encode()), None);
        assert_eq!(Record::decode(&record(1, 0, "").encode()), None);
        assert_eq!(Record::decode(&record(1, 0, &"x".repeat(LONGEST + 1)).encode()), None);
    }
}
