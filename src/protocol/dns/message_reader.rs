//! Reads the questions and records of a message.

use super::code::RecordType;
use super::header::HEADER_LENGTH;
use super::name::{self, NameBudget, NameRef, PlainName};
use super::record::{Record, Section};
use crate::domain_name::DomainName;

/// A question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The queried name.
    pub name: NameRef,
    /// The queried type.
    pub qtype: RecordType,
    /// The class as sent. In mDNS its top bit is a flag.
    pub class: u16,
}

/// Reads the questions of a message, then its records.
#[derive(Debug, Clone)]
pub struct MessageReader<'a> {
    bytes: &'a [u8],
    position: usize,
    /// The number of questions not yet read.
    questions: u16,
    /// The number of records not yet read, by section.
    records: [u16; 3],
    budget: NameBudget,
    is_incomplete: bool,
}

impl<'a> MessageReader<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8], header: &dns_parser::Header) -> Self {
        Self {
            bytes,
            position: HEADER_LENGTH,
            questions: header.questions,
            records: [header.answers, header.nameservers, header.additional],
            budget: NameBudget::for_message(bytes),
            is_incomplete: false,
        }
    }

    /// The next question. Returns `None` after the last one, and if the bytes end within it.
    #[inline]
    pub fn next_question(&mut self) -> Option<Question> {
        self.questions = self.questions.checked_sub(1)?;
        let question = self.read_question();
        if question.is_none() {
            self.stop();
        }
        question
    }

    /// The next record of any section. Skips the questions that were not read.
    ///
    /// Returns `None` after the last one, and if the bytes end within its name, type, class, TTL or
    /// length. A record with truncated data is returned with the data that are present, as the last
    /// one.
    #[inline]
    pub fn next_record(&mut self) -> Option<Record<'a>> {
        while self.next_question().is_some() {}
        let (count, section) = self.records.iter_mut().zip(Section::ALL).find(|(count, _)| **count > 0)?;
        *count -= 1;
        let record = self.read_record(section);
        if record.is_none() {
            self.stop();
        }
        record
    }

    /// Replaces `into` by a name of this message.
    ///
    /// Returns false and leaves `into` empty if the name cannot be read to its end: the bytes end,
    /// a pointer does not point backward or points into the header, a label has a reserved type,
    /// the name is longer than 253 bytes, or the names of this message have used up their budget.
    /// An incomplete name is dropped, since it could belong to any domain.
    #[inline]
    pub fn read_name(&mut self, name: NameRef, into: &mut DomainName) -> bool {
        let is_complete = name.read(self.bytes, &mut self.budget, into);
        if !is_complete {
            into.clear();
            self.is_incomplete = true;
        }
        is_complete
    }

    /// Returns true if a name of this message is complete and without pointers, and `may_be_wanted`
    /// returns false for it. It then counts as read. Otherwise it has to be
    /// [read](Self::read_name).
    #[inline]
    pub fn rules_out(&mut self, name: NameRef, may_be_wanted: impl FnOnce(PlainName<'_>) -> bool) -> bool {
        let Some((plain, cost)) = name.plain(self.bytes) else { return false };
        !may_be_wanted(plain) && self.budget.spend(cost)
    }

    /// Returns true if a part that the message announced could not be read so far.
    pub fn is_incomplete(&self) -> bool {
        self.is_incomplete
    }

    fn read_question(&mut self) -> Option<Question> {
        let name = NameRef::at(self.position, self.bytes.get(self.position..)?);
        let after = name::skip_name(self.bytes, self.position)?;
        let [t0, t1, c0, c1] = *self.bytes.get(after..)?.first_chunk()?;
        self.position = after + 4;
        Some(Question { name, qtype: RecordType(u16::from_be_bytes([t0, t1])), class: u16::from_be_bytes([c0, c1]) })
    }

    fn read_record(&mut self, section: Section) -> Option<Record<'a>> {
        let owner = NameRef::at(self.position, self.bytes.get(self.position..)?);
        let after = name::skip_name(self.bytes, self.position)?;
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

    /// Ends reading: the start of what follows is unknown.
    fn stop(&mut self) {
        self.questions = 0;
        self.records = [0; 3];
        self.is_incomplete = true;
    }
}
