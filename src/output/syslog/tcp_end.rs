//! The end of a connection of an earlier process, as the kernel remembers it.
//!
//! When a process is killed, its kernel closes its connections. The receiver reads what is left,
//! and then closes its side. Only then is the connection in the state TIME-WAIT (RFC 9293), which
//! the kernel remembers for a minute. A receiver that is killed before it has read everything
//! resets the connection, and the kernel forgets it.
//!
//! The query needs no privileges. Formats: `linux/netlink.h` (netlink(7)), `linux/sock_diag.h` and
//! `linux/inet_diag.h` (sock_diag(7)), in the byte order of the host; addresses and ports are in
//! network byte order.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::net::netlink::SOCK_DIAG;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};

use crate::output::delivery::EarlierConnection;

/// Length of a netlink message header (`struct nlmsghdr`).
const HEADER: usize = 16;
/// Length of `struct inet_diag_req_v2`.
const QUERY: usize = 56;
/// The size of the buffer for a reply. A reply about one socket is some 100 bytes long.
const REPLY_SIZE: usize = 4096;

const NLMSG_ERROR: u16 = 2;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
/// Any socket, whatever its cookie (`INET_DIAG_NOCOOKIE`).
const NO_COOKIE: [u8; 8] = [0xff; 8];

// States of a connection (net/tcp_states.h).
const FIN_WAIT1: u8 = 4;
const FIN_WAIT2: u8 = 5;
const TIME_WAIT: u8 = 6;
const CLOSING: u8 = 11;

/// Asks the kernel what became of the connection between two addresses, the own one first.
pub(super) fn query(ends: (SocketAddr, SocketAddr)) -> io::Result<EarlierConnection> {
    let flags = SocketFlags::CLOEXEC;
    let socket: OwnedFd = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(SOCK_DIAG))?;
    send(&socket, &request(ends), SendFlags::empty())?;
    let mut bytes = [0; REPLY_SIZE];
    let (length, _) = recv(&socket, &mut bytes, RecvFlags::empty())?;
    Ok(parse_reply(bytes.get(..length).unwrap_or_default()))
}

/// Builds a `SOCK_DIAG_BY_FAMILY` message for one connection.
fn request((own, peer): (SocketAddr, SocketAddr)) -> Vec<u8> {
    let family = if own.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let mut bytes = ((HEADER + QUERY) as u32).to_ne_bytes().to_vec();
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST.to_ne_bytes());
    bytes.resize(HEADER, 0);
    bytes.extend([family as u8, libc::IPPROTO_TCP as u8, 0, 0]);
    // All states.
    bytes.extend([0xff; 4]);
    bytes.extend(own.port().to_be_bytes());
    bytes.extend(peer.port().to_be_bytes());
    bytes.extend(address(own.ip()));
    bytes.extend(address(peer.ip()));
    // Any interface.
    bytes.extend([0; 4]);
    bytes.extend(NO_COOKIE);
    bytes
}

/// An address in the 16 bytes that it has in a query.
fn address(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&address.octets());
            bytes
        }
        IpAddr::V6(address) => address.octets(),
    }
}

/// Parses a reply. A connection that is not there, or is in a state that no closed connection can
/// have, is unknown.
fn parse_reply(bytes: &[u8]) -> EarlierConnection {
    let kind = bytes.get(4..).and_then(|rest| rest.first_chunk()).map(|bytes| u16::from_ne_bytes(*bytes));
    if kind.is_none_or(|kind| kind == NLMSG_ERROR || kind != SOCK_DIAG_BY_FAMILY) {
        return EarlierConnection::Unknown;
    }
    match bytes.get(HEADER + 1) {
        Some(&TIME_WAIT) => EarlierConnection::ReadToEnd,
        Some(&(FIN_WAIT1 | FIN_WAIT2 | CLOSING)) => EarlierConnection::Ending,
        _ => EarlierConnection::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    use super::*;

    /// A closed connection that carried some bytes, its ends, and the receiver's side of it.
    fn closed(address: &str) -> ((SocketAddr, SocketAddr), TcpStream) {
        let listener = TcpListener::bind(address).unwrap();
        let mut own = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (peer, _) = listener.accept().unwrap();
        own.write_all(b"alerts").unwrap();
        let ends = (own.local_addr().unwrap(), own.peer_addr().unwrap());
        assert_eq!(query(ends).unwrap(), EarlierConnection::Unknown, "an open connection has not ended");
        drop(own);
        (ends, peer)
    }

    fn wait_for(ends: (SocketAddr, SocketAddr), expected: EarlierConnection) {
        let began = Instant::now();
        while query(ends).unwrap() != expected {
            assert!(began.elapsed() < Duration::from_secs(10), "{:?}", query(ends));
        }
    }

    #[test]
    fn a_receiver_that_read_everything_and_one_that_did_not_are_told_apart() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let (ends, mut peer) = closed(address);
            wait_for(ends, EarlierConnection::Ending);
            peer.read_to_end(&mut Vec::new()).unwrap();
            assert_eq!(query(ends).unwrap(), EarlierConnection::Ending, "it may still hold what it read");
            drop(peer);
            wait_for(ends, EarlierConnection::ReadToEnd);

            let (ends, peer) = closed(address);
            // As if killed: what it has not read is lost.
            drop(peer);
            wait_for(ends, EarlierConnection::Unknown);

            let (ends, mut peer) = closed(address);
            peer.read_exact(&mut [0; 3]).unwrap();
            drop(peer);
            wait_for(ends, EarlierConnection::Unknown);
        }
    }

    #[test]
    fn a_receiver_that_closed_first_is_unknown() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let ends = (own.local_addr().unwrap(), own.peer_addr().unwrap());
        let (peer, _) = listener.accept().unwrap();
        drop(peer);
        own.shutdown(Shutdown::Both).unwrap();
        drop(own);
        assert_eq!(query(ends).unwrap(), EarlierConnection::Unknown);
    }

    #[test]
    fn replies_that_are_cut_or_of_another_kind_say_nothing() {
        let mut whole = request(("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap()));
        assert_eq!(whole.len(), HEADER + QUERY);
        whole[HEADER + 1] = TIME_WAIT;
        assert_eq!(parse_reply(&whole), EarlierConnection::ReadToEnd);
        for length in 0..HEADER + 2 {
            assert_eq!(parse_reply(&whole[..length]), EarlierConnection::Unknown, "{length}");
        }
        whole[4..6].copy_from_slice(&NLMSG_ERROR.to_ne_bytes());
        assert_eq!(parse_reply(&whole), EarlierConnection::Unknown);
    }
}
