//! The extent of a head: its start line, its fields, and where it ends (RFC 9112 section 2).

use super::fields::Fields;
use super::line::{skip_leading_breaks, split_line, trim_carriage_returns};

/// The longest head that is parsed, in bytes. Common servers reject more than 8 or 16 KiB. It also
/// bounds the memory for a head in several segments.
pub const LONGEST_HEAD: usize = 16 * 1024;

/// The part of a head that is available. `L` is the parsed start line.
pub(super) enum HeadExtent<'a, L> {
    /// The complete head: the start line, the fields, and the length of the head.
    Complete(L, Fields<'a>, usize),
    /// The bytes end within the fields.
    InFields(L, Fields<'a>),
    /// The head is longer than [`LONGEST_HEAD`].
    TooLong(L, Fields<'a>),
    /// The bytes end within the start line, which is valid so far.
    InStartLine,
    /// The bytes are no head.
    Other,
}

/// Finds the extent of the head at the start of `bytes`. `parse_line` parses a start line without
/// its break, and `may_start` checks the start of one.
#[inline]
pub(super) fn find_extent<'a, L>(
    bytes: &'a [u8],
    parse_line: impl Fn(&'a [u8]) -> Option<L>,
    may_start: impl Fn(&[u8]) -> bool,
) -> HeadExtent<'a, L> {
    let bounded = bytes.get(..LONGEST_HEAD).unwrap_or(bytes);
    let start = skip_leading_breaks(bounded);
    let Some((line, after)) = split_line(start) else {
        return if bounded.len() < LONGEST_HEAD && may_start(trim_carriage_returns(start)) {
            HeadExtent::InStartLine
        } else {
            HeadExtent::Other
        };
    };
    let Some(start_line) = parse_line(line) else {
        return HeadExtent::Other;
    };
    let mut rest = after;
    while let Some((line, after_line)) = split_line(rest) {
        rest = after_line;
        if line.is_empty() {
            let fields = after.get(..after.len() - rest.len()).unwrap_or_default();
            return HeadExtent::Complete(start_line, Fields::new(fields), bounded.len() - rest.len());
        }
    }
    let fields = Fields::new(after);
    if bounded.len() < LONGEST_HEAD {
        HeadExtent::InFields(start_line, fields)
    } else {
        HeadExtent::TooLong(start_line, fields)
    }
}
