//! An application that uses rustls as it pleases, and the SDK as a guest in it.
//!
//! rustls keeps one provider per process as the default, and refuses to choose where two are linked
//! and none was installed. One run of this program is one process with one story.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use convert_sdk::{Core, HttpsUrl, HttpsUrlTemplate, SdkConfig, TransportConfig};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [story, port, authority, redis] = arguments.as_slice() else {
        panic!("usage: tls-host STORY PORT AUTHORITY.pem REDIS-URL");
    };
    let authority = std::fs::read_to_string(authority).expect("the authority");
    let service = Service { port: port.parse().expect("a port"), authority, redis: redis.clone() };
    match story.as_str() {
        "automatic choice" => service.automatic_choice(),
        "two providers, nothing installed" => service.sdk_alone(),
        "nothing to choose from" => service.nothing_to_choose_from(),
        "installed" => service.installed(),
        "unusable one installed, not looked at" => {
            install_unusable();
            service.use_sdk();
        }
        "unusable one installed, looked at" => {
            install_unusable();
            let error = service.initialize().expect_err("a provider without cipher suites");
            assert!(error.contains("the TLS provider cannot be used"), "{error}");
        }
        other => panic!("unknown story {other}"),
    }
}

struct Service {
    port: u16,
    authority: String,
    redis: String,
}

impl Service {
    /// rustls chooses by its features, and does so whether the SDK or the application comes first.
    fn automatic_choice(&self) {
        self.use_sdk();
        assert!(CryptoProvider::get_default().is_none(), "the SDK has installed a provider");
        self.use_own_client();
        self.use_sdk();
        self.use_own_client();
    }

    /// rustls would not choose: the application has its own way, and the SDK must not need one.
    fn sdk_alone(&self) {
        self.use_sdk();
        assert!(CryptoProvider::get_default().is_none(), "the SDK has installed a provider");
    }

    /// The error shows what to write, and what it shows helps.
    fn nothing_to_choose_from(&self) {
        let error = self.initialize().expect_err("no provider");
        assert!(
            error.contains("enable the feature `aws-lc-rs` or `ring` of convert-sdk"),
            "{error}"
        );
        assert!(error.contains("`rustls::crypto::ring::default_provider().install_default()`"));
        assert!(CryptoProvider::get_default().is_none(), "the SDK has installed a provider");
        // This makes the automatic choice of the application the installed one.
        self.use_own_client();
        self.use_sdk();
    }

    fn installed(&self) {
        install();
        let installed = Arc::clone(CryptoProvider::get_default().expect("installed"));
        self.use_own_client();
        self.use_sdk();
        self.use_own_client();
        assert!(Arc::ptr_eq(&installed, CryptoProvider::get_default().expect("installed")));
    }

    /// Does with the SDK all that goes over the network.
    fn use_sdk(&self) {
        let core = self.initialize().expect("a core");
        assert!(core.create_context("visitor-1").track_conversion("signup").is_queued());
        core.flush(TIMEOUT).expect("a delivered event");
        assert_eq!(core.stats().events_delivered, 1);
        assert!(core.close(TIMEOUT).is_complete());
        self.use_redis();
    }

    fn initialize(&self) -> Result<Core, String> {
        let url = format!("https://localhost:{}", self.port);
        let transport = TransportConfig::default()
            .base_url(HttpsUrl::parse(&url).expect("a URL"))
            .track_base_url(HttpsUrlTemplate::parse(format!("{url}/v1")).expect("a URL"))
            .root_certificates(self.authority.as_bytes());
        let settings = SdkConfig::from_sdk_key("10012345/10067890").expect("a key");
        Core::initialize(settings.transport(transport)).map_err(|error| error.to_string())
    }

    #[cfg(feature = "redis")]
    fn use_redis(&self) {
        use convert_sdk::{DataStore, RecordDelta};
        // There is none where no server is installed.
        if self.redis.is_empty() {
            return;
        }
        let store = convert_redis::RedisStore::builder(self.redis.as_str())
            .timeout(TIMEOUT)
            .root_certificates(self.authority.as_bytes())
            .build()
            .expect("a store");
        store.merge("k", &RecordDelta::new().reach("a")).expect("stored");
        assert!(store.load("k").expect("an answer").expect("a record").has_reached("a"));
    }

    #[cfg(not(feature = "redis"))]
    fn use_redis(&self) {
        assert!(self.redis.is_empty(), "this application has no store");
    }

    /// Fetches with the application's own client, made as the documentation of rustls shows.
    fn use_own_client(&self) {
        let authority = CertificateDer::from_pem_slice(self.authority.as_bytes());
        let mut roots = RootCertStore::empty();
        roots.add(authority.expect("a certificate")).expect("a root");
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let client = ClientConnection::new(Arc::new(config), name).expect("a client");
        let socket = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        socket.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
        let mut tls = StreamOwned::new(client, socket);
        tls.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("a request");
        let mut head = [0; 13];
        tls.read_exact(&mut head).expect("an answer");
        assert_eq!(&head, b"HTTP/1.1 200 ");
    }
}

fn install() {
    any_provider().install_default().expect("the first one");
}

fn install_unusable() {
    let unusable = CryptoProvider { cipher_suites: Vec::new(), ..any_provider() };
    unusable.install_default().expect("the first one");
}

#[cfg(feature = "rustls-ring")]
fn any_provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

#[cfg(not(feature = "rustls-ring"))]
fn any_provider() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

const TIMEOUT: Duration = Duration::from_secs(30);
