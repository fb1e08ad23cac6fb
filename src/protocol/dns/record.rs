//! Resource records, and the addresses and names in their data.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dns_parser::{RData, Type};

use super::code::RecordType;
use super::name::{self, NameRef};

/// The class IN (Internet).
const CLASS_INTERNET: u16 = 1;
/// The top bit of the class, which is a flag in mDNS (RFC 6762 sections 5.4 and 10.2): request a
/// unicast answer, or flush the cache.
const CLASS_FLAG: u16 = 0x8000;
/// The key of the SVCB parameter with IPv4 addresses (RFC 9460 section 14.3.2).
const KEY_IPV4_HINT: u16 = 4;
/// The key of the SVCB parameter with IPv6 addresses.
const KEY_IPV6_HINT: u16 = 6;

/// The section of the message that a record is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// The answers to the question.
    Answer,
    /// The name servers of the zone. With NXDOMAIN, its SOA.
    Authority,
    /// Other helpful records, and the OPT record.
    Additional,
}

impl Section {
    /// The sections in the order of the message.
    pub(super) const ALL: [Self; 3] = [Self::Answer, Self::Authority, Self::Additional];
}

/// A resource record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// The section.
    pub section: Section,
    /// The name that the record belongs to.
    pub owner: NameRef,
    /// The type of the data.
    pub rtype: RecordType,
    /// The class as sent. In mDNS its top bit is a flag.
    pub class: u16,
    /// The TTL field. An OPT record has other data there.
    pub(super) ttl_field: u32,
    pub(super) data: &'a [u8],
    /// The offset of the data in the message.
    pub(super) data_start: usize,
}

impl<'a> Record<'a> {
    /// The time to live in seconds. With the top bit set it counts as zero (RFC 2181 section 8).
    pub fn ttl(&self) -> u32 {
        if self.ttl_field > i32::MAX as u32 { 0 } else { self.ttl_field }
    }

    /// The data as they are, as far as they are there.
    pub fn raw_data(&self) -> &'a [u8] {
        self.data
    }

    /// The upper eight bits of the response code in an OPT record (RFC 6891 section 6.1.3).
    pub(super) fn extended_code(&self) -> u8 {
        self.ttl_field.to_be_bytes()[0]
    }

    /// The name in the data of CNAME, DNAME, NS, PTR, MX, SRV, SVCB and HTTPS.
    ///
    /// Returns `None` for other types, and for the target `.` of SVCB and HTTPS, which means the
    /// owner or no target (RFC 9460 section 2.5).
    #[inline]
    pub fn target(&self) -> Option<NameRef> {
        let offset = match self.rtype {
            RecordType::CNAME | RecordType::DNAME | RecordType::NS | RecordType::PTR => 0,
            RecordType::MX => 2,
            RecordType::SRV => 6,
            RecordType::SVCB | RecordType::HTTPS => 2,
            _ => return None,
        };
        let name = self.data.get(offset..)?;
        match name.first()? {
            0 if matches!(self.rtype, RecordType::SVCB | RecordType::HTTPS) => None,
            _ => Some(NameRef::at(self.data_start + offset, name)),
        }
    }

    /// The addresses in the data of A and AAAA, and the address hints of SVCB and HTTPS.
    ///
    /// Empty if the class is not IN, since the types mean something else there, and if the data do
    /// not have the length of the type.
    #[inline]
    pub fn addresses(&self) -> Addresses<'a> {
        if self.class & !CLASS_FLAG != CLASS_INTERNET {
            return Addresses::NONE;
        }
        match self.rtype {
            RecordType::A => Addresses::single(Type::A, self.data),
            RecordType::AAAA => Addresses::single(Type::AAAA, self.data),
            RecordType::SVCB | RecordType::HTTPS => Addresses::hints(self.data),
            _ => Addresses::NONE,
        }
    }
}

/// The iterator that [`Record::addresses`] returns.
#[derive(Debug, Clone)]
pub struct Addresses<'a> {
    single: Option<IpAddr>,
    /// The rest of the current list of IPv4 hints.
    v4: &'a [u8],
    /// The rest of the current list of IPv6 hints.
    v6: &'a [u8],
    /// The SVCB parameters not yet read.
    parameters: &'a [u8],
}

impl<'a> Addresses<'a> {
    const NONE: Addresses<'static> = Addresses { single: None, v4: &[], v6: &[], parameters: &[] };

    fn single(rtype: Type, data: &[u8]) -> Self {
        let single = match RData::parse(rtype, data, data) {
            Ok(RData::A(record)) => Some(record.0.into()),
            Ok(RData::AAAA(record)) => Some(record.0.into()),
            _ => None,
        };
        Self { single, ..Self::NONE }
    }

    /// The hints in SVCB data: priority, target, parameters (RFC 9460 section 2.2). Priority 0
    /// marks an alias, whose parameters are ignored.
    fn hints(data: &'a [u8]) -> Self {
        let parameters = match data {
            [0, 0, ..] => None,
            _ => name::skip_name(data, 2).and_then(|end| data.get(end..)),
        };
        Self { parameters: parameters.unwrap_or_default(), ..Self::NONE }
    }

    /// Reads the next parameter. Returns false if no complete one is left.
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
