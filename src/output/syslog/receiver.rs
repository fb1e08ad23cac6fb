//! The syslog receiver.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use super::connection::Connection;
use super::message::MessageWriter;
use super::session::SyslogSession;
use super::settings::{SyslogSettings, TlsSettings, Transport};
use super::tcp_end;
use super::tls::TlsConnector;
use crate::output::delivery::{EarlierConnection, Receiver, ReceiverKind, ReceiverSettings, Session, SessionError};
use crate::output::{Cef, LineFormatter, Sensor};

/// Syslog receivers.
pub const KIND: ReceiverKind = ReceiverKind {
    schemes: &["udp", "tcp", "tls", "unix"],
    parse: |url| SyslogSettings::parse(url).map(|settings| Arc::new(settings) as Arc<dyn ReceiverSettings>),
};

impl ReceiverSettings for SyslogSettings {
    fn scheme(&self) -> &'static str {
        match self.transport {
            Transport::Udp(_) => "udp",
            Transport::Tcp { .. } => "tcp",
            Transport::Tls { .. } => "tls",
            Transport::Unix { .. } => "unix",
        }
    }

    fn address(&self) -> String {
        match &self.transport {
            Transport::Udp(address) | Transport::Tcp { address, .. } | Transport::Tls { address, .. } => {
                address.to_string()
            }
            Transport::Unix { path, .. } => path.display().to_string(),
        }
    }

    fn files_read(&self) -> Vec<PathBuf> {
        match &self.transport {
            Transport::Tls { tls: TlsSettings { ca, identity, .. }, .. } => {
                let identity = identity.iter().flat_map(|identity| [&identity.certificate, &identity.key]);
                ca.iter().chain(identity).cloned().collect()
            }
            Transport::Udp(_) | Transport::Tcp { .. } | Transport::Unix { .. } => Vec::new(),
        }
    }

    fn is_equal(&self, other: &dyn ReceiverSettings) -> bool {
        (other as &dyn Any).downcast_ref() == Some(self)
    }

    fn formatter(&self, sensor: &Sensor) -> Box<dyn LineFormatter> {
        Box::new(Cef::new(sensor.clone()))
    }

    fn receiver(&self, sensor: &Sensor) -> Result<Box<dyn Receiver>, String> {
        Ok(Box::new(SyslogReceiver::new(self, sensor)?))
    }
}

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

    fn earlier_connection(&self, connection: &str) -> EarlierConnection {
        let ends = connection.split_once(' ').and_then(|(own, peer)| Some((own.parse().ok()?, peer.parse().ok()?)));
        // Without an answer the alerts are sent once more.
        ends.and_then(|ends| tcp_end::query(ends).ok()).unwrap_or(EarlierConnection::Unknown)
    }
}
