//! Asking the service for a config.

use std::sync::Arc;

use convert_config::escape::escape;
use convert_config::{InvalidConfigError, ProjectConfig};
use convert_transport::{
    ConfigBody, ConfigRequest, ConfigResponse, Transport, TransportConfig, TransportError,
    TransportErrorKind,
};

use crate::error::{ConfigLoadError, Error};
use crate::log;
use crate::snapshot::{ConfigVersion, FetchedConfig};
use crate::sync::{LogThrottle, assert_no_lock_held, panic_guard};

/// Makes the same request again and again.
pub(crate) struct Fetcher {
    transport: Arc<dyn Transport>,
    request: ConfigRequest,
    /// What must not be printed even if the service repeats it.
    settings: TransportConfig,
    panics: LogThrottle,
}

/// What came of a request.
pub(crate) enum Fetched {
    /// The config is still the one that is held, known by this from now on.
    Same(ConfigVersion),
    /// A usable config, and the bytes it was read from.
    Config { loaded: FetchedConfig, bytes: Vec<u8> },
}

impl Fetcher {
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        request: ConfigRequest,
        settings: TransportConfig,
    ) -> Self {
        Fetcher { transport, request, settings, panics: LogThrottle::default() }
    }

    /// Asks for the config, unless it is still the one known by `held`. Blocks.
    pub(crate) fn fetch(&self, held: &ConfigVersion) -> Result<Fetched, Error> {
        let request = self.request.clone().with_validators(held.validators.clone());
        let body = match self.exchange(&request)? {
            ConfigResponse::Modified(body) => body,
            ConfigResponse::NotModified if !held.validators.is_empty() => {
                return Ok(Fetched::Same(held.clone()));
            }
            _ => return Err(unusable(&request)),
        };
        let digest = Some(hmac_sha256::Hash::hash(body.bytes()));
        let identity = ConfigVersion { validators: body.validators().clone(), digest };
        if digest == held.digest {
            return Ok(Fetched::Same(identity));
        }
        let config = self.parse(&body)?;
        let loaded = FetchedConfig { config: Arc::new(config), identity };
        Ok(Fetched::Config { loaded, bytes: body.into_bytes() })
    }

    /// Asks for the config with one experience that is not live, and returns it with the length of
    /// its JSON. Blocks.
    pub(crate) fn fetch_preview(
        &self,
        experience_id: &str,
    ) -> Result<(ProjectConfig, usize), Error> {
        let request = self.request.clone().with_experience(experience_id);
        match self.exchange(&request)? {
            ConfigResponse::Modified(body) => Ok((self.parse(&body)?, body.bytes().len())),
            _ => Err(unusable(&request)),
        }
    }

    fn exchange(&self, request: &ConfigRequest) -> Result<ConfigResponse, Error> {
        let endpoint = request.redacted_path();
        assert_no_lock_held("fetching a config");
        // A transport that panics must not end refresh for good.
        let outcome = panic_guard(|| self.transport.fetch_config(request));
        let outcome = outcome.unwrap_or_else(|_| {
            self.report_panic(&endpoint);
            let cause = std::io::Error::other("the transport panicked");
            Err(request.error_from(TransportErrorKind::InvalidResponse, &cause))
        });
        match &outcome {
            Ok(ConfigResponse::Modified(body)) => {
                let length = body.bytes().len();
                log::debug!(target: "convert_sdk::transport", "GET {endpoint}: {length} bytes");
            }
            Ok(_) => log::debug!(target: "convert_sdk::transport", "GET {endpoint}: not modified"),
            Err(error) => log::debug!(target: "convert_sdk::transport", "GET {endpoint}: {error}"),
        }
        outcome.map_err(|error: TransportError| ConfigLoadError::new(error, request).into())
    }

    fn report_panic(&self, endpoint: &str) {
        if let Some(count) = self.panics.record() {
            log::error!(
                target: "convert_sdk::transport",
                "the transport panicked: GET {endpoint}; it has panicked {count} times so far"
            );
        }
    }

    fn parse(&self, body: &ConfigBody) -> Result<ProjectConfig, Error> {
        ProjectConfig::from_json(body.bytes()).map_err(|error| self.redact(body, &error).into())
    }

    /// Names the content type of what is not JSON, a web page for example, and masks secrets in the
    /// reason, which may repeat what the service answered.
    fn redact(&self, body: &ConfigBody, error: &InvalidConfigError) -> InvalidConfigError {
        let reason = self.settings.redact(&self.request.redact(error.reason()));
        let reason = match body.content_type() {
            Some(other) if !other.to_ascii_lowercase().contains("json") => {
                let other: String = other.chars().take(MAX_CONTENT_TYPE).collect();
                let other = escape(&other);
                format!("the service answered with status 200 and content type {other}: {reason}")
            }
            _ => reason,
        };
        InvalidConfigError::new(error.path(), reason)
    }
}

/// How much of a content type is shown.
const MAX_CONTENT_TYPE: usize = 100;

/// The error of an answer that makes no sense for the request.
fn unusable(request: &ConfigRequest) -> Error {
    let cause = std::io::Error::other("not modified, although the request held no config");
    let error = request.error_from(TransportErrorKind::InvalidResponse, &cause);
    ConfigLoadError::new(error, request).into()
}
