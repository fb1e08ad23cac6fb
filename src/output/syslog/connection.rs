//! A connection to a receiver, which never makes its caller wait but for the beginning of a TCP connection.
//!
//! What is written and what is acknowledged are told as places in the stream of bytes on the wire, TLS records and all. Of
//! datagrams and Unix sockets all that can be known is that the kernel took them.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv6Addr, Shutdown, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};
use rustls::ClientConnection;

use super::acknowledged::acknowledged;
use super::target::{Address, Transport, UnixKind};
use super::tls::Tls;

/// How long a TCP connection may take to be made.
const CONNECTING: Duration = Duration::from_secs(5);

/// A receiver that acknowledges nothing for this long is gone: a machine that lost its power tells nobody.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// A connection idle for this long is asked whether the other end is still there; middle boxes forget those that say nothing.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// What a receiver says is read in so many pieces at a time, lest one that never stops keeps us from writing.
const READS: usize = 16;

/// A connection.
#[derive(Debug)]
pub struct Connection {
    link: Link,
    /// The batch that is being written, and how far that is.
    out: Vec<u8>,
    out_at: usize,
    /// Bytes that the kernel took.
    written: u64,
    /// What the kernel calls acknowledged before anything was written.
    base: u64,
}

#[derive(Debug)]
enum Link {
    Udp(UdpSocket),
    Datagram(UnixDatagram),
    Local(UnixStream),
    Tcp(TcpStream),
    Tls(Box<ClientConnection>, TcpStream),
}

/// Whether the other end is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// It is, as far as can be known.
    There,
    /// It ended the connection in good order.
    Ended,
}

impl Connection {
    /// Connects.
    pub fn open(transport: &Transport, tls: Option<&Tls>) -> io::Result<Self> {
        let link = match transport {
            Transport::Udp(address) => Link::Udp(udp(address)?),
            Transport::Unix { path, kind: UnixKind::Datagram } => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_nonblocking(true)?;
                Link::Datagram(socket)
            }
            Transport::Unix { path, kind: UnixKind::Stream } => {
                // Without blocking: where the receiver accepts nobody, the standard library's would wait for ever.
                let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
                let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
                rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
                Link::Local(UnixStream::from(socket))
            }
            Transport::Tcp { address, .. } | Transport::Tls { address, .. } => {
                let stream = tcp(address)?;
                match tls {
                    None => Link::Tcp(stream),
                    Some(tls) => Link::Tls(Box::new(tls.connection().map_err(io::Error::other)?), stream),
                }
            }
        };
        let base = match &link {
            Link::Tcp(stream) | Link::Tls(_, stream) => acknowledged(stream)?,
            _ => 0,
        };
        Ok(Self { link, out: Vec::new(), out_at: 0, written: 0, base })
    }

    /// Whether messages can be sent: a TLS handshake comes before them.
    pub fn is_ready(&self) -> bool {
        !matches!(&self.link, Link::Tls(tls, _) if tls.is_handshaking())
    }

    /// Whether messages are sent one by one, not as a stream.
    pub fn is_datagram(&self) -> bool {
        matches!(self.link, Link::Udp(_) | Link::Datagram(_))
    }

    /// Whether the kernel took all that was queued.
    pub fn is_idle(&self) -> bool {
        self.out_at == self.out.len() && !matches!(&self.link, Link::Tls(tls, _) if tls.wants_write())
    }

    /// Takes a batch of messages, of datagrams a single one, to be written by [`Self::pump`]. Only where it is idle.
    pub fn queue(&mut self, batch: &[u8]) -> io::Result<()> {
        if let Link::Tls(tls, _) = &mut self.link {
            return tls.writer().write_all(batch);
        }
        self.out.clear();
        self.out.extend_from_slice(batch);
        self.out_at = 0;
        Ok(())
    }

    /// Writes what the kernel takes, and reads what the receiver says, which has no meaning but that it ends.
    pub fn pump(&mut self) -> io::Result<Peer> {
        let peer = self.read()?;
        match self.write() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(peer),
        }
    }

    fn write(&mut self) -> io::Result<()> {
        if let Link::Tls(tls, stream) = &mut self.link {
            while tls.wants_write() {
                self.written += tls.write_tls(stream)? as u64;
            }
            return Ok(());
        }
        while self.out_at < self.out.len() {
            let rest = &self.out[self.out_at..];
            let count = match &mut self.link {
                Link::Udp(socket) => socket.send(rest)?,
                Link::Datagram(socket) => socket.send(rest)?,
                Link::Local(stream) => stream.write(rest)?,
                Link::Tcp(stream) | Link::Tls(_, stream) => stream.write(rest)?,
            };
            self.out_at += count;
            self.written += count as u64;
        }
        Ok(())
    }

    fn read(&mut self) -> io::Result<Peer> {
        let mut sink = [0; 4096];
        for _ in 0..READS {
            let read = match &mut self.link {
                // An unreachable port makes an error, which is all that can be read.
                Link::Udp(socket) => socket.recv(&mut sink).map(|_| 1),
                // Nobody can send to a socket without a name; but that the receiver's is gone must be taken, or it would be told
                // again and again.
                Link::Datagram(socket) => return socket.take_error()?.map_or(Ok(Peer::There), Err),
                Link::Local(stream) => stream.read(&mut sink),
                Link::Tcp(stream) => stream.read(&mut sink),
                Link::Tls(tls, stream) => tls.read_tls(stream).and_then(|count| {
                    let state =
                        tls.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
                    io::copy(&mut tls.reader().take(state.plaintext_bytes_to_read() as u64), &mut io::sink())?;
                    Ok(if state.peer_has_closed() { 0 } else { count })
                }),
            };
            match read {
                Ok(0) => return Ok(Peer::Ended),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Peer::There),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Peer::There)
    }

    /// How many bytes the kernel took.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// How many bytes the receiver's TCP took.
    pub fn acknowledged(&self) -> io::Result<u64> {
        match &self.link {
            Link::Tcp(stream) | Link::Tls(_, stream) => {
                // Our end, once sent, counts for one.
                acknowledged(stream).map(|bytes| bytes.saturating_sub(self.base).min(self.written))
            }
            _ => Ok(self.written),
        }
    }

    /// Tells the receiver that nothing more comes. It ends its side once it has read all, if it is so minded.
    pub fn end(&mut self) -> io::Result<()> {
        match &mut self.link {
            Link::Udp(_) | Link::Datagram(_) => Ok(()),
            Link::Local(stream) => stream.shutdown(Shutdown::Write),
            Link::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Link::Tls(tls, stream) => {
                tls.send_close_notify();
                while tls.wants_write() {
                    // There is room: all before it was acknowledged.
                    self.written += tls.write_tls(stream)? as u64;
                }
                stream.shutdown(Shutdown::Write)
            }
        }
    }

    /// What to wait for.
    pub fn interest(&self) -> PollFlags {
        if self.is_idle() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.link {
            Link::Udp(socket) => socket.as_fd(),
            Link::Datagram(socket) => socket.as_fd(),
            Link::Local(stream) => stream.as_fd(),
            Link::Tcp(stream) | Link::Tls(_, stream) => stream.as_fd(),
        }
    }
}

fn tcp(address: &Address) -> io::Result<TcpStream> {
    let stream = first_that(address, |address| {
        let stream = TcpStream::connect_timeout(&address, CONNECTING)?;
        // Where nobody listens at a port of this machine, it may be given to us, and we would talk to ourselves.
        if stream.local_addr()? == stream.peer_addr()? {
            return Err(ErrorKind::ConnectionRefused.into());
        }
        Ok(stream)
    })?;
    // A batch is written whole; to wait for more would only make a lone alert late.
    stream.set_nodelay(true)?;
    sockopt::set_tcp_user_timeout(&stream, UNACKNOWLEDGED.as_millis() as u32)?;
    sockopt::set_socket_keepalive(&stream, true)?;
    sockopt::set_tcp_keepidle(&stream, KEEPALIVE)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

fn udp(address: &Address) -> io::Result<UdpSocket> {
    let socket = first_that(address, |address| {
        let any =
            if address.is_ipv4() { SocketAddr::from(([0, 0, 0, 0], 0)) } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
        let socket = UdpSocket::bind(any)?;
        socket.connect(address)?;
        Ok(socket)
    })?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Tries each of the addresses that a name has.
fn first_that<T>(address: &Address, connect: impl Fn(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in (address.host.as_str(), address.port).to_socket_addrs()? {
        match connect(address) {
            Ok(connected) => return Ok(connected),
            Err(error) => last = error,
        }
    }
    Err(last)
}
