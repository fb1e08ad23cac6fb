//! A connection to a syslog receiver.
//!
//! Only connecting over TCP blocks; nothing else does. The number of written bytes and of
//! acknowledged bytes count the bytes on the wire, which include the overhead of TLS. Datagrams and
//! Unix sockets have no acknowledgements: there the bytes that the kernel accepted count as
//! acknowledged.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv6Addr, Shutdown, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};
use rustls::ClientConnection;

use super::settings::{Address, Transport, UnixSocketType};
use super::tcp_info::acknowledged;
use super::tls::TlsConnector;

/// The longest time to open a TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A receiver that acknowledges nothing for this long is gone (TCP_USER_TIMEOUT in tcp(7)). A
/// machine that loses power does not close its connections.
const UNACKNOWLEDGED_TIMEOUT: Duration = Duration::from_secs(30);

/// The idle time after which TCP sends a keepalive. It detects a receiver that is gone, and keeps
/// firewalls from forgetting the connection.
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);

/// The most reads in a row. A receiver that never stops sending must not keep the sensor from
/// writing.
const MOST_READS: usize = 16;

/// A connection.
#[derive(Debug)]
pub struct Connection {
    socket: Socket,
    /// The batch that is being written. Not used with TLS, which has a buffer of its own.
    buffer: Vec<u8>,
    /// The number of bytes of the buffer that are written.
    buffer_written: usize,
    /// Bytes that the kernel accepted.
    written: u64,
    /// The kernel's count of acknowledged bytes before anything was written.
    first_acknowledged: u64,
}

#[derive(Debug)]
enum Socket {
    Udp(UdpSocket),
    UnixDatagram(UnixDatagram),
    UnixStream(UnixStream),
    Tcp(TcpStream),
    Tls(Box<ClientConnection>, TcpStream),
}

/// The state of the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerState {
    /// The other end is open, as far as can be known.
    Open,
    /// The other end closed the connection in good order.
    Closed,
}

impl Connection {
    /// Opens a connection.
    pub fn open(transport: &Transport, tls: Option<&TlsConnector>) -> io::Result<Self> {
        let socket = match transport {
            Transport::Udp(address) => Socket::Udp(connect_udp(address)?),
            Transport::Unix { path, socket_type: UnixSocketType::Datagram } => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_nonblocking(true)?;
                Socket::UnixDatagram(socket)
            }
            Transport::Unix { path, socket_type: UnixSocketType::Stream } => {
                // A non-blocking socket, because the standard library's `connect` would wait
                // forever for a receiver that accepts no connections.
                let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
                let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
                rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
                Socket::UnixStream(UnixStream::from(socket))
            }
            Transport::Tcp { address, .. } | Transport::Tls { address, .. } => {
                let stream = connect_tcp(address)?;
                match tls {
                    None => Socket::Tcp(stream),
                    Some(tls) => Socket::Tls(Box::new(tls.connection().map_err(io::Error::other)?), stream),
                }
            }
        };
        let first_acknowledged = match &socket {
            Socket::Tcp(stream) | Socket::Tls(_, stream) => acknowledged(stream)?,
            _ => 0,
        };
        Ok(Self { socket, buffer: Vec::new(), buffer_written: 0, written: 0, first_acknowledged })
    }

    /// Returns true if messages can be sent. With TLS the handshake must be complete.
    pub fn is_ready(&self) -> bool {
        !matches!(&self.socket, Socket::Tls(tls, _) if tls.is_handshaking())
    }

    /// Returns true if each message is a datagram.
    pub fn is_datagram(&self) -> bool {
        matches!(self.socket, Socket::Udp(_) | Socket::UnixDatagram(_))
    }

    /// Returns true if the kernel has accepted everything that was queued.
    pub fn is_idle(&self) -> bool {
        self.buffer_written == self.buffer.len() && !matches!(&self.socket, Socket::Tls(tls, _) if tls.wants_write())
    }

    /// Queues a batch of messages, or a single datagram, for [`Self::transfer`]. The connection
    /// must be idle.
    pub fn queue(&mut self, batch: &[u8]) -> io::Result<()> {
        if let Socket::Tls(tls, _) = &mut self.socket {
            return tls.writer().write_all(batch);
        }
        self.buffer.clear();
        self.buffer.extend_from_slice(batch);
        self.buffer_written = 0;
        Ok(())
    }

    /// Writes as much as the kernel accepts. Reads and discards what the receiver sends: only the
    /// end of its stream has a meaning.
    pub fn transfer(&mut self) -> io::Result<PeerState> {
        let peer = self.read()?;
        match self.write() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(peer),
        }
    }

    fn write(&mut self) -> io::Result<()> {
        if let Socket::Tls(tls, stream) = &mut self.socket {
            while tls.wants_write() {
                self.written += tls.write_tls(stream)? as u64;
            }
            return Ok(());
        }
        while self.buffer_written < self.buffer.len() {
            let rest = &self.buffer[self.buffer_written..];
            let count = match &mut self.socket {
                Socket::Udp(socket) => socket.send(rest)?,
                Socket::UnixDatagram(socket) => socket.send(rest)?,
                Socket::UnixStream(stream) => stream.write(rest)?,
                Socket::Tcp(stream) | Socket::Tls(_, stream) => stream.write(rest)?,
            };
            self.buffer_written += count;
            self.written += count as u64;
        }
        Ok(())
    }

    fn read(&mut self) -> io::Result<PeerState> {
        let mut discarded = [0; 4096];
        for _ in 0..MOST_READS {
            let read = match &mut self.socket {
                // A datagram to a closed port leads to an error here. Nothing else is expected.
                Socket::Udp(socket) => socket.recv(&mut discarded).map(|_| 1),
                // Nobody can send to an unnamed socket. The socket's error must be fetched, or poll
                // would report it again and again.
                Socket::UnixDatagram(socket) => return socket.take_error()?.map_or(Ok(PeerState::Open), Err),
                Socket::UnixStream(stream) => stream.read(&mut discarded),
                Socket::Tcp(stream) => stream.read(&mut discarded),
                Socket::Tls(tls, stream) => tls.read_tls(stream).and_then(|count| {
                    let state =
                        tls.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
                    io::copy(&mut tls.reader().take(state.plaintext_bytes_to_read() as u64), &mut io::sink())?;
                    Ok(if state.peer_has_closed() { 0 } else { count })
                }),
            };
            match read {
                Ok(0) => return Ok(PeerState::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(PeerState::Open),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(PeerState::Open)
    }

    /// The number of bytes that the kernel accepted.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The number of bytes that the receiver's TCP acknowledged.
    pub fn acknowledged(&self) -> io::Result<u64> {
        match &self.socket {
            Socket::Tcp(stream) | Socket::Tls(_, stream) => {
                // The FIN counts as one byte, which was not written.
                acknowledged(stream).map(|bytes| bytes.saturating_sub(self.first_acknowledged).min(self.written))
            }
            _ => Ok(self.written),
        }
    }

    /// The addresses of both ends, the own one first, if this is a TCP connection.
    pub fn tcp_ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        match &self.socket {
            Socket::Tcp(stream) | Socket::Tls(_, stream) => Some((stream.local_addr().ok()?, stream.peer_addr().ok()?)),
            Socket::Udp(_) | Socket::UnixDatagram(_) | Socket::UnixStream(_) => None,
        }
    }

    /// Closes the sensor's side of the connection. Most receivers close theirs when they have read
    /// everything.
    pub fn close_write(&mut self) -> io::Result<()> {
        match &mut self.socket {
            Socket::Udp(_) | Socket::UnixDatagram(_) => Ok(()),
            Socket::UnixStream(stream) => stream.shutdown(Shutdown::Write),
            Socket::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Socket::Tls(tls, stream) => {
                tls.send_close_notify();
                while tls.wants_write() {
                    // The socket's buffer has room, because all earlier bytes were acknowledged.
                    self.written += tls.write_tls(stream)? as u64;
                }
                stream.shutdown(Shutdown::Write)
            }
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Udp(socket) => socket.as_fd(),
            Socket::UnixDatagram(socket) => socket.as_fd(),
            Socket::UnixStream(stream) => stream.as_fd(),
            Socket::Tcp(stream) | Socket::Tls(_, stream) => stream.as_fd(),
        }
    }
}

fn connect_tcp(address: &Address) -> io::Result<TcpStream> {
    let stream = connect_any(address, |address| {
        let stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)?;
        // The kernel may choose the receiver's port as the local port, if nobody listens at it on
        // this machine. The socket would then connect to itself.
        if stream.local_addr()? == stream.peer_addr()? {
            return Err(ErrorKind::ConnectionRefused.into());
        }
        Ok(stream)
    })?;
    // A batch is written as a whole, so Nagle's algorithm would only delay a single alert.
    stream.set_nodelay(true)?;
    sockopt::set_tcp_user_timeout(&stream, UNACKNOWLEDGED_TIMEOUT.as_millis() as u32)?;
    sockopt::set_socket_keepalive(&stream, true)?;
    sockopt::set_tcp_keepidle(&stream, KEEPALIVE_TIME)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

fn connect_udp(address: &Address) -> io::Result<UdpSocket> {
    let socket = connect_any(address, |address| {
        let any =
            if address.is_ipv4() { SocketAddr::from(([0, 0, 0, 0], 0)) } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
        let socket = UdpSocket::bind(any)?;
        socket.connect(address)?;
        Ok(socket)
    })?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Tries each address of a host.
fn connect_any<T>(address: &Address, connect: impl Fn(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the host has no address");
    for address in (address.host.as_str(), address.port).to_socket_addrs()? {
        match connect(address) {
            Ok(connected) => return Ok(connected),
            Err(error) => last = error,
        }
    }
    Err(last)
}
