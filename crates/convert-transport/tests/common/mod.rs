//! What the suites of this crate share: requests full of secrets and a search for them.
#![allow(dead_code, reason = "not every suite uses all of it")]
#![allow(clippy::expect_used, reason = "a test cannot go on without its parts")]

use std::error::Error;
use std::time::Duration;

use convert_transport::{
    BatchRequest, ConfigRequest, HttpsTransport, SdkKey, Secret, TransportConfig, TransportError,
};
use test_support::LoopbackServer;

pub(crate) const KEY: &str = "10035569/10034190";
pub(crate) const AUTH_SECRET: &str = "auth-secret-8fd1c0aa";
pub(crate) const DEBUG_TOKEN: &str = "debug token+77/e1b2=";
pub(crate) const HEADER_VALUE: &str = "gateway-pass-51b7";
pub(crate) const VISITOR: &str = "visitor-4c1f";
pub(crate) const PROXY_PASSWORD: &str = "pr0xy-pa55word";

/// The total deadline of tests that run into it.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

pub(crate) fn config(server: &LoopbackServer) -> TransportConfig {
    server
        .transport_config()
        .auth_secret(Secret::new(AUTH_SECRET))
        .header("x-gateway", HEADER_VALUE)
        .expect("a header of the caller")
}

pub(crate) fn transport(server: &LoopbackServer) -> HttpsTransport {
    build(&config(server))
}

pub(crate) fn build(config: &TransportConfig) -> HttpsTransport {
    HttpsTransport::new(config).expect("a valid config")
}

pub(crate) fn config_request() -> ConfigRequest {
    ConfigRequest::new(SdkKey::parse(KEY).expect("a valid key"))
        .with_environment("staging")
        .with_debug_token(Secret::new(DEBUG_TOKEN))
}

pub(crate) fn batch_request() -> BatchRequest {
    let key = SdkKey::parse(KEY).expect("a valid key");
    BatchRequest::new(key, "10034190", r#"{"visitors":[]}"#)
}

/// Everything an error can print, its sources included.
pub(crate) fn printed(error: &TransportError) -> String {
    let endpoint = error.endpoint().unwrap_or_default();
    let mut parts = vec![format!("{error}\n{error:?}\n{error:#?}\n{endpoint}")];
    let mut next = error.source();
    while let Some(source) = next {
        parts.push(format!("{source}\n{source:?}\n{source:#?}"));
        next = source.source();
    }
    parts.join("\n")
}

/// Searches a text for the secrets above, raw and as they look in a URL or a header.
pub(crate) fn assert_no_secret(text: &str) {
    let secrets = [
        KEY,
        "10035569%2F10034190",
        AUTH_SECRET,
        DEBUG_TOKEN,
        "debug%20token",
        "77%2Fe1b2",
        "debug_token=",
        HEADER_VALUE,
        PROXY_PASSWORD,
    ];
    for secret in secrets {
        assert!(!text.contains(secret), "{secret:?} is printed in {text}");
    }
}
