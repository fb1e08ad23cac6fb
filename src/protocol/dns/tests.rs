//! Complete messages: of real servers, truncated, hostile, and generated.

use std::collections::HashMap;
use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::domain_name::{DomainName, LONGEST_NAME};

/// Bytes from hex digits. Blanks are ignored.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

/// `gw.feersona.net`. In a question at offset 12, `feersona.net` is at 15 and `net` at 24.
const FEERSONA: &str = "02 6777 08 66656572736f6e61 03 6e6574 00";

#[derive(Debug, Clone, PartialEq, Eq)]
struct ParsedRecord {
    section: Section,
    owner: Option<String>,
    rtype: u16,
    class: u16,
    ttl: u32,
    target: Option<String>,
    addresses: Vec<IpAddr>,
}

/// The content of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parsed {
    questions: Vec<(Option<String>, u16, u16)>,
    records: Vec<ParsedRecord>,
    is_incomplete: bool,
}

fn text(name: &DomainName) -> String {
    name.as_bytes().escape_ascii().to_string()
}

fn parse(bytes: &[u8]) -> Parsed {
    let mut reader = Message::parse(bytes).unwrap().reader();
    let mut name = DomainName::new();
    let mut read =
        |reader: &mut MessageReader<'_>, name_ref| reader.read_name(name_ref, &mut name).then(|| text(&name));
    let mut questions = Vec::new();
    while let Some(question) = reader.next_question() {
        questions.push((read(&mut reader, question.name), question.qtype.0, question.class));
    }
    let mut records = Vec::new();
    while let Some(record) = reader.next_record() {
        records.push(ParsedRecord {
            section: record.section,
            owner: read(&mut reader, record.owner),
            rtype: record.rtype.0,
            class: record.class,
            ttl: record.ttl(),
            target: record.target().and_then(|target| read(&mut reader, target)),
            addresses: record.addresses().collect(),
        });
    }
    Parsed { questions, records, is_incomplete: reader.is_incomplete() }
}

fn question(name: &str, qtype: u16, class: u16) -> (Option<String>, u16, u16) {
    (Some(name.to_owned()), qtype, class)
}

/// The owner, type, target and addresses of each record, as one line.
fn lines(parsed: &Parsed) -> Vec<String> {
    let shown = |name: &Option<String>| name.clone().unwrap_or("?".to_owned());
    let mut lines = Vec::new();
    for record in &parsed.records {
        let mut line = format!("{} {}", shown(&record.owner), RecordType(record.rtype));
        if let Some(target) = &record.target {
            line += &format!(" {target}");
        }
        for address in &record.addresses {
            line += &format!(" {address}");
        }
        lines.push(line);
    }
    lines
}

/// An answer with CNAME, an unknown type, A and AAAA, then SOA and OPT.
fn usual_answer() -> Vec<u8> {
    hex(&format!(
        "1234 8180 0001 0004 0001 0001 {FEERSONA} 0001 0001
         c00c 0005 0001 0000012c 0007 04 65646765 c00f
         c02d ff00 0001 00000e10 0003 c0ffee
         c02d 0001 0001 0000003c 0004 5bcae919
         c02d 001c 0001 0000003c 0010 20010db8000000000000000000000001
         c018 0006 0001 00000384 001c 01 61 c018 01 62 c018 00000001 00000002 00000003 00000004 00000005
         00 0029 04d0 00008000 0000"
    ))
}

#[test]
fn a_queried_name_is_read_in_lower_case() {
    let bytes = hex("abcd 0100 0001 0000 0000 0000 02 4757 08 466565 7253 6f4e61 03 4e6554 00 0001 0001");
    let message = Message::parse(&bytes).unwrap();
    assert!(!message.is_response());
    assert_eq!(
        parse(&bytes),
        Parsed { questions: vec![question("gw.feersona.net", 1, 1)], records: vec![], is_incomplete: false }
    );
}

#[test]
fn every_type_and_class_is_read() {
    for (qtype, class, name) in [(65, 1, "HTTPS"), (0xff00, 1, "TYPE65280"), (255, 255, "ANY"), (16, 3, "TXT")] {
        let mut bytes = hex(&format!("0001 0100 0001 0000 0000 0000 {FEERSONA}"));
        bytes.extend([(qtype >> 8) as u8, qtype as u8, 0, class as u8]);
        let parsed = parse(&bytes);
        assert_eq!(parsed.questions, [question("gw.feersona.net", qtype, class)]);
        assert_eq!(RecordType(qtype).to_string(), name);
        assert!(!parsed.is_incomplete);
    }
}

#[test]
fn several_questions_share_names() {
    let bytes = hex(&format!("0001 0100 0003 0000 0000 0000 {FEERSONA} 0001 0001 c00c 001c 0001 0177 c00f 0041 0001"));
    assert_eq!(
        parse(&bytes).questions,
        [question("gw.feersona.net", 1, 1), question("gw.feersona.net", 28, 1), question("w.feersona.net", 65, 1)]
    );
    let mut reader = Message::parse(&bytes).unwrap().reader();
    let names: Vec<_> = std::iter::from_fn(|| reader.next_question()).map(|question| question.name).collect();
    assert_eq!(names[0], names[1]);
    assert_ne!(names[0], names[2]);
}

#[test]
fn odd_header_bits_and_opcodes_change_nothing() {
    let mut bytes = hex(&format!("0001 0000 0001 0000 0000 0000 {FEERSONA} 0001 0001"));
    for flags in 0..=u16::MAX {
        bytes[2..4].copy_from_slice(&flags.to_be_bytes());
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.is_response(), flags & 0x8000 != 0);
        assert_eq!(message.response_code(), ResponseCode(flags & 15));
        assert_eq!(message.reader().next_question().map(|question| question.qtype), Some(RecordType::A));
    }
}

#[test]
fn all_names_and_addresses_of_an_answer_are_read() {
    let parsed = parse(&usual_answer());
    assert_eq!(
        lines(&parsed),
        [
            "gw.feersona.net CNAME edge.feersona.net",
            "edge.feersona.net TYPE65280",
            "edge.feersona.net A 91.202.233.25",
            "edge.feersona.net AAAA 2001:db8::1",
            "net SOA",
            " OPT",
        ]
    );
    assert_eq!(parsed.records.iter().map(|record| record.ttl).collect::<Vec<_>>()[..4], [300, 3600, 60, 60]);
    assert!(!parsed.is_incomplete);
}

#[test]
fn records_of_one_owner_have_equal_references() {
    let bytes = usual_answer();
    let mut reader = Message::parse(&bytes).unwrap().reader();
    let asked = reader.next_question().unwrap().name;
    let records: Vec<_> = std::iter::from_fn(|| reader.next_record()).collect();
    assert_eq!(records[0].owner, asked);
    assert_eq!(records[0].target(), Some(records[1].owner));
    assert_eq!(records[2].owner, records[3].owner);
}

#[test]
fn records_can_be_read_without_the_questions() {
    let bytes = usual_answer();
    let mut reader = Message::parse(&bytes).unwrap().reader();
    assert_eq!(reader.next_record().map(|record| record.rtype), Some(RecordType::CNAME));
    assert_eq!(reader.next_question(), None);
    assert_eq!(reader.next_record().map(|record| record.rtype), Some(RecordType(0xff00)));
}

#[test]
fn nxdomain_has_only_the_soa() {
    let bytes = hex(&format!(
        "0001 8183 0001 0000 0001 0000 {FEERSONA} 0001 0001
         c018 0006 0001 00000384 001c 01 61 c018 01 62 c018 00000001 00000002 00000003 00000004 00000005"
    ));
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.response_code(), ResponseCode::NX_DOMAIN);
    let parsed = parse(&bytes);
    assert_eq!(lines(&parsed), ["net SOA"]);
    assert_eq!(parsed.records[0].section, Section::Authority);
}

#[test]
fn edns_extends_the_response_code() {
    // DO bit set, extended code 1: with 0 in the header this is 16.
    let bytes = hex(&format!("0001 8180 0001 0000 0000 0001 {FEERSONA} 0001 0001 00 0029 04d0 01008000 0000"));
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.response_code(), ResponseCode(0));
    assert_eq!(message.extended_response_code().to_string(), "BADVERS");
    let cut = Message::parse(&bytes[..bytes.len() - 4]).unwrap();
    assert_eq!(cut.extended_response_code(), ResponseCode(0));
    let plain = usual_answer();
    assert_eq!(Message::parse(&plain).unwrap().extended_response_code(), ResponseCode::NO_ERROR);
    // An OPT record in another section is ignored.
    let bytes = hex("0001 8183 0000 0001 0000 0000 00 0029 04d0 01008000 0000");
    assert_eq!(Message::parse(&bytes).unwrap().extended_response_code(), ResponseCode::NX_DOMAIN);
}

#[test]
fn mdns_flags_in_classes_are_kept_and_ignored() {
    // A query with a unicast question and a known answer, then an answer with the cache-flush bit
    // and no question.
    let query = parse(&hex(
        "0000 0000 0001 0001 0000 0000 01 61 05 6c6f63616c 00 000c 8001 c00c 000c 0001 00000078 0004 01 62 c00e",
    ));
    assert_eq!(query.questions, [question("a.local", 12, 0x8001)]);
    assert_eq!(lines(&query), ["a.local PTR b.local"]);
    let answer = parse(&hex("0000 8400 0000 0001 0000 0000 01 61 05 6c6f63616c 00 0001 8001 00000078 0004 c0a80001"));
    assert_eq!(lines(&answer), ["a.local A 192.168.0.1"]);
    assert_eq!(answer.records[0].class, 0x8001);
}

#[test]
fn addresses_of_another_class_are_ignored() {
    assert_eq!(lines(&parse(&hex("0001 8180 0000 0001 0000 0000 01 61 00 0001 0003 00000001 0004 01020304"))), ["a A"]);
}

#[test]
fn addresses_of_a_wrong_length_are_ignored() {
    let bytes = hex(
        "0001 8180 0000 0004 0000 0000 01 61 00 0001 0001 00000001 0003 010203 c00c 0001 0001 00000001 0005 0102030405
         c00c 001c 0001 00000001 0004 01020304 c00c 0001 0001 00000001 0004 01020304",
    );
    let parsed = parse(&bytes);
    assert_eq!(lines(&parsed), ["a A", "a A", "a AAAA", "a A 1.2.3.4"]);
    assert!(!parsed.is_incomplete);
}

#[test]
fn a_ttl_with_its_top_bit_set_is_zero() {
    let bytes = hex(
        "0001 8180 0000 0002 0000 0000 01 61 00 0001 0001 80000001 0004 01020304 c00c 0001 0001 7fffffff 0004 01020304",
    );
    assert_eq!(parse(&bytes).records.iter().map(|record| record.ttl).collect::<Vec<_>>(), [0, i32::MAX as u32]);
}

#[test]
fn each_type_with_a_target_returns_it() {
    let bytes = hex(&format!(
        "0001 8180 0001 0007 0000 0000 {FEERSONA} 00ff 0001
         c00c 0005 0001 00000001 0002 c018
         c00c 0027 0001 00000001 0002 c018
         c00c 0002 0001 00000001 0002 c018
         c00c 000c 0001 00000001 0002 c018
         c00c 000f 0001 00000001 0004 000a c018
         c00c 0021 0001 00000001 0008 0001 0002 01bb c018
         c00c 0010 0001 00000001 0002 01 61"
    ));
    let targets: Vec<_> = parse(&bytes).records.into_iter().map(|record| (record.rtype, record.target)).collect();
    let net = || Some("net".to_owned());
    assert_eq!(targets, [(5, net()), (39, net()), (2, net()), (12, net()), (15, net()), (33, net()), (16, None)]);
}

#[test]
fn data_too_short_for_a_target_have_none() {
    let bytes = hex(
        "0001 8180 0000 0003 0000 0000 01 61 00 000f 0001 00000001 0001 00 c00c 0021 0001 00000001 0006 000000000000 c00c 0005 0001 00000001 0000",
    );
    assert_eq!(lines(&parse(&bytes)), ["a MX", "a SRV", "a CNAME"]);
    assert!(!parse(&bytes).is_incomplete);
}

/// A message with one HTTPS record of these data.
fn service(data: &str) -> Parsed {
    let data = hex(data);
    let mut bytes = hex("0001 8180 0000 0001 0000 0000 01 61 00 0041 0001 00000001 00");
    bytes.push(data.len() as u8);
    bytes.extend(data);
    parse(&bytes)
}

#[test]
fn service_records_give_hints_and_a_target() {
    let whole = service(
        "0001 01 62 00 0001 0003 026832 0004 0008 01020304 05060708 0006 0010 20010db8000000000000000000000001",
    );
    assert_eq!(lines(&whole), ["a HTTPS b 1.2.3.4 5.6.7.8 2001:db8::1"]);
    assert_eq!(lines(&service("0001 00 0004 0004 01020304")), ["a HTTPS 1.2.3.4"], "a dot means the owner");
    assert_eq!(lines(&service("0000 01 62 00 0004 0004 01020304")), ["a HTTPS b"], "an alias has no hints");
}

#[test]
fn malformed_service_parameters_end_the_hints() {
    assert_eq!(lines(&service("0001 00 0004 0004 01020304 0006 0020 20010db8")), ["a HTTPS 1.2.3.4"]);
    assert_eq!(
        lines(&service("0001 00 0004 0006 01020304 0506 0006 0000 0004 0004 07080900")),
        ["a HTTPS 1.2.3.4 7.8.9.0"]
    );
    assert_eq!(lines(&service("0001 00 0004 ffff 01020304")), ["a HTTPS"]);
    assert_eq!(lines(&service("0001 00 0004 00")), ["a HTTPS"]);
    assert_eq!(lines(&service("0001 05 62")), ["a HTTPS"]);
    assert_eq!(lines(&service("00")), ["a HTTPS"]);
    assert_eq!(lines(&service("")), ["a HTTPS"]);
}

#[test]
fn counts_larger_than_the_message_are_read_as_far_as_it_goes() {
    let bytes = hex("0001 8180 0000 ffff ffff ffff 01 61 00 0001 0001 00000001 0004 01020304");
    let parsed = parse(&bytes);
    assert_eq!(lines(&parsed), ["a A 1.2.3.4"]);
    assert!(parsed.is_incomplete);
}

#[test]
fn shorter_than_a_header_is_no_message() {
    for length in 0..HEADER_LENGTH {
        assert!(Message::parse(&[0xff; HEADER_LENGTH][..length]).is_none());
    }
    assert!(Message::parse(&[0xff; HEADER_LENGTH]).is_some());
}

#[test]
fn pointers_that_do_not_go_backward_are_rejected() {
    for (pointer, what) in
        [("c00c", "itself"), ("c010", "forward"), ("c000", "the header"), ("c00b", "the header"), ("ffff", "the end")]
    {
        let parsed = parse(&hex(&format!("0001 0100 0001 0000 0000 0000 {pointer} 0001 0001")));
        assert_eq!((parsed.questions, parsed.is_incomplete), (vec![(None, 1, 1)], true), "{what}");
    }
    // A label `a` with a pointer back to it, which would be an endless loop. Then two names that
    // point at each other.
    for name in ["01 61 c00c", "01 61 c00e"] {
        assert_eq!(parse(&hex(&format!("0001 0100 0001 0000 0000 0000 {name} 0001 0001"))).questions, [(None, 1, 1)]);
    }
    let parsed = parse(&hex("0001 0100 0002 0000 0000 0000 01 61 c014 0001 0001 01 62 c00c 0001 0001"));
    assert_eq!(parsed.questions, [(None, 1, 1), (None, 1, 1)]);
}

#[test]
fn an_unreadable_name_does_not_affect_its_question_and_what_follows() {
    let parsed = parse(&hex("0001 8180 0001 0001 0000 0000 c000 0001 0001 01 61 00 0001 0001 00000001 0004 01020304"));
    assert_eq!(parsed.questions, [(None, 1, 1)]);
    assert_eq!(lines(&parsed), ["a A 1.2.3.4"]);
    assert!(parsed.is_incomplete);
}

#[test]
fn reserved_labels_end_the_message() {
    for kind in ["40", "41", "7f", "80", "bf"] {
        let parsed = parse(&hex(&format!("0001 0100 0002 0000 0000 0000 00 0001 0001 {kind} 00 0000 0001 0001")));
        assert_eq!((parsed.questions, parsed.is_incomplete), (vec![question("", 1, 1)], true));
    }
}

/// A message with a chain of pointers: each points at the one before, the first at `a`. The owner
/// of the last record is the end of the chain.
fn chain_of_pointers(pointers: usize) -> Vec<u8> {
    // The data of a TXT record have the chain.
    let mut bytes = hex("0001 8180 0000 0002 0000 0000 01 61 00 0010 0001 00000001");
    bytes.extend((2 * pointers as u16).to_be_bytes());
    let mut previous = 12u16;
    for _ in 0..pointers {
        let here = bytes.len() as u16;
        bytes.extend((0xc000 | previous).to_be_bytes());
        previous = here;
    }
    bytes.extend((0xc000 | previous).to_be_bytes());
    bytes.extend(hex("0001 0001 00000001 0004 01020304"));
    bytes
}

#[test]
fn chains_of_pointers_are_followed_up_to_a_bound() {
    assert_eq!(lines(&parse(&chain_of_pointers(256)))[1], "a A 1.2.3.4");
    assert_eq!(lines(&parse(&chain_of_pointers(257)))[1], "? A 1.2.3.4");
    assert_eq!(lines(&parse(&chain_of_pointers(7000)))[1], "? A 1.2.3.4");
}

#[test]
fn bytes_within_a_label_stay_within_it() {
    let bytes = hex("0001 0100 0001 0000 0000 0000 0b 612e627c633d0a0d5cff20 03 6e6574 00 0001 0001");
    let mut reader = Message::parse(&bytes).unwrap().reader();
    let mut name = DomainName::new();
    let question = reader.next_question().unwrap();
    assert!(reader.read_name(question.name, &mut name));
    assert_eq!(name.as_bytes(), b"a\\.b|c=\n\r\\\\\xff .net");
    assert_eq!(name.label_count(), 2);
}

#[test]
fn the_longest_labels_and_names_fit_and_no_longer_ones() {
    let label = format!("3f {}", "41".repeat(63));
    let name = |last: usize| format!("{label} {label} {label} {last:02x} {} 00", "42".repeat(last));
    let ask = |name: &str| parse(&hex(&format!("0001 0100 0001 0000 0000 0000 {name} 0001 0001"))).questions;
    let [(Some(longest), 1, 1)] = &ask(&name(61))[..] else { panic!() };
    assert_eq!(longest.len(), LONGEST_NAME);
    assert_eq!(longest.split('.').next(), Some("a".repeat(63).as_str()));
    assert_eq!(ask(&name(62)), [(None, 1, 1)]);
    let many = ask(&format!("{} 00", "01 61".repeat(127)));
    assert_eq!(many[0].0.as_ref().map(String::len), Some(LONGEST_NAME));
    assert_eq!(ask(&format!("{} 00", "01 61".repeat(128))), [(None, 1, 1)]);
}

#[test]
fn a_truncated_record_is_returned_without_the_missing_data() {
    let bytes = hex("0001 8180 0000 0002 0000 0000 01 61 00 0001 0001 00000005 0004 0102");
    let parsed = parse(&bytes);
    assert_eq!(lines(&parsed), ["a A"]);
    assert_eq!(parsed.records[0].ttl, 5);
    assert!(parsed.is_incomplete);
}

#[test]
fn the_cost_of_names_in_a_hostile_message_is_bounded() {
    // 127 labels of one byte, then as many records as fit with that name as owner and target.
    let mut bytes = hex("0001 8180 0000 ffff ffff 0000 00 0010 0001 00000001 00ff");
    let chain = bytes.len() as u16;
    bytes.extend(hex(&format!("{} 00", "01 61".repeat(127))));
    while bytes.len() + 14 <= usize::from(u16::MAX) {
        bytes.extend((0xc000 | chain).to_be_bytes());
        bytes.extend(hex("0005 0001 00000001 0002"));
        bytes.extend((0xc000 | chain).to_be_bytes());
    }
    let parsed = parse(&bytes);
    let names = parsed.records.iter().flat_map(|record| [&record.owner, &record.target]).flatten();
    let labels: usize = names.map(|name| name.split('.').count()).sum();
    assert!(parsed.is_incomplete);
    assert!(parsed.records.len() > 4000, "all records are returned");
    assert!(labels > bytes.len() / 2, "many of their names are read: {labels}");
    assert!(labels <= 512 + bytes.len(), "{labels}");
}

// Generated messages.

type Labels = Vec<Vec<u8>>;

/// Writes names as servers do, with pointers to earlier names.
#[derive(Default)]
struct Encoder {
    bytes: Vec<u8>,
    seen: HashMap<Labels, u16>,
    compress: bool,
}

impl Encoder {
    fn name(&mut self, labels: &[Vec<u8>]) {
        let Some((first, rest)) = labels.split_first() else {
            self.bytes.push(0);
            return;
        };
        if let Some(offset) = self.seen.get(labels).filter(|_| self.compress) {
            self.bytes.extend((0xc000 | offset).to_be_bytes());
            return;
        }
        if self.bytes.len() < 0x4000 {
            self.seen.insert(labels.to_vec(), self.bytes.len() as u16);
        }
        self.bytes.push(first.len() as u8);
        self.bytes.extend(first);
        self.name(rest);
    }
}

/// Owner, TTL and data of a record.
type GeneratedRecord = (Labels, u32, Data);

#[derive(Debug, Clone)]
enum Data {
    Address([u8; 4]),
    Long([u8; 16]),
    Alias(Labels),
    Exchange(Labels),
    Hints(Labels, Vec<[u8; 4]>),
    Other(u16, Vec<u8>),
}

#[derive(Debug, Clone)]
struct GeneratedMessage {
    questions: Vec<(Labels, u16)>,
    /// The records by section.
    records: [Vec<GeneratedRecord>; 3],
    compress: bool,
}

fn expected_name(labels: &[Vec<u8>]) -> String {
    let mut name = DomainName::new();
    labels.iter().for_each(|label| name.push_label(label).unwrap());
    text(&name)
}

impl GeneratedMessage {
    fn bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder { compress: self.compress, ..Encoder::default() };
        encoder.bytes.extend([0, 1, 0x81, 0x80]);
        encoder.bytes.extend((self.questions.len() as u16).to_be_bytes());
        self.records.iter().for_each(|records| encoder.bytes.extend((records.len() as u16).to_be_bytes()));
        for (name, qtype) in &self.questions {
            encoder.name(name);
            encoder.bytes.extend(qtype.to_be_bytes());
            encoder.bytes.extend([0, 1]);
        }
        for (owner, ttl, data) in self.records.iter().flatten() {
            encoder.name(owner);
            encoder.bytes.extend(data.rtype().to_be_bytes());
            encoder.bytes.extend([0, 1]);
            encoder.bytes.extend(ttl.to_be_bytes());
            let length_at = encoder.bytes.len();
            encoder.bytes.extend([0, 0]);
            match data {
                Data::Address(address) => encoder.bytes.extend(address),
                Data::Long(address) => encoder.bytes.extend(address),
                Data::Alias(target) => encoder.name(target),
                Data::Exchange(target) => {
                    encoder.bytes.extend([0, 10]);
                    encoder.name(target);
                }
                Data::Hints(target, addresses) => {
                    encoder.bytes.extend([0, 1]);
                    encoder.name(target);
                    encoder.bytes.extend([0, 1, 0, 3, 2, b'h', b'2', 0, 4, 0, 4 * addresses.len() as u8]);
                    encoder.bytes.extend(addresses.concat());
                }
                Data::Other(_, bytes) => encoder.bytes.extend(bytes),
            }
            let length = (encoder.bytes.len() - length_at - 2) as u16;
            encoder.bytes[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
        }
        encoder.bytes
    }

    fn expected(&self) -> Parsed {
        let questions = self.questions.iter().map(|(name, qtype)| question(&expected_name(name), *qtype, 1)).collect();
        let mut records = Vec::new();
        for (section, made) in Section::ALL.into_iter().zip(&self.records) {
            for (owner, ttl, data) in made {
                let (target, addresses) = match data {
                    Data::Address(address) => (None, vec![IpAddr::from(*address)]),
                    Data::Long(address) => (None, vec![IpAddr::from(*address)]),
                    Data::Alias(target) | Data::Exchange(target) => (Some(expected_name(target)), vec![]),
                    Data::Hints(target, addresses) => (
                        (!target.is_empty()).then(|| expected_name(target)),
                        addresses.iter().copied().map(IpAddr::from).collect(),
                    ),
                    Data::Other(..) => (None, vec![]),
                };
                let owner = Some(expected_name(owner));
                records.push(ParsedRecord {
                    section,
                    owner,
                    rtype: data.rtype(),
                    class: 1,
                    ttl: *ttl,
                    target,
                    addresses,
                });
            }
        }
        Parsed { questions, records, is_incomplete: false }
    }
}

impl Data {
    fn rtype(&self) -> u16 {
        match self {
            Self::Address(_) => 1,
            Self::Long(_) => 28,
            Self::Alias(_) => 5,
            Self::Exchange(_) => 15,
            Self::Hints(..) => 65,
            Self::Other(rtype, _) => *rtype,
        }
    }
}

/// Labels of any bytes. Some repeat, so that there are names to compress.
fn labels() -> impl Strategy<Value = Labels> {
    let label = prop_oneof![
        4 => prop::sample::select(vec![&b"a"[..], b"Feersona", b"net", b"x.y", b"\\|=\n"]).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 1..=63),
    ];
    prop::collection::vec(label, 0..5)
        .prop_filter("at most 253 bytes", |labels| labels.iter().map(|label| label.len() + 1).sum::<usize>() <= 254)
}

fn data() -> impl Strategy<Value = Data> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(Data::Address),
        any::<[u8; 16]>().prop_map(Data::Long),
        labels().prop_map(Data::Alias),
        labels().prop_map(Data::Exchange),
        (labels(), prop::collection::vec(any::<[u8; 4]>(), 0..4))
            .prop_map(|(target, hints)| Data::Hints(target, hints)),
        (prop::sample::select(vec![0u16, 6, 16, 41, 65280]), prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(rtype, bytes)| Data::Other(rtype, bytes)),
    ]
}

fn generated() -> impl Strategy<Value = GeneratedMessage> {
    let records = || prop::collection::vec((labels(), 0..=i32::MAX as u32, data()), 0..4);
    let questions = prop::collection::vec((labels(), any::<u16>()), 0..3);
    (questions, [records(), records(), records()], any::<bool>())
        .prop_map(|(questions, records, compress)| GeneratedMessage { questions, records, compress })
}

/// Checks the properties that hold for any bytes.
fn holds_for_any_bytes(bytes: &[u8]) -> Result<(), TestCaseError> {
    let Some(message) = Message::parse(bytes) else {
        prop_assert!(bytes.len() < HEADER_LENGTH);
        return Ok(());
    };
    let mut reader = message.reader();
    let mut name = DomainName::new();
    let mut labels = 0;
    let mut read = |reader: &mut MessageReader<'_>, name_ref| {
        let is_complete = reader.read_name(name_ref, &mut name);
        labels += name.label_count();
        prop_assert!(is_complete || (name.is_empty() && reader.is_incomplete()));
        prop_assert!(name.as_bytes().len() <= 2 * LONGEST_NAME);
        Ok(())
    };
    let mut items = 0;
    while let Some(question) = reader.next_question() {
        items += 1;
        read(&mut reader, question.name)?;
    }
    while let Some(record) = reader.next_record() {
        items += 2;
        read(&mut reader, record.owner)?;
        if let Some(target) = record.target() {
            read(&mut reader, target)?;
        }
        prop_assert!(record.addresses().count() * 4 <= record.data.len());
    }
    prop_assert!(items * 5 <= bytes.len(), "each takes at least five bytes of its own");
    prop_assert!(labels <= 512 + bytes.len());
    prop_assert_eq!(message.extended_response_code().0 & 15, message.response_code().0);
    Ok(())
}

/// Checks that a truncated message gives a part of the complete one.
fn is_part_of(cut: &Parsed, whole: &Parsed) -> Result<(), TestCaseError> {
    prop_assert!(whole.questions.starts_with(&cut.questions));
    let Some((last, before)) = cut.records.split_last() else {
        return Ok(());
    };
    prop_assert!(whole.records.starts_with(before));
    let whole = &whole.records[before.len()];
    prop_assert!(last.target.is_none() || last.target == whole.target);
    prop_assert!(whole.addresses.starts_with(&last.addresses));
    let bare = |record: &ParsedRecord| ParsedRecord { target: None, addresses: vec![], ..record.clone() };
    prop_assert_eq!(bare(last), bare(whole));
    Ok(())
}

proptest! {
    #[test]
    fn a_generated_message_is_parsed(made in generated()) {
        prop_assert_eq!(parse(&made.bytes()), made.expected());
    }

    #[test]
    fn every_prefix_gives_a_part_of_the_whole(made in generated()) {
        let bytes = made.bytes();
        let whole = parse(&bytes);
        for length in HEADER_LENGTH..bytes.len() {
            let cut = parse(&bytes[..length]);
            prop_assert!(cut.is_incomplete);
            is_part_of(&cut, &whole)?;
        }
    }

    #[test]
    fn any_bytes_are_read_within_bounds(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        holds_for_any_bytes(&bytes)?;
    }

    #[test]
    fn bytes_full_of_pointers_and_short_labels_are_read_within_bounds(
        bytes in prop::collection::vec(prop::sample::select(vec![0u8, 0, 1, 1, 2, 5, 12, 13, 20, 40, 65, 0xc0, 0xc0, 0xc1]), 12..600),
    ) {
        holds_for_any_bytes(&bytes)?;
    }

    #[test]
    fn any_mutation_is_read_within_bounds(
        made in generated(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..8),
    ) {
        let mut bytes = made.bytes();
        for (index, byte, kind) in changes {
            let index = index.index(bytes.len());
            match kind {
                0 => bytes[index] = byte,
                1 => bytes.insert(index, byte),
                _ => { bytes.remove(index); }
            }
        }
        holds_for_any_bytes(&bytes)?;
    }
}

#[test]
fn every_prefix_of_a_usual_answer_gives_a_part_of_it() {
    let bytes = usual_answer();
    let whole = parse(&bytes);
    for length in HEADER_LENGTH..bytes.len() {
        let cut = parse(&bytes[..length]);
        assert!(cut.is_incomplete, "at {length}");
        is_part_of(&cut, &whole).unwrap();
    }
}
