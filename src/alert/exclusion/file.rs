//! Rule files: TOML → checked rules.
//!
//! What a file says is read as it stands and then checked rule by rule. A file that is no TOML, or that has a key too many or too few,
//! ends with its first error; of what is wrong with the values of a file that can be read, everything is told at once.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use thiserror::Error;
use toml::Spanned;

use super::schedule::{self, Days};
use super::{Effect, LISTED_FOR_AT_MOST, Rule, Scenario, Schedule};
use crate::alert::{Signature, sanitize};
use crate::domain_name::DomainName;
use crate::flow::Protocol;
use crate::units::Timestamp;

/// The longest file: a thousand rules of a kilobyte. Rules are written by hand.
const LONGEST_FILE: u64 = 1 << 20;

/// How many rules there may be in all: each is held against each sighting.
const MOST_RULES: usize = 1024;

/// How many values a field may have: as with rules. Many addresses next to each other make a network.
const MOST_VALUES: usize = 1024;

/// The longest name: it stands in each line that the rule touches.
const LONGEST_NAME: usize = 48;

/// The shortest prefix of an IPv4 network: 10.0.0.0/8 is the largest that is anybody's own (RFC 1918).
const SHORTEST_V4: u8 = 8;
/// The same of IPv6: fc00::/7 (RFC 4193).
const SHORTEST_V6: u8 = 7;

/// What is wrong with rules.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("{}: cannot read: {error}; give a file with exclusion rules", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        error: io::Error,
    },
    /// Something in it is wrong.
    #[error("{}:{line}: {what}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, and what to do.
        what: String,
    },
}

/// All that is wrong with rules; at least one thing.
#[derive(Debug, Error)]
pub struct LoadErrors(pub Vec<LoadError>);

impl fmt::Display for LoadErrors {
    /// One a line. Control characters are escaped: in a message they could pass for further lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, error) in self.0.iter().enumerate() {
            let error = error.to_string();
            write!(f, "{}{}", if place == 0 { "" } else { "\n" }, sanitize(error.as_bytes()))?;
        }
        Ok(())
    }
}

/// A file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    rule: Vec<Spanned<WrittenRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    name: Spanned<String>,
    scenario: Spanned<String>,
    owner: Spanned<String>,
    reason: Spanned<String>,
    expires: Spanned<Time>,
    effect: Option<Spanned<String>>,
    #[serde(default)]
    listed_indicators: bool,
    #[serde(rename = "match")]
    fields: Spanned<WrittenMatch>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMatch {
    source: Option<Spanned<Many<String>>>,
    destination: Option<Spanned<Many<String>>>,
    port: Option<Spanned<Many<i64>>>,
    protocol: Option<Spanned<Many<String>>>,
    vlan: Option<Spanned<Many<i64>>>,
    server_name: Option<Spanned<Many<String>>>,
    signature: Option<Spanned<Many<String>>>,
    schedule: Option<Spanned<WrittenSchedule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSchedule {
    days: Option<Spanned<Many<String>>>,
    from: Spanned<Time>,
    to: Spanned<Time>,
    timezone: Spanned<String>,
}

/// One value, or a list of them.
enum Many<T> {
    One(T),
    List(Vec<Spanned<T>>),
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany<T>(std::marker::PhantomData<T>);

        impl<'de, T: DeserializeOwned> Visitor<'de> for OneOrMany<T> {
            type Value = Many<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a list of values")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(de::value::StrDeserializer::new(text)).map(Many::One)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                T::deserialize(de::value::I64Deserializer::new(number)).map(Many::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Many::List)
            }
        }

        deserializer.deserialize_any(OneOrMany(std::marker::PhantomData))
    }
}

/// A date, a time, or both, as TOML writes them, or as text.
struct Time(String);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyTime;

        impl<'de> Visitor<'de> for AnyTime {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a date or a time")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Time(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let time = toml::value::Datetime::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Time(time.to_string()))
            }
        }

        deserializer.deserialize_any(AnyTime)
    }
}

/// Reads and checks files of rules.
pub(super) fn load<P: AsRef<Path>>(paths: &[P], now: Timestamp) -> Result<Vec<Rule>, LoadErrors> {
    let (mut rules, mut errors) = (Vec::new(), Vec::new());
    for path in paths {
        let path = path.as_ref();
        match read(path) {
            Ok(text) => add(&text, path, now, &mut rules, &mut errors),
            Err(error) => errors.push(LoadError::Read { path: path.to_owned(), error }),
        }
    }
    if errors.is_empty() { Ok(rules) } else { Err(LoadErrors(errors)) }
}

/// Checks the rules in a text.
pub(super) fn parse(text: &str, path: &Path, now: Timestamp) -> Result<Vec<Rule>, LoadErrors> {
    let (mut rules, mut errors) = (Vec::new(), Vec::new());
    add(text, path, now, &mut rules, &mut errors);
    if errors.is_empty() { Ok(rules) } else { Err(LoadErrors(errors)) }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?.take(LONGEST_FILE + 1).read_to_string(&mut text)?;
    if read as u64 > LONGEST_FILE {
        let what = format!("it is longer than {LONGEST_FILE} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(text)
}

/// Something wrong, and at which byte of the file.
struct Wrong {
    at: usize,
    what: String,
}

/// Adds a file's rules, and what is wrong with them, to those of the files before it.
fn add(text: &str, path: &Path, now: Timestamp, rules: &mut Vec<Rule>, errors: &mut Vec<LoadError>) {
    let mut wrongs = Vec::new();
    add_rules(text, path, now, rules, &mut wrongs);
    errors.extend(wrongs.into_iter().map(|Wrong { at, what }| LoadError::Wrong {
        path: path.to_owned(),
        line: line_of(text, at),
        what,
    }));
}

/// The line of a byte, counted from 1.
fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

fn add_rules(text: &str, path: &Path, now: Timestamp, rules: &mut Vec<Rule>, wrongs: &mut Vec<Wrong>) {
    let written: Written = match toml::from_str(text) {
        Ok(written) => written,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            let advice = "see `rattap exclusions check --help` for what a rule looks like";
            wrongs.push(Wrong { at, what: format!("{}; {advice}", error.message().replace('\n', " ").trim_end()) });
            return;
        }
    };
    if written.rule.is_empty() {
        wrongs.push(Wrong { at: 0, what: "no rule in this file; each begins with [[rule]]".to_owned() });
    }
    for written in written.rule {
        let start = written.span().start;
        let line = line_of(text, start);
        if rules.len() >= MOST_RULES {
            wrongs.push(Wrong { at: start, what: format!("more than {MOST_RULES} rules; join some of them") });
            return;
        }
        let mut check = Check { wrongs };
        let rule = check.rule(written.into_inner(), format!("{}:{line}", path.display()), now);
        if let Some(known) = rules.iter().find(|known| known.name == rule.name) {
            let what = format!("a rule {} is there already, at {}; give this one another name", rule.name, known.place);
            check.wrong(start..start, what);
        }
        rules.push(rule);
    }
}

/// Checks one rule. What is wrong is noted, and something put in its place, so that all is told that is wrong.
struct Check<'a> {
    wrongs: &'a mut Vec<Wrong>,
}

impl Check<'_> {
    fn wrong(&mut self, at: Range<usize>, what: String) {
        self.wrongs.push(Wrong { at: at.start, what });
    }

    fn rule(&mut self, written: WrittenRule, place: String, now: Timestamp) -> Rule {
        let WrittenRule { name, scenario, owner, reason, expires, effect, listed_indicators, fields } = written;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.as_ref().is_empty() || name.as_ref().len() > LONGEST_NAME || !name.as_ref().bytes().all(is_plain) {
            let what = format!("name: letters, digits, - _ . are wanted, {LONGEST_NAME} at the most");
            self.wrong(name.span(), what);
        }
        for (key, text) in [("owner", &owner), ("reason", &reason)] {
            if text.as_ref().trim().is_empty() || text.as_ref().contains(char::is_control) {
                self.wrong(text.span(), format!("{key}: one line of text is wanted"));
            }
        }
        let (at, fields) = (fields.span(), fields.into_inner());
        let (has_source, has_target) =
            (fields.source.is_some(), fields.destination.is_some() || fields.server_name.is_some());
        let schedule = fields.schedule.map(|schedule| self.schedule(schedule));
        let zone = schedule.as_ref().map_or(TimeZone::UTC, |schedule| schedule.zone().clone());
        let expires = self.expiry(&expires, zone);
        let rule = Rule {
            name: name.into_inner().into(),
            scenario: self.choice("scenario", &scenario, &Scenario::ALL.map(|known| (known.token(), known))),
            owner: owner.into_inner(),
            reason: reason.into_inner(),
            expires,
            effect: effect.map_or(Effect::Downgrade, |effect| {
                self.choice("effect", &effect, &Effect::ALL.map(|known| (known.token(), known)))
            }),
            listed_indicators,
            covers_listed: listed_indicators && now < expires && expires.since(now) <= LISTED_FOR_AT_MOST,
            place,
            source: self.values("source", fields.source, |text| network(text)),
            destination: self.values("destination", fields.destination, |text| network(text)),
            ports: self.values("port", fields.port, |number| {
                u16::try_from(*number).ok().filter(|port| *port != 0).ok_or("a port from 1 to 65535 is wanted")
            }),
            protocols: self.values("protocol", fields.protocol, |text| protocol(text)),
            vlans: self.values("vlan", fields.vlan, |number| {
                u16::try_from(*number)
                    .ok()
                    .filter(|vlan| (1..4095).contains(vlan))
                    .ok_or("a VLAN from 1 to 4094 is wanted")
            }),
            server_names: self.values("server_name", fields.server_name, |text| server_name(text)),
            signatures: self.values("signature", fields.signature, |text| {
                let known = Signature::find(text);
                known.ok_or_else(|| format!("one of {} is wanted", Signature::ALL.map(Signature::id).join(", ")))
            }),
            schedule,
        };
        if !has_source {
            let what = "match names no source; a rule has to say for whom it is, by addresses or networks";
            self.wrong(at.clone(), what.to_owned());
        }
        if !has_target {
            let what =
                "match names neither destination nor server_name; a rule has to say with whom it lets its source speak";
            self.wrong(at, what.to_owned());
        }
        rule
    }

    /// The values of a field. An empty list would match nothing to its reader, and everything to a program: it is refused.
    fn values<T, V, E: fmt::Display>(
        &mut self,
        key: &str,
        written: Option<Spanned<Many<T>>>,
        read: impl Fn(&T) -> Result<V, E>,
    ) -> Vec<V>
    where
        T: fmt::Debug,
    {
        let Some(written) = written else { return Vec::new() };
        let whole = written.span();
        let list = match written.into_inner() {
            Many::One(value) => vec![Spanned::new(whole.clone(), value)],
            Many::List(list) => list,
        };
        if list.is_empty() {
            self.wrong(whole, format!("{key}: an empty list matches nothing; name something, or leave {key} out"));
            return Vec::new();
        }
        if list.len() > MOST_VALUES {
            self.wrong(whole, format!("{key}: more than {MOST_VALUES} values; write networks, or several rules"));
            return Vec::new();
        }
        let mut values = Vec::new();
        for value in list {
            match read(value.as_ref()) {
                Ok(value) => values.push(value),
                Err(error) => {
                    let shown = shortened(value.as_ref());
                    self.wrong(value.span(), format!("{key} {shown}: {error}"));
                }
            }
        }
        values
    }

    fn choice<T: Copy>(&mut self, key: &str, written: &Spanned<String>, known: &[(&str, T)]) -> T {
        let found = known.iter().find(|(token, _)| token == written.as_ref());
        if found.is_none() {
            let tokens: Vec<_> = known.iter().map(|(token, _)| *token).collect();
            let what = format!("{key} {}: one of {} is wanted", shortened(written.as_ref()), tokens.join(", "));
            self.wrong(written.span(), what);
        }
        found.unwrap_or(&known[0]).1
    }

    /// A day ends at its midnight, in the rule's zone.
    fn expiry(&mut self, written: &Spanned<Time>, zone: TimeZone) -> Timestamp {
        let text = written.as_ref().0.as_str();
        let at_end_of = |date: Date| Some(date.tomorrow().ok()?.to_zoned_datetime(zone.clone()).ok()?.timestamp());
        let instant = match text.parse::<jiff::Timestamp>() {
            Ok(instant) => Some(instant),
            Err(_) if text.len() == "2027-06-30".len() => text.parse().ok().and_then(at_end_of),
            Err(_) => None,
        };
        let nanos = instant.and_then(|instant| i64::try_from(instant.as_nanosecond()).ok());
        if nanos.is_none() {
            let what = "the rule's last day is wanted, such as 2027-06-30, or a time with its offset, such as \
                        2027-06-30T18:00:00+02:00";
            self.wrong(written.span(), format!("expires {}: {what}", shortened(text)));
        }
        Timestamp::from_nanos(nanos.unwrap_or(0))
    }

    fn schedule(&mut self, written: Spanned<WrittenSchedule>) -> Schedule {
        let WrittenSchedule { days, from, to, timezone } = written.into_inner();
        let days = self.values("days", days, |name| {
            Days::parse(name).ok_or("a day is wanted: mon to sun, weekdays, weekend or daily")
        });
        let days = days.into_iter().reduce(Days::and).unwrap_or(Days::ALL);
        let mut clock = |key: &str, written: &Spanned<Time>| {
            let minutes = schedule::time_of_day(&written.as_ref().0);
            // A day begins at 00:00.
            let minutes = minutes.filter(|minutes| key == "to" || *minutes < schedule::DAY);
            if minutes.is_none() {
                let shown = shortened(&written.as_ref().0);
                self.wrong(
                    written.span(),
                    format!("{key} {shown}: a time of day to the minute is wanted, such as 08:00"),
                );
            }
            minutes.unwrap_or(0)
        };
        let (from, to) = (clock("from", &from), clock("to", &to));
        let zone = schedule::zone(timezone.as_ref());
        if zone.is_none() {
            let shown = shortened(timezone.as_ref());
            self.wrong(
                timezone.span(),
                format!("timezone {shown}: an IANA name is wanted, such as Europe/Amsterdam or UTC"),
            );
        }
        Schedule::new(days, from, to, zone.unwrap_or(TimeZone::UTC))
    }
}

/// A value as an error shows it: text in quotes and escaped, and not longer than a line.
fn shortened(value: &(impl fmt::Debug + ?Sized)) -> String {
    const LONGEST: usize = 60;
    let whole = format!("{value:?}");
    let short: String = whole.chars().take(LONGEST).collect();
    if short.len() < whole.len() { short + "…" } else { short }
}

fn network(text: &str) -> Result<IpNet, String> {
    let network = match (text.parse::<IpNet>(), text.parse::<IpAddr>()) {
        (Ok(network), _) => network,
        (_, Ok(address)) => address.into(),
        _ => return Err("an address or a network is wanted, such as 10.20.30.0/24".to_owned()),
    };
    if network.addr() != network.network() {
        return Err(format!("bits are set behind the prefix; {} may be meant", network.trunc()));
    }
    let shortest = if network.addr().is_ipv4() { SHORTEST_V4 } else { SHORTEST_V6 };
    if network.prefix_len() < shortest {
        return Err(format!("that is too wide: no prefix may be shorter than /{shortest}"));
    }
    Ok(network)
}

/// A protocol above IP by its usual name or its number.
fn protocol(text: &str) -> Result<Protocol, &'static str> {
    let by_name = || (0..=u8::MAX).map(Protocol).find(|known| known.to_string().eq_ignore_ascii_case(text));
    text.parse().ok().map(Protocol).or_else(by_name).ok_or("a protocol above IP is wanted, such as TCP or 47")
}

/// A name in the form in which it is compared.
fn server_name(text: &str) -> Result<String, String> {
    if text.parse::<IpAddr>().is_ok() {
        return Err("that is an address; write it as destination".to_owned());
    }
    let name =
        DomainName::parse(text).map_err(|error| format!("{error}; a name is wanted, such as gateway.example.com"))?;
    if name.label_count() < 2 {
        return Err("that is too wide: a name of two labels or more is wanted".to_owned());
    }
    Ok(String::from_utf8_lossy(name.as_bytes()).into_owned())
}
