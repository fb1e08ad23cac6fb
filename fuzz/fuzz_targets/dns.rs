//! DNS messages: the input as a message, and as a TCP segment.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rattap::domain_name::{DomainName, LONGEST_NAME, MOST_LABELS};
use rattap::protocol::dns::{HEADER_LENGTH, Message, MessageReader, NameRef, TcpMessage, tcp_messages};
use rattap::sanitize::sanitize;

/// The cost of names that any message may have, in addition to one for each byte. It equals the
/// constant in `name.rs`.
const BASE_BUDGET: usize = 512;

struct Names {
    name: DomainName,
    labels: usize,
}

impl Names {
    fn read(&mut self, reader: &mut MessageReader<'_>, name: NameRef) {
        if !reader.read_name(name, &mut self.name) {
            assert!(self.name.is_empty() && reader.is_incomplete());
            return;
        }
        let name = &self.name;
        self.labels += name.label_count();
        assert!(name.label_count() <= MOST_LABELS && name.as_bytes().len() <= 2 * LONGEST_NAME);
        assert_eq!(name.domains().count(), name.label_count());
        assert!(name.domains().all(|domain| name.as_bytes().ends_with(domain)));
        assert!(!name.as_bytes().iter().any(u8::is_ascii_uppercase));
        assert!(!sanitize(name.as_bytes()).to_string().chars().any(char::is_control));
    }
}

fn check(bytes: &[u8]) {
    let Some(message) = Message::parse(bytes) else {
        assert!(bytes.len() < HEADER_LENGTH);
        return;
    };
    let _ = message.is_response();
    assert!(message.response_code().0 < 16);
    assert_eq!(message.extended_response_code().0 & 15, message.response_code().0);
    assert!(!message.extended_response_code().to_string().is_empty());

    let mut names = Names { name: DomainName::new(), labels: 0 };
    let mut reader = message.reader();
    let mut parts = 0;
    while let Some(question) = reader.next_question() {
        parts += 1;
        names.read(&mut reader, question.name);
        assert!(!question.qtype.to_string().is_empty());
    }
    let mut section = None;
    while let Some(record) = reader.next_record() {
        parts += 1;
        assert!(section <= Some(record.section));
        section = Some(record.section);
        names.read(&mut reader, record.owner);
        if let Some(target) = record.target() {
            names.read(&mut reader, target);
        }
        assert!(record.ttl() <= i32::MAX as u32);
        assert!(record.addresses().count() <= bytes.len() / 4);
    }
    // The shortest question has five bytes.
    assert!(parts <= bytes.len() / 5, "{parts} parts");
    assert!(names.labels <= bytes.len() + BASE_BUDGET, "{} labels", names.labels);
    assert!(reader.next_record().is_none() && reader.next_question().is_none());
}

fuzz_target!(|data: &[u8]| {
    check(data);
    let mut length = 0;
    for part in tcp_messages(data) {
        match part {
            TcpMessage::Complete(message) => {
                length += 2 + message.len();
                check(message);
            }
            TcpMessage::Incomplete(rest) => length += rest.len(),
        }
    }
    assert!(length <= data.len());
});
