//! The HTTP client. This is the only file that names ureq and rustls.

use std::error::Error;
use std::io::{self, Read};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use ureq::config::AutoHeaderValue;
use ureq::http::Response;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Body, Proxy, ProxyProtocol};

use crate::config::TransportConfig;
use crate::error::{TransportError, TransportErrorKind};
use crate::provider::crypto_provider;
use crate::proxy_env::ProxySettings;

/// A pool of HTTPS connections.
pub(crate) struct Client {
    agent: Agent,
}

impl Client {
    /// Builds a client without any I/O.
    pub(crate) fn new(
        config: &TransportConfig,
        proxy: Option<&ProxySettings>,
    ) -> Result<Self, TransportError> {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(crypto_provider()?)
            .root_certs(trusted_roots(config)?)
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            // The library looks at the proxy variables on its own; this overrules them.
            .proxy(proxy.map(proxy_of).transpose()?)
            .user_agent(USER_AGENT)
            .accept(AutoHeaderValue::None)
            .accept_encoding(AutoHeaderValue::None)
            .timeout_global(Some(config.timeout))
            .timeout_resolve(Some(config.connect_timeout))
            .timeout_connect(Some(config.connect_timeout))
            .input_buffer_size(BUFFER_SIZE)
            .output_buffer_size(BUFFER_SIZE)
            .build()
            .new_agent();
        Ok(Self { agent })
    }

    /// Sends a GET and waits for status and headers.
    pub(crate) fn get(&self, url: &str, headers: &[(&str, String)]) -> Result<Answer, Failure> {
        let mut request = self.agent.get(url);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        Ok(Answer(request.call()?))
    }

    /// Sends a POST and waits for status and headers.
    pub(crate) fn post(
        &self,
        url: &str,
        headers: &[(&str, String)],
        body: &[u8],
    ) -> Result<Answer, Failure> {
        let mut request = self.agent.post(url);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        Ok(Answer(request.send(body)?))
    }

    /// Breaks off requests in progress and refuses new ones.
    pub(crate) fn close(&self) {
        self.agent.clone().shutdown();
    }
}

/// An answer whose body is still on the wire; dropping it unread closes the connection.
pub(crate) struct Answer(Response<Body>);

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.0.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// Reads the whole body, decompressed; more than `max` bytes of it are an error.
    pub(crate) fn read_body(self, max: usize) -> Result<Vec<u8>, Failure> {
        // The library takes the header off when it decodes the body itself.
        let encoding = self.header("content-encoding").unwrap_or("identity");
        if !encoding.trim().eq_ignore_ascii_case("identity") {
            return Err(Failure::new(
                TransportErrorKind::InvalidResponse,
                "the answer has an unknown content encoding",
            ));
        }
        let body = self.0.into_body();
        let length = usize::try_from(body.content_length().unwrap_or(0)).unwrap_or(usize::MAX);
        if length > max {
            return Err(Failure::too_large());
        }
        let mut bytes = Vec::with_capacity(length.min(FIRST_ALLOCATION));
        body.into_with_config()
            .limit(u64::try_from(max).unwrap_or(u64::MAX))
            .reader()
            .read_to_end(&mut bytes)
            .map_err(ureq::Error::from)?;
        Ok(bytes)
    }

    /// Reads at most `max` bytes; what had arrived before a failure is kept.
    pub(crate) fn read_prefix(self, max: usize) -> Vec<u8> {
        let limit = u64::try_from(max).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        let mut reader = self.0.into_body().into_reader().take(limit);
        // A status has arrived; a body that breaks off cannot take it back.
        let _ = reader.read_to_end(&mut bytes);
        bytes
    }
}

/// Why there is no answer; the source's messages may hold secrets and are not for printing.
pub(crate) struct Failure {
    pub(crate) kind: TransportErrorKind,
    pub(crate) source: Option<Box<dyn Error + 'static>>,
}

impl Failure {
    fn new(kind: TransportErrorKind, message: &'static str) -> Self {
        Self { kind, source: Some(message.into()) }
    }

    fn too_large() -> Self {
        Self { kind: TransportErrorKind::BodyTooLarge, source: None }
    }
}

impl From<ureq::Error> for Failure {
    fn from(error: ureq::Error) -> Self {
        use TransportErrorKind as Kind;
        let kind = match &error {
            ureq::Error::Timeout(_) => Kind::Timeout,
            ureq::Error::Io(error) => kind_of_io(error),
            ureq::Error::Decompress(_, error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Kind::Network
            }
            ureq::Error::Rustls(_) | ureq::Error::Tls(_) | ureq::Error::TlsRequired => Kind::Tls,
            ureq::Error::BodyExceedsLimit(_) => return Self::too_large(),
            ureq::Error::Protocol(_)
            | ureq::Error::LargeResponseHeader(..)
            | ureq::Error::Decompress(..) => Kind::InvalidResponse,
            // These say nothing but the URL.
            ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) | ureq::Error::Http(_) => {
                return Self::new(Kind::InvalidInput, "the URL of the request is malformed");
            }
            _ => Kind::Network,
        };
        Self { kind, source: Some(Box::new(error)) }
    }
}

fn kind_of_io(error: &io::Error) -> TransportErrorKind {
    match error.get_ref() {
        Some(inner) if inner.is::<rustls::Error>() => TransportErrorKind::Tls,
        _ if error.kind() == io::ErrorKind::TimedOut => TransportErrorKind::Timeout,
        _ => TransportErrorKind::Network,
    }
}

fn trusted_roots(config: &TransportConfig) -> Result<RootCerts, TransportError> {
    #[cfg(feature = "platform-verifier")]
    if config.platform_verifier {
        if config.root_certificates.is_empty() {
            return Ok(RootCerts::PlatformVerifier);
        }
        return Err(invalid("extra root certificates belong into the platform's own store"));
    }
    let mut roots: Vec<Certificate<'static>> = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .map(|root| Certificate::from_der(root))
        .collect();
    for pem in &config.root_certificates {
        let before = roots.len();
        for item in parse_pem(pem) {
            let item = item.map_err(|_| invalid("a root certificate is not valid PEM"))?;
            if let PemItem::Certificate(root) = item {
                check_root(&root)?;
                roots.push(root);
            }
        }
        if roots.len() == before {
            return Err(invalid("a PEM text holds no certificate"));
        }
    }
    Ok(RootCerts::Specific(Arc::new(roots)))
}

/// Refuses what the TLS library would silently leave out of its trust store.
fn check_root(root: &Certificate<'static>) -> Result<(), TransportError> {
    RootCertStore::empty()
        .add(CertificateDer::from(root.der()))
        .map_err(|_| invalid("a root certificate is not a valid certificate"))
}

fn proxy_of(settings: &ProxySettings) -> Result<Proxy, TransportError> {
    let protocol = if settings.url.is_tls() { ProxyProtocol::Https } else { ProxyProtocol::Http };
    let (host, port) = settings.url.host_and_port();
    let mut builder = Proxy::builder(protocol).host(host);
    if let Some(port) = port {
        builder = builder.port(port);
    }
    if let Some((user, password)) = settings.url.credentials() {
        builder = builder.username(user);
        if let Some(password) = password {
            builder = builder.password(password);
        }
    }
    for pattern in &settings.bypass {
        builder = builder.no_proxy(pattern);
    }
    builder.build().map_err(|_| invalid("the address of the proxy is malformed"))
}

fn invalid(message: &'static str) -> TransportError {
    TransportError::new(TransportErrorKind::InvalidInput).with_message(message)
}

/// The service takes any other agent for a bot and throws its events away.
const USER_AGENT: &str = "ConvertAgent/1.0";

/// Large enough for a config of common size in few reads, small enough to keep per connection.
const BUFFER_SIZE: usize = 32 * 1024;

/// A length that is only announced is not believed beyond this.
const FIRST_ALLOCATION: usize = 1024 * 1024;
