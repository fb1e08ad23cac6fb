//! Validation of one rule of a rule file.

use std::fmt;
use std::net::IpAddr;
use std::ops::Range;

use ipnet::IpNet;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use toml::Spanned;

use super::schedule::{self, Days};
use super::toml_form::{OneOrMany, Problem, TomlMatch, TomlRule, TomlSchedule, TomlTime};
use super::{Effect, MAX_LISTED_LIFETIME, Rule, Scenario, Schedule};
use crate::alert::Signature;
use crate::domain_name::DomainName;
use crate::flow::Protocol;
use crate::units::Timestamp;

/// The maximum number of values of a field: the same as that of rules. Many adjacent addresses form
/// a network.
const MAX_VALUES: usize = 1024;

/// The maximum length of a name, which is in every alert that the rule affects.
const MAX_NAME: usize = 48;

/// The shortest prefix of an IPv4 network: 10.0.0.0/8 is the largest private network (RFC 1918).
const MIN_PREFIX_IPV4: u8 = 8;
/// The shortest prefix of an IPv6 network: fc00::/7 (RFC 4193).
const MIN_PREFIX_IPV6: u8 = 7;

/// Validates one rule. An invalid value is recorded and replaced by a default, so that all problems
/// are reported at once.
pub(super) struct RuleValidator<'a> {
    pub(super) problems: &'a mut Vec<Problem>,
    /// False if a statement of the file is broken, so that a key may only seem to be missing.
    pub(super) is_whole: bool,
}

impl RuleValidator<'_> {
    pub(super) fn problem(&mut self, span: Range<usize>, message: String) {
        self.problems.push(Problem { offset: span.start, message });
    }

    pub(super) fn rule(&mut self, rule: TomlRule, location: String, now: Timestamp) -> Rule {
        let TomlRule { name, scenario, owner, reason, expires, effect, listed_indicators, fields } = rule;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if let Some(name) = &name
            && (name.as_ref().is_empty() || name.as_ref().len() > MAX_NAME || !name.as_ref().bytes().all(is_plain))
        {
            let message = format!("name: only letters, digits and - _ . are allowed, at most {MAX_NAME} of them");
            self.problem(name.span(), message);
        }
        for (key, text) in [("owner", &owner), ("reason", &reason)] {
            if let Some(text) = text
                && (text.as_ref().trim().is_empty() || text.as_ref().contains(char::is_control))
            {
                self.problem(text.span(), format!("{key}: must be one line of text"));
            }
        }
        if let Some(fields) = &fields {
            self.check_ends(fields);
        }
        let fields = fields.map(Spanned::into_inner).unwrap_or_default();
        let schedule = fields.schedule.map(|schedule| self.schedule(schedule));
        let zone = schedule.as_ref().map_or(TimeZone::UTC, |schedule| schedule.zone().clone());
        let expires = expires.map_or(Timestamp::MIN, |expires| self.expiry(&expires, zone));
        Rule {
            name: name.map(Spanned::into_inner).unwrap_or_default().into(),
            scenario: scenario.map_or(Scenario::ALL[0], |scenario| {
                self.choice("scenario", &scenario, &Scenario::ALL.map(|known| (known.token(), known)))
            }),
            owner: owner.map(Spanned::into_inner).unwrap_or_default(),
            reason: reason.map(Spanned::into_inner).unwrap_or_default(),
            expires,
            effect: effect.map_or(Effect::Downgrade, |effect| {
                self.choice("effect", &effect, &Effect::ALL.map(|known| (known.token(), known)))
            }),
            listed_indicators,
            covers_listed: listed_indicators && now < expires && expires.since(now) <= MAX_LISTED_LIFETIME,
            location,
            source: self.values("source", fields.source, |text| network(text)),
            destination: self.values("destination", fields.destination, |text| network(text)),
            ports: self.values("port", fields.port, |number| {
                u16::try_from(*number).ok().filter(|port| *port != 0).ok_or("expected a port from 1 to 65535")
            }),
            protocols: self.values("protocol", fields.protocol, |text| protocol(text)),
            vlans: self.values("vlan", fields.vlan, |number| {
                u16::try_from(*number)
                    .ok()
                    .filter(|vlan| (1..4095).contains(vlan))
                    .ok_or("expected a VLAN from 1 to 4094")
            }),
            server_names: self.values("server_name", fields.server_name, |text| server_name(text)),
            signatures: self.values("signature", fields.signature, |text| {
                let known = Signature::ALL.into_iter().find(|known| known.id() == text);
                known.ok_or_else(|| format!("expected one of {}", Signature::ALL.map(Signature::id).join(", ")))
            }),
            schedule,
        }
    }

    /// Checks that a rule says who may reach what.
    fn check_ends(&mut self, fields: &Spanned<TomlMatch>) {
        let (span, fields) = (fields.span(), fields.get_ref());
        if fields.source.is_none() && self.is_whole {
            let message = "match names no source; add the addresses or networks that the rule is for";
            self.problem(span.clone(), message.to_owned());
        }
        if fields.destination.is_none() && fields.server_name.is_none() && self.is_whole {
            let message = "match names neither destination nor server_name; add the servers that the source may use";
            self.problem(span, message.to_owned());
        }
    }

    /// Validates the values of a field. An empty list is refused: a reader would expect it to match
    /// nothing, but an empty field matches everything.
    fn values<T, V, E: fmt::Display>(
        &mut self,
        key: &str,
        field: Option<Spanned<OneOrMany<T>>>,
        read: impl Fn(&T) -> Result<V, E>,
    ) -> Vec<V>
    where
        T: fmt::Debug,
    {
        let Some(field) = field else { return Vec::new() };
        let whole = field.span();
        let list = match field.into_inner() {
            OneOrMany::One(value) => vec![Spanned::new(whole.clone(), value)],
            OneOrMany::List(list) => list,
        };
        if list.is_empty() {
            self.problem(whole, format!("{key}: an empty list matches nothing; add a value, or remove {key}"));
            return Vec::new();
        }
        if list.len() > MAX_VALUES {
            self.problem(whole, format!("{key}: more than {MAX_VALUES} values; use networks, or several rules"));
            return Vec::new();
        }
        let mut values = Vec::new();
        for value in list {
            match read(value.as_ref()) {
                Ok(value) => values.push(value),
                Err(error) => {
                    let shown = quoted(value.as_ref());
                    self.problem(value.span(), format!("{key} {shown}: {error}"));
                }
            }
        }
        values
    }

    fn choice<T: Copy>(&mut self, key: &str, token: &Spanned<String>, known: &[(&str, T)]) -> T {
        let found = known.iter().find(|(known, _)| known == token.as_ref());
        if found.is_none() {
            let tokens: Vec<_> = known.iter().map(|(token, _)| *token).collect();
            let message = format!("{key} {}: expected one of {}", quoted(token.as_ref()), tokens.join(", "));
            self.problem(token.span(), message);
        }
        found.unwrap_or(&known[0]).1
    }

    /// Parses the expiry. A day ends at its midnight, in the time zone of the rule.
    fn expiry(&mut self, time: &Spanned<TomlTime>, zone: TimeZone) -> Timestamp {
        let text = time.as_ref().0.as_str();
        let at_end_of = |date: Date| Some(date.tomorrow().ok()?.to_zoned_datetime(zone.clone()).ok()?.timestamp());
        let instant = match text.parse::<jiff::Timestamp>() {
            Ok(instant) => Some(instant),
            Err(_) if text.len() == "2027-06-30".len() => text.parse().ok().and_then(at_end_of),
            Err(_) => None,
        };
        let nanos = instant.and_then(|instant| i64::try_from(instant.as_nanosecond()).ok());
        if nanos.is_none() {
            let message = "expected the last day of the rule, such as 2027-06-30, or a time with its offset, such as \
                        2027-06-30T18:00:00+02:00";
            self.problem(time.span(), format!("expires {}: {message}", quoted(text)));
        }
        Timestamp::from_nanos(nanos.unwrap_or(0))
    }

    fn schedule(&mut self, schedule: Spanned<TomlSchedule>) -> Schedule {
        let TomlSchedule { days, from, to, timezone } = schedule.into_inner();
        let days = self.values("days", days, |name| {
            Days::parse(name).ok_or("expected a day: mon to sun, weekdays, weekend or daily")
        });
        let days = days.into_iter().reduce(Days::union).unwrap_or(Days::ALL);
        let mut clock = |key: &str, time: Option<Spanned<TomlTime>>| {
            let Some(time) = time else { return 0 };
            let minutes = schedule::time_of_day(&time.as_ref().0);
            // A day begins at 00:00.
            let minutes = minutes.filter(|minutes| key == "to" || *minutes < schedule::MINUTES_PER_DAY);
            if minutes.is_none() {
                let shown = quoted(&time.as_ref().0);
                self.problem(
                    time.span(),
                    format!("{key} {shown}: expected a time of day to the minute, such as 08:00"),
                );
            }
            minutes.unwrap_or(0)
        };
        let (from, to) = (clock("from", from), clock("to", to));
        let zone = timezone.and_then(|timezone| {
            let zone = schedule::zone(timezone.as_ref());
            if zone.is_none() {
                let shown = quoted(timezone.as_ref());
                let message = format!("timezone {shown}: expected an IANA name, such as Europe/Amsterdam or UTC");
                self.problem(timezone.span(), message);
            }
            zone
        });
        Schedule::new(days, from, to, zone.unwrap_or(TimeZone::UTC))
    }
}

/// Formats a value for an error: text quoted and escaped, and truncated to a line.
fn quoted(value: &(impl fmt::Debug + ?Sized)) -> String {
    const LONGEST: usize = 60;
    let whole = format!("{value:?}");
    let short: String = whole.chars().take(LONGEST).collect();
    if short.len() < whole.len() { short + "…" } else { short }
}

fn network(text: &str) -> Result<IpNet, String> {
    let network = match (text.parse::<IpNet>(), text.parse::<IpAddr>()) {
        (Ok(network), _) => network,
        (_, Ok(address)) => address.into(),
        _ => return Err("expected an address or a network, such as 10.20.30.0/24".to_owned()),
    };
    if network.addr() != network.network() {
        return Err(format!("host bits are set; did you mean {}?", network.trunc()));
    }
    let min_prefix = if network.addr().is_ipv4() { MIN_PREFIX_IPV4 } else { MIN_PREFIX_IPV6 };
    if network.prefix_len() < min_prefix {
        return Err(format!("too wide: the prefix must not be shorter than /{min_prefix}"));
    }
    Ok(network)
}

/// Parses a protocol above IP by its usual name or its number.
fn protocol(text: &str) -> Result<Protocol, &'static str> {
    let by_name = || (0..=u8::MAX).map(Protocol).find(|known| known.to_string().eq_ignore_ascii_case(text));
    text.parse().ok().map(Protocol).or_else(by_name).ok_or("expected a protocol above IP, such as TCP or 47")
}

/// Parses a server name into the form in which it is compared.
fn server_name(text: &str) -> Result<String, String> {
    if text.parse::<IpAddr>().is_ok() {
        return Err("this is an address; write it as destination".to_owned());
    }
    let name =
        DomainName::parse(text).map_err(|error| format!("{error}; expected a name, such as gateway.example.com"))?;
    if name.label_count() < 2 {
        return Err("too wide: a name must have two labels or more".to_owned());
    }
    Ok(String::from_utf8_lossy(name.as_bytes()).into_owned())
}
