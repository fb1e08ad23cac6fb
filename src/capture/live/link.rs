//! Whether a network interface is there, asked of the kernel over rtnetlink.
//!
//! libpcap says nothing of an interface that is taken down, nor of one that comes back under its name. One question costs some
//! microseconds and no rights, needs no `/sys`, which another network namespace does not show, and is answered for one interface
//! however many there are.
//!
//! Formats: `linux/netlink.h` (netlink(7)) and `linux/rtnetlink.h` (rtnetlink(7)), in the byte order of the host.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};

/// What the kernel says of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// There is none of this name.
    Absent,
    /// There is one.
    Present {
        /// Its number, which no other interface gets until the machine starts anew.
        index: u32,
        /// It is administratively up.
        is_up: bool,
        /// It can send and receive: for most, it has a carrier.
        is_running: bool,
    },
}

const HEADER: usize = 16;
const INTERFACE_INFO: usize = 16;
const ATTRIBUTE: usize = 4;
/// `IFNAMSIZ`: the longest name with its NUL.
const LONGEST_NAME: usize = 16;
/// An answer is far shorter than a page for all but cards with many virtual functions; all that is read of it are its first bytes.
const ANSWER: usize = 4096;

const NLMSG_ERROR: u16 = 2;
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const NLM_F_REQUEST: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFF_UP: u32 = 1;
const IFF_RUNNING: u32 = 0x40;

/// Asks what the kernel knows of the interface of this name.
pub(super) fn ask(name: &str) -> io::Result<Link> {
    if name.len() >= LONGEST_NAME || name.contains('\0') {
        return Ok(Link::Absent);
    }
    let socket: OwnedFd = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    send(&socket, &question(name), SendFlags::empty())?;
    let mut bytes = [0; ANSWER];
    let (length, _) = recv(&socket, &mut bytes, RecvFlags::empty())?;
    answer(bytes.get(..length).unwrap_or_default())
}

/// One `RTM_GETLINK` for a name.
fn question(name: &str) -> Vec<u8> {
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

fn answer(bytes: &[u8]) -> io::Result<Link> {
    let odd = || io::Error::new(io::ErrorKind::InvalidData, "the kernel's answer about a link cannot be read");
    let word = |at: usize| bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
    let kind = bytes.get(4..).and_then(|rest| rest.first_chunk()).map(|bytes| u16::from_ne_bytes(*bytes));
    match kind {
        Some(RTM_NEWLINK) => {
            let (Some(index), Some(flags)) = (word(HEADER + 4), word(HEADER + 8)) else { return Err(odd()) };
            Ok(Link::Present { index, is_up: flags & IFF_UP != 0, is_running: flags & IFF_RUNNING != 0 })
        }
        Some(NLMSG_ERROR) => {
            let number = (word(HEADER).ok_or_else(odd)? as i32).wrapping_neg();
            if number == rustix::io::Errno::NODEV.raw_os_error() {
                return Ok(Link::Absent);
            }
            Err(io::Error::from_raw_os_error(number))
        }
        _ => Err(odd()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_there_and_no_other_name_is() {
        assert!(matches!(ask("lo").unwrap(), Link::Present { index: 1.., .. }));
        for name in ["no-such-link", "", "a-name-that-is-longer-than-any", "l\0o"] {
            assert_eq!(ask(name).unwrap_or(Link::Absent), Link::Absent, "{name:?}");
        }
    }

    #[test]
    fn answers_that_are_cut_or_of_another_kind_are_errors() {
        let mut whole = question("lo");
        whole[4..6].copy_from_slice(&RTM_NEWLINK.to_ne_bytes());
        assert_eq!(answer(&whole).unwrap(), Link::Present { index: 0, is_up: false, is_running: false });
        for length in 0..HEADER + 12 {
            assert!(answer(&whole[..length]).is_err(), "{length}");
        }
        whole[4..6].copy_from_slice(&3u16.to_ne_bytes());
        assert!(answer(&whole).is_err());
    }

    #[test]
    fn the_kernels_refusal_is_passed_on() {
        let mut refusal = vec![0; HEADER + 4];
        refusal[4..6].copy_from_slice(&NLMSG_ERROR.to_ne_bytes());
        refusal[HEADER..].copy_from_slice(&(-1i32).to_ne_bytes());
        assert_eq!(answer(&refusal).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        refusal[HEADER..].copy_from_slice(&(-19i32).to_ne_bytes());
        assert_eq!(answer(&refusal).unwrap(), Link::Absent);
    }
}
