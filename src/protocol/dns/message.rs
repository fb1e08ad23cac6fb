//! A DNS message and its header.

use super::code::{RecordType, ResponseCode};
use super::header;
use super::message_reader::MessageReader;
use super::record::Section;

/// A DNS message: the parsed header, and the bytes, of which only the header was parsed.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    header: dns_parser::Header,
}

impl<'a> Message<'a> {
    /// Parses the header. `bytes` start at the first byte of the message: over TCP, after the
    /// length.
    ///
    /// Returns `None` if the bytes end within the header.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        Some(Self { bytes, header: header::parse(bytes)? })
    }

    /// Returns true for a response, false for a query. An mDNS announcement is a response without a
    /// query.
    pub fn is_response(&self) -> bool {
        !self.header.query
    }

    /// The response code in the header, 0 to 15.
    pub fn response_code(&self) -> ResponseCode {
        let code: u8 = self.header.response_code.into();
        ResponseCode(code.into())
    }

    /// The response code including its upper eight bits, which are in the OPT record (RFC 6891
    /// section 6.1.3). Equals [`Message::response_code`] if there is no OPT record, or if the
    /// message is cut before it.
    ///
    /// It walks over the whole message to find the record, so call it only for output.
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

    /// A reader at the first question.
    #[inline]
    pub fn reader(&self) -> MessageReader<'a> {
        MessageReader::new(self.bytes, &self.header)
    }
}
