//! The number of bytes that the peer's TCP has acknowledged.
//!
//! Linux reports it with the socket option `TCP_INFO` (tcp(7)), in the field that RFC 4898 calls
//! `tcpEStatsAppHCThruOctetsAcked`. nix has a macro for socket options that it does not define
//! itself.

use std::io;
use std::net::TcpStream;

use nix::sys::socket::getsockopt;
use nix::{getsockopt_impl, sockopt_impl};

/// The first fields of the kernel's `struct tcp_info` (linux/tcp.h), which only grows at its end.
/// Every bit pattern is valid in all fields. Kernels before 4.1 have a shorter struct; there the
/// call fails.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct TcpInfo {
    /// States, options and window scales.
    bytes: [u8; 8],
    /// Timers, sizes and counts of segments.
    numbers: [u32; 24],
    /// Pacing rate, and its maximum.
    rates: [u64; 2],
    bytes_acked: u64,
}

sockopt_impl!(TcpInfoOption, GetOnly, libc::IPPROTO_TCP, libc::TCP_INFO, TcpInfo);

/// Returns how many sent bytes the peer's TCP has acknowledged. The handshake counts as one byte.
pub(super) fn acknowledged(stream: &TcpStream) -> io::Result<u64> {
    Ok(getsockopt(stream, TcpInfoOption)?.bytes_acked)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn what_the_peer_took_is_counted_and_what_waits_for_its_window_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        let before = acknowledged(&stream).unwrap();
        stream.set_nonblocking(true).unwrap();
        let (mut written, chunk) = (0, [b'x'; 65536]);
        while let Ok(count) = stream.write(&chunk) {
            written += count as u64;
        }
        // Nobody reads: both buffers are full.
        assert!(acknowledged(&stream).unwrap() - before < written);
        stream.set_nonblocking(false).unwrap();
        let reading = std::thread::spawn(move || {
            let mut all = Vec::new();
            peer.read_to_end(&mut all).unwrap();
            all.len() as u64
        });
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        // The peer ends after it has read all.
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        assert_eq!(reading.join().unwrap(), written);
        // The end counts for one.
        assert_eq!(acknowledged(&stream).unwrap() - before, written + 1);
    }
}
