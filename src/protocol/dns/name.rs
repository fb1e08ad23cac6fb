//! Names in a message: labels, and compression pointers to earlier labels (RFC 1035 section 4.1.4).

use std::iter;

use super::header::HEADER_LENGTH;
use crate::domain_name::{DomainName, LONGEST_NAME};

/// The most pointers that one name may follow. Its labels, at most 127, need at most one pointer
/// each. The rest allows for encoders that point at pointers.
const MOST_POINTERS: u32 = 256;
/// The cost of names that any message may have, however short. It suffices for a message of mDNS or
/// `ip6.arpa` with a few names of 34 labels.
const BASE_BUDGET: usize = 512;
/// The additional cost of names that a message may have for each of its bytes. Honest names have
/// four or five labels and a pointer. A record has at most two names and at least 14 bytes, so its
/// names cost less than one per byte.
const BUDGET_PER_BYTE: usize = 1;

/// A reference to a name in a message.
///
/// Equal references mean equal names. Two references to the same name may also differ, if the
/// message has the name twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameRef {
    /// The offset of the first label. If the name starts with a pointer, it is the target of that.
    start: usize,
}

impl NameRef {
    /// Refers to the name at `position` in the message. `bytes` start there.
    #[inline]
    pub(super) fn at(position: usize, bytes: &[u8]) -> Self {
        let start = match *bytes {
            // An invalid pointer is kept, and reading the name fails.
            [high, low, ..] if is_pointer(high) => target(high, low, position).unwrap_or(position),
            _ => position,
        };
        Self { start }
    }

    /// The labels of a complete name without pointers, and the cost of reading it. `None` for every
    /// other name.
    #[inline]
    pub(super) fn plain(self, bytes: &[u8]) -> Option<(PlainName<'_>, usize)> {
        let bytes = bytes.get(self.start..)?;
        let (mut end, mut count, mut cost) = (0, 0, 0);
        loop {
            let first = *bytes.get(end)?;
            if first == 0 {
                break;
            }
            if !is_label(first) {
                return None;
            }
            end += 1 + usize::from(first);
            count += 1;
            cost += label_cost(first.into());
        }
        // On the wire each label has a length byte; in text form all but one have a dot.
        let is_short = end <= LONGEST_NAME + 1;
        is_short.then_some((PlainName { bytes: bytes.get(..end)?, count }, cost))
    }

    /// Reads the name into `into`. Returns false if it cannot be read to its end; `into` may then
    /// have a part of it.
    #[inline]
    pub(super) fn read(self, bytes: &[u8], budget: &mut NameBudget, into: &mut DomainName) -> bool {
        into.clear();
        let mut position = self.start;
        // Each pointer has to lead to before the labels that it ends. So they cannot form a loop.
        let mut labels_start = self.start;
        let mut pointers = 0;
        loop {
            let Some((&first, rest)) = bytes.get(position..).and_then(<[u8]>::split_first) else {
                return false;
            };
            if first == 0 {
                return true;
            }
            if is_label(first) {
                let length = usize::from(first);
                let Some(label) = rest.get(..length) else {
                    return false;
                };
                if !budget.spend(label_cost(length)) || into.push_label(label).is_err() {
                    return false;
                }
                position += 1 + length;
            } else if is_pointer(first) {
                let Some(next) = rest.first().and_then(|&low| target(first, low, labels_start)) else {
                    return false;
                };
                pointers += 1;
                if pointers > MOST_POINTERS || !budget.spend(1) {
                    return false;
                }
                position = next;
                labels_start = next;
            } else {
                return false;
            }
        }
    }
}

/// The labels of a name as they are in the message: without pointers, each after its length, up to
/// the root label.
#[derive(Debug, Clone, Copy)]
pub struct PlainName<'a> {
    bytes: &'a [u8],
    count: usize,
}

impl<'a> PlainName<'a> {
    /// The number of labels.
    #[inline]
    pub fn label_count(&self) -> usize {
        self.count
    }

    /// The labels, towards the root, in the case that the sender wrote.
    #[inline]
    pub fn labels(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.bytes;
        iter::from_fn(move || {
            let (&length, after) = rest.split_first()?;
            let (label, next) = after.split_at_checked(length.into())?;
            rest = next;
            Some(label)
        })
    }
}

/// The cost of a label of this length.
#[inline]
fn label_cost(length: usize) -> usize {
    1 + length / 8
}

/// The budget left for reading names of a message. Each label and each pointer costs one, and each
/// full eight bytes of a label cost one more.
///
/// A message of 64 KiB has room for 4,000 records that refer twice to the same 127 labels. Without
/// this bound, a hostile sender could make the sensor read a hundred times as many bytes as he
/// sends.
#[derive(Debug, Clone)]
pub(super) struct NameBudget {
    left: usize,
}

impl NameBudget {
    /// The budget of a message with these bytes.
    #[inline]
    pub(super) fn for_message(bytes: &[u8]) -> Self {
        Self { left: bytes.len().saturating_mul(BUDGET_PER_BYTE).saturating_add(BASE_BUDGET) }
    }

    /// Returns false if less than `cost` is left.
    #[inline]
    pub(super) fn spend(&mut self, cost: usize) -> bool {
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

/// Returns the offset after the name at `position`: after its root label, or after its first
/// pointer.
///
/// Returns `None` if the bytes end within the name, and at a label of a reserved type.
#[inline]
pub(super) fn skip_name(bytes: &[u8], mut position: usize) -> Option<usize> {
    loop {
        let first = *bytes.get(position)?;
        if first == 0 {
            return Some(position + 1);
        }
        if is_pointer(first) {
            return (position + 2 <= bytes.len()).then_some(position + 2);
        }
        if !is_label(first) {
            return None;
        }
        position += 1 + usize::from(first);
    }
}

/// Returns true if a byte starts a label. The two top bits are the type: 00 for a label, 11 for a
/// pointer. 01 and 10 are reserved.
fn is_label(first: u8) -> bool {
    first & 0xc0 == 0
}

fn is_pointer(first: u8) -> bool {
    first & 0xc0 == 0xc0
}

/// The target of a pointer. It has to be after the header and before `limit`.
#[inline]
fn target(high: u8, low: u8, limit: usize) -> Option<usize> {
    let target = usize::from(u16::from_be_bytes([high & 0x3f, low]));
    (HEADER_LENGTH..limit).contains(&target).then_some(target)
}
