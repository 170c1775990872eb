//! A certificate authority made at test time, and what it signs.
#![expect(clippy::expect_used, reason = "a test cannot go on without certificates")]

use std::sync::{Arc, LazyLock};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// The authority of this process and TLS settings with certificates it signed.
#[derive(Debug)]
pub(crate) struct Certificates {
    authority_pem: String,
    valid: Arc<ServerConfig>,
    wrong_name: Arc<ServerConfig>,
    expired: Arc<ServerConfig>,
}

impl Certificates {
    /// Gives the process's certificates; the first call makes them.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: LazyLock<Certificates> = LazyLock::new(Certificates::make);
        &SHARED
    }

    pub(crate) fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// For `localhost` and 127.0.0.1.
    pub(crate) fn valid(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.valid)
    }

    /// For another host.
    pub(crate) fn wrong_name(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.wrong_name)
    }

    /// For `localhost`, out of date since 2001.
    pub(crate) fn expired(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.expired)
    }

    fn make() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "loopback test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");

        let local = || leaf(&["localhost", "127.0.0.1"]);
        let mut expired = local();
        expired.not_before = date_time_ymd(2000, 1, 1);
        expired.not_after = date_time_ymd(2001, 1, 1);
        Self {
            authority_pem: authority.pem(),
            valid: server_config(&authority, &local()),
            wrong_name: server_config(&authority, &leaf(&["elsewhere.example"])),
            expired: server_config(&authority, &expired),
        }
    }
}

fn leaf(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).expect("valid names")
}

fn server_config(
    authority: &CertifiedIssuer<'_, KeyPair>,
    params: &CertificateParams,
) -> Arc<ServerConfig> {
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate that fits its key");
    Arc::new(config)
}
