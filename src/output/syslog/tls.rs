//! TLS connections to a receiver. The cryptography is ring's.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::settings::TlsSettings;

/// Makes TLS connections to one receiver.
#[derive(Debug, Clone)]
pub struct TlsConnector {
    config: Arc<ClientConfig>,
    server_name: ServerName<'static>,
}

impl TlsConnector {
    /// Reads the certificates and the key. An error names the file that cannot be used.
    pub fn new(settings: &TlsSettings, host: &str) -> Result<Self, String> {
        let roots = read_roots(settings.ca.as_deref())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots);
        let config = match &settings.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let chain = read_certificates(&identity.certificate)?;
                let key = PrivateKeyDer::from_pem_file(&identity.key).map_err(|error| {
                    format!("{}: no private key can be read: {}", identity.key.display(), pem_error(error))
                })?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| format!("{}: {error}", identity.certificate.display()))?
            }
        };
        let name = settings.server_name.as_deref().unwrap_or(host);
        let server_name =
            ServerName::try_from(name.to_owned()).map_err(|_| format!("{name}: no server has such a name"))?;
        Ok(Self { config: Arc::new(config), server_name })
    }

    /// Returns a new connection, whose handshake has not begun.
    pub fn connection(&self) -> Result<ClientConnection, rustls::Error> {
        let mut connection = ClientConnection::new(self.config.clone(), self.server_name.clone())?;
        // No limit is needed: the session queues one batch at a time, and the next when that is
        // sent.
        connection.set_buffer_limit(None);
        Ok(connection)
    }
}

/// Reads the authorities from a file, or those of the system.
fn read_roots(ca: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca {
        for certificate in read_certificates(path)? {
            roots.add(certificate).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        return Ok(roots);
    }
    let system = rustls_native_certs::load_native_certs();
    // Systems carry some malformed certificates, which are skipped.
    roots.add_parsable_certificates(system.certs);
    if roots.is_empty() {
        return Err("the system has no certificate authorities; install ca-certificates, or give ca=FILE".to_owned());
    }
    Ok(roots)
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unreadable = |error| format!("{}: no certificate can be read: {}", path.display(), pem_error(error));
    let list: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(unreadable)?.collect::<Result<_, _>>().map_err(unreadable)?;
    if list.is_empty() {
        return Err(format!("{}: no certificate in it; give a PEM file", path.display()));
    }
    Ok(list)
}

fn pem_error(error: pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}
