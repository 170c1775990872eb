//! What a transport config accepts, and what is printed of it.
#![cfg(feature = "https")]
#![allow(clippy::expect_used, reason = "helpers fail their test")]

mod common;

use common::{
    AUTH_SECRET, HEADER_VALUE, PROXY_PASSWORD, assert_no_secret, batch_request, build, config,
    config_request, printed,
};
use convert_transport::{
    HttpsTransport, ProxyUrl, Secret, Transport, TransportConfig, TransportErrorKind,
};
use test_support::{LoopbackServer, Reply};

#[test]
fn headers_of_the_sdk_cannot_be_replaced() {
    for name in [
        "User-Agent",
        "user-agent",
        "ACCEPT",
        "Accept-Encoding",
        "Authorization",
        "Host",
        "Content-Type",
        "content-length",
        "Content-Encoding",
        "content-anything",
        "Connection",
        "Transfer-Encoding",
        "If-None-Match",
        "If-Modified-Since",
        "Proxy-Authorization",
    ] {
        let error = TransportConfig::default().header(name, HEADER_VALUE).expect_err(name);
        assert_eq!(error.kind(), TransportErrorKind::InvalidInput);
        assert_no_secret(&printed(&error));
    }
}

#[test]
fn malformed_headers_are_refused() {
    for (name, value) in [
        ("", "x"),
        ("x y", "x"),
        ("x:", "x"),
        ("x\r\n", "x"),
        ("é", "x"),
        ("x", "gateway-pass-51b7\r\nhost: evil"),
        ("x", "gateway-pass-51b7\u{e9}"),
        ("x", "gateway-pass-51b7\0"),
    ] {
        let error = TransportConfig::default().header(name, value).expect_err("a malformed header");
        assert_no_secret(&printed(&error));
    }
    assert!(TransportConfig::default().header("x-tab", "a\tb c").is_ok());
}

#[test]
fn nothing_secret_is_printed_of_settings_requests_and_answers() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    let proxy = format!("http://user:{PROXY_PASSWORD}@localhost:3128");
    let config = config(&server).proxy(ProxyUrl::parse(proxy).expect("a proxy"));
    let transport = build(&config);
    assert_no_secret(&format!("{config:?} {config:#?} {transport:?} {transport:#?}"));
    let (fetch, batch) = (config_request(), batch_request());
    assert_no_secret(&format!("{fetch:?} {} {batch:?}", fetch.redacted_path()));
    assert_no_secret(&format!("{} {:?}", batch.redacted_path(), fetch.debug_token()));
    assert_no_secret(&format!("{:?} {}", fetch.sdk_key(), fetch.sdk_key()));
    let direct = build(&common::config(&server));
    let answers = (direct.fetch_config(&fetch), direct.send_batch(&batch));
    assert!(answers.0.is_ok() && answers.1.is_ok());
    assert_no_secret(&format!("{answers:?}"));
}

#[test]
fn secrets_that_do_not_fit_into_a_header_are_refused() {
    for secret in ["", "auth-secret-8fd1c0aa\r\nhost: evil", "auth-secret-8fd1c0aaé"] {
        let config = TransportConfig::default().auth_secret(Secret::new(secret));
        let error = HttpsTransport::new(&config).expect_err("a malformed secret");
        assert_eq!(error.kind(), TransportErrorKind::InvalidInput);
        assert!(!printed(&error).contains(AUTH_SECRET));
    }
}

#[test]
fn root_certificates_that_cannot_be_used_are_refused() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for pem in ["", "no PEM at all", broken, key, "-----BEGIN CERTIFICATE-----\n*"] {
        let config = TransportConfig::default().root_certificates(pem);
        let error = HttpsTransport::new(&config).expect_err("an unusable root");
        assert_eq!(error.kind(), TransportErrorKind::InvalidInput, "{pem}");
    }
}

#[test]
fn several_roots_are_trusted_together() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    let twice = server.authority_pem().repeat(2);
    let config = server.transport_config().root_certificates(twice);
    assert!(build(&config).fetch_config(&config_request()).is_ok());
}

#[cfg(feature = "platform-verifier")]
#[test]
fn platform_verifier_does_not_trust_the_test_authority() {
    let server = LoopbackServer::start([Reply::json("{}")]);
    let url = convert_transport::HttpsUrl::parse(server.url()).expect("a URL");
    let config = TransportConfig::default().base_url(url).platform_verifier();
    let error = build(&config).fetch_config(&config_request()).expect_err("an unknown authority");
    assert_eq!(error.kind(), TransportErrorKind::Tls, "{error:?}");
    let both = server.transport_config().platform_verifier();
    let error = HttpsTransport::new(&both).expect_err("not both");
    assert_eq!(error.kind(), TransportErrorKind::InvalidInput);
}
