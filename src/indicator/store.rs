//! The indicators of a set, packed: lists hold a million indicators, and hardly any of them ever
//! matches.
//!
//! A record takes 40 bytes. Details that many indicators share (family, threat, source, tags) are
//! stored once, and all texts lie in one buffer. An [`Indicator`] is unpacked from this only after
//! a match.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use ipnet::IpNet;

use super::listing::truncated;
use super::{Indicator, Listing, Pattern, Reference, UNKNOWN_FAMILY};
use crate::units::Timestamp;

/// The maximum length of a text (a reference or identifier). Longer ones are truncated: an alert
/// cannot carry more, and a hostile list would fill the memory.
const MAX_TEXT: usize = 1024;

/// The maximum number of further entries stored for one indicator. A list that repeats itself a
/// thousand times adds no information.
const MAX_OTHER_ENTRIES: usize = 7;

/// Stands for an unknown time.
const UNKNOWN_TIME: i64 = i64::MIN;

/// A packed indicator.
#[derive(Debug, Clone, Copy)]
struct Record {
    /// Nanoseconds since the epoch, or [`UNKNOWN_TIME`].
    first_seen: i64,
    last_seen: i64,
    /// Depending on `kind`, an IPv4 address, an index into `ipv6` or `networks`, or the [`TextId`]
    /// of a domain.
    value: u32,
    entry: SourceEntry,
    id: Option<TextId>,
    port: u16,
    kind: PatternKind,
    confidence: u8,
    is_compromised: bool,
    is_from_url: bool,
}

const _: () = assert!(size_of::<Record>() <= 40);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PatternKind {
    EndpointIpv4,
    EndpointIpv6,
    AddressIpv4,
    AddressIpv6,
    Network,
    Domain,
}

/// One entry of a list that names an indicator: what it shares with others, and its reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SourceEntry {
    /// An index into the details of the store, and [`IS_LINE`].
    details_and_kind: u32,
    /// A line, or a [`TextId`].
    reference: u32,
}

/// The bit of [`SourceEntry::details_and_kind`] that says that the reference is a line. A bit of
/// the index is free, and a field of its own would make a record eight bytes larger.
const IS_LINE: u32 = 1 << 31;

impl SourceEntry {
    fn new(details: u32, reference: StoredReference) -> Self {
        match reference {
            StoredReference::Text(id) => Self { details_and_kind: details, reference: id.0.get() },
            StoredReference::Line(line) => Self { details_and_kind: details | IS_LINE, reference: line },
        }
    }

    /// The index of the details.
    fn details(self) -> usize {
        (self.details_and_kind & !IS_LINE) as usize
    }

    fn reference(self) -> StoredReference {
        match std::num::NonZeroU32::new(self.reference) {
            Some(id) if self.details_and_kind & IS_LINE == 0 => StoredReference::Text(TextId(id)),
            _ => StoredReference::Line(self.reference),
        }
    }
}

/// A [`Reference`] whose text is in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StoredReference {
    Text(TextId),
    Line(u32),
}

/// A text's offset in the buffer plus one, so that `Option<TextId>` takes no extra space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TextId(std::num::NonZeroU32);

/// Details that many entries share.
#[derive(Debug, PartialEq, Eq, Hash)]
struct SourceDetails {
    family: Arc<str>,
    threat: Arc<str>,
    source: Arc<str>,
    tags: Vec<Arc<str>>,
}

impl SourceDetails {
    fn equals(&self, (family, threat, source, tags): (&str, &str, &str, &[&str])) -> bool {
        *self.family == *family
            && *self.threat == *threat
            && *self.source == *source
            && self.tags.iter().map(|tag| &**tag).eq(tags.iter().copied())
    }
}

/// The store is full: its offsets and indices have 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoreFull;

/// Texts in one buffer, each preceded by its length in two bytes.
#[derive(Debug, Default)]
struct Texts(Vec<u8>);

impl Texts {
    fn get(&self, id: TextId) -> &[u8] {
        let start = id.0.get() as usize - 1;
        let Some((length, rest)) = self.0.get(start..).and_then(|text| text.split_first_chunk()) else { return &[] };
        rest.get(..usize::from(u16::from_le_bytes(*length))).unwrap_or_default()
    }

    fn push(&mut self, text: &str) -> Result<TextId, StoreFull> {
        let text = truncated(text, MAX_TEXT);
        let offset = u32::try_from(self.0.len() + 1).map_err(|_| StoreFull)?;
        self.0.extend_from_slice(&(text.len() as u16).to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
        std::num::NonZeroU32::new(offset).map(TextId).ok_or(StoreFull)
    }

    fn shared(&self, id: TextId) -> Arc<str> {
        std::str::from_utf8(self.get(id)).unwrap_or_default().into()
    }
}

/// The packed indicators of a set.
#[derive(Debug, Default)]
pub(super) struct Store {
    records: Vec<Record>,
    texts: Texts,
    details: Vec<SourceDetails>,
    ipv6: Vec<Ipv6Addr>,
    networks: Vec<IpNet>,
    /// For indicators that are listed more than once: all entries except the best one.
    other_entries: HashMap<u32, Vec<SourceEntry>, RandomState>,
}

/// Finds details and references that are stored already. Needed only while a store is filled.
#[derive(Debug, Default)]
pub(super) struct Interner {
    details: HashTable<u32>,
    references: HashTable<TextId>,
    hasher: RandomState,
}

impl Store {
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Frees the memory that was reserved for growth.
    pub(super) fn shrink(&mut self) {
        self.records.shrink_to_fit();
        self.texts.0.shrink_to_fit();
        self.details.shrink_to_fit();
        self.ipv6.shrink_to_fit();
        self.networks.shrink_to_fit();
    }

    pub(super) fn confidence(&self, number: u32) -> u8 {
        self.record(number).map_or(0, |record| record.confidence)
    }

    fn record(&self, number: u32) -> Option<&Record> {
        self.records.get(number as usize)
    }

    /// The address, and its port if it is listed with one. `None` for networks and domains.
    pub(super) fn address(&self, number: u32) -> Option<(IpAddr, Option<u16>)> {
        let record = self.record(number)?;
        let ipv4 = || Some(IpAddr::V4(Ipv4Addr::from_bits(record.value)));
        let ipv6 = || self.ipv6.get(record.value as usize).copied().map(IpAddr::V6);
        match record.kind {
            PatternKind::EndpointIpv4 => Some((ipv4()?, Some(record.port))),
            PatternKind::EndpointIpv6 => Some((ipv6()?, Some(record.port))),
            PatternKind::AddressIpv4 => Some((ipv4()?, None)),
            PatternKind::AddressIpv6 => Some((ipv6()?, None)),
            PatternKind::Network | PatternKind::Domain => None,
        }
    }

    /// The listed network, or the network that is just the listed address.
    pub(super) fn network(&self, number: u32) -> Option<IpNet> {
        let record = self.record(number)?;
        match record.kind {
            PatternKind::Network => self.networks.get(record.value as usize).copied(),
            _ => self.address(number).map(|(address, _)| IpNet::from(address)),
        }
    }

    /// The listed domain. Empty for other patterns.
    pub(super) fn domain(&self, number: u32) -> &[u8] {
        match self.record(number) {
            Some(&Record { kind: PatternKind::Domain, value, .. }) => {
                std::num::NonZeroU32::new(value).map_or(&[], |id| self.texts.get(TextId(id)))
            }
            _ => &[],
        }
    }

    /// Unpacks the pattern of an indicator.
    pub(super) fn pattern(&self, number: u32) -> Option<Pattern> {
        let record = self.record(number)?;
        Some(match record.kind {
            PatternKind::Network => Pattern::Network(*self.networks.get(record.value as usize)?),
            PatternKind::Domain => Pattern::Domain(String::from_utf8(self.domain(number).to_vec()).ok()?),
            _ => match self.address(number)? {
                (address, Some(port)) => Pattern::Endpoint(address, port),
                (address, None) => Pattern::Address(address),
            },
        })
    }

    /// Unpacks an indicator.
    pub(super) fn get(&self, number: u32) -> Option<Indicator> {
        let record = self.record(number)?;
        let details = self.details.get(record.entry.details())?;
        let (mut source, mut reference) = (details.source.clone(), self.reference(record.entry)?);
        if let Some(other_entries) = self.other_entries.get(&number) {
            let source_of = |entry: &SourceEntry| self.details.get(entry.details()).map(|of| of.source.clone());
            source = join_distinct(source, other_entries.iter().filter_map(source_of));
            reference = join_distinct(reference, other_entries.iter().filter_map(|entry| self.reference(*entry)));
        }
        let time = |nanos| (nanos != UNKNOWN_TIME).then(|| Timestamp::from_nanos(nanos));
        Some(Indicator {
            pattern: self.pattern(number)?,
            family: details.family.clone(),
            threat: details.threat.clone(),
            confidence: record.confidence,
            first_seen: time(record.first_seen),
            last_seen: time(record.last_seen),
            source,
            reference,
            tags: details.tags.clone(),
            id: record.id.map(|id| self.texts.shared(id)),
            is_compromised: record.is_compromised,
            is_from_url: record.is_from_url,
        })
    }

    /// As [`Store::get`], with the family, the tags and the reference that one source gives. `None`
    /// if that source does not list the indicator.
    pub(super) fn listed_by(&self, number: u32, source: &str) -> Option<Indicator> {
        let record = self.record(number)?;
        let others = self.other_entries.get(&number).map(Vec::as_slice).unwrap_or_default();
        let details_of = |entry: &SourceEntry| self.details.get(entry.details());
        let is_by_source = |entry: &&SourceEntry| details_of(entry).is_some_and(|details| &*details.source == source);
        let entry = std::iter::once(&record.entry).chain(others).find(is_by_source)?;
        let SourceDetails { family, threat, source, tags } = details_of(entry)?;
        Some(Indicator {
            family: family.clone(),
            threat: threat.clone(),
            source: source.clone(),
            reference: self.reference(*entry)?,
            tags: tags.clone(),
            ..self.get(number)?
        })
    }

    fn reference(&self, entry: SourceEntry) -> Option<Arc<str>> {
        Some(match entry.reference() {
            StoredReference::Text(id) => self.texts.shared(id),
            StoredReference::Line(line) => format!("{} line {line}", self.details.get(entry.details())?.source).into(),
        })
    }

    /// Adds an indicator that is not in the store yet, and returns its number.
    pub(super) fn push(&mut self, interner: &mut Interner, listing: &Listing<'_>) -> Result<u32, StoreFull> {
        let number = u32::try_from(self.records.len()).map_err(|_| StoreFull)?;
        let (kind, value, port) = match &listing.pattern {
            Pattern::Endpoint(IpAddr::V4(address), port) => (PatternKind::EndpointIpv4, address.to_bits(), *port),
            Pattern::Endpoint(IpAddr::V6(address), port) => {
                (PatternKind::EndpointIpv6, push_numbered(&mut self.ipv6, *address)?, *port)
            }
            Pattern::Address(IpAddr::V4(address)) => (PatternKind::AddressIpv4, address.to_bits(), 0),
            Pattern::Address(IpAddr::V6(address)) => {
                (PatternKind::AddressIpv6, push_numbered(&mut self.ipv6, *address)?, 0)
            }
            Pattern::Network(network) => (PatternKind::Network, push_numbered(&mut self.networks, *network)?, 0),
            Pattern::Domain(name) => (PatternKind::Domain, self.texts.push(name)?.0.get(), 0),
        };
        let record = Record {
            first_seen: listing.first_seen.map_or(UNKNOWN_TIME, Timestamp::nanos),
            last_seen: listing.last_seen.map_or(UNKNOWN_TIME, Timestamp::nanos),
            value,
            entry: self.intern_entry(interner, listing)?,
            id: listing.id.map(|id| self.texts.push(id)).transpose()?,
            port,
            kind,
            confidence: listing.confidence.min(100),
            is_compromised: listing.is_compromised,
            is_from_url: listing.is_from_url,
        };
        self.records.push(record);
        Ok(number)
    }

    /// Merges a further entry into an indicator. The entry with the highest confidence gives the
    /// family, threat, tags and identifier; the result has the earliest first-seen time, the latest
    /// last-seen time, and all sources and references. An indicator is compromised if any entry
    /// says so. If the best entry names no family, another entry's family is used.
    pub(super) fn merge(
        &mut self,
        interner: &mut Interner,
        number: u32,
        listing: &Listing<'_>,
    ) -> Result<(), StoreFull> {
        let entry = self.intern_entry(interner, listing)?;
        let Some(record) = self.records.get_mut(number as usize) else { return Ok(()) };
        if let Some(first_seen) = listing.first_seen.map(Timestamp::nanos) {
            record.first_seen =
                if record.first_seen == UNKNOWN_TIME { first_seen } else { record.first_seen.min(first_seen) };
        }
        // `UNKNOWN_TIME` is earlier than every time.
        record.last_seen = record.last_seen.max(listing.last_seen.map_or(UNKNOWN_TIME, Timestamp::nanos));
        record.is_compromised |= listing.is_compromised;
        // An entry for the host itself is a stronger statement than one for a URL on it.
        record.is_from_url &= listing.is_from_url;
        let before = record.entry;
        let wins = listing.confidence.min(100) > record.confidence;
        if wins {
            record.confidence = listing.confidence.min(100);
            record.id = listing.id.map(|id| self.texts.push(id)).transpose()?;
        }
        let (best, other) = if wins { (entry, before) } else { (before, entry) };
        let best = self.with_family_of(interner, best, other)?;
        if let Some(record) = self.records.get_mut(number as usize) {
            record.entry = best;
        }
        let is_other = |known: &SourceEntry| !self.is_same_entry(*known, other);
        let other_entries = self.other_entries.get(&number).map(Vec::as_slice).unwrap_or_default();
        if is_other(&best) && other_entries.len() < MAX_OTHER_ENTRIES && other_entries.iter().all(is_other) {
            self.other_entries.entry(number).or_default().push(other);
        }
        Ok(())
    }

    /// Returns true if two entries have the same source and reference.
    fn is_same_entry(&self, one: SourceEntry, other: SourceEntry) -> bool {
        let source = |entry: SourceEntry| self.details.get(entry.details()).map(|details| &details.source);
        one.reference() == other.reference() && source(one) == source(other)
    }

    /// The entry, with the family of `other` if it names none itself.
    fn with_family_of(
        &mut self,
        interner: &mut Interner,
        entry: SourceEntry,
        other: SourceEntry,
    ) -> Result<SourceEntry, StoreFull> {
        let of = |entry: SourceEntry| self.details.get(entry.details());
        let Some((details, other)) = of(entry).zip(of(other)) else { return Ok(entry) };
        if &*details.family != UNKNOWN_FAMILY || &*other.family == UNKNOWN_FAMILY {
            return Ok(entry);
        }
        let (family, threat, source) = (other.family.clone(), details.threat.clone(), details.source.clone());
        let tags = details.tags.clone();
        let tags: Vec<&str> = tags.iter().map(|tag| &**tag).collect();
        let details = self.intern_details(interner, (&family, &threat, &source, &tags))?;
        Ok(SourceEntry::new(details, entry.reference()))
    }

    /// Packs the source part of a listing.
    fn intern_entry(&mut self, interner: &mut Interner, listing: &Listing<'_>) -> Result<SourceEntry, StoreFull> {
        let reference = match listing.reference {
            Reference::Line(line) => StoredReference::Line(u32::try_from(line).unwrap_or(u32::MAX)),
            Reference::Text(text) => {
                let text = truncated(text, MAX_TEXT);
                let hash = interner.hasher.hash_one(text.as_bytes());
                match interner.references.find(hash, |id| self.texts.get(*id) == text.as_bytes()) {
                    Some(id) => StoredReference::Text(*id),
                    None => {
                        let id = self.texts.push(text)?;
                        let (texts, hasher) = (&self.texts, &interner.hasher);
                        interner.references.insert_unique(hash, id, |id| hasher.hash_one(texts.get(*id)));
                        StoredReference::Text(id)
                    }
                }
            }
        };
        let shared = (listing.family, listing.threat, listing.source, listing.tags);
        Ok(SourceEntry::new(self.intern_details(interner, shared)?, reference))
    }

    /// The index of these shared details, which are stored once.
    fn intern_details(
        &mut self,
        interner: &mut Interner,
        parts: (&str, &str, &str, &[&str]),
    ) -> Result<u32, StoreFull> {
        let (hasher, details) = (&interner.hasher, &mut self.details);
        let hash_of = |family: &str, threat: &str, source: &str, tags: &mut dyn Iterator<Item = &str>| {
            tags.fold(hasher.hash_one((family, threat, source)), |hash, tag| hasher.hash_one((hash, tag)))
        };
        let (family, threat, source, tags) = parts;
        let hash = hash_of(family, threat, source, &mut tags.iter().copied());
        if let Some(known) =
            interner.details.find(hash, |at| details.get(*at as usize).is_some_and(|of| of.equals(parts)))
        {
            return Ok(*known);
        }
        let tags = tags.iter().map(|tag| Arc::from(*tag)).collect();
        let number = push_numbered(
            details,
            SourceDetails { family: family.into(), threat: threat.into(), source: source.into(), tags },
        )?;
        if number & IS_LINE != 0 {
            return Err(StoreFull);
        }
        interner.details.insert_unique(hash, number, |at| {
            details
                .get(*at as usize)
                .map_or(0, |of| hash_of(&of.family, &of.threat, &of.source, &mut of.tags.iter().map(|tag| &**tag)))
        });
        Ok(number)
    }
}

/// Appends an item and returns its index.
fn push_numbered<T>(list: &mut Vec<T>, item: T) -> Result<u32, StoreFull> {
    let index = u32::try_from(list.len()).map_err(|_| StoreFull)?;
    list.push(item);
    Ok(index)
}

/// Joins the distinct texts with commas.
fn join_distinct(first: Arc<str>, others: impl Iterator<Item = Arc<str>>) -> Arc<str> {
    let mut all = vec![first];
    for other in others {
        if !all.contains(&other) {
            all.push(other);
        }
    }
    match &all[..] {
        [only] => only.clone(),
        _ => all.iter().map(|text| &**text).collect::<Vec<_>>().join(", ").into(),
    }
}
