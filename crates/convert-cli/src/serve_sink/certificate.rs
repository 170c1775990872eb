//! Who the sink says it is.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, Error, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// An authority of this process, and the TLS settings of a server on this machine that it vouches
/// for. Its key is never written anywhere, so that trusting it ends with the process.
pub(super) struct Identity {
    authority_pem: String,
    server: Arc<ServerConfig>,
}

impl Identity {
    /// Makes keys and certificates.
    pub(super) fn new() -> Result<Self, String> {
        let (authority_pem, certificate, key) =
            certify().map_err(|error| format!("no certificate can be made: {error}"))?;
        let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|settings| {
                settings.with_no_client_auth().with_single_cert(vec![certificate], key)
            })
            .map_err(|error| format!("TLS cannot be set up: {error}"))?;
        Ok(Identity { authority_pem, server: Arc::new(server) })
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

type Certified = (String, rustls::pki_types::CertificateDer<'static>, PrivateKeyDer<'static>);

fn certify() -> Result<Certified, Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "convertctl serve-sink");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(names)?.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Ok((authority.pem(), certificate.der().clone(), key))
}
