//! An application that has installed no default provider.

use rustls::crypto::{CryptoProvider, aws_lc_rs, ring};

#[test]
fn the_sdk_works_and_leaves_the_choice_to_the_application() {
    let service = tls_coexistence::service();
    tls_coexistence::use_sdk(&service);
    assert!(CryptoProvider::get_default().is_none(), "the SDK installed a default");

    tls_coexistence::use_own_client(&service, aws_lc_rs::default_provider());
    tls_coexistence::use_own_client(&service, ring::default_provider());
    assert!(CryptoProvider::get_default().is_none());

    // The application can still choose, and the SDK goes on working.
    aws_lc_rs::default_provider().install_default().unwrap();
    tls_coexistence::use_default_client(&service);
    tls_coexistence::use_sdk(&service);
}
