//! The fast path: decodes the usual header shape at fixed offsets. Every other shape is left to the
//! full path.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::packet::Packet;
use super::transport::{self, Transport};
use super::tunnel;
use crate::flow::Protocol;

/// The length of an Ethernet header without tags, in bytes.
const ETHERNET_HEADER: usize = 14;
/// The length of an IPv4 header without options, in bytes.
const IPV4_HEADER: usize = 20;
/// The length of an IPv6 header, in bytes.
const IPV6_HEADER: usize = 40;

/// Decodes an Ethernet frame of the usual shape. Returns `None` for every other frame.
#[inline(always)]
pub(super) fn decode(frame: &[u8]) -> Option<Packet<'_>> {
    let (ethernet, after) = frame.split_first_chunk::<ETHERNET_HEADER>()?;
    let ethernet_addresses = ethernet.first_chunk::<12>();
    match [ethernet[12], ethernet[13]] {
        [0x08, 0x00] => {
            let header = after.first_chunk::<IPV4_HEADER>()?;
            let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
            // Version 4, a header of five words, no fragment. The "don't fragment" bit may be set.
            if header[0] != 0x45 || (header[6] & 0x3f) | header[7] != 0 || total < IPV4_HEADER {
                return None;
            }
            let data = after.get(IPV4_HEADER..total)?;
            let source = Ipv4Addr::new(header[12], header[13], header[14], header[15]);
            let destination = Ipv4Addr::new(header[16], header[17], header[18], header[19]);
            finish(ethernet_addresses, IpAddr::V4(source), IpAddr::V4(destination), header[9], total, data)
        }
        [0x86, 0xdd] => {
            let header = after.first_chunk::<IPV6_HEADER>()?;
            let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
            if header[0] >> 4 != 6 || length == 0 {
                return None;
            }
            let data = after.get(IPV6_HEADER..IPV6_HEADER + length)?;
            let source = Ipv6Addr::from(*header[8..].first_chunk::<16>()?);
            let destination = Ipv6Addr::from(*header[24..].first_chunk::<16>()?);
            finish(
                ethernet_addresses,
                IpAddr::V6(source),
                IpAddr::V6(destination),
                header[6],
                IPV6_HEADER + length,
                data,
            )
        }
        _ => None,
    }
}

#[inline(always)]
fn finish<'a>(
    ethernet_addresses: Option<&'a [u8; 12]>,
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    length: usize,
    data: &'a [u8],
) -> Option<Packet<'a>> {
    let protocol = Protocol(protocol);
    let Transport { ports, tcp, payload } = match protocol {
        Protocol::TCP => transport::tcp(data),
        Protocol::UDP => transport::udp(data),
        _ => return None,
    };
    if protocol == Protocol::UDP && ports.is_some_and(tunnel::may_be_tunnel) {
        return None;
    }
    Some(Packet { source, destination, protocol, ports, tcp, length: length as u32, payload, ethernet_addresses })
}
