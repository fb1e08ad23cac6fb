//! Ports, TCP flags and payload, as far as the bytes go.

use super::Tcp;
use crate::flow::Protocol;

/// What follows from a transport header.
pub(super) type Transport<'a> = (Option<(u16, u16)>, Option<Tcp>, &'a [u8]);

/// The shortest TCP header, in bytes.
const TCP_HEADER: usize = 20;
/// The UDP header, in bytes.
pub(super) const UDP_HEADER: usize = 8;

/// Reads what comes after IP.
pub(super) fn decode(protocol: Protocol, data: &[u8]) -> Transport<'_> {
    match protocol {
        Protocol::TCP => tcp(data),
        Protocol::UDP => udp(data),
        // DCCP (33) has its ports at the same place.
        Protocol::SCTP | Protocol::UDP_LITE | Protocol(33) => (ports(data), None, &[]),
        _ => (None, None, &[]),
    }
}

#[inline(always)]
fn ports(data: &[u8]) -> Option<(u16, u16)> {
    let [a, b, c, d] = *data.first_chunk::<4>()?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// RFC 9293 section 3.1.
#[inline(always)]
pub(super) fn tcp(data: &[u8]) -> Transport<'_> {
    let Some(header) = data.first_chunk::<14>() else { return (ports(data), None, &[]) };
    let sequence = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    let length = usize::from(header[12] >> 4) * 4;
    let payload = if length < TCP_HEADER { &[] } else { data.get(length..).unwrap_or_default() };
    (ports(data), Some(Tcp { flags: header[13], sequence }), payload)
}

/// RFC 768. A length of zero stands for "to the end" (RFC 2675 section 4, and offloading network cards).
#[inline(always)]
pub(super) fn udp(data: &[u8]) -> Transport<'_> {
    let Some(header) = data.first_chunk::<UDP_HEADER>() else { return (ports(data), None, &[]) };
    let payload = match usize::from(u16::from_be_bytes([header[4], header[5]])) {
        0 => &data[UDP_HEADER..],
        length => data.get(UDP_HEADER..length.min(data.len())).unwrap_or_default(),
    };
    (ports(data), None, payload)
}
