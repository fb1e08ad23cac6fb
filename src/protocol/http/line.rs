//! Lines of a head, and the parts of a start line that requests and responses share (RFC 9112
//! sections 2 and 2.2).

/// The most line breaks before a start line that are skipped. Old clients send one after a body
/// (RFC 9112 section 2.2); this allows for two of two bytes.
const LEADING_BREAKS: usize = 4;

/// The start of every supported version.
pub(super) const VERSION_START: &[u8] = b"HTTP/1.";

/// Skips the line breaks that may precede a start line.
#[inline]
pub(super) fn skip_leading_breaks(bytes: &[u8]) -> &[u8] {
    let breaks = bytes.iter().take(LEADING_BREAKS).take_while(|&&byte| matches!(byte, b'\r' | b'\n')).count();
    bytes.get(breaks..).unwrap_or_default()
}

/// Splits the first line off. Returns the line without its break, and the bytes after it. Returns
/// `None` if there is no line break.
#[inline]
pub(super) fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, rest) = bytes.split_at_checked(memchr::memchr(b'\n', bytes)?)?;
    Some((trim_carriage_returns(line), rest.get(1..)?))
}

/// Removes the carriage returns at the end.
pub(super) fn trim_carriage_returns(mut line: &[u8]) -> &[u8] {
    while let Some(shorter) = line.strip_suffix(b"\r") {
        line = shorter;
    }
    line
}

/// Returns true for `HTTP/1.` and a minor version: 0, or nearly always 1. Several digits, as in
/// `HTTP/1.10`, are accepted, as many clients do.
#[inline]
pub(super) fn is_supported_version(text: &[u8]) -> bool {
    let Some((start, digits)) = text.split_at_checked(VERSION_START.len()) else { return false };
    start.eq_ignore_ascii_case(VERSION_START) && parse_number(digits).is_some_and(|minor| minor <= u8::MAX.into())
}

/// Parses decimal digits. Returns `None` for an empty text, another byte, or a number that is too
/// large.
pub(super) fn parse_number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, digit| {
        if !digit.is_ascii_digit() {
            return None;
        }
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

/// Returns true if a start line, or the start of one, has no control bytes except tabs.
#[inline]
pub(super) fn is_text(line: &[u8]) -> bool {
    !line.iter().any(|&byte| (byte < b' ' && byte != b'\t') || byte == 0x7f)
}

/// Returns true for a blank or a tab.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}
