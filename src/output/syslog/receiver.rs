//! The syslog receiver.

use super::connection::Connection;
use super::message::MessageWriter;
use super::session::SyslogSession;
use super::settings::{SyslogSettings, Transport};
use super::tls::TlsConnector;
use crate::output::Sensor;
use crate::output::delivery::{Receiver, Session, SessionError};

/// Connects to one syslog receiver.
#[derive(Debug)]
pub struct SyslogReceiver {
    transport: Transport,
    /// Only for TLS.
    tls: Option<TlsConnector>,
    messages: MessageWriter,
}

impl SyslogReceiver {
    /// Reads the files that TLS needs.
    pub fn new(settings: &SyslogSettings, sensor: &Sensor) -> Result<Self, String> {
        let tls = match &settings.transport {
            Transport::Tls { address, tls, .. } => Some(TlsConnector::new(tls, &address.host)?),
            Transport::Udp(_) | Transport::Tcp { .. } | Transport::Unix { .. } => None,
        };
        let messages = MessageWriter::new(settings, sensor.host.trim());
        Ok(Self { transport: settings.transport.clone(), tls, messages })
    }
}

impl Receiver for SyslogReceiver {
    fn connect(&mut self) -> Result<Box<dyn Session>, SessionError> {
        let connection = Connection::open(&self.transport, self.tls.as_ref())?;
        Ok(Box::new(SyslogSession::new(connection, self.messages.clone())))
    }
}
