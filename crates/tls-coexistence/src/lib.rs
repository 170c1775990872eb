//! An application that links two TLS providers, and the SDK as a guest in it.
//!
//! rustls keeps one provider per process as the default, and refuses to choose where two are linked
//! and none was installed. The SDK must work whatever the application has installed, and must not
//! install anything itself. A default lasts as long as its process, so each file in `tests/` is one
//! process with one test.
#![expect(clippy::expect_used, reason = "a test cannot go on without what fails here")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use convert_sdk::{
    ConfigRequest, ConfigResponse, Core, HttpsTransport, SdkConfig, SdkKey, Transport,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use test_support::{LoopbackServer, Reply};

/// Starts a service that serves a config and takes events.
///
/// # Panics
///
/// When no port can be bound.
pub fn service() -> LoopbackServer {
    LoopbackServer::start([Reply::json(CONFIG)])
}

/// Does with the SDK all that goes over the network: its transport alone, and a core that fetches
/// its config and delivers an event.
///
/// # Panics
///
/// When anything of it fails.
pub fn use_sdk(service: &LoopbackServer) {
    let transport = HttpsTransport::new(&service.transport_config()).expect("a transport");
    let request = ConfigRequest::new(SdkKey::parse(KEY).expect("a key"));
    let answer = transport.fetch_config(&request).expect("an answer");
    assert!(matches!(answer, ConfigResponse::Modified(body) if body.bytes() == CONFIG.as_bytes()));

    let settings = SdkConfig::from_sdk_key(KEY).expect("a key");
    let settings = settings.transport(service.transport_config());
    let core = Core::initialize(settings).expect("a core");
    assert!(core.create_context("visitor-1").track_conversion("signup").is_queued());
    core.flush(PATIENCE).expect("a delivered event");
    assert_eq!(core.stats().events_delivered, 1);
    assert!(core.close(PATIENCE).is_complete());
}

/// Fetches with the application's own client, made with a provider of its choice.
///
/// # Panics
///
/// When it gets no answer.
pub fn use_own_client(service: &LoopbackServer, provider: CryptoProvider) {
    let builder = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("protocol versions");
    fetch(service, builder.with_root_certificates(roots(service)).with_no_client_auth());
}

/// Fetches with the application's own client, made with the provider that is the default.
///
/// # Panics
///
/// When it gets no answer, or no default is installed.
pub fn use_default_client(service: &LoopbackServer) {
    let builder = ClientConfig::builder();
    fetch(service, builder.with_root_certificates(roots(service)).with_no_client_auth());
}

fn fetch(service: &LoopbackServer, config: ClientConfig) {
    let name = ServerName::try_from("localhost").expect("a name");
    let client = ClientConnection::new(Arc::new(config), name).expect("a client");
    let socket = TcpStream::connect(("127.0.0.1", service.port())).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut tls = StreamOwned::new(client, socket);
    tls.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("a request");
    let mut head = [0; 13];
    tls.read_exact(&mut head).expect("an answer");
    assert_eq!(&head, b"HTTP/1.1 200 ");
}

fn roots(service: &LoopbackServer) -> RootCertStore {
    let authority = CertificateDer::from_pem_slice(service.authority_pem().as_bytes());
    let mut roots = RootCertStore::empty();
    roots.add(authority.expect("a certificate")).expect("a root");
    roots
}

const KEY: &str = "10012345/10067890";
const CONFIG: &str = r#"{"account_id": "10012345", "project": {"id": "10067890"},
    "goals": [{"id": "91", "key": "signup"}]}"#;
const PATIENCE: Duration = Duration::from_secs(30);
