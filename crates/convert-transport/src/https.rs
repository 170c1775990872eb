//! The transport the SDK ships: HTTPS, blocking, one connection pool.

use std::fmt;

use crate::cause::{Cause, Secrets};
use crate::client::{Answer, Client, Failure};
use crate::clock;
use crate::config::{ProxyChoice, TransportConfig};
use crate::error::{TransportError, TransportErrorKind};
use crate::header::is_header_text;
use crate::proxy_env::ProxySettings;
use crate::request::{BatchRequest, ConfigRequest};
use crate::response::{BatchResponse, ConfigBody, ConfigResponse, Validators};
use crate::retry_after;
use crate::transport::Transport;

/// Talks to the service over HTTPS, within the limits of a [`TransportConfig`].
///
/// Every call blocks its thread, at most until the configured total timeout. Connections are
/// kept open and reused; dropping the transport closes them. Building one does no I/O. Looking up
/// a host name uses a short-lived thread, so that a resolver that hangs cannot hold up a call.
///
/// The TLS library is set up for this client alone: no process-wide provider is installed or
/// needed, whatever else the application links.
///
/// # Logs
///
/// The HTTP library beneath writes records of its own with the targets `ureq`, `ureq_proto` and
/// `rustls`. Up to the level `debug` they mask paths and unknown headers; at `trace` they hold
/// whole URLs, the SDK key included. A logger that is set to `trace` should leave these targets
/// out.
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
    secrets: Secrets,
}

impl HttpsTransport {
    /// Builds a transport; no connection is made yet.
    ///
    /// What the environment says about proxies has an effect only when the config says
    /// [`proxy_from_env`](TransportConfig::proxy_from_env).
    ///
    /// # Errors
    ///
    /// [`TransportErrorKind::InvalidInput`] when a root certificate cannot be used, the secret
    /// does not fit into a header, or a proxy variable of the environment is malformed.
    pub fn new(config: &TransportConfig) -> Result<Self, TransportError> {
        if let Some(secret) = &config.auth_secret {
            if secret.expose().is_empty() || !is_header_text(secret.expose()) {
                return Err(TransportError::new(TransportErrorKind::InvalidInput)
                    .with_message("the secret does not fit into a header"));
            }
        }
        let proxy = match &config.proxy {
            ProxyChoice::None => None,
            ProxyChoice::Explicit(url) => {
                Some(ProxySettings { url: url.clone(), bypass: Vec::new() })
            }
            ProxyChoice::FromEnv => ProxySettings::from_env(|name| std::env::var(name).ok())?,
        };
        let mut secrets = config.secrets();
        if let Some(proxy) = &proxy {
            proxy.url.add_secrets(&mut secrets);
        }
        Ok(Self { client: Client::new(config, proxy.as_ref())?, config: config.clone(), secrets })
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

    /// Fills in an error: the redacted endpoint, and the failure's messages without secrets.
    fn error(
        &self,
        failure: Failure,
        endpoint: String,
        request_secrets: &Secrets,
    ) -> TransportError {
        let mut secrets = self.secrets.clone();
        secrets.extend(request_secrets);
        let cause = failure.source.map(|source| Cause::copy(source.as_ref(), &secrets));
        TransportError::new(failure.kind).with_endpoint(endpoint).with_cause(cause)
    }
}

impl Transport for HttpsTransport {
    fn fetch_config(&self, request: &ConfigRequest) -> Result<ConfigResponse, TransportError> {
        let base = &self.config.base_url;
        let endpoint = format!("{base}{}", request.redacted_path());
        let failed = |failure: Failure| self.error(failure, endpoint.clone(), &request.secrets());

        let url = format!("{base}{}", request.path_and_query());
        let headers = self.config_headers(request.validators());
        let answer = self.client.get(&url, &headers).map_err(failed)?;
        match answer.status() {
            200 => {
                let validators =
                    Validators::new(answer.header("etag"), answer.header("last-modified"));
                let bytes = answer.read_body(self.config.max_body).map_err(failed)?;
                Ok(ConfigResponse::Modified(ConfigBody::new(bytes).with_validators(validators)))
            }
            // Without a condition the service has no reason to send this, and there would be no
            // config to go on with.
            304 if !request.validators().is_empty() => Ok(ConfigResponse::NotModified),
            status => Err(TransportError::new(TransportErrorKind::Status)
                .with_status(status)
                .with_endpoint(endpoint)
                .with_retry_after(delay_of(&answer))),
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
            .post(&format!("{base}{}", request.path()), &headers, request.body())
            .map_err(|failure| {
                let endpoint = format!("{base}{}", request.redacted_path());
                self.error(failure, endpoint, &request.secrets())
            })?;
        Ok(BatchResponse::new(answer.status())
            .with_retry_after(delay_of(&answer))
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

fn delay_of(answer: &Answer) -> Option<std::time::Duration> {
    retry_after::parse(answer.header("retry-after"), answer.header("date"), clock::unix_seconds)
}
