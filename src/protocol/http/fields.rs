//! The frame of a head: its first line, its fields, and where it ends (RFC 9112 sections 2, 2.2 and 5).

/// The longest head read. Common servers refuse more than 8 or 16 KiB; and each head that is put together from several
/// segments takes this much memory at most.
pub const LONGEST_HEAD: usize = 16 * 1024;
/// Line breaks passed over before a first line. Old clients send one after a body (RFC 9112 section 2.2); two of two bytes.
const LEADING_BREAKS: usize = 4;

/// The bytes after the line breaks that may stand before a first line.
#[inline]
pub(super) fn after_breaks(bytes: &[u8]) -> &[u8] {
    let breaks = bytes.iter().take(LEADING_BREAKS).take_while(|&&byte| matches!(byte, b'\r' | b'\n')).count();
    bytes.get(breaks..).unwrap_or_default()
}

/// How far a head can be read.
pub(super) enum Extent<'a, L> {
    /// To its end: the first line, the fields, and the length of it all.
    Whole(L, Fields<'a>, usize),
    /// The bytes end within the fields.
    InFields(L, Fields<'a>),
    /// It goes on beyond [`LONGEST_HEAD`].
    TooLong(L, Fields<'a>),
    /// The bytes end within the first line, and what is there of it is as it should be.
    InFirstLine,
    /// No head.
    Other,
}

/// Reads a head. `first` reads a first line without its end, `may_start` judges the start of one.
#[inline]
pub(super) fn read<'a, L>(
    bytes: &'a [u8],
    first: impl Fn(&'a [u8]) -> Option<L>,
    may_start: impl Fn(&[u8]) -> bool,
) -> Extent<'a, L> {
    let bound = bytes.get(..LONGEST_HEAD).unwrap_or(bytes);
    let start = after_breaks(bound);
    let Some((line, after)) = split_line(start) else {
        return if bound.len() < LONGEST_HEAD && may_start(without_break(start)) {
            Extent::InFirstLine
        } else {
            Extent::Other
        };
    };
    let Some(first) = first(line) else {
        return Extent::Other;
    };
    let mut rest = after;
    while let Some((line, after_line)) = split_line(rest) {
        rest = after_line;
        if line.is_empty() {
            let fields = after.get(..after.len() - rest.len()).unwrap_or_default();
            return Extent::Whole(first, Fields { rest: fields }, bound.len() - rest.len());
        }
    }
    let fields = Fields { rest: after };
    if bound.len() < LONGEST_HEAD { Extent::InFields(first, fields) } else { Extent::TooLong(first, fields) }
}

/// A line without its end, and what comes after it. None where no line ends.
#[inline]
fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, rest) = bytes.split_at_checked(line_feed(bytes)?)?;
    Some((without_break(line), rest.get(1..)?))
}

/// Where the first line feed is.
#[inline]
fn line_feed(bytes: &[u8]) -> Option<usize> {
    // Byte by byte this was most of the time that a head takes; these chunks are compared in one instruction.
    let is_feed = |&byte: &u8| byte == b'\n';
    let (chunks, _) = bytes.as_chunks::<16>();
    let without =
        chunks.iter().take_while(|chunk| !chunk.iter().fold(false, |found, byte| found | is_feed(byte))).count();
    let start = without * 16;
    bytes.get(start..)?.iter().position(is_feed).map(|place| start + place)
}

/// Without the carriage returns at the end.
fn without_break(mut line: &[u8]) -> &[u8] {
    while let Some(shorter) = line.strip_suffix(b"\r") {
        line = shorter;
    }
    line
}

/// A field of a head, such as `Host: feersona.net`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name in the case it came in.
    pub name: &'a [u8],
    /// The value without white space around it. One that was folded over several lines still holds the line breaks.
    pub value: &'a [u8],
}

impl Field<'_> {
    /// Is it the field of this name? Names are alike in any case.
    #[inline]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The fields of a head in their order. Lines that are no field (without a colon, or without a name) are passed over.
///
/// Where the head is cut, the last field is left out unless the next one has begun: it may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields<'a> {
    /// From a line's start on. Where the head is whole, this ends with its empty line.
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        loop {
            // Nothing is left where this ends early.
            let all = std::mem::take(&mut self.rest);
            let (line, mut rest) = split_line(all)?;
            if line.is_empty() {
                return None;
            }
            while matches!(rest.first()?, b' ' | b'\t') {
                (_, rest) = split_line(rest)?;
            }
            self.rest = rest;
            let whole = all.get(..all.len() - rest.len())?;
            let Some(colon) = line.iter().position(|&byte| byte == b':') else {
                continue;
            };
            // A line that starts with a blank goes on from no field: it is the one after the first line.
            if matches!(line.first(), Some(b' ' | b'\t')) {
                continue;
            }
            let (name, value) = (whole.get(..colon)?.trim_ascii_end(), whole.get(colon + 1..)?.trim_ascii());
            if !name.is_empty() {
                return Some(Field { name, value });
            }
        }
    }
}

/// How many bytes come after a head before the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    /// This many.
    Known(u64),
    /// It cannot be told from the head: chunked, contradictory, up to the end of the connection, or no HTTP any more.
    Unknown,
}

/// What fields say of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Framing {
    pub(super) content_length: Option<u64>,
    pub(super) chunked: bool,
    /// Coded in another way, or with lengths that differ or are no numbers.
    unclear: bool,
}

impl Framing {
    /// Takes note of a field, if it is one of those.
    #[inline]
    pub(super) fn note(&mut self, field: &Field<'_>) {
        if field.is("Content-Length") {
            // One length written several times is one length (RFC 9110 section 8.6).
            for value in field.value.split(|&byte| byte == b',') {
                let length = number(value.trim_ascii());
                if length.is_none() || self.content_length.is_some_and(|other| Some(other) != length) {
                    self.unclear = true;
                }
                self.content_length = self.content_length.or(length);
            }
        } else if field.is("Transfer-Encoding") {
            for coding in field.value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
                if coding.eq_ignore_ascii_case(b"chunked") {
                    self.chunked = true;
                } else if !coding.eq_ignore_ascii_case(b"identity") {
                    self.unclear = true;
                }
            }
        }
    }

    /// The length of the body, where the fields tell it; `None` where they do not speak of it.
    pub(super) fn body_length(&self) -> Option<BodyLength> {
        if self.chunked || self.unclear {
            return Some(BodyLength::Unknown);
        }
        self.content_length.map(BodyLength::Known)
    }
}

fn number(digits: &[u8]) -> Option<u64> {
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

/// The minor version of `HTTP/1.`: 0, or nearly always 1. More digits than one, as in `HTTP/1.10`, pass with many clients. None
/// for anything else.
#[inline]
pub(super) fn minor_version(text: &[u8]) -> Option<u8> {
    let (start, digits) = text.split_at_checked(VERSION_START.len())?;
    if !start.eq_ignore_ascii_case(VERSION_START) {
        return None;
    }
    number(digits)?.try_into().ok()
}

/// What every version that is read here starts with.
pub(super) const VERSION_START: &[u8] = b"HTTP/1.";

/// True where a first line, or the start of one, holds nothing but text and tabs.
#[inline]
pub(super) fn is_text(line: &[u8]) -> bool {
    !line.iter().any(|&byte| (byte < b' ' && byte != b'\t') || byte == 0x7f)
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}
