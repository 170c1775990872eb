//! An application whose default provider no client could use.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, ring};

#[test]
fn the_sdk_does_not_look_at_the_default() {
    let unusable = CryptoProvider { cipher_suites: Vec::new(), ..ring::default_provider() };
    // The application itself would get nowhere with it, so that the SDK's success shows something.
    let own = ClientConfig::builder_with_provider(Arc::new(unusable.clone()));
    assert!(own.with_safe_default_protocol_versions().is_err());
    unusable.install_default().unwrap();
    tls_coexistence::use_sdk(&tls_coexistence::service());
}
