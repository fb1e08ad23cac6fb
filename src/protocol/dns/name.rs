//! Names in a message: labels, and pointers to labels that came before (RFC 1035 section 4.1.4).

use super::header::HEADER_LENGTH;
use crate::domain_name::DomainName;

/// How many pointers one name may follow. Its at most 127 labels need no more than one pointer each; the rest is for
/// encoders that point at pointers.
const MOST_POINTERS: u32 = 256;
/// What names may cost in any message, however short: one of mDNS or about `ip6.arpa` that has a few names of 34 labels.
const FREE_COST: usize = 512;
/// What names may cost in addition for each byte of the message. Honest names have four or five labels and a pointer, and
/// come at most twice in a record, which takes 14 bytes or more: less than one for each byte.
const COST_PER_BYTE: usize = 1;

/// Where a name stands in a message.
///
/// Equal places mean equal names; the same name may also stand in two places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// Offset of the first label, or of the first pointer's target.
    start: usize,
}

impl Name {
    /// The name that `bytes` begin with, which stand at `position` in the message.
    #[inline]
    pub(super) fn at(position: usize, bytes: &[u8]) -> Self {
        let start = match *bytes {
            // A pointer that leads nowhere stays, and makes reading fail.
            [high, low, ..] if is_pointer(high) => target(high, low, position).unwrap_or(position),
            _ => position,
        };
        Self { start }
    }

    /// Reads the name into `into`. False where it cannot be read to its end; then part of it may be in `into`.
    #[inline]
    pub(super) fn read(self, bytes: &[u8], budget: &mut NameBudget, into: &mut DomainName) -> bool {
        into.clear();
        let mut position = self.start;
        // Pointers have to lead to before the labels that end in them: so they cannot go round.
        let mut piece = self.start;
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
                if !budget.spend(1 + length / 8) || into.push_label(label).is_err() {
                    return false;
                }
                position += 1 + length;
            } else if is_pointer(first) {
                let Some(next) = rest.first().and_then(|&low| target(first, low, piece)) else {
                    return false;
                };
                pointers += 1;
                if pointers > MOST_POINTERS || !budget.spend(1) {
                    return false;
                }
                position = next;
                piece = next;
            } else {
                return false;
            }
        }
    }
}

/// What reading names may still cost in a message: one for each label and each pointer, and one for each whole eight bytes
/// of a label.
///
/// A message of 64 KiB has room for 4,000 records that each name the same 127 labels twice: without a bound to their sum, a
/// hostile sender would have a hundred times more read than he sends.
#[derive(Debug, Clone)]
pub(super) struct NameBudget {
    left: usize,
}

impl NameBudget {
    /// For a message of these bytes.
    #[inline]
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { left: bytes.len().saturating_mul(COST_PER_BYTE).saturating_add(FREE_COST) }
    }

    /// False where too little is left.
    #[inline]
    fn spend(&mut self, cost: usize) -> bool {
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

/// The offset after the name at `position`: after its root label, or after the first pointer.
///
/// None where the bytes end before, or at a label of a reserved kind.
#[inline]
pub(super) fn end(bytes: &[u8], mut position: usize) -> Option<usize> {
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

/// The two top bits tell what a byte starts; 01 and 10 are reserved.
fn is_label(first: u8) -> bool {
    first & 0xc0 == 0
}

fn is_pointer(first: u8) -> bool {
    first & 0xc0 == 0xc0
}

/// Where a pointer leads: after the header, and before `limit`.
#[inline]
fn target(high: u8, low: u8, limit: usize) -> Option<usize> {
    let target = usize::from(u16::from_be_bytes([high & 0x3f, low]));
    (HEADER_LENGTH..limit).contains(&target).then_some(target)
}
