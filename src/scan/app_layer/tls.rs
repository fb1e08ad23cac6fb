//! The server name in a TLS ClientHello, also inside QUIC.

use std::net::IpAddr;

use super::first_bytes::byte_range;
use super::names::{NameMatcher, NamedHost};
use super::protocol::{AppLayer, AppProtocol, HeadSink, Recognition, Stream, StreamParse, StreamReader};
use crate::protocol::authority::{Authority, Host};
use crate::protocol::parse_result::ParseResult;
use crate::protocol::tls::{self, ClientHello};
use crate::scan::{FindingKind, NameBasis};

/// The row of the protocol table. The first byte is that of a handshake record.
pub(super) const PROTOCOL: AppProtocol<StreamReader> = AppProtocol {
    recognition: Recognition::FirstBytes { first: &byte_range(22, 22), may_begin: tls::may_be_client_hello },
    reader: StreamReader { read, read_so_far: None },
};

/// The server name in a TLS ClientHello.
pub static TLS_SERVER_NAME: NameBasis = NameBasis { token: "tls-server-name", application: "TLS", phrase: "in TLS" };

/// The server name in the ClientHello of QUIC Initial packets.
pub static QUIC_SERVER_NAME: NameBasis =
    NameBasis { token: "quic-server-name", application: "QUIC", phrase: "in QUIC" };

fn read(app_layer: &mut AppLayer<'_>, stream: Stream<'_>, sink: &mut HeadSink<'_>) -> StreamParse {
    match tls::parse_client_hello(stream.bytes) {
        ParseResult::Complete(hello, end) => {
            let mut report = |kind| sink.report(end, kind);
            report_hello(&mut app_layer.names, &hello, &TLS_SERVER_NAME, stream.destination(), &mut report);
            StreamParse::Whole
        }
        ParseResult::Incomplete => StreamParse::Partial(0),
        ParseResult::Mismatch => StreamParse::Other,
    }
}

/// Reports the name in a ClientHello.
pub(super) fn report_hello(
    names: &mut NameMatcher<'_>,
    hello: &ClientHello<'_>,
    basis: &'static NameBasis,
    destination: IpAddr,
    report: &mut dyn FnMut(FindingKind),
) {
    let Some(name) = &hello.server_name else { return };
    let authority = Host::parse(name.as_bytes()).map(|host| Authority { host, port: None });
    names.report_all(&[NamedHost { basis, authority, text: name.as_bytes() }], report);
    if let Some(authority) = authority {
        names.report_listed(&authority, basis, destination, None, report);
    }
}
