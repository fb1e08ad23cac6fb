//! The form of a rule file, as TOML is deserialized into it. The values are not validated yet.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use toml::Spanned;

/// A file of rules.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    #[serde(default)]
    pub(super) rule: Vec<Spanned<TomlRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TomlRule {
    pub(super) name: Spanned<String>,
    pub(super) scenario: Spanned<String>,
    pub(super) owner: Spanned<String>,
    pub(super) reason: Spanned<String>,
    pub(super) expires: Spanned<TomlTime>,
    pub(super) effect: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) listed_indicators: bool,
    #[serde(rename = "match")]
    pub(super) fields: Spanned<TomlMatch>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TomlSchedule {
    pub(super) days: Option<Spanned<OneOrMany<String>>>,
    pub(super) from: Spanned<TomlTime>,
    pub(super) to: Spanned<TomlTime>,
    pub(super) timezone: Spanned<String>,
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
