//! Help for JSON lists: the line number of each entry, and values that some producers write as text
//! and others as a number.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::csv::is_null;

/// Computes the line number of a part of a text. Fast if the parts are asked for in order.
pub(super) struct LineCounter<'a> {
    text: &'a str,
    /// The offset up to which lines are counted.
    counted: usize,
    line: usize,
}

impl<'a> LineCounter<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, counted: 0, line: 1 }
    }

    /// The line in which a part of the text begins, counted from 1.
    pub(super) fn of(&mut self, part: &RawValue) -> usize {
        let offset = part.get().as_ptr().addr().saturating_sub(self.text.as_ptr().addr()).min(self.text.len());
        if offset < self.counted {
            (self.counted, self.line) = (0, 1);
        }
        let between = &self.text.as_bytes()[self.counted..offset];
        self.line += memchr::memchr_iter(b'\n', between).count();
        self.counted = offset;
        self.line
    }
}

/// Any value as text: a number, a boolean, a list of texts (joined by commas), or null (empty).
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct JsonText(String);

impl JsonText {
    pub(super) fn get(&self) -> &str {
        let text = self.0.trim();
        if is_null(text) { "" } else { text }
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonTextVisitor)
    }
}

struct JsonTextVisitor;

impl<'de> Visitor<'de> for JsonTextVisitor {
    type Value = JsonText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, a boolean or a list of them")
    }

    fn visit_str<E>(self, text: &str) -> Result<JsonText, E> {
        Ok(JsonText(text.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<JsonText, E> {
        Ok(JsonText(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<JsonText, E> {
        Ok(JsonText(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<JsonText, E> {
        Ok(JsonText(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<JsonText, E> {
        Ok(JsonText(value.to_string()))
    }

    fn visit_unit<E>(self) -> Result<JsonText, E> {
        Ok(JsonText::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<JsonText, A::Error> {
        let mut all = String::new();
        while let Some(JsonText(text)) = list.next_element()? {
            if !all.is_empty() {
                all.push(',');
            }
            all.push_str(&text);
        }
        Ok(JsonText(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonText, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(JsonText::default())
    }
}

/// The message of an error without the line number that the library appends, which counts within a
/// part of the file.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].chars().flat_map(char::escape_debug).take(200).collect()
}
