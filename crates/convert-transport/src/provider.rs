//! The cryptography provider that TLS uses.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use crate::error::{TransportError, TransportErrorKind};

/// Chooses the provider of a TLS client, from this crate's features.
///
/// With one of the features `aws-lc-rs` and `ring` that provider is used, whatever the process has
/// installed. With both, or with neither, the process's installed provider is used if there is
/// one. Otherwise both features mean aws-lc-rs. Nothing is ever installed.
///
/// Not part of the public API: the crates of this workspace share the choice.
///
/// # Errors
///
/// [`TransportErrorKind::InvalidInput`] when neither feature is on and the process has installed
/// no provider. The message shows how to choose one.
#[doc(hidden)]
pub fn crypto_provider() -> Result<Arc<CryptoProvider>, TransportError> {
    let has_one = cfg!(feature = "aws-lc-rs") != cfg!(feature = "ring");
    let installed = if has_one { None } else { CryptoProvider::get_default().cloned() };
    installed.or_else(built_in).ok_or_else(|| {
        TransportError::new(TransportErrorKind::InvalidInput).with_message(NO_PROVIDER)
    })
}

#[cfg(feature = "aws-lc-rs")]
#[allow(clippy::unnecessary_wraps, reason = "without a feature there is none")]
fn built_in() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
}

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
#[allow(clippy::unnecessary_wraps, reason = "without a feature there is none")]
fn built_in() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(rustls::crypto::ring::default_provider()))
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
fn built_in() -> Option<Arc<CryptoProvider>> {
    None
}

const NO_PROVIDER: &str = "no TLS provider: enable the feature `aws-lc-rs` or `ring` of \
     convert-sdk, or install one before the SDK is initialized, for example \
     `rustls::crypto::ring::default_provider().install_default()`";
