//! Decodes ports, TCP header and payload, as far as the captured bytes go.

use super::packet::{Ports, TcpHeader};
use crate::flow::Protocol;

/// The content of a transport header, and the payload after it.
#[derive(Default)]
pub(super) struct Transport<'a> {
    pub(super) ports: Option<Ports>,
    pub(super) tcp: Option<TcpHeader>,
    pub(super) payload: &'a [u8],
}

/// The length of a TCP header without options, in bytes.
const TCP_HEADER: usize = 20;
/// The length of a UDP header, in bytes.
pub(super) const UDP_HEADER: usize = 8;

/// Decodes the payload of an IP packet.
pub(super) fn decode(protocol: Protocol, data: &[u8]) -> Transport<'_> {
    match protocol {
        Protocol::TCP => tcp(data),
        Protocol::UDP => udp(data),
        // DCCP (33) has its ports at the same offset.
        Protocol::SCTP | Protocol::UDP_LITE | Protocol(33) => Transport { ports: ports(data), ..Transport::default() },
        _ => Transport::default(),
    }
}

#[inline(always)]
fn ports(data: &[u8]) -> Option<Ports> {
    let [a, b, c, d] = *data.first_chunk::<4>()?;
    Some(Ports { source: u16::from_be_bytes([a, b]), destination: u16::from_be_bytes([c, d]) })
}

/// Decodes a TCP segment (RFC 9293 section 3.1).
#[inline(always)]
pub(super) fn tcp(data: &[u8]) -> Transport<'_> {
    let ports = ports(data);
    let Some(header) = data.first_chunk::<14>() else { return Transport { ports, tcp: None, payload: &[] } };
    let sequence = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    let length = usize::from(header[12] >> 4) * 4;
    let payload = if length < TCP_HEADER { &[] } else { data.get(length..).unwrap_or_default() };
    Transport { ports, tcp: Some(TcpHeader { flags: header[13], sequence }), payload }
}

/// Decodes a UDP datagram (RFC 768). A length of zero means "to the end of the packet" (RFC 2675
/// section 4); network cards with segmentation offload write it too.
#[inline(always)]
pub(super) fn udp(data: &[u8]) -> Transport<'_> {
    let ports = ports(data);
    let Some(header) = data.first_chunk::<UDP_HEADER>() else { return Transport { ports, tcp: None, payload: &[] } };
    let payload = match usize::from(u16::from_be_bytes([header[4], header[5]])) {
        0 => &data[UDP_HEADER..],
        length => data.get(UDP_HEADER..length.min(data.len())).unwrap_or_default(),
    };
    Transport { ports, tcp: None, payload }
}
