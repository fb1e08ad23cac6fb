//! What a record says: the addresses and the name in its data.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dns_parser::{RData, Type};

use super::code::RecordType;
use super::name::{self, Name};

/// The class of the Internet.
const CLASS_INTERNET: u16 = 1;
/// In mDNS the top bit of a class is a flag (RFC 6762 sections 5.4 and 10.2): unicast answer wanted, or flush the cache.
const CLASS_FLAG: u16 = 0x8000;
/// The keys of the SVCB parameters that hold addresses (RFC 9460 section 14.3.2).
const KEY_IPV4_HINT: u16 = 4;
const KEY_IPV6_HINT: u16 = 6;

/// The part of the message that a record stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Answers to the question.
    Answer,
    /// Who is responsible; with NXDOMAIN the SOA.
    Authority,
    /// What else may help, and the OPT record.
    Additional,
}

impl Section {
    /// In the order of the message.
    pub(super) const ALL: [Self; 3] = [Self::Answer, Self::Authority, Self::Additional];
}

/// A resource record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Where it stands.
    pub section: Section,
    /// Whom it is about.
    pub owner: Name,
    /// What kind of data it has.
    pub rtype: RecordType,
    /// The class as it came, with the flag that mDNS keeps in its top bit.
    pub class: u16,
    /// In an OPT record, this is no time.
    pub(super) ttl_field: u32,
    pub(super) data: &'a [u8],
    /// Where the data start in the message: pointers in them are measured against it.
    pub(super) data_start: usize,
}

impl<'a> Record<'a> {
    /// How long it may be kept, in seconds. With the top bit set it counts as zero (RFC 2181 section 8).
    pub fn ttl(&self) -> u32 {
        if self.ttl_field > i32::MAX as u32 { 0 } else { self.ttl_field }
    }

    /// The upper eight bits of the response code, in an OPT record (RFC 6891 section 6.1.3).
    pub(super) fn extended_code(&self) -> u8 {
        self.ttl_field.to_be_bytes()[0]
    }

    /// The name that the record points to: of CNAME, DNAME, NS, PTR, MX, SRV, SVCB and HTTPS.
    ///
    /// None for other types, and where SVCB or HTTPS say `.`: that is the owner, or nobody (RFC 9460 section 2.5).
    #[inline]
    pub fn target(&self) -> Option<Name> {
        let before = match self.rtype {
            RecordType::CNAME | RecordType::DNAME | RecordType::NS | RecordType::PTR => 0,
            RecordType::MX => 2,
            RecordType::SRV => 6,
            RecordType::SVCB | RecordType::HTTPS => 2,
            _ => return None,
        };
        let name = self.data.get(before..)?;
        match name.first()? {
            0 if matches!(self.rtype, RecordType::SVCB | RecordType::HTTPS) => None,
            _ => Some(Name::at(self.data_start + before, name)),
        }
    }

    /// The addresses that the record gives: of A and AAAA, and the hints in SVCB and HTTPS.
    ///
    /// Nothing where the class is not that of the Internet, since the types mean something else there, and nothing where the
    /// data have not the length that the type wants.
    #[inline]
    pub fn addresses(&self) -> Addresses<'a> {
        if self.class & !CLASS_FLAG != CLASS_INTERNET {
            return Addresses::NONE;
        }
        match self.rtype {
            RecordType::A => Addresses::one(Type::A, self.data),
            RecordType::AAAA => Addresses::one(Type::AAAA, self.data),
            RecordType::SVCB | RecordType::HTTPS => Addresses::hints(self.data),
            _ => Addresses::NONE,
        }
    }
}

/// The addresses in a record's data.
#[derive(Debug, Clone)]
pub struct Addresses<'a> {
    single: Option<IpAddr>,
    /// What is left of the hint list being read.
    v4: &'a [u8],
    v6: &'a [u8],
    /// SVCB parameters not yet looked at.
    parameters: &'a [u8],
}

impl<'a> Addresses<'a> {
    const NONE: Addresses<'static> = Addresses { single: None, v4: &[], v6: &[], parameters: &[] };

    fn one(rtype: Type, data: &[u8]) -> Self {
        let single = match RData::parse(rtype, data, data) {
            Ok(RData::A(record)) => Some(record.0.into()),
            Ok(RData::AAAA(record)) => Some(record.0.into()),
            _ => None,
        };
        Self { single, ..Self::NONE }
    }

    /// SVCB data: priority, target, parameters (RFC 9460 section 2.2). Priority 0 makes an alias, whose parameters mean
    /// nothing.
    fn hints(data: &'a [u8]) -> Self {
        let parameters = match data {
            [0, 0, ..] => None,
            _ => name::end(data, 2).and_then(|end| data.get(end..)),
        };
        Self { parameters: parameters.unwrap_or_default(), ..Self::NONE }
    }

    /// Takes the next parameter; false where none is left that lies whole in the data.
    fn next_parameter(&mut self) -> bool {
        let Some((&[k0, k1, l0, l1], rest)) = self.parameters.split_first_chunk() else {
            return false;
        };
        let Some((value, rest)) = rest.split_at_checked(usize::from(u16::from_be_bytes([l0, l1]))) else {
            return false;
        };
        self.parameters = rest;
        match u16::from_be_bytes([k0, k1]) {
            KEY_IPV4_HINT => self.v4 = value,
            KEY_IPV6_HINT => self.v6 = value,
            _ => {}
        }
        true
    }
}

impl Iterator for Addresses<'_> {
    type Item = IpAddr;

    #[inline]
    fn next(&mut self) -> Option<IpAddr> {
        if let Some(address) = self.single.take() {
            return Some(address);
        }
        loop {
            if let Some((&address, rest)) = self.v4.split_first_chunk::<4>() {
                self.v4 = rest;
                return Some(Ipv4Addr::from(address).into());
            }
            if let Some((&address, rest)) = self.v6.split_first_chunk::<16>() {
                self.v6 = rest;
                return Some(Ipv6Addr::from(address).into());
            }
            if !self.next_parameter() {
                return None;
            }
        }
    }
}
