//! The state of a network interface, as the kernel reports it over rtnetlink.
//!
//! libpcap does not report that an interface is taken down, or that it comes back under its name.
//! One query costs some microseconds and needs no privileges. It needs no `/sys`, which does not
//! show other network namespaces, and it is about one interface, no matter how many there are.
//!
//! Formats: `linux/netlink.h` (netlink(7)) and `linux/rtnetlink.h` (rtnetlink(7)), in the byte
//! order of the host.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};

/// The state of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// There is no interface with this name.
    Absent,
    /// The interface exists.
    Present {
        /// Its index, which no other interface gets until the machine restarts.
        index: u32,
        /// True if it is administratively up.
        is_up: bool,
        /// True if it can send and receive. For most interfaces: it has a carrier.
        is_running: bool,
        /// The packets that it has received and sent, if the kernel says.
        packets: Option<[u64; 2]>,
    },
}

/// Length of a netlink message header (`struct nlmsghdr`).
const HEADER: usize = 16;
/// Length of `struct ifinfomsg`.
const INTERFACE_INFO: usize = 16;
/// Length of an attribute header (`struct rtattr`).
const ATTRIBUTE: usize = 4;
/// `IFNAMSIZ`: the longest name, including its NUL byte.
const LONGEST_NAME: usize = 16;
/// The size of the buffer for a reply. Only replies about cards with many virtual functions are
/// longer, and only the first bytes of a reply are needed.
const REPLY_SIZE: usize = 4096;

const NLMSG_ERROR: u16 = 2;
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const NLM_F_REQUEST: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_STATS64: u16 = 23;
const IFF_UP: u32 = 1;
const IFF_RUNNING: u32 = 0x40;

/// Asks the kernel for the state of the interface with this name.
pub(super) fn query(name: &str) -> io::Result<Link> {
    if name.len() >= LONGEST_NAME || name.contains('\0') {
        return Ok(Link::Absent);
    }
    let socket: OwnedFd = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    send(&socket, &request(name), SendFlags::empty())?;
    let mut bytes = [0; REPLY_SIZE];
    let (length, _) = recv(&socket, &mut bytes, RecvFlags::empty())?;
    parse_reply(bytes.get(..length).unwrap_or_default())
}

/// Builds an `RTM_GETLINK` message for a name.
fn request(name: &str) -> Vec<u8> {
    let attribute = ATTRIBUTE + name.len() + 1;
    let length = (HEADER + INTERFACE_INFO + attribute.next_multiple_of(4)) as u32;
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(RTM_GETLINK.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST.to_ne_bytes());
    bytes.resize(HEADER + INTERFACE_INFO, 0);
    bytes.extend((attribute as u16).to_ne_bytes());
    bytes.extend(IFLA_IFNAME.to_ne_bytes());
    bytes.extend(name.as_bytes());
    bytes.resize(length as usize, 0);
    bytes
}

/// Parses a reply.
fn parse_reply(bytes: &[u8]) -> io::Result<Link> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "the kernel's reply about a link is not valid");
    let word = |at: usize| bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
    let kind = bytes.get(4..).and_then(|rest| rest.first_chunk()).map(|bytes| u16::from_ne_bytes(*bytes));
    match kind {
        Some(RTM_NEWLINK) => {
            let (Some(index), Some(flags)) = (word(HEADER + 4), word(HEADER + 8)) else { return Err(invalid()) };
            let packets = attribute(bytes.get(HEADER + INTERFACE_INFO..).unwrap_or_default(), IFLA_STATS64);
            Ok(Link::Present {
                index,
                is_up: flags & IFF_UP != 0,
                is_running: flags & IFF_RUNNING != 0,
                packets: packets.and_then(received_and_sent),
            })
        }
        Some(NLMSG_ERROR) => {
            let number = (word(HEADER).ok_or_else(invalid)? as i32).wrapping_neg();
            if number == rustix::io::Errno::NODEV.raw_os_error() {
                return Ok(Link::Absent);
            }
            Err(io::Error::from_raw_os_error(number))
        }
        _ => Err(invalid()),
    }
}

/// The content of an attribute in a list of attributes.
fn attribute(mut list: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let [a, b, c, d] = *list.first_chunk::<ATTRIBUTE>()?;
        let (length, kind) = (usize::from(u16::from_ne_bytes([a, b])), u16::from_ne_bytes([c, d]));
        let content = list.get(ATTRIBUTE..length)?;
        if kind == wanted {
            return Some(content);
        }
        list = list.get(length.next_multiple_of(4)..)?;
    }
}

/// The first two fields of `struct rtnl_link_stats64`.
fn received_and_sent(statistics: &[u8]) -> Option<[u64; 2]> {
    let (received, rest) = statistics.split_first_chunk()?;
    Some([u64::from_ne_bytes(*received), u64::from_ne_bytes(*rest.first_chunk()?)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_there_and_no_other_name_is() {
        assert!(matches!(query("lo").unwrap(), Link::Present { index: 1.., packets: Some(_), .. }));
        for name in ["no-such-link", "", "a-name-that-is-longer-than-any", "l\0o"] {
            assert_eq!(query(name).unwrap_or(Link::Absent), Link::Absent, "{name:?}");
        }
    }

    #[test]
    fn answers_that_are_cut_or_of_another_kind_are_errors() {
        let mut whole = request("lo");
        whole[4..6].copy_from_slice(&RTM_NEWLINK.to_ne_bytes());
        assert_eq!(
            parse_reply(&whole).unwrap(),
            Link::Present { index: 0, is_up: false, is_running: false, packets: None }
        );
        for length in 0..HEADER + 12 {
            assert!(parse_reply(&whole[..length]).is_err(), "{length}");
        }
        whole[4..6].copy_from_slice(&3u16.to_ne_bytes());
        assert!(parse_reply(&whole).is_err());
    }

    #[test]
    fn the_kernels_refusal_is_passed_on() {
        let mut refusal = vec![0; HEADER + 4];
        refusal[4..6].copy_from_slice(&NLMSG_ERROR.to_ne_bytes());
        refusal[HEADER..].copy_from_slice(&(-1i32).to_ne_bytes());
        assert_eq!(parse_reply(&refusal).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        refusal[HEADER..].copy_from_slice(&(-19i32).to_ne_bytes());
        assert_eq!(parse_reply(&refusal).unwrap(), Link::Absent);
    }
}
