//! Syslog receivers: alerts as CEF lines in syslog messages over UDP, TCP, TLS or a Unix socket.

mod connection;
mod message;
mod receiver;
mod session;
mod settings;
mod tcp_end;
mod tcp_info;
mod tls;

pub(super) use receiver::KIND;
