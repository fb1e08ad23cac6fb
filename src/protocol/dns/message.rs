//! A message and the way through it.

use super::code::{RecordType, ResponseCode};
use super::header::{self, HEADER_LENGTH};
use super::name::{self, Name, NameBudget};
use super::record::{Record, Section};
use crate::domain_name::DomainName;

/// A DNS message: the header, and the bytes after it not yet looked at.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    header: dns_parser::Header,
}

impl<'a> Message<'a> {
    /// Reads the header. `bytes` start at the message's first byte: over TCP, that is after the length.
    ///
    /// None where the bytes end within the header.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        Some(Self { bytes, header: header::parse(bytes)? })
    }

    /// The number by which a resolver tells its answers apart.
    pub fn id(&self) -> u16 {
        self.header.id
    }

    /// True for an answer, false for a query. In mDNS an announcement is an answer that nobody asked for.
    pub fn is_response(&self) -> bool {
        !self.header.query
    }

    /// The kind of query: 0 is the usual one.
    pub fn opcode(&self) -> u16 {
        self.header.opcode.into()
    }

    /// The server left something out for want of room. In an mDNS query: more known answers follow.
    pub fn is_truncated(&self) -> bool {
        self.header.truncated
    }

    /// The response code in the header, 0 to 15.
    pub fn response_code(&self) -> ResponseCode {
        let code: u8 = self.header.response_code.into();
        ResponseCode(code.into())
    }

    /// The response code with its upper eight bits, which an OPT record brings (RFC 6891 section 6.1.3). Walks over the
    /// whole message to find it, so ask only where it will be shown. Without OPT, and where the message is cut before it,
    /// the same as [`Message::response_code`].
    pub fn extended_response_code(&self) -> ResponseCode {
        let ResponseCode(low) = self.response_code();
        if self.header.additional == 0 {
            return ResponseCode(low);
        }
        let mut reader = self.reader();
        let mut high = 0;
        while let Some(record) = reader.next_record() {
            if record.section == Section::Additional && record.rtype == RecordType::OPT {
                high = u16::from(record.extended_code());
                break;
            }
        }
        ResponseCode(high << 4 | low)
    }

    /// Starts at the first question.
    #[inline]
    pub fn reader(&self) -> Reader<'a> {
        Reader {
            bytes: self.bytes,
            position: HEADER_LENGTH,
            questions: self.header.questions,
            records: [self.header.answers, self.header.nameservers, self.header.additional],
            budget: NameBudget::of(self.bytes),
            cut: false,
        }
    }
}

/// A question: what is asked about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The name asked for.
    pub name: Name,
    /// The type asked for.
    pub qtype: RecordType,
    /// The class as it came, with the flag that mDNS keeps in its top bit.
    pub class: u16,
}

/// Goes over a message, question by question, then record by record.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Questions not yet read.
    questions: u16,
    /// Records not yet read, by section.
    records: [u16; 3],
    budget: NameBudget,
    cut: bool,
}

impl<'a> Reader<'a> {
    /// The next question. None after the last one, and where the bytes do not hold all of it.
    #[inline]
    pub fn next_question(&mut self) -> Option<Question> {
        self.questions = self.questions.checked_sub(1)?;
        let question = self.question_here();
        if question.is_none() {
            self.stop();
        }
        question
    }

    /// The next record, of whatever section. Questions not yet read are passed over.
    ///
    /// None after the last one, and where the bytes do not hold its name, type, class, TTL and length. A record whose data
    /// are cut is the last one to come, with the data that are there.
    #[inline]
    pub fn next_record(&mut self) -> Option<Record<'a>> {
        while self.next_question().is_some() {}
        let (count, section) = self.records.iter_mut().zip(Section::ALL).find(|(count, _)| **count > 0)?;
        *count -= 1;
        let record = self.record_here(section);
        if record.is_none() {
            self.stop();
        }
        record
    }

    /// Reads a name of this message into `into`, which is cleared first.
    ///
    /// False, and `into` left empty, where it cannot be read to its end: the bytes end, a pointer does not point backward
    /// (or into the header), a label is of a reserved kind, it is longer than 253 bytes, or names have cost too much in this
    /// message. A name without its end could be anything's, so nothing of it is kept.
    #[inline]
    pub fn read_name(&mut self, name: Name, into: &mut DomainName) -> bool {
        let whole = name.read(self.bytes, &mut self.budget, into);
        if !whole {
            into.clear();
            self.cut = true;
        }
        whole
    }

    /// True once something that the message promised could not be read.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    fn question_here(&mut self) -> Option<Question> {
        let name = Name::at(self.position, self.bytes.get(self.position..)?);
        let after = name::end(self.bytes, self.position)?;
        let [t0, t1, c0, c1] = *self.bytes.get(after..)?.first_chunk()?;
        self.position = after + 4;
        Some(Question { name, qtype: RecordType(u16::from_be_bytes([t0, t1])), class: u16::from_be_bytes([c0, c1]) })
    }

    fn record_here(&mut self, section: Section) -> Option<Record<'a>> {
        let owner = Name::at(self.position, self.bytes.get(self.position..)?);
        let after = name::end(self.bytes, self.position)?;
        let (&[t0, t1, c0, c1, a, b, c, d, l0, l1], rest) = self.bytes.get(after..)?.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let start = after + 10;
        let data = rest.get(..length).unwrap_or_else(|| {
            self.stop();
            rest
        });
        self.position = start + data.len();
        Some(Record {
            section,
            owner,
            rtype: RecordType(u16::from_be_bytes([t0, t1])),
            class: u16::from_be_bytes([c0, c1]),
            ttl_field: u32::from_be_bytes([a, b, c, d]),
            data,
            data_start: start,
        })
    }

    /// Nothing more can be told apart from here on.
    fn stop(&mut self) {
        self.questions = 0;
        self.records = [0; 3];
        self.cut = true;
    }
}
