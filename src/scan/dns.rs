//! Names in DNS messages, held against the listed domains.
//!
//! Each message is read once for "does it name a listed domain at all". Only one that does is read a second time, for
//! everything that an alert wants to say of it.

use std::net::IpAddr;

use crate::decode::Packet;
use crate::domain_name::DomainName;
use crate::indicator::{IndicatorId, IndicatorSet};
use crate::protocol::dns::{self, Message, RecordType, ResponseCode, Section};

use super::{DnsFacts, FindingKind, MatchBasis, Named, ScanCounts};

/// The ports of DNS, mDNS (RFC 6762) and LLMNR (RFC 4795), which share one message format.
const PORTS: [u16; 3] = [53, 5353, 5355];

/// How many listed domains one message is reported for. An honest message names one or two; a hostile one could repeat
/// thousands.
const MOST_INDICATORS: usize = 8;

/// How many addresses of one answer are kept: as many as fit into the 4,096 bytes that resolvers accept over UDP.
pub const MOST_ADDRESSES: usize = 256;

/// How many names of one answer are kept: longer chains are not followed by resolvers either.
pub const MOST_NAMES: usize = 16;

/// How many names one message is told for where all names are wanted. A browser asks for one, a device that looks for services
/// by mDNS for a few dozen.
const MOST_ASKED: usize = 64;

/// How much longer than a message all its names may be that are told. Names that point to each other make any number of long ones
/// of few bytes; honest messages share an ending or two.
const MOST_UNPACKED: usize = 4;

/// A DNS message that names a listed domain.
#[derive(Debug, Clone)]
pub struct DnsSighting {
    /// An answer, or else a query.
    pub is_answer: bool,
    /// Which domain.
    pub indicator: IndicatorId,
    /// Where in the message the name stood.
    pub basis: MatchBasis,
    /// What the message said, for the alert.
    pub facts: DnsFacts,
    /// How long each of `facts.addresses` may be kept, in seconds.
    pub lifetimes: Vec<u32>,
    /// The other names of an answer: those asked for and those that its records point to, in order, each once.
    pub names: Vec<Vec<u8>>,
    /// Addresses beyond [`MOST_ADDRESSES`].
    pub more_addresses: u64,
}

/// Whether a packet goes to or comes from a port of a name service.
#[inline(always)]
pub(super) fn is_name_service(packet: &Packet<'_>) -> bool {
    packet.ports.is_some_and(|ports| PORTS.contains(&ports.source) || PORTS.contains(&ports.destination))
}

/// Reads messages; holds the buffer that each name is read into.
pub(super) struct DnsScanner<'a> {
    set: &'a IndicatorSet,
    name: DomainName,
    wants_names: bool,
}

impl<'a> DnsScanner<'a> {
    pub(super) fn new(set: &'a IndicatorSet, wants_names: bool) -> Self {
        Self { set, name: DomainName::new(), wants_names }
    }

    /// Reports a sighting for each listed domain in a message, and before it all names that it asks for, if they are wanted.
    #[inline(never)]
    pub(super) fn read_message(&mut self, bytes: &[u8], counts: &mut ScanCounts, report: &mut dyn FnMut(FindingKind)) {
        let Some(message) = Message::parse(bytes) else { return };
        counts.dns_messages += 1;
        let (is_named, is_cut) = self.names_any(&message);
        counts.dns_cut += u64::from(is_cut);
        if self.wants_names {
            let (names, is_all) = self.asked(&message, MOST_UNPACKED * bytes.len());
            counts.names_beyond += u64::from(!is_all);
            if !names.is_empty() {
                report(FindingKind::Names(names.into()));
            }
        }
        if is_named {
            let sightings = self.all_sightings(&message).into_iter();
            sightings.for_each(|sighting| report(FindingKind::Dns(Box::new(sighting))));
        }
    }

    /// The names in the questions of a message, and whether these are all.
    fn asked(&mut self, message: &Message<'_>, mut room: usize) -> (Vec<Named>, bool) {
        let basis = if message.is_response() { MatchBasis::DnsAnswer } else { MatchBasis::DnsQuery };
        let mut reader = message.reader();
        let mut names = Vec::new();
        while let Some(question) = reader.next_question() {
            if !reader.read_name(question.name, &mut self.name) {
                continue;
            }
            let host = self.name.as_bytes();
            if names.len() >= MOST_ASKED || host.len() > room {
                return (names, false);
            }
            room -= host.len();
            names.push(Named { basis, host: host.to_vec(), port: None });
        }
        (names, true)
    }

    /// Whether any question (of an answer: or any record of its answer section) names a listed domain, and whether the
    /// message was cut before that could be told.
    fn names_any(&mut self, message: &Message<'_>) -> (bool, bool) {
        let mut reader = message.reader();
        // Records of one owner mostly point at one place; what was looked up there once need not be again.
        let mut last = None;
        let mut is_listed = |reader: &mut dns::MessageReader<'_>, name| {
            last.replace(name) != Some(name)
                && reader.read_name(name, &mut self.name)
                && self.set.find_domain(&self.name).is_some()
        };
        while let Some(question) = reader.next_question() {
            if is_listed(&mut reader, question.name) {
                return (true, false);
            }
        }
        while message.is_response()
            && let Some(record) = reader.next_record()
            && record.section == Section::Answer
        {
            if is_listed(&mut reader, record.owner)
                || record.target().is_some_and(|target| is_listed(&mut reader, target))
            {
                return (true, false);
            }
        }
        (false, reader.is_incomplete())
    }

    fn all_sightings(&mut self, message: &Message<'_>) -> Vec<DnsSighting> {
        let mut gathered = Gathered::default();
        let is_response = message.is_response();
        let mut reader = message.reader();
        while let Some(question) = reader.next_question() {
            if reader.read_name(question.name, &mut self.name) {
                let basis = if is_response { MatchBasis::DnsAnswer } else { MatchBasis::DnsQuery };
                gathered.name(&self.name, self.set.find_domain(&self.name), basis, question.qtype, None);
                gathered.query_type.get_or_insert(question.qtype);
            }
        }
        while is_response
            && let Some(record) = reader.next_record()
            && record.section == Section::Answer
        {
            let (rtype, ttl) = (record.rtype, record.ttl());
            for name in [Some(record.owner), record.target()].into_iter().flatten() {
                if reader.read_name(name, &mut self.name) {
                    let id = self.set.find_domain(&self.name);
                    gathered.name(&self.name, id, MatchBasis::DnsAnswerRecord, rtype, Some(ttl));
                }
            }
            record.addresses().for_each(|address| gathered.address(address, ttl));
        }
        let response_code = is_response.then(|| message.extended_response_code());
        gathered.into_sightings(is_response, response_code)
    }
}

/// What is gathered on the way through a message.
#[derive(Default)]
struct Gathered {
    matches: Vec<Match>,
    names: Vec<Vec<u8>>,
    addresses: Vec<(IpAddr, u32)>,
    more_addresses: u64,
    /// Of the first question.
    query_type: Option<RecordType>,
}

struct Match {
    indicator: IndicatorId,
    basis: MatchBasis,
    name: Vec<u8>,
    query_type: RecordType,
    ttl: Option<u32>,
}

impl Gathered {
    fn name(
        &mut self,
        name: &DomainName,
        indicator: Option<IndicatorId>,
        basis: MatchBasis,
        rtype: RecordType,
        ttl: Option<u32>,
    ) {
        let bytes = name.as_bytes();
        if self.names.len() < MOST_NAMES && !self.names.iter().any(|known| known == bytes) {
            self.names.push(bytes.to_vec());
        }
        let Some(indicator) = indicator else { return };
        if let Some(known) = self.matches.iter_mut().find(|known| known.indicator == indicator) {
            known.ttl = [known.ttl, ttl].into_iter().flatten().min();
        } else if self.matches.len() < MOST_INDICATORS {
            let asked = if basis == MatchBasis::DnsAnswerRecord { self.query_type } else { None };
            let query_type = asked.unwrap_or(rtype);
            self.matches.push(Match { indicator, basis, name: bytes.to_vec(), query_type, ttl });
        }
    }

    fn address(&mut self, address: IpAddr, ttl: u32) {
        if let Some((_, known)) = self.addresses.iter_mut().find(|(known, _)| *known == address) {
            *known = ttl.max(*known);
        } else if self.addresses.len() < MOST_ADDRESSES {
            self.addresses.push((address, ttl));
        } else {
            self.more_addresses += 1;
        }
    }

    fn into_sightings(self, is_response: bool, response_code: Option<ResponseCode>) -> Vec<DnsSighting> {
        let Self { matches, names, addresses, more_addresses, .. } = self;
        let shortest = addresses.iter().map(|&(_, ttl)| ttl).min();
        let (addresses, lifetimes): (Vec<_>, Vec<_>) = addresses.into_iter().unzip();
        let sighting = |found: Match| DnsSighting {
            is_answer: is_response,
            indicator: found.indicator,
            basis: found.basis,
            names: names.iter().filter(|name| **name != found.name).cloned().collect(),
            facts: DnsFacts {
                name: found.name,
                query_type: Some(found.query_type),
                response_code,
                ttl: shortest.or(found.ttl),
                addresses: addresses.clone(),
            },
            lifetimes: lifetimes.clone(),
            more_addresses,
        };
        matches.into_iter().map(sighting).collect()
    }
}
