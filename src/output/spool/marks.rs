//! The marks on the disk: how far the spool was delivered, and how far it was accepted.
//!
//! Each is one line of text that ends with the CRC-32 of its values:
//!
//! ```text
//! rattap spool mark NUMBER CHECKSUM
//! rattap spool accepted NUMBER OWN-ADDRESS RECEIVER-ADDRESS CHECKSUM
//! ```

use std::fmt::Display;

/// The greatest valid record number. No counter from one reaches it, and sums with it cannot
/// overflow.
pub const GREATEST_NUMBER: u64 = 1 << 62;

const CHECKPOINT: &str = "rattap spool mark ";
const ACCEPTED: &str = "rattap spool accepted ";

/// The records that a receiver accepted over one connection. They may not have arrived yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedMark {
    /// The number after the last record that was accepted.
    pub before: u64,
    /// The name of the connection, which the kind of receiver chooses. It has no control
    /// characters.
    pub connection: String,
}

/// Writes a checkpoint: the number of the first record that is not delivered.
pub fn checkpoint_text(number: u64) -> String {
    with_checksum(CHECKPOINT, number)
}

/// Parses a checkpoint. Returns `None` if it is damaged.
pub fn parse_checkpoint(text: &[u8]) -> Option<u64> {
    let number = values(text, CHECKPOINT)?.parse().ok()?;
    (checkpoint_text(number).as_bytes() == text && number <= GREATEST_NUMBER).then_some(number)
}

impl AcceptedMark {
    /// The mark as text.
    pub fn text(&self) -> String {
        with_checksum(ACCEPTED, format_args!("{} {}", self.before, self.connection))
    }

    /// Parses the first line of a text. Returns `None` if it is damaged.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let line = text.split_inclusive(|byte| *byte == b'\n').next()?;
        let (before, connection) = values(line, ACCEPTED)?.split_once(' ')?;
        let mark = Self { before: before.parse().ok()?, connection: connection.to_owned() };
        (mark.text().as_bytes() == line && mark.before <= GREATEST_NUMBER).then_some(mark)
    }
}

/// The values between the prefix and the checksum.
fn values<'a>(text: &'a [u8], prefix: &str) -> Option<&'a str> {
    Some(std::str::from_utf8(text).ok()?.strip_prefix(prefix)?.rsplit_once(' ')?.0)
}

fn with_checksum(prefix: &str, values: impl Display) -> String {
    let values = values.to_string();
    let checksum = crc32fast::hash(values.as_bytes());
    format!("{prefix}{values} {checksum:08x}\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longer_line_of_an_earlier_mark_may_follow() {
        let mark = AcceptedMark { before: 7, connection: "127.0.0.1:50000 127.0.0.1:514".to_owned() };
        let text = mark.text() + "7.0.0.1:514 00000000\n";
        assert_eq!(AcceptedMark::parse(text.as_bytes()), Some(mark));
    }

    #[test]
    fn each_mark_is_read_as_it_was_written_and_not_as_the_other() {
        let mark = AcceptedMark { before: 7, connection: "[::1]:50000 [::1]:514".to_owned() };
        assert_eq!(AcceptedMark::parse(mark.text().as_bytes()), Some(mark.clone()));
        assert_eq!(parse_checkpoint(checkpoint_text(7).as_bytes()), Some(7));
        assert_eq!(parse_checkpoint(mark.text().as_bytes()), None);
        assert_eq!(AcceptedMark::parse(checkpoint_text(7).as_bytes()), None);
    }

    proptest! {
        #[test]
        fn a_changed_byte_or_a_missing_end_is_noticed(at in 0usize..60, bit in 0u32..8, end in 0usize..60) {
            let mark = AcceptedMark { before: 1234, connection: "127.0.0.1:50000 127.0.0.1:514".to_owned() };
            let mut bytes = mark.text().into_bytes();
            prop_assert!(bytes.len() > 60);
            prop_assert_eq!(AcceptedMark::parse(&bytes[..end]), None);
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(AcceptedMark::parse(&bytes), None);
        }
    }
}
