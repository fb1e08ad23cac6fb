//! DNS messages (RFC 1035), well-formed and malformed.

use std::net::IpAddr;

/// Record types (<https://www.iana.org/assignments/dns-parameters>).
pub const A: u16 = 1;
/// See [`A`].
pub const CNAME: u16 = 5;
/// See [`A`].
pub const SOA: u16 = 6;
/// See [`A`].
pub const PTR: u16 = 12;
/// See [`A`].
pub const TXT: u16 = 16;
/// See [`A`].
pub const AAAA: u16 = 28;
/// See [`A`].
pub const SRV: u16 = 33;
/// See [`A`].
pub const RRSIG: u16 = 46;
/// See [`A`].
pub const HTTPS: u16 = 65;
/// See [`A`].
pub const ANY: u16 = 255;
/// In the range for private use.
pub const PRIVATE: u16 = 65_280;

/// The usual class: Internet.
pub const INTERNET: u16 = 1;
/// The class of `version.bind`.
pub const CHAOS: u16 = 3;

/// Header flags: an answer.
pub const RESPONSE: u16 = 0x8000;
/// The answer did not fit.
pub const TRUNCATED: u16 = 0x0200;
/// Recursion desired.
pub const RECURSE: u16 = 0x0100;
/// Recursion available.
pub const RECURSIVE: u16 = 0x0080;
/// The reserved bit, which is not always zero.
pub const Z: u16 = 0x0040;
/// The response code "no such name".
pub const NXDOMAIN: u16 = 3;

/// A name as its labels.
pub type Name = Vec<Vec<u8>>;

/// A name from text, a dot between labels.
pub fn name(text: &str) -> Name {
    text.split('.').filter(|label| !label.is_empty()).map(|label| label.as_bytes().to_vec()).collect()
}

/// The data of a record.
#[derive(Clone)]
pub enum Data {
    /// An address: the record is of type A or AAAA.
    Address(IpAddr),
    /// A name, as in CNAME and PTR.
    Name(u16, Name),
    /// Any type with any bytes.
    Bytes(u16, Vec<u8>),
}

/// A resource record of class Internet.
#[derive(Clone)]
pub struct Record {
    owner: Name,
    ttl: u32,
    data: Data,
}

impl Record {
    /// True if it holds an IPv6 address.
    pub fn is_ipv6(&self) -> bool {
        matches!(self.data, Data::Address(IpAddr::V6(_)))
    }
}

/// A record with an address.
pub fn address(owner: &str, ttl: u32, address: impl Into<IpAddr>) -> Record {
    Record { owner: name(owner), ttl, data: Data::Address(address.into()) }
}

/// A record that makes `owner` an alias of `target`.
pub fn alias(owner: &str, ttl: u32, target: &str) -> Record {
    Record { owner: name(owner), ttl, data: Data::Name(CNAME, name(target)) }
}

/// Any record.
pub fn record(owner: &str, ttl: u32, data: Data) -> Record {
    Record { owner: name(owner), ttl, data }
}

/// A character string of a TXT record.
pub fn text(content: &str) -> Data {
    Data::Bytes(TXT, [&[content.len() as u8][..], content.as_bytes()].concat())
}

/// A DNS message.
#[derive(Clone, Default)]
pub struct Message {
    /// The transaction's number.
    pub id: u16,
    /// Flags, opcode and response code.
    pub flags: u16,
    /// Name, type and class of each question.
    pub questions: Vec<(Name, u16, u16)>,
    /// The answer section.
    pub answers: Vec<Record>,
    /// The authority section.
    pub authorities: Vec<Record>,
    /// The payload size of an EDNS record (RFC 6891), which makes the additional section.
    pub edns: Option<u16>,
}

/// A question of class Internet.
pub fn query(text: &str, kind: u16) -> Message {
    query_name(name(text), kind)
}

/// A question for a name that text cannot express.
pub fn query_name(name: Name, kind: u16) -> Message {
    let id = name.iter().flatten().fold(kind, |id, &byte| id.wrapping_mul(31).wrapping_add(byte.into()));
    Message { id, flags: RECURSE, questions: vec![(name, kind, INTERNET)], ..Message::default() }
}

impl Message {
    /// The answer to this question.
    pub fn answer(&self, answers: Vec<Record>) -> Self {
        Self { flags: self.flags | RESPONSE | RECURSIVE, answers, ..self.clone() }
    }

    /// With these header flags, or this response code, too.
    pub fn with(mut self, flags: u16) -> Self {
        self.flags |= flags;
        self
    }

    /// The bytes of a UDP payload.
    pub fn bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        let counts = [
            self.id,
            self.flags,
            self.questions.len() as u16,
            self.answers.len() as u16,
            self.authorities.len() as u16,
            u16::from(self.edns.is_some()),
        ];
        for count in counts {
            writer.bytes.extend(count.to_be_bytes());
        }
        for (name, kind, class) in &self.questions {
            writer.name(name);
            writer.bytes.extend(kind.to_be_bytes());
            writer.bytes.extend(class.to_be_bytes());
        }
        for record in self.answers.iter().chain(&self.authorities) {
            writer.record(record);
        }
        if let Some(size) = self.edns {
            writer.bytes.extend([0, 0, 41]);
            writer.bytes.extend(size.to_be_bytes());
            writer.bytes.extend([0; 6]);
        }
        writer.bytes
    }

    /// The bytes on a TCP stream: the length before the message.
    pub fn stream_bytes(&self) -> Vec<u8> {
        let message = self.bytes();
        [&(message.len() as u16).to_be_bytes()[..], &message].concat()
    }
}

/// Writes names once and points back to them (RFC 1035 section 4.1.4), as servers do.
#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    /// Names, and ends of names, that were written already, with their offsets.
    seen: Vec<(Name, u16)>,
}

impl Writer {
    fn name(&mut self, name: &[Vec<u8>]) {
        for (place, label) in name.iter().enumerate() {
            let rest = &name[place..];
            if let Some((_, offset)) = self.seen.iter().find(|(seen, _)| seen == rest) {
                self.bytes.extend((0xc000 | offset).to_be_bytes());
                return;
            }
            self.seen.push((rest.to_vec(), self.bytes.len() as u16));
            self.bytes.push(label.len() as u8);
            self.bytes.extend(label);
        }
        self.bytes.push(0);
    }

    fn record(&mut self, record: &Record) {
        self.name(&record.owner);
        let kind = match &record.data {
            Data::Address(IpAddr::V4(_)) => A,
            Data::Address(IpAddr::V6(_)) => AAAA,
            Data::Name(kind, _) | Data::Bytes(kind, _) => *kind,
        };
        self.bytes.extend(kind.to_be_bytes());
        self.bytes.extend(INTERNET.to_be_bytes());
        self.bytes.extend(record.ttl.to_be_bytes());
        let length = self.bytes.len();
        self.bytes.extend([0, 0]);
        match &record.data {
            Data::Address(IpAddr::V4(address)) => self.bytes.extend(address.octets()),
            Data::Address(IpAddr::V6(address)) => self.bytes.extend(address.octets()),
            Data::Name(_, name) => self.name(name),
            Data::Bytes(_, bytes) => self.bytes.extend(bytes),
        }
        let written = (self.bytes.len() - length - 2) as u16;
        self.bytes[length..length + 2].copy_from_slice(&written.to_be_bytes());
    }
}
