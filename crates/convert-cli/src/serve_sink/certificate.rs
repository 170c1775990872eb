//! The certificate of the sink.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, Error, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// An authority of this process, and the TLS settings of a server on this machine whose
/// certificate it has signed. Its key is never written to a file, so that trust in it ends with
/// the process.
pub(super) struct Identity {
    authority_pem: String,
    server: Arc<ServerConfig>,
}

impl Identity {
    /// Makes keys and certificates.
    pub(super) fn new() -> Result<Self, String> {
        let made = certify().map_err(|error| format!("failed to make a certificate: {error}"))?;
        // The provider is passed explicitly, so that this does not depend on which ones are built.
        let server = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|settings| {
                settings.with_no_client_auth().with_single_cert(vec![made.certificate], made.key)
            })
            .map_err(|error| format!("failed to set up TLS: {error}"))?;
        Ok(Identity { authority_pem: made.authority_pem, server: Arc::new(server) })
    }

    /// Returns what a client must trust.
    pub(super) fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// Returns the settings of the server.
    pub(super) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }
}

struct Certified {
    authority_pem: String,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

fn certify() -> Result<Certified, Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "convertctl serve-sink");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(names)?.signed_by(&key, &authority)?;
    Ok(Certified {
        authority_pem: authority.pem(),
        certificate: certificate.der().clone(),
        key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
    })
}
