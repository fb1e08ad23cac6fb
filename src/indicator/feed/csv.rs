//! Comma-separated records as lists write them: blanks after commas, quotes around some fields, comments between records.

use std::borrow::Cow;

/// How long a record may be whose quoted field runs over several lines. A quote that is never closed would swallow the whole list.
const LONGEST_RECORD: usize = 64 << 10;

/// More fields than any list has.
const MOST_FIELDS: usize = 256;

/// One line of comment, or one record.
pub(super) enum Row<'a, 'r> {
    Comment(&'a str),
    Record {
        line: usize,
        fields: &'r [Cow<'a, str>],
    },
    /// What is wrong with this line.
    Broken {
        line: usize,
        reason: &'static str,
    },
}

/// Reads rows.
pub(super) struct Rows<'a> {
    rest: &'a str,
    /// Of the row read last.
    line: usize,
    /// How many lines it has.
    height: usize,
    fields: Vec<Cow<'a, str>>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, line: 1, height: 0, fields: Vec::new() }
    }

    pub(super) fn next(&mut self) -> Option<Row<'a, '_>> {
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
                    comment => return Some(Row::Comment(comment)),
                }
            }
            self.fields.clear();
            return Some(match split(self.rest, line.len(), &mut self.fields) {
                Ok(length) => {
                    let (record, rest) = self.rest.split_at(length);
                    self.height = record.trim_end_matches('\n').bytes().filter(|byte| *byte == b'\n').count() + 1;
                    self.rest = rest;
                    Row::Record { line: self.line, fields: &self.fields }
                }
                Err(reason) => {
                    self.rest = rest;
                    Row::Broken { line: self.line, reason }
                }
            });
        }
    }
}

/// A text's first line, without its end, and the rest.
fn first_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// Splits a text's first record, and says how long it is with its line end. `line` is the length of the first line.
fn split<'a>(text: &'a str, line: usize, fields: &mut Vec<Cow<'a, str>>) -> Result<usize, &'static str> {
    let bytes = text.as_bytes();
    let mut end = line;
    let mut at = 0;
    loop {
        while at < end && matches!(bytes[at], b' ' | b'\t' | b'\r') {
            at += 1;
        }
        if fields.len() == MOST_FIELDS {
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

/// A quoted field that begins at `start`, and the place after its closing quote. Two quotes stand for one.
fn quoted(text: &str, start: usize) -> Result<(Cow<'_, str>, usize), &'static str> {
    let limit = text.len().min(start + LONGEST_RECORD);
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

/// Columns by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns(Vec<String>);

impl Columns {
    /// The names in a header, commented or not.
    pub(super) fn of_header(header: &str) -> Self {
        let mut rows = Rows::new(header.trim().trim_start_matches('#'));
        match rows.next() {
            Some(Row::Record { fields, .. }) => {
                Self(fields.iter().map(|field| field.trim().to_ascii_lowercase()).collect())
            }
            _ => Self::default(),
        }
    }

    /// Where a column stands, under any of its names.
    pub(super) fn find(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.0.iter().position(|known| known == name))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The field of a column; empty where there is no such column, or a list's word for nothing.
pub(super) fn field<'r>(fields: &'r [Cow<'_, str>], column: Option<usize>) -> &'r str {
    let text = column.and_then(|column| fields.get(column)).map_or("", |field| field.trim());
    if is_nothing(text) { "" } else { text }
}

/// Whether a text is a list's word for nothing.
pub(super) fn is_nothing(text: &str) -> bool {
    ["None", "null", "NULL", "N/A"].contains(&text)
}

/// Whether a text says yes.
pub(super) fn is_true(text: &str) -> bool {
    ["1", "true", "yes"].iter().any(|yes| text.eq_ignore_ascii_case(yes))
}

/// A confidence between 0 and 100.
pub(super) fn confidence(text: &str) -> Option<u8> {
    text.parse().ok().filter(|confidence| *confidence <= 100)
}

/// Texts between commas, without what is empty.
pub(super) fn listed(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Vec<(usize, Result<Vec<String>, &'static str>)> {
        let mut rows = Rows::new(text);
        let mut all = Vec::new();
        while let Some(row) = rows.next() {
            match row {
                Row::Comment(_) => {}
                Row::Record { line, fields } => {
                    all.push((line, Ok(fields.iter().map(|field| field.to_string()).collect())))
                }
                Row::Broken { line, reason } => all.push((line, Err(reason))),
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
        let text = format!("a,\"b\n{}c,d\n", "x\n".repeat(LONGEST_RECORD));
        let all = records(&text);
        assert_eq!(all[0], (1, Err("a quote is not closed")));
        assert_eq!(all.last().unwrap().0, LONGEST_RECORD + 2);
    }
}
