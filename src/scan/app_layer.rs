//! What is said in a stream: names in TLS, HTTP, SOCKS and DNS over TCP, and the NetSupport protocol.
//!
//! Only heads are read: a stream's first bytes, those of each segment that begins like one, and those behind a body of known length.
//! Text in bodies never counts.
//! The scanner reads the segments that it sees; where a head goes on in a later segment it says so, and the tracker has the
//! head read here again once it has put more of it together.

use std::net::IpAddr;

use arrayvec::ArrayVec;
use memchr::memmem;

use crate::decode::Packet;
use crate::domain_name::DomainName;
use crate::indicator::{Closeness, IndicatorId, IndicatorSet};
use crate::protocol::authority::{Authority, Host};
use crate::protocol::dns::{self, TcpPart};
use crate::protocol::http::{self, BodyLength, Part};
use crate::protocol::netsupport::{self, Side};
use crate::protocol::parse_result::ParseResult;
use crate::protocol::quic::InitialReader;
use crate::protocol::{socks, tls};

use super::{FindingKind, HttpFacts, MatchBasis, Named, ScanCounts, dns as dns_scan};

/// How much of a body may be missing for the head behind it to be waited for. NetSupport's bodies have some hundred bytes. Who sends a
/// longer one waits for the answer before the next request, which then begins in a segment of its own.
const LONGEST_BODY: u64 = 16 << 10;

/// Something listed was named in a request.
#[derive(Debug, Clone)]
pub struct NameSighting {
    /// Which indicator.
    pub indicator: IndicatorId,
    /// How close: a domain counts as an endpoint.
    pub closeness: Closeness,
    /// Where it was named.
    pub basis: MatchBasis,
    /// The name, or the address in text.
    pub host: Vec<u8>,
    /// True where `host` is a name.
    pub is_name: bool,
    /// The port that was named with it.
    pub port: Option<u16>,
    /// The HTTP request that named it.
    pub http: Option<HttpFacts>,
}

/// What of the NetSupport protocol was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetSupport {
    /// A client's request.
    Request,
    /// A gateway's answer.
    Answer,
    /// A body whose head came in an earlier segment.
    Body,
    /// A client that looks up where it is.
    Geolocation,
}

/// The NetSupport protocol was spoken.
#[derive(Debug, Clone)]
pub struct NetSupportSighting {
    /// What was met.
    pub kind: NetSupport,
    /// The command in the body.
    pub command: Option<String>,
    /// The gateway's version, in its answers.
    pub version: Option<String>,
    /// The request, or how the gateway calls itself.
    pub http: Option<HttpFacts>,
}

/// A stream's bytes and what has to be known of it.
#[derive(Debug, Clone, Copy)]
pub struct Stream<'a> {
    /// From the start of a head on.
    pub bytes: &'a [u8],
    /// Where it goes to.
    pub destination: IpAddr,
    /// Whether its ports say that it is DNS.
    pub is_dns: bool,
}

impl<'a> Stream<'a> {
    /// What a TCP packet carries.
    pub fn of(packet: &Packet<'a>) -> Self {
        Self { bytes: packet.payload, destination: packet.destination, is_dns: dns_scan::is_name_service(packet) }
    }
}

/// What comes of reading a stream's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// No head begins here.
    Other,
    /// One head or several, all of them whole.
    Whole,
    /// A head that is not whole begins at this byte: beyond the bytes where a body lies before it.
    Begins(usize),
}

/// Whether a segment's first bytes may be those of a head.
#[inline(always)]
pub(super) fn may_be_head(segment: &[u8]) -> bool {
    match segment.first() {
        Some(22) => tls::may_be_client_hello(segment),
        Some(4 | 5) => socks::may_be_request(segment),
        Some(b'A'..=b'Z') => {
            http::may_be_request(segment) || http::may_be_response(segment) || segment.starts_with(b"CMD=")
        }
        _ => false,
    }
}

/// Reads streams.
pub struct AppLayer<'a> {
    set: &'a IndicatorSet,
    pub(super) names: dns_scan::DnsScanner<'a>,
    name: DomainName,
    initials: InitialReader,
    wants_names: bool,
}

impl<'a> AppLayer<'a> {
    /// Holds what is said against these indicators; and where all names are wanted, tells those too.
    pub fn new(set: &'a IndicatorSet, wants_names: bool) -> Self {
        let names = dns_scan::DnsScanner::new(set, wants_names);
        Self { set, names, name: DomainName::new(), initials: InitialReader::new(), wants_names }
    }

    /// Reports what matters in a stream, each with where the head ends that says it: however a stream is cut, and wherever reading
    /// began, that is the same place.
    pub fn read(
        &mut self,
        stream: Stream<'_>,
        counts: &mut ScanCounts,
        report: &mut dyn FnMut(usize, FindingKind),
    ) -> Reading {
        let Stream { bytes, destination, is_dns } = stream;
        if is_dns {
            let mut end = 0;
            for part in dns::tcp_messages(bytes) {
                match part {
                    TcpPart::Whole(message) => {
                        end += 2 + message.len();
                        self.names.read_message(message, counts, &mut |what| report(end, what));
                    }
                    TcpPart::Partial(rest) => return Reading::Begins(bytes.len() - rest.len()),
                }
            }
            return if end > 0 { Reading::Whole } else { Reading::Other };
        }
        match bytes.first().copied().unwrap_or_default() {
            22 => match tls::client_hello(bytes) {
                ParseResult::Whole(hello, end) => {
                    self.hello(&hello, MatchBasis::TlsServerName, destination, &mut |what| report(end, what));
                    Reading::Whole
                }
                ParseResult::Partial => Reading::Begins(0),
                ParseResult::Other => Reading::Other,
            },
            4 | 5 => match socks::request(bytes) {
                ParseResult::Whole(request, end) => {
                    let authority = Authority { host: request.host, port: Some(request.port) };
                    let mut report = |what| report(end, what);
                    self.name_all(&[(MatchBasis::Socks, Some(authority), &[])], &mut report);
                    self.authority(&authority, MatchBasis::Socks, destination, None, &mut report);
                    Reading::Whole
                }
                ParseResult::Partial => Reading::Begins(0),
                ParseResult::Other => Reading::Other,
            },
            b'H' if http::may_be_response(bytes) && is_of_no_gateway(bytes) => Reading::Whole,
            b'H' if http::may_be_response(bytes) => match http::response(bytes) {
                ParseResult::Other => self.requests(stream, report),
                _ => answers(bytes, report),
            },
            _ if http::may_be_request(bytes) => self.requests(stream, report),
            _ => {
                if let Some(command) = netsupport::body(bytes) {
                    let command = Some(command.token().to_owned());
                    let kind = NetSupport::Body;
                    let sighting = NetSupportSighting { kind, command, version: None, http: None };
                    report(bytes.len(), FindingKind::NetSupport(Box::new(sighting)));
                }
                Reading::Other
            }
        }
    }

    /// Reports what can be told of an HTTP head of which no more will come. The other kinds say nothing before their end, or what looks
    /// like the start of one is too often none: a DNS message where a capture began in the midst of another.
    pub fn read_so_far(&mut self, stream: Stream<'_>, report: &mut dyn FnMut(FindingKind)) {
        let Stream { bytes, destination, is_dns } = stream;
        if is_dns {
            return;
        }
        if http::may_be_response(bytes) {
            if let Some(response) = http::response_so_far(bytes)
                && let Some(message) = netsupport::response(&response, &[])
            {
                report(spoken(&message, response.server.unwrap_or_default(), None));
            }
        } else if http::may_be_request(bytes)
            && let Some(request) = http::request_so_far(bytes)
        {
            self.request(&request, &[], destination, report);
        }
    }

    /// Reports the listed name in a QUIC client's datagram, or that it holds a part of a hello.
    pub(super) fn datagram(&mut self, packet: &Packet<'_>, report: &mut dyn FnMut(FindingKind)) {
        let mut initials = std::mem::take(&mut self.initials);
        match initials.client_hello(packet.payload) {
            ParseResult::Whole(hello, _) => self.hello(&hello, MatchBasis::QuicServerName, packet.destination, report),
            ParseResult::Partial => report(FindingKind::QuicPart),
            ParseResult::Other => {}
        }
        self.initials = initials;
    }

    /// Reports the name in a ClientHello, if it is listed.
    pub fn hello(
        &mut self,
        hello: &tls::ClientHello<'_>,
        basis: MatchBasis,
        destination: IpAddr,
        report: &mut dyn FnMut(FindingKind),
    ) {
        let Some(name) = &hello.server_name else { return };
        let authority = Host::parse(name.as_bytes()).map(|host| Authority { host, port: None });
        self.name_all(&[(basis, authority, name.as_bytes())], report);
        if let Some(authority) = authority {
            self.authority(&authority, basis, destination, None, report);
        }
    }

    fn requests(&mut self, stream: Stream<'_>, report: &mut dyn FnMut(usize, FindingKind)) -> Reading {
        let mut requests = http::requests(stream.bytes);
        let mut reading = Reading::Other;
        while let Some(part) = requests.next() {
            match part {
                Part::Whole { request, body } => {
                    let end = stream.bytes.len() - requests.rest().len() - body.len();
                    self.request(&request, body, stream.destination, &mut |what| report(end, what));
                    reading = Reading::Whole;
                }
                Part::Partial(rest) => return Reading::Begins(stream.bytes.len() - rest.len()),
            }
        }
        behind(stream.bytes.len(), requests.missing_body()).map_or(reading, Reading::Begins)
    }

    fn request(
        &mut self,
        request: &http::Request<'_>,
        body: &[u8],
        destination: IpAddr,
        report: &mut dyn FnMut(FindingKind),
    ) {
        let target_basis = if request.is_connect() { MatchBasis::HttpConnect } else { MatchBasis::HttpTarget };
        if self.wants_names {
            self.name_request(request, target_basis, report);
        }
        let target = request.target_authority().map(|authority| (authority, target_basis));
        let host = request.host().map(|authority| (authority, MatchBasis::HttpHost));
        let mut named = None;
        for (authority, basis) in target.into_iter().chain(host) {
            // Target and `Host` mostly name the same.
            if named != Some(authority) {
                self.authority(&authority, basis, destination, Some(request), report);
            }
            named = Some(authority);
        }
        if netsupport::is_geolocation(request) {
            report(FindingKind::NetSupport(Box::new(NetSupportSighting {
                kind: NetSupport::Geolocation,
                command: None,
                version: None,
                http: Some(facts(request)),
            })));
        } else if let Some(message) = netsupport::request(request, body) {
            report(spoken(&message, message.user_agent.unwrap_or_default(), Some(request)));
        }
    }

    fn name_request(
        &mut self,
        request: &http::Request<'_>,
        target_basis: MatchBasis,
        report: &mut dyn FnMut(FindingKind),
    ) {
        let target = request.target_authority().map(|target| (target_basis, Some(target), &[][..]));
        let host = request.raw_host.map(|text| (MatchBasis::HttpHost, request.host(), text.trim_ascii()));
        let all: ArrayVec<_, 2> = target.into_iter().chain(host.filter(|(.., text)| !text.is_empty())).collect();
        self.name_all(&all, report);
    }

    /// Reports all that was named, where all names are wanted: each with how it was named, what it was read as, and what else stood
    /// there.
    fn name_all(&mut self, all: &[(MatchBasis, Option<Authority<'_>>, &[u8])], report: &mut dyn FnMut(FindingKind)) {
        if !self.wants_names || all.is_empty() {
            return;
        }
        let named = all.iter().map(|&(basis, authority, text)| {
            let host = match authority.map(|authority| authority.host) {
                Some(Host::Name(name)) if self.name.read_text(name) => self.name.as_bytes().to_vec(),
                Some(Host::Name(name)) => name.to_vec(),
                Some(Host::V4(address)) => address.to_string().into_bytes(),
                Some(Host::V6(address)) => address.to_string().into_bytes(),
                None => text.to_vec(),
            };
            Named { basis, host, port: authority.and_then(|authority| authority.port) }
        });
        report(FindingKind::Names(named.collect()));
    }

    /// Reports a host that was named, if it is listed. An address to which the conversation itself goes says nothing new.
    fn authority(
        &mut self,
        authority: &Authority<'_>,
        basis: MatchBasis,
        destination: IpAddr,
        request: Option<&http::Request<'_>>,
        report: &mut dyn FnMut(FindingKind),
    ) {
        let found = match authority.host.address() {
            Some(address) if address == destination => None,
            Some(address) => self
                .set
                .find_address(address, authority.port)
                .map(|found| (found.indicator, found.closeness, address.to_string().into_bytes(), false)),
            None => match authority.host {
                Host::Name(text) if self.name.read_text(text) => self
                    .set
                    .find_domain(&self.name)
                    .map(|indicator| (indicator, Closeness::Endpoint, self.name.as_bytes().to_vec(), true)),
                _ => None,
            },
        };
        if let Some((indicator, closeness, host, is_name)) = found {
            let http = request.map(facts);
            let port = authority.port;
            report(FindingKind::Name(Box::new(NameSighting {
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
}

/// Whether a segment that begins with a response holds all of its head and names NetSupport nowhere: as good as all do, and are
/// not worth reading.
fn is_of_no_gateway(segment: &[u8]) -> bool {
    let holds = |text: &[u8]| memmem::find(segment, text).is_some();
    !holds(b"NetSupport") && (holds(b"\n\r\n") || holds(b"\n\n"))
}

/// Reports a gateway's answers, each behind the body of the one before it.
fn answers(bytes: &[u8], report: &mut dyn FnMut(usize, FindingKind)) -> Reading {
    let mut begin = 0;
    let mut reading = Reading::Other;
    while let Some(rest) = bytes.get(begin..).filter(|rest| http::may_be_response(rest)) {
        let (response, length) = match http::response(rest) {
            ParseResult::Whole(response, length) => (response, length),
            ParseResult::Partial => return Reading::Begins(begin),
            ParseResult::Other => return reading,
        };
        reading = Reading::Whole;
        let body = rest.get(length..).unwrap_or_default();
        let Some(message) = netsupport::response(&response, body) else { return reading };
        report(begin + length, spoken(&message, response.server.unwrap_or_default(), None));
        let BodyLength::Known(body_length) = response.body_length() else { return reading };
        match body_length.checked_sub(body.len() as u64) {
            Some(missing @ 1..) => return behind(bytes.len(), missing).map_or(reading, Reading::Begins),
            _ => begin += length + usize::try_from(body_length).unwrap_or(usize::MAX - begin - length),
        }
    }
    reading
}

/// Where the head behind a body begins of which so many bytes are missing behind so many others; none where it is not waited for.
fn behind(length: usize, missing: u64) -> Option<usize> {
    (1..=LONGEST_BODY).contains(&missing).then_some(length + missing as usize)
}

fn spoken(message: &netsupport::Message<'_>, agent: &[u8], request: Option<&http::Request<'_>>) -> FindingKind {
    let kind = match message.side {
        Side::Client => NetSupport::Request,
        Side::Gateway => NetSupport::Answer,
    };
    FindingKind::NetSupport(Box::new(NetSupportSighting {
        kind,
        command: message.command.map(|command| command.token().to_owned()),
        version: message.gateway_version.map(str::to_owned),
        http: Some(match request {
            Some(request) => facts(request),
            None => HttpFacts { agent: agent.to_vec(), ..HttpFacts::default() },
        }),
    }))
}

/// What an alert gives of a request; the target is made absolute.
fn facts(request: &http::Request<'_>) -> HttpFacts {
    let mut url = Vec::new();
    if request.raw_target.starts_with(b"/")
        && let Some(host) = request.raw_host
    {
        url.extend_from_slice(b"http://");
        url.extend_from_slice(host);
    }
    url.extend_from_slice(request.raw_target);
    HttpFacts { method: request.method.to_vec(), url, agent: request.user_agent.unwrap_or_default().to_vec() }
}
