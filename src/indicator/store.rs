//! The indicators of a set, packed: lists hold a million of them, and hardly one is ever told of.
//!
//! A record has 48 bytes. What many indicators share (family, threat, source, tags) is kept once, texts lie one after the
//! other in one buffer. An [`Indicator`] is made of this when it is asked for, which is when something matched.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use ipnet::IpNet;

use super::{Indicator, Listing, Pattern, Reference, UNKNOWN_FAMILY, cut};
use crate::units::Timestamp;

/// Longer texts (references, identifiers) are cut: no line can carry more, and a hostile list would fill the memory.
const LONGEST_TEXT: usize = 1024;

/// How many mentions of one indicator are kept beside the best: a list that repeats itself a thousand times says no more.
const MOST_MENTIONS: usize = 7;

/// A time that is not known.
const NEVER: i64 = i64::MIN;

/// An indicator, packed.
#[derive(Debug, Clone, Copy)]
struct Record {
    /// Nanoseconds since the epoch, or [`NEVER`].
    first_seen: i64,
    last_seen: i64,
    /// What it names: an IPv4 address itself, or the place of what is longer, by its kind.
    value: u32,
    mention: Mention,
    id: Option<TextId>,
    port: u16,
    kind: Kind,
    confidence: u8,
    is_compromised: bool,
    is_from_url: bool,
}

const _: () = assert!(size_of::<Record>() <= 48);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    EndpointIpv4,
    EndpointIpv6,
    AddressIpv4,
    AddressIpv6,
    Network,
    Domain,
}

/// Who lists an indicator, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mention {
    details: u32,
    reference: Place,
}

/// Where to read more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Text(TextId),
    Line(u32),
}

/// A text's place in the buffer, counted from one, so that its absence costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TextId(std::num::NonZeroU32);

/// What many indicators share.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Details {
    family: Arc<str>,
    threat: Arc<str>,
    source: Arc<str>,
    tags: Vec<Arc<str>>,
}

impl Details {
    fn is(&self, (family, threat, source, tags): (&str, &str, &str, &[&str])) -> bool {
        *self.family == *family
            && *self.threat == *threat
            && *self.source == *source
            && self.tags.iter().map(|tag| &**tag).eq(tags.iter().copied())
    }
}

/// No more texts fit: their places are counted in 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// Texts, one after the other: each behind its length in two bytes.
#[derive(Debug, Default)]
struct Texts(Vec<u8>);

impl Texts {
    fn get(&self, id: TextId) -> &[u8] {
        let start = id.0.get() as usize - 1;
        let Some((length, rest)) = self.0.get(start..).and_then(|text| text.split_first_chunk()) else { return &[] };
        rest.get(..usize::from(u16::from_le_bytes(*length))).unwrap_or_default()
    }

    fn push(&mut self, text: &str) -> Result<TextId, Full> {
        let text = cut(text, LONGEST_TEXT);
        let place = u32::try_from(self.0.len() + 1).map_err(|_| Full)?;
        self.0.extend_from_slice(&(text.len() as u16).to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
        std::num::NonZeroU32::new(place).map(TextId).ok_or(Full)
    }

    fn shared(&self, id: TextId) -> Arc<str> {
        std::str::from_utf8(self.get(id)).unwrap_or_default().into()
    }
}

/// The indicators of a set. See the module.
#[derive(Debug, Default)]
pub(super) struct Store {
    records: Vec<Record>,
    texts: Texts,
    details: Vec<Details>,
    ipv6: Vec<Ipv6Addr>,
    networks: Vec<IpNet>,
    /// Of indicators that are listed more than once: all mentions but the best.
    others: HashMap<u32, Vec<Mention>, RandomState>,
}

/// What is needed to fill a store and not to use it: finds what is there already.
#[derive(Debug, Default)]
pub(super) struct Filling {
    details: HashTable<u32>,
    references: HashTable<TextId>,
    hasher: RandomState,
}

impl Store {
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Gives back what was kept for growth.
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

    /// The address, and the port if one is listed. `None` for what is no single address.
    pub(super) fn address(&self, number: u32) -> Option<(IpAddr, Option<u16>)> {
        let record = self.record(number)?;
        let ipv4 = || Some(IpAddr::V4(Ipv4Addr::from_bits(record.value)));
        let ipv6 = || self.ipv6.get(record.value as usize).copied().map(IpAddr::V6);
        match record.kind {
            Kind::EndpointIpv4 => Some((ipv4()?, Some(record.port))),
            Kind::EndpointIpv6 => Some((ipv6()?, Some(record.port))),
            Kind::AddressIpv4 => Some((ipv4()?, None)),
            Kind::AddressIpv6 => Some((ipv6()?, None)),
            Kind::Network | Kind::Domain => None,
        }
    }

    /// The listed domain; empty for what is none.
    pub(super) fn domain(&self, number: u32) -> &[u8] {
        match self.record(number) {
            Some(&Record { kind: Kind::Domain, value, .. }) => {
                std::num::NonZeroU32::new(value).map_or(&[], |place| self.texts.get(TextId(place)))
            }
            _ => &[],
        }
    }

    /// What an indicator names.
    pub(super) fn pattern(&self, number: u32) -> Option<Pattern> {
        let record = self.record(number)?;
        Some(match record.kind {
            Kind::Network => Pattern::Network(*self.networks.get(record.value as usize)?),
            Kind::Domain => Pattern::Domain(String::from_utf8(self.domain(number).to_vec()).ok()?),
            _ => match self.address(number)? {
                (address, Some(port)) => Pattern::Endpoint(address, port),
                (address, None) => Pattern::Address(address),
            },
        })
    }

    /// All that is known of an indicator.
    pub(super) fn get(&self, number: u32) -> Option<Indicator> {
        let record = self.record(number)?;
        let details = self.details.get(record.mention.details as usize)?;
        let (mut source, mut reference) = (details.source.clone(), self.reference(record.mention)?);
        if let Some(others) = self.others.get(&number) {
            let source_of = |mention: &Mention| self.details.get(mention.details as usize).map(|of| of.source.clone());
            source = joined(source, others.iter().filter_map(source_of));
            reference = joined(reference, others.iter().filter_map(|mention| self.reference(*mention)));
        }
        let time = |nanos| (nanos != NEVER).then(|| Timestamp::from_nanos(nanos));
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

    /// As [`Store::get`], with the family, the tags and the reference that one source gives. `None` if
    /// that source does not list the indicator.
    pub(super) fn listed_by(&self, number: u32, source: &str) -> Option<Indicator> {
        let record = self.record(number)?;
        let others = self.others.get(&number).map(Vec::as_slice).unwrap_or_default();
        let details_of = |mention: &Mention| self.details.get(mention.details as usize);
        let is_by_source = |mention: &&Mention| details_of(mention).is_some_and(|details| &*details.source == source);
        let mention = std::iter::once(&record.mention).chain(others).find(is_by_source)?;
        let Details { family, threat, source, tags } = details_of(mention)?;
        Some(Indicator {
            family: family.clone(),
            threat: threat.clone(),
            source: source.clone(),
            reference: self.reference(*mention)?,
            tags: tags.clone(),
            ..self.get(number)?
        })
    }

    fn reference(&self, mention: Mention) -> Option<Arc<str>> {
        Some(match mention.reference {
            Place::Text(id) => self.texts.shared(id),
            Place::Line(line) => format!("{} line {line}", self.details.get(mention.details as usize)?.source).into(),
        })
    }

    /// Adds an indicator that is not there yet.
    pub(super) fn push(&mut self, filling: &mut Filling, listing: &Listing<'_>) -> Result<u32, Full> {
        let number = u32::try_from(self.records.len()).map_err(|_| Full)?;
        let (kind, value, port) = match &listing.pattern {
            Pattern::Endpoint(IpAddr::V4(address), port) => (Kind::EndpointIpv4, address.to_bits(), *port),
            Pattern::Endpoint(IpAddr::V6(address), port) => {
                (Kind::EndpointIpv6, placed(&mut self.ipv6, *address)?, *port)
            }
            Pattern::Address(IpAddr::V4(address)) => (Kind::AddressIpv4, address.to_bits(), 0),
            Pattern::Address(IpAddr::V6(address)) => (Kind::AddressIpv6, placed(&mut self.ipv6, *address)?, 0),
            Pattern::Network(network) => (Kind::Network, placed(&mut self.networks, *network)?, 0),
            Pattern::Domain(name) => (Kind::Domain, self.texts.push(name)?.0.get(), 0),
        };
        let record = Record {
            first_seen: listing.first_seen.map_or(NEVER, Timestamp::nanos),
            last_seen: listing.last_seen.map_or(NEVER, Timestamp::nanos),
            value,
            mention: self.mention(filling, listing)?,
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

    /// Adds what another list, or another line, says of an indicator: the highest confidence and what comes with it, the earliest
    /// first-seen and the latest last-seen, and all who list it. A site that anybody calls compromised is. Who knows the family names it.
    pub(super) fn merge(&mut self, filling: &mut Filling, number: u32, listing: &Listing<'_>) -> Result<(), Full> {
        let mention = self.mention(filling, listing)?;
        let Some(record) = self.records.get_mut(number as usize) else { return Ok(()) };
        if let Some(first_seen) = listing.first_seen.map(Timestamp::nanos) {
            record.first_seen = if record.first_seen == NEVER { first_seen } else { record.first_seen.min(first_seen) };
        }
        // `NEVER` lies before every time.
        record.last_seen = record.last_seen.max(listing.last_seen.map_or(NEVER, Timestamp::nanos));
        record.is_compromised |= listing.is_compromised;
        // Who lists the host itself says more than who lists something on it.
        record.is_from_url &= listing.is_from_url;
        let before = record.mention;
        let wins = listing.confidence.min(100) > record.confidence;
        if wins {
            record.confidence = listing.confidence.min(100);
            record.id = listing.id.map(|id| self.texts.push(id)).transpose()?;
        }
        let (best, other) = if wins { (mention, before) } else { (before, mention) };
        let best = self.with_family_of(filling, best, other)?;
        if let Some(record) = self.records.get_mut(number as usize) {
            record.mention = best;
        }
        let is_other = |known: &Mention| !self.is_same_place(*known, other);
        let others = self.others.get(&number).map(Vec::as_slice).unwrap_or_default();
        if is_other(&best) && others.len() < MOST_MENTIONS && others.iter().all(is_other) {
            self.others.entry(number).or_default().push(other);
        }
        Ok(())
    }

    /// Whether two mentions are by the same source, in the same words.
    fn is_same_place(&self, one: Mention, other: Mention) -> bool {
        let source = |mention: Mention| self.details.get(mention.details as usize).map(|details| &details.source);
        one.reference == other.reference && source(one) == source(other)
    }

    /// A mention, with the family of another where it names none itself.
    fn with_family_of(&mut self, filling: &mut Filling, mention: Mention, other: Mention) -> Result<Mention, Full> {
        let of = |mention: Mention| self.details.get(mention.details as usize);
        let Some((details, other)) = of(mention).zip(of(other)) else { return Ok(mention) };
        if &*details.family != UNKNOWN_FAMILY || &*other.family == UNKNOWN_FAMILY {
            return Ok(mention);
        }
        let (family, threat, source) = (other.family.clone(), details.threat.clone(), details.source.clone());
        let tags = details.tags.clone();
        let tags: Vec<&str> = tags.iter().map(|tag| &**tag).collect();
        let details = self.details(filling, (&family, &threat, &source, &tags))?;
        Ok(Mention { details, ..mention })
    }

    fn mention(&mut self, filling: &mut Filling, listing: &Listing<'_>) -> Result<Mention, Full> {
        let reference = match listing.reference {
            Reference::Line(line) => Place::Line(u32::try_from(line).unwrap_or(u32::MAX)),
            Reference::Text(text) => {
                let text = cut(text, LONGEST_TEXT);
                let hash = filling.hasher.hash_one(text.as_bytes());
                match filling.references.find(hash, |id| self.texts.get(*id) == text.as_bytes()) {
                    Some(id) => Place::Text(*id),
                    None => {
                        let id = self.texts.push(text)?;
                        let (texts, hasher) = (&self.texts, &filling.hasher);
                        filling.references.insert_unique(hash, id, |id| hasher.hash_one(texts.get(*id)));
                        Place::Text(id)
                    }
                }
            }
        };
        let shared = (listing.family, listing.threat, listing.source, listing.tags);
        Ok(Mention { details: self.details(filling, shared)?, reference })
    }

    /// Family, threat, source and tags, which are kept once.
    fn details(&mut self, filling: &mut Filling, wanted: (&str, &str, &str, &[&str])) -> Result<u32, Full> {
        let (hasher, details) = (&filling.hasher, &mut self.details);
        let hash_of = |family: &str, threat: &str, source: &str, tags: &mut dyn Iterator<Item = &str>| {
            tags.fold(hasher.hash_one((family, threat, source)), |hash, tag| hasher.hash_one((hash, tag)))
        };
        let (family, threat, source, tags) = wanted;
        let hash = hash_of(family, threat, source, &mut tags.iter().copied());
        if let Some(known) = filling.details.find(hash, |at| details.get(*at as usize).is_some_and(|of| of.is(wanted)))
        {
            return Ok(*known);
        }
        let tags = tags.iter().map(|tag| Arc::from(*tag)).collect();
        let number =
            placed(details, Details { family: family.into(), threat: threat.into(), source: source.into(), tags })?;
        filling.details.insert_unique(hash, number, |at| {
            details
                .get(*at as usize)
                .map_or(0, |of| hash_of(&of.family, &of.threat, &of.source, &mut of.tags.iter().map(|tag| &**tag)))
        });
        Ok(number)
    }
}

/// Puts something at the end, and says where that is.
fn placed<T>(list: &mut Vec<T>, item: T) -> Result<u32, Full> {
    let place = u32::try_from(list.len()).map_err(|_| Full)?;
    list.push(item);
    Ok(place)
}

/// Different texts, joined by commas.
fn joined(first: Arc<str>, others: impl Iterator<Item = Arc<str>>) -> Arc<str> {
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
