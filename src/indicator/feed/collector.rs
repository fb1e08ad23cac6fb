//! The part that all formats share: it turns an entry of a file into an indicator, or skips or
//! refuses it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::value::{self, quoted};
use super::{EntryKind, FeedContents, FeedRules, Refusal, SkipReason};
use crate::indicator::{Listing, Reference, TooMany, UNKNOWN_FAMILY, too_broad};
use crate::units::Timestamp;

/// A missing confidence counts as 100.
const DEFAULT_CONFIDENCE: u8 = 100;

/// The type of threat of entries that name none.
const DEFAULT_THREAT: &str = "botnet_cc";

/// The maximum number of refusals that are stored with their reason. A list with more invalid lines
/// is unusable as a whole, and its refusals would fill the memory.
const MAX_REFUSALS: usize = 100_000;

/// The maximum number of other families that a report names.
const MAX_FAMILIES: usize = 20;

/// The furthest in the future that the date of an entry may be to count as the date of the feed.
/// Clocks differ, but one wrong date must not hide that a feed is no longer updated.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(86_400);

/// The error of a file that begins like a format, but does not continue like it.
#[derive(Debug, Error)]
pub(super) enum FormatError {
    /// The text is invalid.
    #[error("line {line}: {reason}")]
    Syntax { line: usize, reason: String },
    /// The source answered, but not with a list.
    #[error("{0}")]
    NotAList(String),
    #[error("{0}")]
    TooMany(#[from] TooMany),
}

impl From<serde_json::Error> for FormatError {
    fn from(error: serde_json::Error) -> Self {
        Self::Syntax { line: error.line(), reason: super::json::reason(&error) }
    }
}

/// The names of the malware family of an entry.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FamilyNames<'a> {
    /// The key, such as `win.netsupportmanager_rat`.
    pub(super) key: &'a str,
    /// The printable name, such as `NetSupportManager RAT`.
    pub(super) name: &'a str,
    /// Further names, separated by commas.
    pub(super) aliases: &'a str,
}

/// One entry, as it is in the file.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FeedEntry<'a> {
    /// The line, counted from 1.
    pub(super) line: usize,
    pub(super) value: &'a str,
    pub(super) family: FamilyNames<'a>,
    pub(super) threat: &'a str,
    pub(super) confidence: Option<u8>,
    pub(super) first_seen: Option<Timestamp>,
    pub(super) last_seen: Option<Timestamp>,
    /// The time at which the entry itself was modified, if the format has it.
    pub(super) modified: Option<Timestamp>,
    pub(super) valid_until: Option<Timestamp>,
    pub(super) is_revoked: bool,
    /// True if the entry is context and not for detection.
    pub(super) is_context: bool,
    pub(super) is_compromised: bool,
    /// True if the format says that the value is a URL, whatever it looks like.
    pub(super) is_from_url: bool,
    pub(super) reference: &'a str,
    pub(super) tags: &'a [&'a str],
    pub(super) id: &'a str,
}

/// Collects the entries of a file.
pub(super) struct EntryCollector<'a> {
    rules: &'a FeedRules,
    /// The source of the indicators.
    source: &'a str,
    /// True if the format names the family of each entry.
    names_families: bool,
    add_listing: &'a mut dyn FnMut(&Listing<'_>) -> Result<(), TooMany>,
    kinds: BTreeMap<EntryKind, u64>,
    skipped: BTreeMap<SkipReason, u64>,
    refusals: Vec<Refusal>,
    more_refusals: u64,
    /// The date of the file, as the file gives it.
    pub(super) file_date: Option<Timestamp>,
    newest_entry: Option<Timestamp>,
    /// Families that were not selected.
    other_families: Vec<String>,
}

impl<'a> EntryCollector<'a> {
    pub(super) fn new(
        rules: &'a FeedRules,
        source: &'a str,
        names_families: bool,
        add_listing: &'a mut dyn FnMut(&Listing<'_>) -> Result<(), TooMany>,
    ) -> Self {
        Self {
            rules,
            source,
            names_families,
            add_listing,
            kinds: BTreeMap::new(),
            skipped: BTreeMap::new(),
            refusals: Vec::new(),
            more_refusals: 0,
            file_date: None,
            newest_entry: None,
            other_families: Vec::new(),
        }
    }

    /// The collected contents.
    pub(super) fn into_contents(self, path: PathBuf, format: &'static str) -> FeedContents {
        FeedContents {
            path,
            format,
            kinds: self.kinds,
            skipped: self.skipped,
            refusals: self.refusals,
            more_refusals: self.more_refusals,
            date: self.file_date.or(self.newest_entry),
            names_families: self.names_families,
            other_families: self.other_families,
        }
    }

    /// Uses, skips or refuses an entry.
    pub(super) fn add(&mut self, entry: &FeedEntry<'_>) -> Result<(), FormatError> {
        self.note_date(entry);
        if let Some(reason) = self.skip_reason(entry) {
            if reason == SkipReason::OtherFamily {
                self.note_family(&entry.family);
            }
            self.skip(reason);
            return Ok(());
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
            && let Some(reason) = too_broad(&value.pattern, is_from_url)
        {
            self.refuse(entry.line, format!("{}: {reason}", quoted(entry.value)));
            return Ok(());
        }
        let kind = if is_from_url { EntryKind::Url } else { EntryKind::of(&value.pattern) };
        let family = [entry.family.name, entry.family.key].into_iter().find(|name| !name.is_empty());
        (self.add_listing)(&Listing {
            pattern: value.pattern,
            family: family.unwrap_or(UNKNOWN_FAMILY),
            threat: if entry.threat.is_empty() { DEFAULT_THREAT } else { entry.threat },
            confidence: entry.confidence.unwrap_or(DEFAULT_CONFIDENCE),
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
        *self.kinds.entry(kind).or_default() += 1;
        Ok(())
    }

    fn note_date(&mut self, entry: &FeedEntry<'_>) {
        let latest = self.rules.now.map_or(Timestamp::MAX, |now| now + MAX_CLOCK_SKEW);
        let dates = [entry.first_seen, entry.last_seen, entry.modified].into_iter().flatten();
        self.newest_entry = dates.filter(|date| *date <= latest).chain(self.newest_entry).max();
    }

    /// The reason to skip a valid entry, if there is one.
    fn skip_reason(&self, entry: &FeedEntry<'_>) -> Option<SkipReason> {
        let is_past = |time: Option<Timestamp>| self.rules.now.zip(time).is_some_and(|(now, time)| time < now);
        let is_too_old = || {
            let seen = entry.last_seen.max(entry.first_seen);
            is_past(self.rules.indicator_max_age.zip(seen).map(|(age, seen)| seen + age))
        };
        if !self.selects(&entry.family) {
            Some(SkipReason::OtherFamily)
        } else if entry.is_revoked {
            Some(SkipReason::Revoked)
        } else if entry.is_context {
            Some(SkipReason::Context)
        } else if is_past(entry.valid_until) || is_too_old() {
            Some(SkipReason::Expired)
        } else {
            None
        }
    }

    /// Refuses a line that cannot be used.
    pub(super) fn refuse(&mut self, line: usize, reason: impl Into<String>) {
        if self.refusals.len() < MAX_REFUSALS {
            self.refusals.push(Refusal { line, reason: reason.into() });
        } else {
            self.more_refusals += 1;
        }
    }

    /// Counts a valid entry that is not used.
    pub(super) fn skip(&mut self, reason: SkipReason) {
        *self.skipped.entry(reason).or_default() += 1;
    }

    /// Takes the date of the file from a comment, if the comment has one.
    pub(super) fn comment(&mut self, text: &str) {
        if self.file_date.is_none() {
            self.file_date = super::date::of_banner(text);
        }
    }

    /// Removes the comment from a line: the whole line, or the part after a `#` that follows a
    /// blank (`#` alone may be part of a URL). A comment may have the date of the file.
    pub(super) fn without_comment<'l>(&mut self, line: &'l str) -> &'l str {
        let line = line.trim();
        if line.starts_with(['#', ';']) || line.starts_with("//") {
            self.comment(line);
            return "";
        }
        let comment = line.match_indices('#').find(|(start, _)| line[..*start].ends_with(char::is_whitespace));
        comment.map_or(line, |(start, _)| line[..start].trim_end())
    }

    /// Returns true if the rules select the family.
    fn selects(&self, family: &FamilyNames<'_>) -> bool {
        let selected = &self.rules.families;
        if selected.is_empty() || !self.names_families {
            return true;
        }
        let names = [family.key, family.name].into_iter().chain(family.aliases.split(','));
        names.map(str::trim).any(|name| selected.iter().any(|selected| selected.eq_ignore_ascii_case(name)))
    }

    fn note_family(&mut self, family: &FamilyNames<'_>) {
        let name = if family.key.is_empty() { family.name } else { family.key };
        let is_new = || !name.is_empty() && !self.other_families.iter().any(|known| known == name);
        if self.other_families.len() < MAX_FAMILIES && is_new() {
            self.other_families.push(quoted(name));
        }
    }
}
