//! The form of a rule file: its tables and keys, read from TOML. The values are not validated yet.
//!
//! Keys that are unknown, missing or of the wrong type are recorded as problems, and read as
//! absent, so that all problems are reported at once.

use std::fmt;
use std::ops::Range;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::toml_document::{TomlDocument, similar, suggestion};

/// A problem in a rule file.
pub(super) struct Problem {
    /// The byte offset in the file.
    pub(super) offset: usize,
    /// The fault, and what to do about it.
    pub(super) message: String,
}

/// A rule. An absent key that is required has been recorded as a problem.
pub(super) struct TomlRule {
    pub(super) name: Option<Spanned<String>>,
    pub(super) scenario: Option<Spanned<String>>,
    pub(super) owner: Option<Spanned<String>>,
    pub(super) reason: Option<Spanned<String>>,
    pub(super) expires: Option<Spanned<TomlTime>>,
    pub(super) effect: Option<Spanned<String>>,
    pub(super) listed_indicators: bool,
    pub(super) fields: Option<Spanned<TomlMatch>>,
}

#[derive(Default)]
pub(super) struct TomlMatch {
    pub(super) source: Option<Spanned<OneOrMany<String>>>,
    pub(super) destination: Option<Spanned<OneOrMany<String>>>,
    pub(super) port: Option<Spanned<OneOrMany<i64>>>,
    pub(super) protocol: Option<Spanned<OneOrMany<String>>>,
    pub(super) vlan: Option<Spanned<OneOrMany<i64>>>,
    pub(super) server_name: Option<Spanned<OneOrMany<String>>>,
    pub(super) signature: Option<Spanned<OneOrMany<String>>>,
    pub(super) schedule: Option<Spanned<TomlSchedule>>,
}

pub(super) struct TomlSchedule {
    pub(super) days: Option<Spanned<OneOrMany<String>>>,
    pub(super) from: Option<Spanned<TomlTime>>,
    pub(super) to: Option<Spanned<TomlTime>>,
    pub(super) timezone: Option<Spanned<String>>,
}

/// Reads the rules of a file. In a document with broken statements, no key counts as missing.
pub(super) fn rules(document: &TomlDocument<'_>, problems: &mut Vec<Problem>) -> Vec<Spanned<TomlRule>> {
    for error in &document.errors {
        problems.push(Problem { offset: error.offset, message: with_advice(&error.message) });
    }
    let is_whole = document.errors.is_empty();
    let mut file =
        TableReader { table: document.table(), span: 0..0, known: Vec::new(), missing: Vec::new(), is_whole, problems };
    let list = match file.take("rule").map(|value| (value.span(), value.into_inner())) {
        None => Vec::new(),
        Some((span, value)) => match value {
            DeValue::Array(list) => list.into_iter().collect(),
            _ => {
                file.problem(span, "begin each rule with [[rule]]".to_owned());
                Vec::new()
            }
        },
    };
    file.finish();
    let mut rules = Vec::new();
    for rule in list {
        let span = rule.span();
        if let Some(rule) = table("rule", rule, is_whole, problems).map(TableReader::rule) {
            rules.push(Spanned::new(span, rule));
        }
    }
    rules
}

/// Begins to read a value that must be a table.
fn table<'t, 'p>(
    key: &str,
    value: Spanned<DeValue<'t>>,
    is_whole: bool,
    problems: &'p mut Vec<Problem>,
) -> Option<TableReader<'t, 'p>> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Table(table) => {
            Some(TableReader { table, span, known: Vec::new(), missing: Vec::new(), is_whole, problems })
        }
        value => {
            let message = with_advice(&format!("{key}: expected a table with keys, not {}", value.type_str()));
            problems.push(Problem { offset: span.start, message });
            None
        }
    }
}

fn with_advice(fault: &str) -> String {
    format!("{fault}; see `rattap exclusions check --help` for an example of a rule")
}

/// Takes the keys out of a table.
struct TableReader<'t, 'p> {
    table: DeTable<'t>,
    /// The place of the table.
    span: Range<usize>,
    /// The keys that were asked for.
    known: Vec<&'static str>,
    /// The required keys that are absent.
    missing: Vec<&'static str>,
    /// False if a statement of the file is broken, so that a key may only seem to be missing.
    is_whole: bool,
    problems: &'p mut Vec<Problem>,
}

impl<'t> TableReader<'t, '_> {
    fn problem(&mut self, span: Range<usize>, message: String) {
        self.problems.push(Problem { offset: span.start, message });
    }

    fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.table.remove(key)
    }

    fn optional<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<Spanned<T>> {
        let value = self.take(key)?;
        let span = value.span();
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(value) => Some(Spanned::new(span, value)),
            Err(error) => {
                let why =
                    error.message().replace('\n', " ").replace("invalid type: ", "").replace("i64", "a whole number");
                let message = with_advice(&format!("{key}: {}", why.trim_end()));
                self.problem(error.span().unwrap_or(span), message);
                None
            }
        }
    }

    fn required<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<Spanned<T>> {
        self.check_present(key);
        self.optional(key)
    }

    fn check_present(&mut self, key: &'static str) {
        if self.is_whole && !self.table.contains_key(key) {
            self.missing.push(key);
        }
    }

    /// Reads a table in this one.
    fn inner<T>(&mut self, key: &'static str, read: impl FnOnce(TableReader<'t, '_>) -> T) -> Option<Spanned<T>> {
        let value = self.take(key)?;
        let span = value.span();
        let inner = table(key, value, self.is_whole, self.problems)?;
        Some(Spanned::new(span, read(inner)))
    }

    fn rule(mut self) -> TomlRule {
        let rule = TomlRule {
            name: self.required("name"),
            scenario: self.required("scenario"),
            owner: self.required("owner"),
            reason: self.required("reason"),
            expires: self.required("expires"),
            effect: self.optional("effect"),
            listed_indicators: self.optional("listed_indicators").is_some_and(Spanned::into_inner),
            fields: {
                self.check_present("match");
                self.inner("match", |table| table.fields())
            },
        };
        self.finish();
        rule
    }

    fn fields(mut self) -> TomlMatch {
        let fields = TomlMatch {
            source: self.optional("source"),
            destination: self.optional("destination"),
            port: self.optional("port"),
            protocol: self.optional("protocol"),
            vlan: self.optional("vlan"),
            server_name: self.optional("server_name"),
            signature: self.optional("signature"),
            schedule: self.inner("schedule", |table| table.schedule()),
        };
        self.finish();
        fields
    }

    fn schedule(mut self) -> TomlSchedule {
        let schedule = TomlSchedule {
            days: self.optional("days"),
            from: self.required("from"),
            to: self.required("to"),
            timezone: self.required("timezone"),
        };
        self.finish();
        schedule
    }

    /// Records the keys that are left over, and those that are missing, unless one that is left
    /// over was probably meant.
    fn finish(mut self) {
        for name in self.table.keys() {
            let key = name.get_ref();
            let message = format!("unknown key {key}: {}", suggestion(key, &self.known));
            self.problems.push(Problem { offset: name.span().start, message });
            let meant = similar(key, &self.known);
            self.missing.retain(|missing| Some(*missing) != meant);
        }
        let keys = self.missing.join(", ");
        match self.missing.len() {
            0 => {}
            1 => self.problem(self.span.clone(), with_advice(&format!("missing key {keys}"))),
            _ => self.problem(self.span.clone(), with_advice(&format!("missing keys {keys}"))),
        }
    }
}

/// One value, or a list of values.
pub(super) enum OneOrMany<T> {
    One(T),
    List(Vec<Spanned<T>>),
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrManyVisitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: DeserializeOwned> Visitor<'de> for OneOrManyVisitor<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a list of values")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(de::value::StrDeserializer::new(text)).map(OneOrMany::One)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                T::deserialize(de::value::I64Deserializer::new(number)).map(OneOrMany::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMany::List)
            }
        }

        deserializer.deserialize_any(OneOrManyVisitor(std::marker::PhantomData))
    }
}

/// A date, a time, or both: as a TOML value or as text.
pub(super) struct TomlTime(pub(super) String);

impl<'de> Deserialize<'de> for TomlTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TomlTimeVisitor;

        impl<'de> Visitor<'de> for TomlTimeVisitor {
            type Value = TomlTime;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a date or a time")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TomlTime(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let time = toml::value::Datetime::deserialize(MapAccessDeserializer::new(map))?;
                Ok(TomlTime(time.to_string()))
            }
        }

        deserializer.deserialize_any(TomlTimeVisitor)
    }
}
