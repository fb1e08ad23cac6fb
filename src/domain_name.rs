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

/// A domain name: see the module.
///
/// Lives on the stack and is meant to be used again ([`DomainName::clear`]): the scan reads every name of every DNS message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DomainName {
    text: ArrayVec<u8, LONGEST_TEXT>,
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
    /// Accepts letters, digits, `-`, `_` and bytes beyond ASCII (names not yet in punycode).
    pub fn parse(text: &str) -> Result<Self, DomainNameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let mut name = Self::new();
        for label in text.split('.') {
            if label
                .bytes()
                .any(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric() && byte != b'-' && byte != b'_')
            {
                return Err(DomainNameError::BadCharacter);
            }
            name.push_label(label.as_bytes())?;
        }
        Ok(name)
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
        for &byte in label {
            if byte == b'.' || byte == b'\\' {
                self.text.push(b'\\');
            }
            self.text.push(byte.to_ascii_lowercase());
        }
        Ok(())
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
        assert_eq!(DomainName::parse(&"x".repeat(64)), Err(DomainNameError::LabelTooLong));
        assert_eq!(DomainName::parse(&"abc.".repeat(64)), Err(DomainNameError::NameTooLong));
    }

    proptest! {
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
