//! Domain names from the wire or from a feed, in one form that can be compared byte by byte.
//!
//! A [`DomainName`] is in lower case (ASCII letters only, RFC 4343) and has no root dot. Dots join
//! its labels. A dot or a backslash within a label is written `\.` or `\\` (RFC 4343 section 2.1),
//! so that the label `a.b` differs from two labels. All other bytes are unchanged, including
//! control bytes and invalid UTF-8. The code that prints a name has to escape them.

use arrayvec::ArrayVec;
use thiserror::Error;

/// The longest name in text form, in bytes (RFC 1035: 255 bytes on the wire, less the root label
/// and one length byte).
pub const LONGEST_NAME: usize = 253;
/// The longest label in bytes (RFC 1035 section 2.3.4).
pub const LONGEST_LABEL: usize = 63;
/// The most labels in a name: a name of [`LONGEST_NAME`] bytes has room for this many labels of one
/// byte.
pub const MOST_LABELS: usize = 127;
/// The length of the longest name with every byte escaped. With this capacity, escaping never
/// truncates.
const LONGEST_TEXT: usize = 2 * LONGEST_NAME;
/// Labels are copied in words of eight bytes. The last word is padded, and the padding is removed
/// afterwards.
const WORD: usize = 8;

/// A domain name in the form that the module describes.
///
/// It lives on the stack and is meant to be reused ([`DomainName::clear`]): the scan reads every
/// name of every DNS message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DomainName {
    text: ArrayVec<u8, { LONGEST_TEXT + WORD }>,
    /// The start of each label in `text`.
    labels: ArrayVec<u16, MOST_LABELS>,
    /// The length in text form without escapes, which [`LONGEST_NAME`] bounds.
    length: u16,
}

/// The reason why a text is no domain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DomainNameError {
    /// The text is empty or has two dots in a row.
    #[error("a label is empty")]
    EmptyLabel,
    /// A label has more than 63 bytes.
    #[error("a label is longer than 63 bytes")]
    LabelTooLong,
    /// The name has more than 253 bytes.
    #[error("the name is longer than 253 bytes")]
    NameTooLong,
    /// The text has a character that no domain name has.
    #[error("a character that cannot be in a domain name")]
    BadCharacter,
}

impl DomainName {
    /// Makes an empty name: the root.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses a name as people and feeds write it: in any case, with or without the root dot.
    ///
    /// Accepts letters, digits, `-`, `_` and visible characters beyond ASCII (names not yet in
    /// punycode).
    pub fn parse(text: &str) -> Result<Self, DomainNameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let mut name = Self::new();
        for label in text.split('.') {
            if !label.chars().all(is_allowed) {
                return Err(DomainNameError::BadCharacter);
            }
            name.push_label(label.as_bytes())?;
        }
        Ok(name)
    }

    /// Replaces the name by one in dotted text from the wire. A label may have any bytes but dots,
    /// since the sender controls them. One root dot is dropped.
    ///
    /// Returns false and leaves the name empty if the text is no name: a label is empty, or a label
    /// or the name is too long.
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

    /// Makes the name empty.
    #[inline]
    pub fn clear(&mut self) {
        self.text.clear();
        self.labels.clear();
        self.length = 0;
    }

    /// Appends a label, towards the root. On an error the name is unchanged.
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
        // Copying byte by byte took two thirds of the time that a DNS message takes.
        let (words, tail) = label.as_chunks::<WORD>();
        let mut escape = false;
        for &word in words {
            escape |= self.push_word(u64::from_le_bytes(word));
        }
        if !tail.is_empty() {
            escape |= self.push_word(partial_word(tail));
        }
        self.text.truncate(start + label.len());
        if escape {
            self.text.truncate(start);
            self.push_escaped(label);
        }
        Ok(())
    }

    /// Appends eight bytes in lower case without escapes. Returns true if one of them has to be
    /// escaped.
    #[inline]
    fn push_word(&mut self, word: u64) -> bool {
        // It always fits: the capacity is that of the longest name and one word.
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

    /// The bytes of the name.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// Returns true if the name has no labels: it is the root.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The number of labels.
    pub fn label_count(&self) -> usize {
        self.labels.len()
    }

    /// The labels, towards the root.
    #[inline]
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.labels.iter().skip(1).map(|&next| usize::from(next) - 1).chain([self.text.len()]);
        self.labels.iter().zip(ends).map(|(&start, end)| &self.text[usize::from(start)..end])
    }

    /// The name and all its parent domains, the shortest first: for `a.b.c` they are `c`, `b.c` and
    /// `a.b.c`.
    #[inline]
    pub fn domains(&self) -> impl Iterator<Item = &[u8]> {
        self.labels.iter().rev().map(|&start| &self.text[usize::from(start)..])
    }
}

/// A hash of labels that does not depend on the case of their letters. It is equal for the labels
/// of a DNS message and those of a [`DomainName`], unless a label has a dot or a backslash.
///
/// It serves to rule out names before they are copied, so it needs no secret: a collision costs
/// only time.
#[inline]
pub fn hash_labels<'a>(labels: impl Iterator<Item = &'a [u8]>) -> u64 {
    // Multipliers with well-mixed bits (from the golden ratio and from the SplitMix64 generator).
    const WORD_FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    const LABEL_FACTOR: u64 = 0xbf58_476d_1ce4_e5b9;
    let mix = |hash: u64, word: u64| {
        let product = (hash ^ word).wrapping_mul(WORD_FACTOR);
        product ^ product >> 32
    };
    labels.fold(0, |hash, label| {
        let (words, tail) = label.as_chunks::<WORD>();
        let hash = words.iter().fold(hash, |hash, &word| mix(hash, lower_case(u64::from_le_bytes(word))));
        let hash = if tail.is_empty() { hash } else { mix(hash, lower_case(partial_word(tail))) };
        (hash ^ label.len() as u64).wrapping_mul(LABEL_FACTOR)
    })
}

/// Returns true if a written name may have this character.
///
/// Beyond ASCII, that is every character except white space, control characters, and characters
/// that are invisible or change the text direction. Those are not allowed in names (RFC 5892) and
/// could manipulate a terminal that shows the list.
fn is_allowed(character: char) -> bool {
    match character {
        '-' | '_' => true,
        '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}' => false,
        '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => false,
        _ if character.is_ascii() => character.is_ascii_alphanumeric(),
        _ => !character.is_whitespace() && !character.is_control(),
    }
}

/// Returns fewer than eight bytes as the low bytes of a little-endian word. The high bytes are
/// zero.
#[inline]
fn partial_word(bytes: &[u8]) -> u64 {
    if let (Some(&first), Some(&last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        // The two overlap if there are fewer than eight bytes. The overlapping bits are equal.
        let shift = 8 * (bytes.len() - 4);
        return u64::from(u32::from_le_bytes(first)) | u64::from(u32::from_le_bytes(last)) << shift;
    }
    let [a, b, c] = match *bytes {
        [a] => [a, 0, 0],
        [a, b] => [a, b, 0],
        [a, b, c] => [a, b, c],
        _ => [0; 3],
    };
    u64::from(u32::from_le_bytes([a, b, c, 0]))
}

/// A word of eight equal bytes.
const fn repeated(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; WORD])
}

/// Converts eight bytes at once to lower case (ASCII).
#[inline]
fn lower_case(word: u64) -> u64 {
    // These sums set the top bit of each byte that is at least `A`, and of each that is greater
    // than `Z`.
    let low = word & repeated(0x7f);
    let from_a = low + repeated(0x80 - b'A');
    let after_z = low + repeated(0x7f - b'Z');
    let capital = (from_a ^ after_z) & !word & repeated(0x80);
    word | capital >> 2
}

/// Returns true if one of the eight bytes is `byte`.
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
    fn text_that_is_no_name_is_rejected_with_a_reason() {
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
        let mut name = DomainName::parse("earlier.name.example").unwrap();
        let is_name = name.read_text(text);
        assert!(is_name || name == DomainName::new(), "the name is empty if the text is no name");
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
    fn text_from_the_wire_that_is_no_name_is_rejected() {
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

    #[test]
    fn the_hash_of_labels_ignores_case_and_depends_on_every_byte_and_boundary() {
        let hash = |labels: &[&str]| hash_labels(labels.iter().map(|label| label.as_bytes()));
        assert_eq!(hash(&["FEERsona", "net"]), hash(&["feersona", "NET"]));
        let others: &[&[&str]] =
            &[&["feersona"], &["net"], &["net", "feersona"], &["feerson", "anet"], &["feersonb", "net"], &[]];
        assert!(others.iter().all(|other| hash(other) != hash(&["feersona", "net"])));
    }

    proptest! {
        #[test]
        fn the_labels_of_a_name_have_the_hash_of_its_label_bytes(labels in prop::collection::vec("[A-Za-z0-9_\u{e4}-]{1,20}", 1..8)) {
            let mut name = DomainName::new();
            prop_assume!(labels.iter().all(|label| name.push_label(label.as_bytes()).is_ok()));
            prop_assert_eq!(name.labels().count(), labels.len());
            prop_assert_eq!(hash_labels(name.labels()), hash_labels(labels.iter().map(|label| label.as_bytes())));
        }

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
        fn any_labels_fit_or_are_rejected_and_the_last_domain_is_the_name(labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70), 0..140)) {
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
