//! Matches the hosts that heads name with the indicators.

use std::net::IpAddr;

use crate::domain_name::DomainName;
use crate::indicator::{Closeness, IndicatorSet};
use crate::protocol::authority::{Authority, Host};
use crate::protocol::http::Request;
use crate::scan::{FindingKind, HttpFacts, MatchBasis, NameBasis, NameSighting, Named};

/// Matches names, and holds the buffer that each is read into.
pub(super) struct NameMatcher<'a> {
    pub(super) set: &'a IndicatorSet,
    pub(super) name: DomainName,
    /// Report all names, not only those that are listed.
    pub(super) all_names: bool,
}

/// A place in a head that names a host.
pub(super) struct NamedHost<'a> {
    pub(super) basis: &'static NameBasis,
    /// The host, if the bytes are one.
    pub(super) authority: Option<Authority<'a>>,
    /// The bytes, for a place that holds anything else.
    pub(super) text: &'a [u8],
}

impl<'a> NameMatcher<'a> {
    pub(super) fn new(set: &'a IndicatorSet, all_names: bool) -> Self {
        Self { set, name: DomainName::new(), all_names }
    }

    /// Reports all hosts of a head if all names are requested.
    pub(super) fn report_all(&mut self, hosts: &[NamedHost<'_>], report: &mut dyn FnMut(FindingKind)) {
        if !self.all_names || hosts.is_empty() {
            return;
        }
        let named = hosts.iter().map(|named| {
            let host = match named.authority.map(|authority| authority.host) {
                Some(Host::Name(name)) if self.name.read_text(name) => self.name.as_bytes().to_vec(),
                Some(Host::Name(name)) => name.to_vec(),
                Some(Host::V4(address)) => address.to_string().into_bytes(),
                Some(Host::V6(address)) => address.to_string().into_bytes(),
                None => named.text.to_vec(),
            };
            let port = named.authority.and_then(|authority| authority.port);
            Named { basis: MatchBasis::ServerName(named.basis), host, port }
        });
        report(FindingKind::Names(named.collect()));
    }

    /// Reports a host if it is listed. The address that the stream itself goes to is not reported:
    /// its packets are.
    pub(super) fn report_listed(
        &mut self,
        authority: &Authority<'_>,
        basis: &'static NameBasis,
        destination: IpAddr,
        request: Option<&Request<'_>>,
        report: &mut dyn FnMut(FindingKind),
    ) {
        let (indicator, closeness, host, is_name) = match (authority.host.address(), authority.host) {
            (Some(address), _) if address == destination => return,
            (Some(address), _) => {
                let Some(found) = self.set.find_address(address, authority.port) else { return };
                (found.indicator, found.closeness, address.to_string().into_bytes(), false)
            }
            (None, Host::Name(text)) if self.set.may_list_text(text) && self.name.read_text(text) => {
                let Some(indicator) = self.set.find_domain(&self.name) else { return };
                (indicator, Closeness::Endpoint, self.name.as_bytes().to_vec(), true)
            }
            _ => return,
        };
        let (port, http) = (authority.port, request.map(HttpFacts::of_request));
        report(FindingKind::ServerName(Box::new(NameSighting {
            indicator,
            closeness,
            basis,
            host,
            is_name,
            port,
            http,
        })));
    }
}
