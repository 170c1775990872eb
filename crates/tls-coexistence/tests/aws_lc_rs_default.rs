//! An application whose default provider is `aws_lc_rs`.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs, ring};

#[test]
fn the_sdk_works_beside_both_providers() {
    aws_lc_rs::default_provider().install_default().unwrap();
    let installed = Arc::clone(CryptoProvider::get_default().unwrap());
    let service = tls_coexistence::service();
    tls_coexistence::use_default_client(&service);
    tls_coexistence::use_sdk(&service);
    tls_coexistence::use_own_client(&service, ring::default_provider());
    tls_coexistence::use_sdk(&service);
    tls_coexistence::use_default_client(&service);
    assert!(Arc::ptr_eq(&installed, CryptoProvider::get_default().unwrap()));
}
