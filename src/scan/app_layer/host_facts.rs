//! The facts by which hosts identify themselves: names in DHCP, NetBIOS, mDNS and LLMNR, and
//! accounts in Kerberos.

use std::net::IpAddr;

use super::protocol::{
    AppLayer, AppProtocol, DatagramReader, HeadSink, Recognition, Stream, StreamParse, StreamReader,
};
use crate::decode::Packet;
use crate::flow::MacAddress;
use crate::protocol::dns::{self, Message};
use crate::protocol::kerberos::AsRequest;
use crate::protocol::parse_result::ParseResult;
use crate::protocol::{dhcp, kerberos, netbios};
use crate::scan::{FactSource, FindingKind, HostFact};

/// The longest value that is kept, in bytes: the longest host name of Linux. A longer one is cut.
const LONGEST_VALUE: usize = 64;

/// The ports of mDNS and LLMNR.
const MDNS: u16 = 5353;
const LLMNR: u16 = 5355;

/// The row of DHCP.
pub(super) const DHCP: AppProtocol<DatagramReader> =
    AppProtocol { recognition: Recognition::Ports(&[67]), reader: read_dhcp };
/// The row of the NetBIOS name service.
pub(super) const NETBIOS: AppProtocol<DatagramReader> =
    AppProtocol { recognition: Recognition::Ports(&[137]), reader: read_netbios };
/// The rows of Kerberos.
pub(super) const KERBEROS_OVER_UDP: AppProtocol<DatagramReader> =
    AppProtocol { recognition: Recognition::Ports(&[88]), reader: read_kerberos };
pub(super) const KERBEROS_OVER_TCP: AppProtocol<StreamReader> = AppProtocol {
    recognition: Recognition::Ports(&[88]),
    reader: StreamReader { read: read_kerberos_stream, read_so_far: None },
};

fn read_dhcp(_: &mut AppLayer<'_>, packet: &Packet<'_>, sink: &mut HeadSink<'_>) {
    let Some(lease) = dhcp::parse(packet.payload) else { return };
    let host = Some(IpAddr::V4(lease.address));
    if let Some(mac) = lease.mac {
        report(sink, 0, host, FactSource::DhcpMac, MacAddress(mac).to_string().as_bytes());
    }
    if let Some(name) = lease.name {
        report(sink, 0, host, FactSource::Dhcp, &name);
    }
}

fn read_netbios(_: &mut AppLayer<'_>, packet: &Packet<'_>, sink: &mut HeadSink<'_>) {
    let IpAddr::V4(sender) = packet.source else { return };
    if let Some(name) = netbios::own_name(packet.payload, sender) {
        report(sink, 0, Some(packet.source), FactSource::NetBios, &name);
    }
}

fn read_kerberos(_: &mut AppLayer<'_>, packet: &Packet<'_>, sink: &mut HeadSink<'_>) {
    if let Some(request) = kerberos::parse(packet.payload) {
        report_account(sink, 0, request);
    }
}

fn read_kerberos_stream(_: &mut AppLayer<'_>, stream: Stream<'_>, sink: &mut HeadSink<'_>) -> StreamParse {
    match kerberos::parse_stream(stream.bytes) {
        ParseResult::Complete(request, end) => {
            if let Some(request) = request {
                report_account(sink, end, request);
            }
            StreamParse::Whole
        }
        ParseResult::Incomplete => StreamParse::Partial(0),
        ParseResult::Mismatch => StreamParse::Other,
    }
}

/// The account of a machine ends with `$`, before which is the name of the host.
fn report_account(sink: &mut HeadSink<'_>, end: usize, AsRequest { name, realm }: AsRequest<'_>) {
    match name.strip_suffix(b"$") {
        Some(host) => report(sink, end, None, FactSource::Kerberos, host),
        None if realm.is_empty() => report(sink, end, None, FactSource::KerberosAccount, name),
        None => report(sink, end, None, FactSource::KerberosAccount, &[name, b"@", realm].concat()),
    }
}

/// Reports the name that the sender of a message of mDNS or LLMNR gives itself.
#[inline(never)]
pub(super) fn read_own_name(app_layer: &mut AppLayer<'_>, packet: &Packet<'_>, sink: &mut HeadSink<'_>) {
    let source = match packet.ports.map(|ports| ports.source) {
        Some(MDNS) => FactSource::Mdns,
        Some(LLMNR) => FactSource::Llmnr,
        _ => return,
    };
    let name = &mut app_layer.names.name;
    if Message::parse(packet.payload).is_some_and(|message| dns::own_name(&message, packet.source, name)) {
        report(sink, 0, Some(packet.source), source, name.as_bytes());
    }
}

/// Reports a fact. `host` is `None` for the sender of the packet.
fn report(sink: &mut HeadSink<'_>, end: usize, host: Option<IpAddr>, source: FactSource, value: &[u8]) {
    let value = value.get(..LONGEST_VALUE).unwrap_or(value);
    if !value.is_empty() {
        sink.report(end, FindingKind::HostFact(Box::new(HostFact { host, source, value: value.to_vec() })));
    }
}
