//! The settings file's text → what each argument would be given, or everything that is wrong with it, each with its place.

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command};
use rattap::alert::sanitize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{KEYS, Key, REPEATED, Setting, argument_of, is_list, is_switch};

/// How alike two words are, from 0 to 1, for one to be taken for a slip of the other; what clap takes for its own suggestions.
const ALIKE: f64 = 0.7;

/// Everything that is wrong with a settings file.
#[derive(Debug)]
pub struct Problems {
    file: PathBuf,
    /// In the order of their places; one that has none concerns the whole file.
    list: Vec<Problem>,
}

#[derive(Debug)]
pub(super) struct Problem {
    /// Line and column, counted from one.
    place: Option<(usize, usize)>,
    what: String,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.list.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            let line = format!("{}:{problem}", self.file.display());
            // A name that holds a line feed must not look like a second problem.
            write!(f, "{}", sanitize(line.as_bytes()))?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.place {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}", self.what)
    }
}

impl Error for Problems {}

/// Reads a settings file: by argument what the file says of it.
pub(super) fn read(file: &Path, arguments: &Command) -> Result<BTreeMap<&'static str, Setting>, Problems> {
    let problems = |list| Problems { file: file.to_owned(), list };
    let whole = |what| problems(vec![Problem { place: None, what }]);
    let bytes = fs::read(file).map_err(|error| whole(format!("cannot read the settings: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| whole("not a settings file: it is not UTF-8 text".to_owned()))?;
    parse(&text, arguments).map_err(problems)
}

pub(super) fn parse(text: &str, arguments: &Command) -> Result<BTreeMap<&'static str, Setting>, Vec<Problem>> {
    let mut reader = Reader { text, arguments, settings: BTreeMap::new(), problems: Vec::new() };
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        reader.sections(table.get_ref());
    }
    for error in errors {
        reader.problem(error.span(), format!("not TOML: {}", error.message()));
    }
    reader.problems.sort_by_key(|problem| problem.place);
    if reader.problems.is_empty() { Ok(reader.settings) } else { Err(reader.problems) }
}

struct Reader<'a> {
    text: &'a str,
    arguments: &'a Command,
    settings: BTreeMap<&'static str, Setting>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn problem(&mut self, span: Option<Range<usize>>, what: String) {
        let place = span.map(|span| place(self.text, span.start));
        self.problems.push(Problem { place, what });
    }

    fn sections(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            let section = name.get_ref().as_ref();
            if !KEYS.iter().any(|key| key.section == section) {
                let mut known: Vec<&str> = KEYS.iter().map(|key| key.section).collect();
                known.dedup();
                let hint = match KEYS.iter().find(|key| key.name == section) {
                    Some(key) => format!("the key belongs into [{}]", key.section),
                    None => suggestion(section, &known),
                };
                self.problem(Some(name.span()), format!("unknown section {section}: {hint}"));
                continue;
            }
            match (value.get_ref(), section == REPEATED) {
                (DeValue::Table(keys), false) => self.keys(section, keys),
                (DeValue::Array(tables), true) => {
                    for table in tables.iter() {
                        match table.get_ref() {
                            DeValue::Table(keys) => self.keys(section, keys),
                            _ => self.problem(Some(table.span()), format!("write [[{section}]] with its keys below")),
                        }
                    }
                }
                (_, true) => self.problem(Some(name.span()), format!("write [[{section}]]: there may be several")),
                (_, false) => self.problem(Some(name.span()), format!("write [{section}] with its keys below")),
            }
        }
    }

    fn keys(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let known: Vec<&Key> = KEYS.iter().filter(|key| key.section == section).collect();
            let Some(key) = known.iter().find(|key| key.name == name.get_ref().as_ref()) else {
                let name_text = name.get_ref();
                let hint = match KEYS.iter().find(|key| key.name == name_text.as_ref()) {
                    Some(key) => format!("it belongs into [{}]", key.section),
                    None => suggestion(name_text, &known.iter().map(|key| key.name).collect::<Vec<_>>()),
                };
                self.problem(Some(name.span()), format!("unknown key {section}.{name_text}: {hint}"));
                continue;
            };
            let Some(argument) = argument_of(self.arguments, key) else {
                self.problem(Some(name.span()), format!("{section}.{} is of no use here", key.name));
                continue;
            };
            match values(key, argument, value) {
                Ok(values) => {
                    let (line, _) = place(self.text, name.span().start);
                    let setting = self.settings.entry(key.argument).or_insert(Setting { values: Vec::new(), line });
                    setting.values.extend(values);
                    if setting.values.len() > 1 && !is_list(argument) {
                        self.problem(Some(name.span()), format!("{section}.{}: only one is possible", key.name));
                    }
                }
                Err((span, why)) => self.problem(Some(span), format!("{section}.{}: {why}", key.name)),
            }
        }
    }
}

/// What would have to be typed, or why there is no such thing, and where.
fn values(key: &Key, argument: &Arg, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, (Range<usize>, String)> {
    let refuse = |value: &Spanned<DeValue<'_>>, wanted: &str| {
        Err((value.span(), format!("{wanted} is wanted, not {}", kind(value.get_ref()))))
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
                .map_err(|_| (value.span(), "the number is too large".to_owned()))?
                .to_string(),
            _ => return refuse(value, "a text or a whole number"),
        };
        check(argument, &typed).map_err(|why| (value.span(), format!("{typed:?}: {why}")))?;
        values.push(typed);
    }
    Ok(values)
}

/// Has clap check a value as it would on the command line, and gives its reason alone.
fn check(argument: &Arg, value: &str) -> Result<(), String> {
    let alone = Arg::new("value").value_parser(argument.get_value_parser().clone()).allow_hyphen_values(true);
    let alone = Command::new("value").no_binary_name(true).disable_help_flag(true).arg(alone);
    let Err(error) = alone.try_get_matches_from([value]) else { return Ok(()) };
    Err(match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(source), _) => source.to_string(),
        (None, Some(ContextValue::Strings(valid))) if !valid.is_empty() => format!("one of {}", valid.join(", ")),
        _ => error.kind().to_string(),
    })
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn suggestion(word: &str, known: &[&str]) -> String {
    let alike = known.iter().map(|name| (strsim::jaro_winkler(word, name), name));
    match alike.max_by(|(one, _), (other, _)| one.total_cmp(other)) {
        Some((alike, name)) if alike > ALIKE => format!("did you mean {name}?"),
        _ => format!("known here: {}", known.join(", ")),
    }
}

/// Line and column of a byte, counted from one; columns in characters.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
pub(super) fn texts(problems: Vec<Problem>) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}
