//! The usual header shape, read at fixed offsets. Anything unusual is left to the long way.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Packet, transport, tunnel};
use crate::flow::Protocol;

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const IPV6: usize = 40;

#[inline(always)]
pub(super) fn decode(frame: &[u8]) -> Option<Packet<'_>> {
    let (ethernet, after) = frame.split_first_chunk::<ETHERNET>()?;
    let hardware = ethernet.first_chunk::<12>();
    match [ethernet[12], ethernet[13]] {
        [0x08, 0x00] => {
            let header = after.first_chunk::<IPV4>()?;
            let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
            // Version 4, five words of header, no fragment (the "don't fragment" bit may stand).
            if header[0] != 0x45 || (header[6] & 0x3f) | header[7] != 0 || total < IPV4 {
                return None;
            }
            let data = after.get(IPV4..total)?;
            let source = Ipv4Addr::new(header[12], header[13], header[14], header[15]);
            let destination = Ipv4Addr::new(header[16], header[17], header[18], header[19]);
            finish(hardware, IpAddr::V4(source), IpAddr::V4(destination), header[9], total, data)
        }
        [0x86, 0xdd] => {
            let header = after.first_chunk::<IPV6>()?;
            let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
            if header[0] >> 4 != 6 || length == 0 {
                return None;
            }
            let data = after.get(IPV6..IPV6 + length)?;
            let source = Ipv6Addr::from(*header[8..].first_chunk::<16>()?);
            let destination = Ipv6Addr::from(*header[24..].first_chunk::<16>()?);
            finish(hardware, IpAddr::V6(source), IpAddr::V6(destination), header[6], IPV6 + length, data)
        }
        _ => None,
    }
}

#[inline(always)]
fn finish<'a>(
    hardware: Option<&'a [u8; 12]>,
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    length: usize,
    data: &'a [u8],
) -> Option<Packet<'a>> {
    let protocol = Protocol(protocol);
    let (ports, tcp, payload) = match protocol {
        Protocol::TCP => transport::tcp(data),
        Protocol::UDP => transport::udp(data),
        _ => return None,
    };
    if protocol == Protocol::UDP && ports.is_some_and(tunnel::may_be_between) {
        return None;
    }
    Some(Packet { source, destination, protocol, ports, tcp, length: length as u32, payload, hardware })
}
