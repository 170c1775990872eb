//! TLS on top of a socket. The provider of cryptography is passed explicitly, and never installed:
//! the process's default belongs to the application.

use std::io;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::error::RedisStoreError;
use crate::socket::Socket;

/// A connection over TLS.
pub(crate) type TlsStream = StreamOwned<ClientConnection, Socket>;

/// What connections over TLS have in common.
#[derive(Clone)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Trusts the roots that browsers trust, or the certificates given in PEM.
    pub(crate) fn new(roots: Option<&[u8]>) -> Result<Self, RedisStoreError> {
        let provider = convert_transport::crypto_provider()
            .map_err(|error| RedisStoreError::new(error.to_string()))?;
        let roots = match roots {
            Some(pem) => given_roots(pem)?,
            None => known_roots(),
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| RedisStoreError::new(format!("TLS cannot be set up: {error}")))?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        // Connections live long, and the sessions lie behind a lock that a forked process would
        // inherit in whatever state it is.
        config.resumption = Resumption::disabled();
        Ok(Tls { config: Arc::new(config) })
    }

    /// Carries the handshake out, by the deadline of the socket.
    pub(crate) fn connect(&self, host: &str, socket: Socket) -> io::Result<TlsStream> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::clone(&self.config), name);
        let mut stream = StreamOwned::new(connection.map_err(io::Error::other)?, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }
}

fn known_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

fn given_roots(pem: &[u8]) -> Result<RootCertStore, RedisStoreError> {
    let refused = |cause: String| {
        RedisStoreError::new(format!("the root certificates cannot be read: {cause}"))
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| refused(error.to_string()))?;
        roots.add(certificate).map_err(|error| refused(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(refused("the PEM holds no certificate".to_owned()));
    }
    Ok(roots)
}
