//! The server name in the ClientHello of a QUIC client's first datagrams.

use super::first_bytes::byte_range;
use super::protocol::{AppLayer, AppProtocol, DatagramReader, HeadSink, Recognition};
use super::tls::{QUIC_SERVER_NAME, report_hello};
use crate::decode::Packet;
use crate::protocol::parse_result::ParseResult;
use crate::protocol::quic;
use crate::scan::FindingKind;

/// The row of the protocol table. The two highest bits of the first byte mark a packet with a long
/// header (RFC 9000 section 17.2).
pub(super) const PROTOCOL: AppProtocol<DatagramReader> = AppProtocol {
    recognition: Recognition::FirstBytes { first: &byte_range(0xc0, 0xff), may_begin: quic::may_be_initial },
    reader: read,
};

/// Reports the name, or that the datagram holds only a part of the ClientHello.
fn read(app_layer: &mut AppLayer<'_>, packet: &Packet<'_>, sink: &mut HeadSink<'_>) {
    match app_layer.initials.client_hello(packet.payload) {
        ParseResult::Complete(hello, _) => {
            let mut report = |kind| sink.report(0, kind);
            report_hello(&mut app_layer.names, &hello, &QUIC_SERVER_NAME, packet.destination, &mut report);
        }
        ParseResult::Incomplete => sink.report(0, FindingKind::PartialHello),
        ParseResult::Mismatch => {}
    }
}
