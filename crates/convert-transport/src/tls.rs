//! TLS by rustls, over any stream.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::config::TransportConfig;
use crate::error::{TransportError, TransportErrorKind};
use crate::provider::crypto_provider;

/// A stream of bytes in both directions.
pub(crate) trait Io: Read + Write + Send {
    /// Returns whether the peer has neither closed the stream nor sent anything unasked.
    fn is_quiet(&self) -> bool;
}

/// Makes the settings of TLS connections: the provider and what is trusted.
pub(crate) fn client_config(config: &TransportConfig) -> Result<Arc<ClientConfig>, TransportError> {
    let provider = crypto_provider()?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| invalid(format!("the TLS provider cannot be used: {error}")))?;
    #[cfg(feature = "platform-verifier")]
    if config.platform_verifier {
        if !config.root_certificates.is_empty() {
            return Err(invalid("extra root certificates belong into the platform's own store"));
        }
        let verifier = rustls_platform_verifier::Verifier::new(provider).map_err(|error| {
            invalid(format!("the platform's certificate verifier cannot be used: {error}"))
        })?;
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        return Ok(Arc::new(builder.with_no_client_auth()));
    }
    let roots = trusted_roots(&config.root_certificates)?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// Makes a handshake as the client of `host`, which may be an address in brackets.
pub(crate) fn handshake(
    config: &Arc<ClientConfig>,
    host: &str,
    stream: Box<dyn Io>,
) -> io::Result<Box<dyn Io>> {
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let session = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    let mut tls = TlsStream { session, stream, is_write_broken: false };
    while tls.session.is_handshaking() {
        tls.session.complete_io(&mut tls.stream)?;
    }
    Ok(Box::new(tls))
}

/// A TLS connection that can still be read after the peer has stopped reading: rustls' own stream
/// writes what is pending before it reads, so that it would not get at an early answer.
struct TlsStream {
    session: ClientConnection,
    stream: Box<dyn Io>,
    is_write_broken: bool,
}

impl TlsStream {
    fn send_pending(&mut self) -> io::Result<()> {
        while self.session.wants_write() && !self.is_write_broken {
            if let Err(error) = self.session.write_tls(&mut self.stream) {
                self.is_write_broken = true;
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Read for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return outcome,
            }
            self.send_pending()?;
            self.session.read_tls(&mut self.stream)?;
            if let Err(error) = self.session.process_new_packets() {
                // The alert that tells the peer why. Without it the reason is the same.
                let _ = self.send_pending();
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }
}

impl Io for TlsStream {
    fn is_quiet(&self) -> bool {
        // Not so while there are decrypted bytes, or after the peer's goodbye: the socket shows
        // neither of them.
        self.session.wants_read() && self.stream.is_quiet()
    }
}

impl Write for TlsStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.session.writer().write(buffer)?;
        self.send_pending()?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_pending()
    }
}

/// Collects the compiled-in roots and those of the PEM texts.
fn trusted_roots(texts: &[Vec<u8>]) -> Result<RootCertStore, TransportError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for (index, text) in texts.iter().enumerate() {
        let number = index + 1;
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(text) {
            let place = roots.len() - before + 1;
            // The error's own text repeats a line of the PEM text.
            let certificate = certificate
                .map_err(|_| invalid(format!("root certificates, text {number}: not valid PEM")))?;
            roots.add(certificate).map_err(|error| {
                invalid(format!("root certificates, text {number}, certificate {place}: {error}"))
            })?;
        }
        if roots.len() == before {
            return Err(invalid(format!(
                "root certificates, text {number}: it holds no certificate"
            )));
        }
    }
    Ok(roots)
}

fn invalid(message: impl Into<String>) -> TransportError {
    TransportError::new(TransportErrorKind::InvalidInput).with_message(message)
}
