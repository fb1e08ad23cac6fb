//! Domain names, as read from the wire or from a feed, in one form that can be compared byte by byte.
//!
//! A [`DomainName`] is lower case (ASCII only, RFC 4343), without the root dot, its labels joined by dots. A dot or a
//! backslash that is part of a label is written `\.` or `\\` (RFC 4343 section 2.1), so that a label `a.b` is never taken
//! for two. All other bytes stand as they came, control bytes and invalid UTF-8 included: escaping them is the business
//! of whoever prints the name.

use arrayvec::ArrayVec;
use thiserror::Error;

/// The longest name in text form (RFC 1035: 255 bytes on the wire, less the root label and one length byte).
pub const LONGEST_NAME: usize = 253;
/// The longest label (RFC 1035 section 2.3.4).
pub const LONGEST_LABEL: usize = 63;
/// A name of [`LONGEST_NAME`] bytes holds at most this many labels of one byte each.
pub const MOST_LABELS: usize = 127;
/// Every byte of a longest name escaped; so escaping never has to cut.
const LONGEST_TEXT: usize = 2 * LONGEST_NAME;
/// Labels are copied in words of eight bytes, the last one filled up with bytes that are taken off again.
const WORD: usize = 8;

/// A domain name: see the module.
///
/// Lives on the stack and is meant to be used again ([`DomainName::clear`]): the scan reads every name of every DNS message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DomainName {
    text: ArrayVec<u8, { LONGEST_TEXT + WORD }>,
    /// Where each label starts in `text`.
    labels: ArrayVec<u16, MOST_LABELS>,
    /// Bytes on the wire so far, less the length bytes' first: what [`LONGEST_NAME`] bounds.
    length: u16,
}

/// Why something is no domain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DomainNameError {
    /// Nothing there, or two dots in a row.
    #[error("a label is empty")]
    EmptyLabel,
    /// More than 63 bytes between two dots.
    #[error("a label is longer than 63 bytes")]
    LabelTooLong,
    /// More than 253 bytes in all.
    #[error("the name is longer than 253 bytes")]
    NameTooLong,
    /// A byte that no host name has.
    #[error("a character that cannot be in a domain name")]
    BadCharacter,
}

impl DomainName {
    /// An empty name: the root.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a name as people and feeds write it: any case, with or without the root dot.
    ///
    /// Accepts letters, digits, `-`, `_` and what shows beyond ASCII (names not yet in punycode).
    pub fn parse(text: &str) -> Result<Self, DomainNameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let mut name = Self::new();
        for label in text.split('.') {
            if !label.chars().all(may_be_written) {
                return Err(DomainNameError::BadCharacter);
            }
            name.push_label(label.as_bytes())?;
        }
        Ok(name)
    }

    /// Reads a name from dotted text on the wire, where anybody may have written anything: any bytes but dots make a label.
    /// What was there before is forgotten; one root dot is left out.
    ///
    /// False, and nothing left, where that is no name: a label is empty or the whole too long.
    #[inline]
    pub fn read_text(&mut self, text: &[u8]) -> bool {
        self.clear();
        let text = text.strip_suffix(b".").unwrap_or(text);
        let is_name = text.split(|&byte| byte == b'.').all(|label| self.push_label(label).is_ok());
        if !is_name {
            self.clear();
        }
        is_name
    }

    /// Forgets everything.
    #[inline]
    pub fn clear(&mut self) {
        self.text.clear();
        self.labels.clear();
        self.length = 0;
    }

    /// Adds a label at the end (towards the root). On an error the name is as it was.
    #[inline]
    pub fn push_label(&mut self, label: &[u8]) -> Result<(), DomainNameError> {
        if label.is_empty() {
            return Err(DomainNameError::EmptyLabel);
        }
        if label.len() > LONGEST_LABEL {
            return Err(DomainNameError::LabelTooLong);
        }
        let dot = usize::from(!self.labels.is_empty());
        let length = usize::from(self.length) + dot + label.len();
        if length > LONGEST_NAME || self.labels.is_full() {
            return Err(DomainNameError::NameTooLong);
        }
        if dot == 1 {
            self.text.push(b'.');
        }
        self.labels.push(self.text.len() as u16);
        self.length = length as u16;
        let start = self.text.len();
        // Byte by byte this was two thirds of the time that a DNS message takes.
        let (words, tail) = label.as_chunks::<WORD>();
        let mut escape = false;
        for &word in words {
            escape |= self.push_word(u64::from_le_bytes(word));
        }
        if !tail.is_empty() {
            escape |= self.push_word(word_of(tail));
        }
        self.text.truncate(start + label.len());
        if escape {
            self.text.truncate(start);
            self.push_escaped(label);
        }
        Ok(())
    }

    /// Adds eight bytes in lower case, as they are. True where one of them has to be escaped.
    #[inline]
    fn push_word(&mut self, word: u64) -> bool {
        // It always fits: the room is for a longest name and a word.
        let _fits = self.text.try_extend_from_slice(&lower_case(word).to_le_bytes());
        has_byte(word, b'.') || has_byte(word, b'\\')
    }

    #[cold]
    fn push_escaped(&mut self, label: &[u8]) {
        for &byte in label {
            if byte == b'.' || byte == b'\\' {
                self.text.push(b'\\');
            }
            self.text.push(byte.to_ascii_lowercase());
        }
    }

    /// The name's bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// True for the root, and before the first label came.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// How many labels it has.
    pub fn label_count(&self) -> usize {
        self.labels.len()
    }

    /// The name and every domain above it, the shortest first: for `a.b.c` `c`, `b.c`, `a.b.c`.
    #[inline]
    pub fn domains(&self) -> impl Iterator<Item = &[u8]> {
        self.labels.iter().rev().map(|&start| &self.text[usize::from(start)..])
    }
}

/// Whether a character may be in a name that people write: beyond ASCII all but blanks, controls, and those that show nothing
/// or turn the reading direction, which are in no name (RFC 5892) and would drive the terminal that shows the list.
fn may_be_written(character: char) -> bool {
    match character {
        '-' | '_' => true,
        '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}' => false,
        '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => false,
        _ if character.is_ascii() => character.is_ascii_alphanumeric(),
        _ => !character.is_whitespace() && !character.is_control(),
    }
}

/// Fewer than eight bytes as the low bytes of a little-endian word, zero above them.
#[inline]
fn word_of(bytes: &[u8]) -> u64 {
    if let (Some(&first), Some(&last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        // The two overlap where there are fewer than eight, with the same bits.
        let above = 8 * (bytes.len() - 4);
        return u64::from(u32::from_le_bytes(first)) | u64::from(u32::from_le_bytes(last)) << above;
    }
    let [a, b, c] = match *bytes {
        [a] => [a, 0, 0],
        [a, b] => [a, b, 0],
        [a, b, c] => [a, b, c],
        _ => [0; 3],
    };
    u64::from(u32::from_le_bytes([a, b, c, 0]))
}

/// The same byte eight times.
const fn repeated(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; WORD])
}

/// Eight bytes at once, each that is an ASCII capital made small.
#[inline]
fn lower_case(word: u64) -> u64 {
    // Added to the low seven bits of each byte, these carry into its top bit from `A` on, and from after `Z` on.
    let low = word & repeated(0x7f);
    let from_a = low + repeated(0x80 - b'A');
    let after_z = low + repeated(0x7f - b'Z');
    let capital = (from_a ^ after_z) & !word & repeated(0x80);
    word | capital >> 2
}

/// True where one of the eight bytes is `byte`.
#[inline]
fn has_byte(word: u64, byte: u8) -> bool {
    let zero_where_equal = word ^ repeated(byte);
    zero_where_equal.wrapping_sub(repeated(1)) & !zero_where_equal & repeated(0x80) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn domains(name: &DomainName) -> Vec<String> {
        name.domains().map(|domain| String::from_utf8_lossy(domain).into_owned()).collect()
    }

    #[test]
    fn text_is_lower_cased_and_loses_its_root_dot() {
        let name = DomainName::parse("GW.FeerSona.NET.").unwrap();
        assert_eq!(name.as_bytes(), b"gw.feersona.net");
        assert_eq!(domains(&name), ["net", "feersona.net", "gw.feersona.net"]);
    }

    #[test]
    fn a_dot_within_a_label_makes_no_boundary() {
        let mut name = DomainName::new();
        name.push_label(b"x.feersona").unwrap();
        name.push_label(b"net").unwrap();
        assert_eq!(domains(&name), ["net", r"x\.feersona.net"]);
    }

    #[test]
    fn what_is_no_name_is_refused_by_reason() {
        assert_eq!(DomainName::parse(""), Err(DomainNameError::EmptyLabel));
        assert_eq!(DomainName::parse("a..b"), Err(DomainNameError::EmptyLabel));
        assert_eq!(DomainName::parse("a b"), Err(DomainNameError::BadCharacter));
        assert_eq!(DomainName::parse("a|b"), Err(DomainNameError::BadCharacter));
        for invisible in ['\u{85}', '\u{9b}', '\u{ad}', '\u{200b}', '\u{202e}', '\u{2028}', '\u{3000}', '\u{feff}'] {
            assert_eq!(DomainName::parse(&format!("a{invisible}.example")), Err(DomainNameError::BadCharacter));
        }
        assert!(DomainName::parse("bücher.example").is_ok());
        assert_eq!(DomainName::parse(&"x".repeat(64)), Err(DomainNameError::LabelTooLong));
        assert_eq!(DomainName::parse(&"abc.".repeat(64)), Err(DomainNameError::NameTooLong));
    }

    fn from_wire(text: &[u8]) -> Option<DomainName> {
        let mut name = DomainName::parse("what.was.there.before").unwrap();
        let is_name = name.read_text(text);
        assert!(is_name || name == DomainName::new(), "nothing is left of what is no name");
        is_name.then_some(name)
    }

    #[test]
    fn text_from_the_wire_is_lower_cased_and_loses_one_root_dot() {
        let name = from_wire(b"GW.FeerSona.NET.").unwrap();
        assert_eq!(domains(&name), ["net", "feersona.net", "gw.feersona.net"]);
        assert_eq!(from_wire(b"localhost").unwrap().label_count(), 1);
        assert_eq!(from_wire(b"feersona.net.."), None);
    }

    #[test]
    fn text_from_the_wire_keeps_any_bytes_within_its_labels() {
        assert_eq!(from_wire(b"a|b =\n\xff.x\\.NET").unwrap().as_bytes(), b"a|b =\n\xff.x\\\\.net");
    }

    #[test]
    fn text_from_the_wire_that_is_no_name_is_refused() {
        for text in [&b""[..], b".", b"..", b".net", b"a..b", &[b'x'; 64], &b"abc.".repeat(64)] {
            assert_eq!(from_wire(text), None, "{text:?}");
        }
        assert_eq!(from_wire(&b"abc.".repeat(63)).map(|name| name.label_count()), Some(63));
    }

    #[test]
    fn every_byte_at_every_place_of_a_label_is_as_if_alone() {
        for length in 1..=20 {
            for place in 0..length {
                for byte in 0..=255 {
                    let mut label = vec![b'-'; length];
                    label[place] = byte;
                    let mut expected = label.to_ascii_lowercase();
                    if byte == b'.' || byte == b'\\' {
                        expected.insert(place, b'\\');
                    }
                    let mut name = DomainName::new();
                    name.push_label(&label).unwrap();
                    assert_eq!(name.as_bytes(), expected);
                }
            }
        }
    }

    #[test]
    fn a_longest_name_of_nothing_but_dots_fits() {
        let mut name = DomainName::new();
        for length in [63, 63, 63, 61] {
            name.push_label(&vec![b'.'; length]).unwrap();
        }
        assert_eq!(name.as_bytes().len(), 2 * (LONGEST_NAME - 3) + 3);
        assert_eq!(name.push_label(b"a"), Err(DomainNameError::NameTooLong));
    }

    proptest! {
        #[test]
        fn a_label_of_any_bytes_is_lower_cased_and_escaped(label in prop::collection::vec(any::<u8>(), 1..=63)) {
            let mut name = DomainName::new();
            name.push_label(&label).unwrap();
            let mut expected = Vec::new();
            for byte in &label {
                if matches!(byte, b'.' | b'\\') {
                    expected.push(b'\\');
                }
                expected.push(byte.to_ascii_lowercase());
            }
            prop_assert_eq!(name.as_bytes(), expected);
        }

        #[test]
        fn text_from_the_wire_is_its_labels(text in prop::collection::vec(prop::sample::select(b"aZ.-\\ \xff".to_vec()), 0..300)) {
            let mut expected = DomainName::new();
            let inner = text.strip_suffix(b".").unwrap_or(&text);
            let fits = inner.split(|&byte| byte == b'.').all(|label| expected.push_label(label).is_ok());
            prop_assert_eq!(from_wire(&text), fits.then_some(expected));
        }

        #[test]
        fn any_labels_fit_or_are_refused_and_the_last_domain_is_the_name(labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70), 0..140)) {
            let mut name = DomainName::new();
            for label in &labels {
                let before = name.clone();
                if name.push_label(label).is_err() {
                    prop_assert_eq!(&name, &before);
                }
            }
            prop_assert_eq!(name.domains().last().unwrap_or_default(), name.as_bytes());
            prop_assert_eq!(name.domains().count(), name.label_count());
        }
    }
}
