//! The names in DNS messages, over UDP and TCP.
//!
//! Each message is read once to learn whether it names a listed domain at all. Only a message that
//! does is read a second time, for all details of the alert.

use std::net::IpAddr;

use super::host_facts::read_own_name;
use super::names::NameMatcher;
use super::protocol::{
    AppLayer, AppProtocol, DatagramReader, HeadSink, Recognition, Stream, StreamParse, StreamReader,
};
use crate::decode::Packet;
use crate::domain_name::DomainName;
use crate::indicator::IndicatorId;
use crate::protocol::dns::{self, Message, RecordType, ResponseCode, Section, TcpMessage};
use crate::scan::{DnsFacts, DnsSighting, FindingKind, MatchBasis, Named};

/// The rows of the protocol tables.
pub(super) const OVER_TCP: AppProtocol<StreamReader> = AppProtocol {
    recognition: Recognition::Ports(&PORTS),
    reader: StreamReader { read: read_stream, read_so_far: None },
};
pub(super) const OVER_UDP: AppProtocol<DatagramReader> =
    AppProtocol { recognition: Recognition::Ports(&PORTS), reader: read_datagram };

/// The ports of DNS, mDNS (RFC 6762) and LLMNR (RFC 4795), which share one message format.
const PORTS: [u16; 3] = [53, 5353, 5355];

/// The most listed domains that one message is reported for. An honest message names one or two; a
/// hostile one could repeat thousands.
const MOST_INDICATORS: usize = 8;

/// The most addresses of one answer that are reported: as many as fit into the 4,096 bytes that
/// resolvers accept over UDP.
pub const MOST_ADDRESSES: usize = 256;

/// The most names of one answer that are reported: resolvers do not follow longer chains either.
pub const MOST_NAMES: usize = 16;

/// The most questions of one message that are reported where all names are requested. A browser
/// asks one, a device that looks for services by mDNS a few dozen.
const MOST_QUESTIONS: usize = 64;

/// The most bytes of reported questions, as a multiple of the message's length. Names that point to
/// each other make any number of long ones out of few bytes; honest messages share an ending or
/// two.
const MOST_UNPACKED: usize = 4;

fn read_stream(app_layer: &mut AppLayer<'_>, stream: Stream<'_>, sink: &mut HeadSink<'_>) -> StreamParse {
    let mut end = 0;
    for part in dns::tcp_messages(stream.bytes) {
        match part {
            TcpMessage::Complete(message) => {
                end += 2 + message.len();
                read_message(&mut app_layer.names, message, end, sink);
            }
            TcpMessage::Incomplete(rest) => return StreamParse::Partial(stream.bytes.len() - rest.len()),
        }
    }
    if end > 0 { StreamParse::Whole } else { StreamParse::Other }
}

fn read_datagram(app_layer: &mut AppLayer<'_>, packet: &Packet<'_>, sink: &mut HeadSink<'_>) {
    read_message(&mut app_layer.names, packet.payload, 0, sink);
    read_own_name(app_layer, packet, sink);
}

/// Reports a sighting for each listed domain in a message and, before that, all questions if all
/// names are requested. The message ends at the offset `end` of its stream.
#[inline(never)]
fn read_message(names: &mut NameMatcher<'_>, bytes: &[u8], end: usize, sink: &mut HeadSink<'_>) {
    let Some(message) = Message::parse(bytes) else { return };
    sink.counts.dns_messages += 1;
    let screening = screen(names, &message);
    sink.counts.dns_cut += u64::from(screening == Screening::Cut);
    if names.all_names {
        let Questions { list, is_complete } = questions(names, &message, MOST_UNPACKED * bytes.len());
        sink.counts.names_beyond += u64::from(!is_complete);
        if !list.is_empty() {
            sink.report(end, FindingKind::Names(list.into()));
        }
    }
    if screening == Screening::Listed {
        for sighting in sightings(names, &message) {
            sink.report(end, FindingKind::Dns(Box::new(sighting)));
        }
    }
}

/// The questions of a message.
struct Questions {
    list: Vec<Named>,
    is_complete: bool,
}

fn questions(names: &mut NameMatcher<'_>, message: &Message<'_>, mut room: usize) -> Questions {
    let basis = if message.is_response() { MatchBasis::DnsAnswer } else { MatchBasis::DnsQuery };
    let mut reader = message.reader();
    let mut list = Vec::new();
    while let Some(question) = reader.next_question() {
        if !reader.read_name(question.name, &mut names.name) {
            continue;
        }
        let host = names.name.as_bytes();
        if list.len() >= MOST_QUESTIONS || host.len() > room {
            return Questions { list, is_complete: false };
        }
        room -= host.len();
        list.push(Named { basis, host: host.to_vec(), port: None });
    }
    Questions { list, is_complete: true }
}

/// The result of the first reading of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Screening {
    /// A question, or a record of an answer, names a listed domain.
    Listed,
    /// None does.
    Unlisted,
    /// None does in the part that could be read.
    Cut,
}

fn screen(names: &mut NameMatcher<'_>, message: &Message<'_>) -> Screening {
    let mut reader = message.reader();
    // Successive records mostly have the same owner: the same name is looked up once.
    let mut last = None;
    let mut is_listed = |reader: &mut dns::MessageReader<'_>, name| {
        last.replace(name) != Some(name)
            && !reader.rules_out(name, |plain| names.set.may_list_labels(plain.label_count(), plain.labels()))
            && reader.read_name(name, &mut names.name)
            && names.set.find_domain(&names.name).is_some()
    };
    while let Some(question) = reader.next_question() {
        if is_listed(&mut reader, question.name) {
            return Screening::Listed;
        }
    }
    while message.is_response()
        && let Some(record) = reader.next_record()
        && record.section == Section::Answer
    {
        if is_listed(&mut reader, record.owner) || record.target().is_some_and(|target| is_listed(&mut reader, target))
        {
            return Screening::Listed;
        }
    }
    if reader.is_incomplete() { Screening::Cut } else { Screening::Unlisted }
}

fn sightings(names: &mut NameMatcher<'_>, message: &Message<'_>) -> Vec<DnsSighting> {
    let mut details = MessageDetails::default();
    let is_answer = message.is_response();
    let mut reader = message.reader();
    while let Some(question) = reader.next_question() {
        if reader.read_name(question.name, &mut names.name) {
            let basis = if is_answer { MatchBasis::DnsAnswer } else { MatchBasis::DnsQuery };
            let indicator = names.set.find_domain(&names.name);
            details.add_name(&names.name, indicator, NamePlace { basis, rtype: question.qtype, ttl: None });
            details.query_type.get_or_insert(question.qtype);
        }
    }
    while is_answer
        && let Some(record) = reader.next_record()
        && record.section == Section::Answer
    {
        let place = NamePlace { basis: MatchBasis::DnsAnswerRecord, rtype: record.rtype, ttl: Some(record.ttl()) };
        for name in [Some(record.owner), record.target()].into_iter().flatten() {
            if reader.read_name(name, &mut names.name) {
                details.add_name(&names.name, names.set.find_domain(&names.name), place);
            }
        }
        record.addresses().for_each(|address| details.add_address(address, record.ttl()));
    }
    let response_code = is_answer.then(|| message.extended_response_code());
    details.into_sightings(is_answer, response_code)
}

/// The details that are collected from a message.
#[derive(Default)]
struct MessageDetails {
    matches: Vec<DomainMatch>,
    names: Vec<Vec<u8>>,
    addresses: Vec<AnsweredAddress>,
    more_addresses: u64,
    /// The type of the first question.
    query_type: Option<RecordType>,
}

/// A listed domain in a message.
struct DomainMatch {
    indicator: IndicatorId,
    basis: MatchBasis,
    name: Vec<u8>,
    query_type: RecordType,
    ttl: Option<u32>,
}

/// An address in an answer, with its time to live in seconds.
struct AnsweredAddress {
    address: IpAddr,
    ttl: u32,
}

/// The question or record that holds a name.
#[derive(Clone, Copy)]
struct NamePlace {
    basis: MatchBasis,
    rtype: RecordType,
    ttl: Option<u32>,
}

impl MessageDetails {
    fn add_name(&mut self, name: &DomainName, indicator: Option<IndicatorId>, place: NamePlace) {
        let bytes = name.as_bytes();
        if self.names.len() < MOST_NAMES && !self.names.iter().any(|known| known == bytes) {
            self.names.push(bytes.to_vec());
        }
        let Some(indicator) = indicator else { return };
        let NamePlace { basis, rtype, ttl } = place;
        if let Some(known) = self.matches.iter_mut().find(|known| known.indicator == indicator) {
            known.ttl = [known.ttl, ttl].into_iter().flatten().min();
        } else if self.matches.len() < MOST_INDICATORS {
            let query_type = self.query_type.filter(|_| basis == MatchBasis::DnsAnswerRecord).unwrap_or(rtype);
            self.matches.push(DomainMatch { indicator, basis, name: bytes.to_vec(), query_type, ttl });
        }
    }

    fn add_address(&mut self, address: IpAddr, ttl: u32) {
        if let Some(known) = self.addresses.iter_mut().find(|known| known.address == address) {
            known.ttl = ttl.max(known.ttl);
        } else if self.addresses.len() < MOST_ADDRESSES {
            self.addresses.push(AnsweredAddress { address, ttl });
        } else {
            self.more_addresses += 1;
        }
    }

    fn into_sightings(self, is_answer: bool, response_code: Option<ResponseCode>) -> Vec<DnsSighting> {
        let Self { matches, names, addresses, more_addresses, .. } = self;
        let lifetimes: Vec<_> = addresses.iter().map(|known| known.ttl).collect();
        let addresses: Vec<_> = addresses.iter().map(|known| known.address).collect();
        let shortest = lifetimes.iter().copied().min();
        let sighting = |found: DomainMatch| DnsSighting {
            is_answer,
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
