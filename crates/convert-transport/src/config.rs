//! How to reach the service.

use std::time::Duration;

use crate::cause::Secrets;
use crate::error::TransportError;
use crate::header::ExtraHeader;
use crate::proxy::ProxyUrl;
use crate::secret::Secret;
use crate::url::{HttpsUrl, HttpsUrlTemplate};

/// The settings of the HTTPS transport; every one has a default that fits production.
///
/// TLS is always on and always verified: there is no setting that turns verification off.
/// Redirects are never followed. Setters take and give the config by value.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use convert_transport::{HttpsUrl, Secret, TransportConfig};
///
/// let config = TransportConfig::default()
///     .base_url(HttpsUrl::parse("https://cdn.example.com")?)
///     .timeout(Duration::from_secs(5))
///     .auth_secret(Secret::new("0123456789abcdef"))
///     .header("x-gateway-route", "experiments")?;
/// assert!(!format!("{config:?}").contains("0123456789abcdef"));
/// # Ok::<(), convert_transport::TransportError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct TransportConfig {
    pub(crate) base_url: HttpsUrl,
    pub(crate) track_base_url: HttpsUrlTemplate,
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) auth_secret: Option<Secret>,
    pub(crate) headers: Vec<ExtraHeader>,
    pub(crate) root_certificates: Vec<Vec<u8>>,
    pub(crate) proxy: ProxyChoice,
    pub(crate) max_body: usize,
    pub(crate) max_head: usize,
    pub(crate) max_idle_connections: usize,
    pub(crate) max_lookup_threads: usize,
    #[cfg(feature = "platform-verifier")]
    pub(crate) platform_verifier: bool,
}

impl TransportConfig {
    /// Sets where configs are fetched from.
    ///
    /// Defaults to `https://cdn-4.convertexperiments.com`.
    pub fn base_url(mut self, url: HttpsUrl) -> Self {
        self.base_url = url;
        self
    }

    /// Sets where events are sent to; `[project_id]` in it stands for the project.
    ///
    /// Defaults to `https://[project_id].metrics.convertexperiments.com/v1`.
    pub fn track_base_url(mut self, template: HttpsUrlTemplate) -> Self {
        self.track_base_url = template;
        self
    }

    /// Sets how long a whole exchange may take, from the name lookup to the last byte of the
    /// answer. A server that answers a byte at a time does not extend it.
    ///
    /// Defaults to 10 seconds; more than 24 hours is taken as 24 hours.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.min(MAX_TIMEOUT);
        self
    }

    /// Sets how long making a connection may take: looking up the name, connecting, the proxy and
    /// the TLS handshakes share it. The total [`timeout`](Self::timeout) holds besides.
    ///
    /// Defaults to 5 seconds; more than 24 hours is taken as 24 hours.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout.min(MAX_TIMEOUT);
        self
    }

    /// Sets the secret that is sent as `Authorization: Bearer …` to both endpoints.
    ///
    /// Defaults to none.
    pub fn auth_secret(mut self, secret: Secret) -> Self {
        self.auth_secret = Some(secret);
        self
    }

    /// Adds a header to every request, to both endpoints; its value is never printed.
    ///
    /// Defaults to none. A name given twice is sent twice.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::TransportErrorKind::InvalidInput) when name or value is malformed,
    /// or the name is one the SDK sets itself: `User-Agent`, `Accept`, `Accept-Encoding`,
    /// `Authorization`, `Host`, `If-None-Match`, `If-Modified-Since`, every `Content-*`, and those
    /// that frame a message (`Connection`, `Transfer-Encoding`, …).
    ///
    /// # Example
    ///
    /// ```
    /// use convert_transport::TransportConfig;
    ///
    /// assert!(TransportConfig::default().header("X-Team", "growth").is_ok());
    /// assert!(TransportConfig::default().header("User-Agent", "mine").is_err());
    /// ```
    pub fn header(
        mut self,
        name: impl AsRef<str>,
        value: impl AsRef<str>,
    ) -> Result<Self, TransportError> {
        self.headers.push(ExtraHeader::parse(name.as_ref(), value.as_ref())?);
        Ok(self)
    }

    /// Trusts the certificates of a PEM text besides the built-in roots, as a company proxy that
    /// inspects TLS needs. May be called more than once.
    ///
    /// Defaults to none: Mozilla's roots, compiled in. A text without a usable certificate is an
    /// error when the transport is built.
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }

    /// Reaches the service through a proxy.
    ///
    /// Defaults to none: proxy settings in the environment are ignored.
    pub fn proxy(mut self, proxy: ProxyUrl) -> Self {
        self.proxy = ProxyChoice::Explicit(proxy);
        self
    }

    /// Takes the proxy from the environment, once, when the transport is built.
    ///
    /// The first of `HTTPS_PROXY`, `https_proxy`, `ALL_PROXY` and `all_proxy` that is set and not
    /// empty counts. `HTTP_PROXY` is not read: nothing is sent over plain HTTP, and CGI servers let
    /// clients set it. Replaces an explicit [`proxy`](Self::proxy).
    ///
    /// Hosts in `NO_PROXY` or `no_proxy` are reached directly. The entries are separated by commas
    /// or white space: `example.com` (the domain and all below it, as `.example.com` and
    /// `*.example.com`), an IP address, a network such as `10.0.0.0/8` or `fd00::/8`, or `*` for
    /// every host. A name or an address may have a port. Names are not looked up, but `localhost`
    /// also counts as 127.0.0.1 and `::1`.
    pub fn proxy_from_env(mut self) -> Self {
        self.proxy = ProxyChoice::FromEnv;
        self
    }

    /// Sets the largest body of a config answer, in bytes, counted after decompression.
    ///
    /// Defaults to 16 MiB.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sets the largest head of an answer, of the service or a proxy, in bytes: status line and
    /// headers, interim answers included.
    ///
    /// Defaults to 128 KiB; less than 1 KiB is taken as 1 KiB.
    pub fn max_head(mut self, bytes: usize) -> Self {
        self.max_head = bytes.max(1024);
        self
    }

    /// Sets how many connections are kept open for later requests. Each is closed after 15 seconds
    /// without use. Further connections are made as needed and closed after their request.
    ///
    /// Defaults to 8; 0 closes every connection after its request.
    pub fn max_idle_connections(mut self, count: usize) -> Self {
        self.max_idle_connections = count;
        self
    }

    /// Sets on how many threads the process may look up host names for its transports.
    ///
    /// The operating system's look-up cannot be interrupted, so a thread may outlive the call that
    /// started it, by minutes if no name server answers. Calls for the same name share a thread.
    /// When all threads have exceeded the deadline of a call, further calls fail at once.
    ///
    /// Defaults to 2; 0 is taken as 1.
    pub fn max_lookup_threads(mut self, count: usize) -> Self {
        self.max_lookup_threads = count.max(1);
        self
    }

    /// Verifies certificates with the operating system's verifier and trust store instead of the
    /// compiled-in roots. Building the transport then reads the store.
    ///
    /// Defaults to the compiled-in roots. Cannot be combined with
    /// [`root_certificates`](Self::root_certificates): the platform's store holds extra roots.
    #[cfg(feature = "platform-verifier")]
    pub fn platform_verifier(mut self) -> Self {
        self.platform_verifier = true;
        self
    }
}

impl TransportConfig {
    /// Masks in a foreign text, such as what a service answered, the secret and the values of the
    /// extra headers. Values shorter than 6 characters are left: they may be part of other words.
    ///
    /// # Example
    ///
    /// ```
    /// use convert_transport::{Secret, TransportConfig};
    ///
    /// let config = TransportConfig::default().auth_secret(Secret::new("0123456789abcdef"));
    /// let answer = "no such token: Bearer 0123456789abcdef";
    /// assert_eq!(config.redact(answer), "no such token: Bearer 0123****cdef");
    /// ```
    pub fn redact(&self, text: &str) -> String {
        self.secrets().scrub(text)
    }

    /// Lists what must not be printed.
    pub(crate) fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        if let Some(secret) = &self.auth_secret {
            secrets.add(secret.expose());
        }
        for header in &self.headers {
            secrets.add(header.value());
        }
        secrets
    }
}

impl Default for TransportConfig {
    fn default() -> Self {
        Self {
            base_url: HttpsUrl::default_config_base(),
            track_base_url: HttpsUrlTemplate::default(),
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            auth_secret: None,
            headers: Vec::new(),
            root_certificates: Vec::new(),
            proxy: ProxyChoice::None,
            max_body: 16 * 1024 * 1024,
            max_head: 128 * 1024,
            max_idle_connections: 8,
            max_lookup_threads: 2,
            #[cfg(feature = "platform-verifier")]
            platform_verifier: false,
        }
    }
}

/// Where the proxy comes from.
#[derive(Clone, Debug)]
pub(crate) enum ProxyChoice {
    /// The service is reached directly.
    None,
    /// The caller named one.
    #[cfg_attr(not(feature = "https"), allow(dead_code, reason = "only a client reads it"))]
    Explicit(ProxyUrl),
    /// The environment is asked when the transport is built.
    FromEnv,
}

/// Deadlines are added to the clock; beyond this the sum could leave its range.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
