//! The transport the SDK ships: HTTPS, blocking, one connection pool.

use std::fmt;

use crate::client::Client;
use crate::config::{ProxyChoice, TransportConfig};
use crate::error::{TransportError, TransportErrorKind};
use crate::failure::Failure;
use crate::header::wrong_byte;
use crate::no_proxy::NoProxy;
use crate::proxy_env::ProxySettings;
use crate::request::{BatchRequest, ConfigRequest};
use crate::response::{BatchResponse, ConfigBody, ConfigResponse, Validators};
use crate::transport::Transport;

/// Talks to the service over HTTPS, within the limits of a [`TransportConfig`].
///
/// Every call blocks its thread, at most until the configured total timeout: name look-up,
/// connecting, proxy, TLS handshake, request and answer share one deadline. Connections are kept
/// open and reused; dropping the transport closes them. Building one does no I/O. A host name is
/// looked up on a short-lived thread, so that a resolver that hangs does not hold up a call.
///
/// The TLS library is set up for this client alone: no process-wide provider is installed. The
/// features `aws-lc-rs` and `ring` choose the provider.
///
/// # Logs
///
/// The client logs nothing. `rustls` logs if the application enables its feature `logging`; its
/// records hold host names and no part of a request.
///
/// # Example
///
/// ```
/// use convert_transport::{HttpsTransport, TransportConfig};
///
/// let transport = HttpsTransport::new(&TransportConfig::default())?;
/// assert!(format!("{transport:?}").contains("cdn-4.convertexperiments.com"));
/// # Ok::<(), convert_transport::TransportError>(())
/// ```
pub struct HttpsTransport {
    client: Client,
    config: TransportConfig,
}

impl HttpsTransport {
    /// Builds a transport; no connection is made yet.
    ///
    /// Reads the proxy variables of the environment only with
    /// [`proxy_from_env`](TransportConfig::proxy_from_env).
    ///
    /// # Errors
    ///
    /// [`TransportErrorKind::InvalidInput`] when a root certificate cannot be used, the secret
    /// does not fit into a header, a proxy variable of the environment is malformed, or there is no
    /// TLS provider. The message names what is wrong and repeats no value.
    pub fn new(config: &TransportConfig) -> Result<Self, TransportError> {
        if let Some(secret) = &config.auth_secret {
            check_secret(secret.expose())?;
        }
        let proxy = match &config.proxy {
            ProxyChoice::None => None,
            ProxyChoice::Explicit(url) => {
                Some(ProxySettings { url: url.clone(), bypass: NoProxy::default() })
            }
            ProxyChoice::FromEnv => ProxySettings::from_env(|name| std::env::var(name).ok())?,
        };
        Ok(Self { client: Client::new(config, proxy)?, config: config.clone() })
    }

    /// Lists the headers both endpoints get, besides the fixed `User-Agent`.
    fn common_headers(&self) -> Vec<(&str, String)> {
        let mut headers = Vec::new();
        if let Some(secret) = &self.config.auth_secret {
            headers.push(("authorization", format!("Bearer {}", secret.expose())));
        }
        for header in &self.config.headers {
            headers.push((header.name(), header.value().to_owned()));
        }
        headers
    }

    fn config_headers(&self, validators: &Validators) -> Vec<(&str, String)> {
        let mut headers = self.common_headers();
        headers.push(("accept", "application/json".to_owned()));
        headers.push(("accept-encoding", "gzip".to_owned()));
        if let Some(etag) = validators.etag() {
            headers.push(("if-none-match", etag.to_owned()));
        }
        if let Some(last_modified) = validators.last_modified() {
            headers.push(("if-modified-since", last_modified.to_owned()));
        }
        headers
    }
}

impl Transport for HttpsTransport {
    fn fetch_config(&self, request: &ConfigRequest) -> Result<ConfigResponse, TransportError> {
        let base = &self.config.base_url;
        let endpoint = format!("{base}{}", request.redacted_path());
        let failed = |failure: Failure| error(failure, endpoint.clone());

        let headers = self.config_headers(request.validators());
        let answer = self.client.get(base, &request.path_and_query(), &headers).map_err(failed)?;
        match answer.status() {
            200 => {
                let validators =
                    Validators::new(answer.header("etag"), answer.header("last-modified"));
                let content_type = answer.header("content-type").map(str::to_owned);
                let bytes = answer.read_body(self.config.max_body).map_err(failed)?;
                let body = ConfigBody::new(bytes).with_validators(validators);
                Ok(ConfigResponse::Modified(body.with_content_type(content_type)))
            }
            // Without a condition the service has no reason to send this, and there would be no
            // config to go on with.
            304 if !request.validators().is_empty() => {
                answer.discard();
                Ok(ConfigResponse::NotModified)
            }
            status => {
                let mut error = TransportError::new(TransportErrorKind::Status)
                    .with_status(status)
                    .with_endpoint(endpoint)
                    .with_retry_after(answer.retry_after());
                if let Some(hint) = hint_at(status) {
                    error = error.with_reason(hint);
                }
                answer.discard();
                Err(error)
            }
        }
    }

    fn send_batch(&self, request: &BatchRequest) -> Result<BatchResponse, TransportError> {
        let base = self
            .config
            .track_base_url
            .expand(request.project_id())
            .map_err(|error| error.with_endpoint(request.redacted_path()))?;
        let mut headers = self.common_headers();
        headers.push(("content-type", "application/json".to_owned()));
        let answer = self
            .client
            .post(&base, &request.path(), &headers, request.body())
            .map_err(|failure| error(failure, format!("{base}{}", request.redacted_path())))?;
        Ok(BatchResponse::new(answer.status())
            .with_retry_after(answer.retry_after())
            .with_body(answer.read_prefix(BatchResponse::MAX_PREFIX)))
    }

    fn close(&self) {
        self.client.close();
    }
}

impl fmt::Debug for HttpsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsTransport").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Makes an error of a failure, with the redacted endpoint.
fn error(failure: Failure, endpoint: String) -> TransportError {
    TransportError::new(failure.kind)
        .with_endpoint(endpoint)
        .with_reason(failure.reason)
        .with_proxy(failure.proxy)
        .with_source(failure.source)
        .with_retry_after(failure.retry_after)
}

fn check_secret(secret: &str) -> Result<(), TransportError> {
    let problem = match wrong_byte(secret) {
        Some(at) => format!("it holds a character that is not allowed, at byte {at}"),
        None if secret.is_empty() => "it is empty".to_owned(),
        None => return Ok(()),
    };
    let message = format!("the secret cannot be sent in the header Authorization: {problem}");
    Err(TransportError::new(TransportErrorKind::InvalidInput).with_message(message))
}

/// Returns what a status usually means where a config was asked for.
fn hint_at(status: u16) -> Option<&'static str> {
    match status {
        300..=399 => Some("redirects are not followed"),
        401 | 403 => Some("the SDK key or the secret is not accepted"),
        404 => Some("there is no config under this SDK key"),
        _ => None,
    }
}
