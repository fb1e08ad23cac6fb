//! TOML with all its errors at once, for files that people write: settings and exclusion rules.
//!
//! A parser that continues after an error takes an unclosed list for the rest of the file. So a
//! text with errors is taken apart into statements, each a table's header or a key with its value.
//! Every broken statement gives one error, and the others make up the table.

use std::borrow::Cow;
use std::ops::Range;

use toml::de::{DeTable, Error};

/// The similarity of two words, from 0 to 1, from which on one is suggested for the other. clap
/// uses the same threshold.
const MIN_SIMILARITY: f64 = 0.7;

/// The most broken statements that are reported. A text with more is probably not TOML.
const MAX_BROKEN: usize = 50;

/// The most lines of one statement in a text with errors: more than any list that is written by
/// hand. It bounds the time for an unclosed string.
const MAX_LINES: usize = 1000;

/// A text in TOML, and its errors.
#[derive(Debug)]
pub struct TomlDocument<'a> {
    /// The text, with spaces in the place of broken statements.
    text: Cow<'a, str>,
    /// All errors of syntax, and keys that are given twice, in the order of the text.
    pub errors: Vec<SyntaxError>,
}

/// An error of syntax.
#[derive(Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The byte offset in the text.
    pub offset: usize,
    /// The fault.
    pub message: String,
}

impl SyntaxError {
    /// The error of a part of the text that begins at `start`.
    fn new(error: &Error, start: usize) -> Self {
        let message = error.message().replace('\n', " ").trim_end().to_owned();
        Self { offset: start + error.span().map_or(0, |span| span.start), message }
    }
}

impl<'a> TomlDocument<'a> {
    /// Finds all errors of a text.
    pub fn new(text: &'a str) -> Self {
        if DeTable::parse(text).is_ok() {
            return Self { text: text.into(), errors: Vec::new() };
        }
        let (mut rest, mut errors) = (text.to_owned(), Vec::new());
        for Broken { range, error } in broken_statements(text) {
            // Offsets and lines stay as they are.
            let blank = text[range.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' });
            rest.replace_range(range, &blank.collect::<String>());
            errors.extend(error);
        }
        errors.extend(DeTable::parse_recoverable(&rest).1.iter().map(|error| SyntaxError::new(error, 0)));
        errors.sort_by_key(|error| error.offset);
        Self { text: rest.into(), errors }
    }

    /// The table that the text describes, without its broken statements. Spans are byte offsets in
    /// the text.
    pub fn table(&self) -> DeTable<'_> {
        DeTable::parse_recoverable(&self.text).0.into_inner()
    }
}

/// A part of a text that does not count.
struct Broken {
    range: Range<usize>,
    /// `None` for statements below a header that is broken.
    error: Option<SyntaxError>,
}

/// Finds the broken statements of a text, in its order.
fn broken_statements(text: &str) -> Vec<Broken> {
    let mut broken: Vec<Broken> = Vec::new();
    let mut start = 0;
    let mut broken_header: Option<&str> = None;
    while start < text.len() && broken.len() < MAX_BROKEN {
        let header = header_name(&text[start..]);
        let (end, error) = statement(&text[start..]);
        let range = start..start + end;
        if let Some(name) = header {
            let is_below = broken_header.is_some_and(|above| name.split('.').next() == Some(above) && name != above);
            if !is_below {
                broken_header = error.is_some().then_some(name);
            }
        }
        let error = error.map(|error| SyntaxError::new(&error, start));
        if error.is_some() || broken_header.is_some() {
            broken.push(Broken { range: range.clone(), error });
        }
        start = range.end;
    }
    broken
}

/// The name in the header with which a text begins: `rule.match` of `[rule.match]`.
fn header_name(text: &str) -> Option<&str> {
    let name = text.trim_start_matches([' ', '\t']).strip_prefix('[')?;
    let name = name.trim_start_matches(['[', ' ', '\t']);
    let end = name.find(|char: char| !char.is_alphanumeric() && !"-_.".contains(char));
    Some(&name[..end.unwrap_or(name.len())])
}

/// Returns the length of the first statement of a text, and its error. A statement without an error
/// may be an empty line or a comment.
fn statement(text: &str) -> (usize, Option<Error>) {
    let ends = text.match_indices('\n').map(|(at, _)| at + 1).chain([text.len()]);
    let mut error = None;
    for end in ends.clone().take(MAX_LINES) {
        // A line feed after an unclosed value would move the place of its error to the next line.
        let lines = text[..end].trim_end();
        let errors = DeTable::parse_recoverable(lines).1;
        let start = |error: &Error| error.span().map_or(0, |span| span.start);
        let Some(first) = errors.into_iter().min_by_key(start) else { return (end, None) };
        // Only what is incomplete at its end may continue on the next line.
        let rest = lines.get(start(&first)..).unwrap_or_default().trim_start();
        let is_incomplete = rest.is_empty() || rest.starts_with('#');
        error.get_or_insert(first);
        if !is_incomplete {
            break;
        }
    }
    let next = ends.clone().find(|end| begins_statement(&text[*end..]));
    (next.unwrap_or(text.len()), error)
}

/// Returns true if the first line of a text looks like a header or a key with a value.
fn begins_statement(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default().trim_start();
    let is_key = |key: &str| {
        let key = key.trim();
        !key.is_empty() && key.chars().all(|char| char.is_alphanumeric() || "-_.\"' \t".contains(char))
    };
    line.starts_with('[') || line.split_once('=').is_some_and(|(key, _)| is_key(key))
}

/// The known word that an unknown one was probably meant to be.
pub fn similar<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let rated = known.iter().map(|name| (strsim::jaro_winkler(word, name), *name));
    let (similarity, name) = rated.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (similarity > MIN_SIMILARITY).then_some(name)
}

/// Suggests what to write in the place of an unknown word.
pub fn suggestion(word: &str, known: &[&str]) -> String {
    match similar(word, known) {
        Some(name) => format!("did you mean {name}?"),
        None => format!("expected one of {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of the errors, and the keys of the table.
    fn parsed(text: &str) -> (Vec<usize>, String) {
        let document = TomlDocument::new(text);
        let line = |error: &SyntaxError| text[..error.offset].matches('\n').count() + 1;
        let table = document.table();
        let keys = table.iter().map(|(name, value)| {
            let keys = value.get_ref().as_table().map(|table| table.keys().map(|key| key.get_ref().as_ref()));
            format!("{}({})", name.get_ref(), keys.map(|keys| keys.collect::<Vec<_>>().join(" ")).unwrap_or_default())
        });
        (document.errors.iter().map(line).collect(), keys.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn each_broken_statement_is_one_error_and_the_others_count() {
        assert_eq!(parsed("[a]\nb = 1\n"), (vec![], "a(b)".to_owned()));
        assert_eq!(parsed("[a]\nb = 1 2\nc =\nd = \"x\ne = 1\n"), (vec![2, 3, 4], "a(e)".to_owned()));
        // What is below a broken header belongs to no table.
        assert_eq!(parsed("[[a]\nb = 1\n[a.c]\nd = 1\n[[a]]\ne = 1\n"), (vec![1], "a()".to_owned()));
        assert_eq!(parsed("[a\nb = 1\nc = 09\n[d]\ne = 1\n"), (vec![1, 3], "d(e)".to_owned()));
        // An unclosed list ends before the next key, and at the end of the line that opens it.
        assert_eq!(parsed("[a]\nb = [\"x\"\nc = 1\n[d]\n"), (vec![2], "a(c) d()".to_owned()));
        assert_eq!(parsed("[a]\nb = [\n \"x\",\n \"y\"\nc = 1\n"), (vec![2], "a(c)".to_owned()));
        assert_eq!(parsed("[a]\n== 3\nwords\nc = 1\n"), (vec![2], "a(c)".to_owned()));
        assert_eq!(parsed("[a]\nb = 1\nb = 2\nc = 1 2"), (vec![3, 4], "a(b)".to_owned()));
    }

    #[test]
    fn statements_of_several_lines_are_whole_beside_an_error() {
        let several =
            "[a]\nb = [\n  \"x\", # = [\n\n  \"y\",\n]\nc = \"\"\"\nd = 1\n[e]\n\"\"\"\nf = {\n  g = 1,\n}\nh = 1 2\n";
        assert_eq!(parsed(several), (vec![14], "a(b c f)".to_owned()));
    }

    #[test]
    fn texts_with_very_many_errors_end_soon() {
        let document = |text: &str| TomlDocument::new(text).errors.len();
        assert!(document(&"x = 1 2\n".repeat(100_000)) >= MAX_BROKEN);
        assert!(document(&format!("x = \"\"\"\n{}", "y = 1\n".repeat(100_000))) >= 1);
        assert!(document(&"[".repeat(1 << 20)) >= 1);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in r#"((\[{1,2}[ab]\]{0,2}|[abä] = (1|"x|"""|\[|\{a=|09)|\]|"""|[^a]){0,3}\n){0,8}"#) {
            let document = TomlDocument::new(&text);
            proptest::prop_assert_eq!(document.errors.is_empty(), DeTable::parse(&text).is_ok());
            proptest::prop_assert!(document.errors.iter().all(|error| error.offset <= text.len()));
            document.table();
        }
    }
}
