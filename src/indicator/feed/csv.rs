//! Comma-separated values as lists write them: blanks after commas, quotes around some fields,
//! comments between records.

use std::borrow::Cow;

/// The maximum length of a quoted field that spans several lines. Without it, an unclosed quote
/// would consume the whole list.
const MAX_RECORD: usize = 64 << 10;

/// The maximum number of fields in a record: more than any list has.
const MAX_FIELDS: usize = 256;

/// A comment line, a record, or an invalid line.
pub(super) enum CsvRow<'a, 'r> {
    Comment(&'a str),
    Record {
        line: usize,
        fields: &'r [Cow<'a, str>],
    },
    /// A line that cannot be parsed.
    Invalid {
        line: usize,
        reason: &'static str,
    },
}

/// Reads comments and records one by one.
pub(super) struct CsvReader<'a> {
    rest: &'a str,
    /// The first line of the row read last.
    line: usize,
    /// The number of lines of that row.
    height: usize,
    fields: Vec<Cow<'a, str>>,
}

impl<'a> CsvReader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, line: 1, height: 0, fields: Vec::new() }
    }

    pub(super) fn next(&mut self) -> Option<CsvRow<'a, '_>> {
        loop {
            self.line += self.height;
            self.height = 1;
            if self.rest.is_empty() {
                return None;
            }
            let (line, rest) = first_line(self.rest);
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                self.rest = rest;
                match trimmed {
                    "" => continue,
                    comment => return Some(CsvRow::Comment(comment)),
                }
            }
            self.fields.clear();
            return Some(match split(self.rest, line.len(), &mut self.fields) {
                Ok(length) => {
                    let (record, rest) = self.rest.split_at(length);
                    self.height = record.trim_end_matches('\n').bytes().filter(|byte| *byte == b'\n').count() + 1;
                    self.rest = rest;
                    CsvRow::Record { line: self.line, fields: &self.fields }
                }
                Err(reason) => {
                    self.rest = rest;
                    CsvRow::Invalid { line: self.line, reason }
                }
            });
        }
    }
}

/// The first line of a text without its line end, and the rest of the text.
fn first_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// Splits the first record of a text into fields and returns its length, including the line end.
/// `line` is the length of the first line.
fn split<'a>(text: &'a str, line: usize, fields: &mut Vec<Cow<'a, str>>) -> Result<usize, &'static str> {
    let bytes = text.as_bytes();
    let mut end = line;
    let mut at = 0;
    loop {
        while at < end && matches!(bytes[at], b' ' | b'\t' | b'\r') {
            at += 1;
        }
        if fields.len() == MAX_FIELDS {
            return Err("more columns than any list has");
        }
        if at < end && bytes[at] == b'"' {
            let (field, after) = quoted(text, at + 1)?;
            fields.push(field);
            at = after;
            if at > end {
                end = at + first_line(&text[at..]).0.len();
            }
            while at < end && bytes[at] != b',' {
                at += 1;
            }
        } else {
            let comma = memchr::memchr(b',', &bytes[at..end]).map_or(end, |comma| at + comma);
            fields.push(Cow::Borrowed(text[at..comma].trim()));
            at = comma;
        }
        if at >= end {
            return Ok((end + 1).min(text.len()));
        }
        at += 1;
    }
}

/// Returns the quoted field that begins at `start`, and the offset after its closing quote. Two
/// quotes stand for one.
fn quoted(text: &str, start: usize) -> Result<(Cow<'_, str>, usize), &'static str> {
    let limit = text.len().min(start + MAX_RECORD);
    let mut piece = start;
    let mut field = Cow::Borrowed("");
    loop {
        let length = memchr::memchr(b'"', &text.as_bytes()[piece..limit]).ok_or("a quote is not closed")?;
        let part = &text[piece..piece + length];
        if field.is_empty() {
            field = Cow::Borrowed(part);
        } else {
            field.to_mut().push_str(part);
        }
        let after = piece + length + 1;
        if text.as_bytes().get(after) != Some(&b'"') {
            return Ok((field, after));
        }
        field.to_mut().push('"');
        piece = after + 1;
    }
}

/// The names of the columns.
#[derive(Debug, Clone, Default)]
pub(super) struct CsvHeader(Vec<String>);

impl CsvHeader {
    /// Reads the names from a header, which may be a comment.
    pub(super) fn of_header(header: &str) -> Self {
        let mut reader = CsvReader::new(header.trim().trim_start_matches('#'));
        match reader.next() {
            Some(CsvRow::Record { fields, .. }) => {
                Self(fields.iter().map(|field| field.trim().to_ascii_lowercase()).collect())
            }
            _ => Self::default(),
        }
    }

    /// The index of a column that has one of these names.
    pub(super) fn find(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.0.iter().position(|known| known == name))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The field of a column. Empty if there is no such column, or if the field is null.
pub(super) fn field<'r>(fields: &'r [Cow<'_, str>], column: Option<usize>) -> &'r str {
    let text = column.and_then(|column| fields.get(column)).map_or("", |field| field.trim());
    if is_null(text) { "" } else { text }
}

/// Returns true if a text is one of the words that lists use for null.
pub(super) fn is_null(text: &str) -> bool {
    ["None", "null", "NULL", "N/A"].contains(&text)
}

/// Returns true if a text means true.
pub(super) fn is_true(text: &str) -> bool {
    ["1", "true", "yes"].iter().any(|yes| text.eq_ignore_ascii_case(yes))
}

/// Parses a confidence from 0 to 100.
pub(super) fn confidence(text: &str) -> Option<u8> {
    text.parse().ok().filter(|confidence| *confidence <= 100)
}

/// Splits a text at its commas and omits empty parts.
pub(super) fn split_list(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Vec<(usize, Result<Vec<String>, &'static str>)> {
        let mut reader = CsvReader::new(text);
        let mut all = Vec::new();
        while let Some(row) = reader.next() {
            match row {
                CsvRow::Comment(_) => {}
                CsvRow::Record { line, fields } => {
                    all.push((line, Ok(fields.iter().map(|field| field.to_string()).collect())))
                }
                CsvRow::Invalid { line, reason } => all.push((line, Err(reason))),
            }
        }
        all
    }

    fn one(text: &str) -> Vec<String> {
        records(text).remove(0).1.unwrap()
    }

    #[test]
    fn quotes_commas_and_blanks() {
        assert_eq!(one("\"a\", \"b,c\",d , \"\",\r\n"), ["a", "b,c", "d", "", ""]);
        assert_eq!(one("\"say \"\"no\"\"\",\"\"\"\""), ["say \"no\"", "\""]);
        assert_eq!(one("\"\"\"a\"\"\",b"), ["\"a\"", "b"]);
    }

    #[test]
    fn lines_are_counted_over_quoted_line_ends_comments_and_blank_lines() {
        let text = "# head\n\na,\"b\nc\",d\r\ne\n";
        assert_eq!(
            records(text),
            [(3, Ok(["a", "b\nc", "d"].map(str::to_owned).to_vec())), (5, Ok(vec!["e".to_owned()])),]
        );
    }

    #[test]
    fn an_open_quote_costs_its_own_line_alone() {
        let text = format!("a,\"b\n{}c,d\n", "x\n".repeat(MAX_RECORD));
        let all = records(&text);
        assert_eq!(all[0], (1, Err("a quote is not closed")));
        assert_eq!(all.last().unwrap().0, MAX_RECORD + 2);
    }
}
