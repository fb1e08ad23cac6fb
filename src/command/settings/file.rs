//! Parses the settings file: returns the values that it gives to each option, or all its errors,
//! each with its position.

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use crate::command::printable::printable;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command};
use rattap::toml_document::{SyntaxError, TomlDocument, suggestion};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{KEYS, REPEATED, SettingKey, argument_of, is_list, is_switch};
use super::origins::Setting;

/// All errors in a settings file.
#[derive(Debug)]
pub struct FileErrors {
    file: PathBuf,
    /// In the order of their positions.
    errors: Vec<FileError>,
}

/// One error in a settings file.
#[derive(Debug)]
pub(super) struct FileError {
    /// `None` if the error concerns the whole file.
    position: Option<Position>,
    message: String,
}

/// A position in the file. Line and column are counted from one, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    line: usize,
    column: usize,
}

impl fmt::Display for FileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.errors.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            let line = format!("{}:{error}", self.file.display());
            // A name with a line feed must not look like a second error.
            f.write_str(&printable(&line))?;
        }
        Ok(())
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column }) = self.position {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}", self.message)
    }
}

impl Error for FileErrors {}

/// Reads a settings file. Returns the settings by argument.
pub(super) fn read(file: &Path, arguments: &Command) -> Result<BTreeMap<&'static str, Setting>, FileErrors> {
    let all = |errors| FileErrors { file: file.to_owned(), errors };
    let single = |message| all(vec![FileError { position: None, message }]);
    let bytes =
        fs::read(file).map_err(|error| single(format!("cannot read the settings: {error}; name a settings file")))?;
    let text = String::from_utf8(bytes).map_err(|_| single("not a settings file: it is not UTF-8 text".to_owned()))?;
    parse(&text, arguments).map_err(all)
}

/// Parses the text of a settings file.
pub(super) fn parse(text: &str, arguments: &Command) -> Result<BTreeMap<&'static str, Setting>, Vec<FileError>> {
    let mut parser = SettingsParser { text, arguments, settings: BTreeMap::new(), errors: Vec::new() };
    let document = TomlDocument::new(text);
    parser.sections(&document.table());
    for SyntaxError { offset, message } in &document.errors {
        parser.error(Some(*offset..*offset), format!("not TOML: {message}"));
    }
    parser.errors.sort_by_key(|error| error.position);
    if parser.errors.is_empty() { Ok(parser.settings) } else { Err(parser.errors) }
}

struct SettingsParser<'a> {
    text: &'a str,
    arguments: &'a Command,
    settings: BTreeMap<&'static str, Setting>,
    errors: Vec<FileError>,
}

impl SettingsParser<'_> {
    fn error(&mut self, span: Option<Range<usize>>, message: String) {
        let position = span.map(|span| position(self.text, span.start));
        self.errors.push(FileError { position, message });
    }

    fn sections(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            let section = name.get_ref().as_ref();
            if !KEYS.iter().any(|key| key.section == section) {
                let mut known: Vec<&str> = KEYS.iter().map(|key| key.section).collect();
                known.dedup();
                let hint = match KEYS.iter().find(|key| key.name == section) {
                    Some(key) => format!("the key belongs in [{}]", key.section),
                    None => suggestion(section, &known),
                };
                self.error(Some(name.span()), format!("unknown section {section}: {hint}"));
                continue;
            }
            match (value.get_ref(), section == REPEATED) {
                (DeValue::Table(keys), false) => self.keys(section, keys),
                (DeValue::Array(tables), true) => {
                    for table in tables.iter() {
                        match table.get_ref() {
                            DeValue::Table(keys) => self.keys(section, keys),
                            _ => self.error(Some(table.span()), format!("write [[{section}]] with its keys below it")),
                        }
                    }
                }
                (_, true) => self.error(Some(name.span()), format!("write [[{section}]]: it may occur several times")),
                (_, false) => self.error(Some(name.span()), format!("write [{section}] with its keys below it")),
            }
        }
    }

    fn keys(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let known: Vec<&SettingKey> = KEYS.iter().filter(|key| key.section == section).collect();
            let Some(key) = known.iter().find(|key| key.name == name.get_ref().as_ref()) else {
                let name_text = name.get_ref();
                let hint = match KEYS.iter().find(|key| key.name == name_text.as_ref()) {
                    Some(key) => format!("it belongs in [{}]", key.section),
                    None => suggestion(name_text, &known.iter().map(|key| key.name).collect::<Vec<_>>()),
                };
                self.error(Some(name.span()), format!("unknown key {section}.{name_text}: {hint}"));
                continue;
            };
            let Some(argument) = argument_of(self.arguments, key) else {
                self.error(Some(name.span()), format!("{section}.{} has no effect here", key.name));
                continue;
            };
            match values(key, argument, value) {
                Ok(values) => {
                    let line = position(self.text, name.span().start).line;
                    let setting = self.settings.entry(key.argument).or_insert(Setting { values: Vec::new(), line });
                    setting.values.extend(values);
                    if setting.values.len() > 1 && !is_list(argument) {
                        self.error(Some(name.span()), format!("{section}.{}: expected one value", key.name));
                    }
                }
                Err(ValueError { span, reason }) => {
                    self.error(Some(span), format!("{section}.{}: {reason}", key.name));
                }
            }
        }
    }
}

/// An invalid value.
struct ValueError {
    span: Range<usize>,
    reason: String,
}

impl ValueError {
    fn new(value: &Spanned<DeValue<'_>>, reason: String) -> Self {
        Self { span: value.span(), reason }
    }
}

/// The values of a key, written as on the command line.
fn values(key: &SettingKey, argument: &Arg, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, ValueError> {
    let refuse = |value: &Spanned<DeValue<'_>>, expected: &str| {
        Err(ValueError::new(value, format!("expected {expected}, not {}", type_name(value.get_ref()))))
    };
    if is_switch(argument) {
        return match value.get_ref() {
            DeValue::Boolean(on) => Ok(vec![(*on != key.is_negated).to_string()]),
            _ => refuse(value, "true or false"),
        };
    }
    let list = match value.get_ref() {
        DeValue::Array(list) if is_list(argument) => list.iter().collect(),
        DeValue::Array(_) => return refuse(value, "one value"),
        _ => vec![value],
    };
    let mut values = Vec::new();
    for value in list {
        let typed = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
                .map_err(|_| ValueError::new(value, "the number is too large".to_owned()))?
                .to_string(),
            _ => return refuse(value, "a string or a whole number"),
        };
        check(argument, &typed).map_err(|reason| ValueError::new(value, format!("{typed:?}: {reason}")))?;
        values.push(typed);
    }
    Ok(values)
}

/// Lets clap check a value as on the command line. Returns only the reason from its error message.
fn check(argument: &Arg, value: &str) -> Result<(), String> {
    let argument = Arg::new("value").value_parser(argument.get_value_parser().clone()).allow_hyphen_values(true);
    let command = Command::new("value").no_binary_name(true).disable_help_flag(true).arg(argument);
    let Err(error) = command.try_get_matches_from([value]) else { return Ok(()) };
    Err(match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(source), _) => source.to_string(),
        (None, Some(ContextValue::Strings(valid))) if !valid.is_empty() => {
            format!("expected one of {}", valid.join(", "))
        }
        _ => error.kind().to_string(),
    })
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The position of a byte offset.
fn position(text: &str, offset: usize) -> Position {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Position { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
}

#[cfg(test)]
pub(super) fn texts(errors: Vec<FileError>) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}
