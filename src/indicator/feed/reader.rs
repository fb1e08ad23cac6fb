//! What all formats share: from an entry as it stands in a file to an indicator, a refusal, or something left out.

use std::collections::BTreeMap;
use std::time::Duration;

use thiserror::Error;

use super::value::{self, quoted};
use super::{Kind, LeftOut, Refusal, Rules};
use crate::indicator::{Listing, Reference, TooMany, UNKNOWN_FAMILY, guard};
use crate::units::Timestamp;

/// Who gives no confidence is taken at their word.
const CONFIDENCE: u8 = 100;

/// What lists call what they are for where they do not say.
const THREAT: &str = "botnet_cc";

/// How many refusals are kept with their reason. A list in which more lines are wrong is wrong itself, and they would fill the memory.
const MOST_REFUSALS: usize = 100_000;

/// How many families a feed's report names.
const MOST_FAMILIES: usize = 20;

/// How far in the future a date may lie and still say how new a feed is: clocks differ, but a slip must not hide that a feed stands still.
const FUTURE: Duration = Duration::from_secs(86_400);

/// Why a file is no feed, although it began like one.
#[derive(Debug, Error)]
pub(super) enum Broken {
    /// What is wrong, and where.
    #[error("line {line}: {reason}")]
    At { line: usize, reason: String },
    /// The source answered, but with something else than a list.
    #[error("{0}")]
    NoList(String),
    #[error("{0}")]
    TooMany(#[from] TooMany),
}

impl From<serde_json::Error> for Broken {
    fn from(error: serde_json::Error) -> Self {
        Self::At { line: error.line(), reason: super::json::reason(&error) }
    }
}

/// The family that an entry names.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Family<'a> {
    /// Such as `win.netsupportmanager_rat`.
    pub(super) key: &'a str,
    /// Such as `NetSupportManager RAT`.
    pub(super) name: &'a str,
    /// More names, separated by commas.
    pub(super) aliases: &'a str,
}

/// One entry of a file, as it stands there.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry<'a> {
    /// Counted from one.
    pub(super) line: usize,
    pub(super) value: &'a str,
    pub(super) family: Family<'a>,
    pub(super) threat: &'a str,
    pub(super) confidence: Option<u8>,
    pub(super) first_seen: Option<Timestamp>,
    pub(super) last_seen: Option<Timestamp>,
    /// When the entry itself was last touched, where that is something else.
    pub(super) changed: Option<Timestamp>,
    pub(super) valid_until: Option<Timestamp>,
    pub(super) is_revoked: bool,
    /// It is context, and nothing to be looked for.
    pub(super) is_context: bool,
    pub(super) is_compromised: bool,
    /// Of something else than a host, whatever its value looks like.
    pub(super) is_from_url: bool,
    pub(super) reference: &'a str,
    pub(super) tags: &'a [&'a str],
    pub(super) id: &'a str,
}

/// Takes entries in.
pub(super) struct Reader<'a> {
    pub(super) rules: &'a Rules,
    /// What the indicators give as their source.
    pub(super) source: &'a str,
    /// Whether entries of this format say of which family they are.
    pub(super) names_families: bool,
    take: &'a mut dyn FnMut(&Listing<'_>) -> Result<(), TooMany>,
    pub(super) kinds: BTreeMap<Kind, u64>,
    pub(super) left_out: BTreeMap<LeftOut, u64>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) more_refusals: u64,
    /// What the file says of its own age.
    pub(super) dated: Option<Timestamp>,
    newest_entry: Option<Timestamp>,
    /// Families other than those asked for.
    pub(super) families: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        rules: &'a Rules,
        source: &'a str,
        take: &'a mut dyn FnMut(&Listing<'_>) -> Result<(), TooMany>,
    ) -> Self {
        Self {
            rules,
            source,
            names_families: false,
            take,
            kinds: BTreeMap::new(),
            left_out: BTreeMap::new(),
            refusals: Vec::new(),
            more_refusals: 0,
            dated: None,
            newest_entry: None,
            families: Vec::new(),
        }
    }

    /// The date of the feed: its own, or else that of its newest entry.
    pub(super) fn date(&self) -> Option<Timestamp> {
        self.dated.or(self.newest_entry)
    }

    /// Takes an entry, whatever becomes of it.
    pub(super) fn entry(&mut self, entry: &Entry<'_>) -> Result<(), Broken> {
        let now = self.rules.now;
        let horizon = now.map_or(Timestamp::MAX, |now| now + FUTURE);
        let dates = [entry.first_seen, entry.last_seen, entry.changed].into_iter().flatten();
        self.newest_entry = dates.filter(|date| *date <= horizon).chain(self.newest_entry).max();
        let is_over = |until: Option<Timestamp>| now.zip(until).is_some_and(|(now, until)| until < now);
        let is_old = || {
            let seen = entry.last_seen.max(entry.first_seen);
            is_over(self.rules.indicator_max_age.zip(seen).map(|(age, seen)| seen + age))
        };
        if !self.is_wanted(&entry.family) {
            self.note_family(&entry.family);
            self.leave_out(LeftOut::OtherFamily);
            return Ok(());
        }
        for (holds, why) in [
            (entry.is_revoked, LeftOut::Revoked),
            (entry.is_context, LeftOut::Context),
            (is_over(entry.valid_until) || is_old(), LeftOut::Expired),
        ] {
            if holds {
                self.leave_out(why);
                return Ok(());
            }
        }
        let value = match value::read(entry.value) {
            Ok(value) => value,
            Err(reason) => {
                self.refuse(entry.line, reason);
                return Ok(());
            }
        };
        let is_from_url = value.is_from_url || entry.is_from_url;
        if !self.rules.allow_broad
            && let Some(broad) = guard(&value.pattern, is_from_url)
        {
            self.refuse(entry.line, format!("{}: {broad}", quoted(entry.value)));
            return Ok(());
        }
        let family = [entry.family.name, entry.family.key].into_iter().find(|name| !name.is_empty());
        (self.take)(&Listing {
            pattern: value.pattern.clone(),
            family: family.unwrap_or(UNKNOWN_FAMILY),
            threat: if entry.threat.is_empty() { THREAT } else { entry.threat },
            confidence: entry.confidence.unwrap_or(CONFIDENCE),
            first_seen: entry.first_seen,
            last_seen: entry.last_seen,
            source: self.source,
            reference: match entry.reference {
                "" => Reference::Line(entry.line),
                reference => Reference::Text(reference),
            },
            tags: entry.tags,
            id: (!entry.id.is_empty()).then_some(entry.id),
            is_compromised: entry.is_compromised,
            is_from_url,
        })?;
        let kind = if is_from_url { Kind::Url } else { Kind::of(&value.pattern) };
        *self.kinds.entry(kind).or_default() += 1;
        Ok(())
    }

    /// Says that a line cannot be used.
    pub(super) fn refuse(&mut self, line: usize, reason: impl Into<String>) {
        if self.refusals.len() < MOST_REFUSALS {
            self.refusals.push(Refusal { line, reason: reason.into() });
        } else {
            self.more_refusals += 1;
        }
    }

    /// Says that an entry is well and not looked for.
    pub(super) fn leave_out(&mut self, why: LeftOut) {
        *self.left_out.entry(why).or_default() += 1;
    }

    /// A comment at the head of a list may say how old it is.
    pub(super) fn comment(&mut self, text: &str) {
        if self.dated.is_none() {
            self.dated = super::date::of_banner(text);
        }
    }

    fn is_wanted(&self, family: &Family<'_>) -> bool {
        let wanted = &self.rules.families;
        if wanted.is_empty() || !self.names_families {
            return true;
        }
        let names = [family.key, family.name].into_iter().chain(family.aliases.split(','));
        names.map(str::trim).any(|name| wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(name)))
    }

    fn note_family(&mut self, family: &Family<'_>) {
        let name = if family.key.is_empty() { family.name } else { family.key };
        if self.families.len() < MOST_FAMILIES && !name.is_empty() && !self.families.iter().any(|known| known == name) {
            self.families.push(quoted(name));
        }
    }
}
