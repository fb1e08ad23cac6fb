//! Loading rule files: TOML into validated rules.
//!
//! A file is first read as TOML and then validated rule by rule. Everything that is wrong is
//! reported at once, in the order of the file.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::Rule;
use super::toml_form::{self, Problem};
use super::validate::RuleValidator;
use crate::sanitize::sanitize;
use crate::toml_document::TomlDocument;
use crate::units::Timestamp;

/// The maximum size of a file in bytes: a thousand rules of a kilobyte. Rules are written by hand.
const MAX_FILE_SIZE: u64 = 1 << 20;

/// The maximum number of rules in all files: each rule is compared with each sighting.
const MAX_RULES: usize = 1024;

/// An error in the rules.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("{}: cannot read: {error}; give a file with exclusion rules", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        error: io::Error,
    },
    /// The file is invalid.
    #[error("{}:{line}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The fault, and what to do about it.
        message: String,
    },
}

/// All errors in the rules; at least one.
#[derive(Debug, Error)]
pub struct LoadErrors(pub Vec<LoadError>);

impl fmt::Display for LoadErrors {
    /// Writes one error per line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            // A name or value with a line feed must not look like a second error.
            let error = error.to_string();
            write!(f, "{}{}", if index == 0 { "" } else { "\n" }, sanitize(error.as_bytes()))?;
        }
        Ok(())
    }
}

/// Reads and validates rule files.
pub(super) fn load<P: AsRef<Path>>(paths: &[P], now: Timestamp) -> Result<Vec<Rule>, LoadErrors> {
    let (mut rules, mut errors) = (Vec::new(), Vec::new());
    for path in paths {
        let path = path.as_ref();
        match read(path) {
            Ok(text) => add_file(&text, path, now, &mut rules, &mut errors),
            Err(error) => errors.push(LoadError::Read { path: path.to_owned(), error }),
        }
    }
    if errors.is_empty() { Ok(rules) } else { Err(LoadErrors(errors)) }
}

/// Validates the rules in a text.
pub(super) fn parse(text: &str, path: &Path, now: Timestamp) -> Result<Vec<Rule>, LoadErrors> {
    let (mut rules, mut errors) = (Vec::new(), Vec::new());
    add_file(text, path, now, &mut rules, &mut errors);
    if errors.is_empty() { Ok(rules) } else { Err(LoadErrors(errors)) }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let size = File::open(path)?.take(MAX_FILE_SIZE + 1).read_to_string(&mut text)?;
    if size as u64 > MAX_FILE_SIZE {
        let message = format!("it is longer than {MAX_FILE_SIZE} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(text)
}

/// Adds the rules and the errors of a file to those of the files before it.
fn add_file(text: &str, path: &Path, now: Timestamp, rules: &mut Vec<Rule>, errors: &mut Vec<LoadError>) {
    let mut problems = Vec::new();
    add_rules(text, path, now, rules, &mut problems);
    problems.sort_by_key(|problem| problem.offset);
    errors.extend(problems.into_iter().map(|Problem { offset, message }| LoadError::Invalid {
        path: path.to_owned(),
        line: line_of(text, offset),
        message,
    }));
}

/// The line of a byte offset, counted from 1.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn add_rules(text: &str, path: &Path, now: Timestamp, rules: &mut Vec<Rule>, problems: &mut Vec<Problem>) {
    let document = TomlDocument::new(text);
    let is_whole = document.errors.is_empty();
    let list = toml_form::rules(&document, problems);
    if list.is_empty() && problems.is_empty() {
        problems.push(Problem { offset: 0, message: "no rule in this file; each begins with [[rule]]".to_owned() });
    }
    for rule in list {
        let start = rule.span().start;
        let line = line_of(text, start);
        if rules.len() >= MAX_RULES {
            problems
                .push(Problem { offset: start, message: format!("more than {MAX_RULES} rules; combine some of them") });
            return;
        }
        let mut validator = RuleValidator { problems, is_whole };
        let rule = validator.rule(rule.into_inner(), format!("{}:{line}", path.display()), now);
        if !rule.name.is_empty()
            && let Some(known) = rules.iter().find(|known| known.name == rule.name)
        {
            let message =
                format!("there is a rule {} already, at {}; give this one another name", rule.name, known.location);
            validator.problem(start..start, message);
        }
        rules.push(rule);
    }
}
