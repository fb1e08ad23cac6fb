//! The host that a SOCKS client asks its proxy for.

use super::first_bytes::byte_range;
use super::names::NamedHost;
use super::protocol::{AppLayer, AppProtocol, HeadSink, Recognition, Stream, StreamParse, StreamReader};
use crate::protocol::authority::Authority;
use crate::protocol::parse_result::ParseResult;
use crate::protocol::socks;
use crate::scan::NameBasis;

/// The row of the protocol table. The first byte is the version.
pub(super) const PROTOCOL: AppProtocol<StreamReader> = AppProtocol {
    recognition: Recognition::FirstBytes { first: &byte_range(4, 5), may_begin: socks::may_be_request },
    reader: StreamReader { read, read_so_far: None },
};

/// The host in a SOCKS request.
pub static REQUEST: NameBasis = NameBasis { token: "socks", application: "SOCKS", phrase: "as a SOCKS proxy" };

fn read(app_layer: &mut AppLayer<'_>, stream: Stream<'_>, sink: &mut HeadSink<'_>) -> StreamParse {
    match socks::parse_request(stream.bytes) {
        ParseResult::Complete(request, end) => {
            let authority = Authority { host: request.host, port: Some(request.port) };
            let mut report = |kind| sink.report(end, kind);
            let named = NamedHost { basis: &REQUEST, authority: Some(authority), text: &[] };
            app_layer.names.report_all(&[named], &mut report);
            app_layer.names.report_listed(&authority, &REQUEST, stream.destination(), None, &mut report);
            StreamParse::Whole
        }
        ParseResult::Incomplete => StreamParse::Partial(0),
        ParseResult::Mismatch => StreamParse::Other,
    }
}
