//! What is asked of the service.

use std::error::Error;

use crate::cause::{Cause, Secrets};
use crate::error::{TransportError, TransportErrorKind};
use crate::percent::push_encoded;
use crate::response::Validators;
use crate::secret::{SdkKey, Secret};

/// A request for the serving config of a project.
///
/// # Example
///
/// ```
/// use convert_transport::{ConfigRequest, SdkKey};
///
/// let request = ConfigRequest::new(SdkKey::parse("10012345/10067890")?)
///     .with_environment("staging")
///     .with_low_cache(true);
/// assert_eq!(
///     request.path_and_query(),
///     "/api/v1/config/10012345/10067890?environment=staging&_conv_low_cache=1",
/// );
/// assert_eq!(request.redacted_path(), "/api/v1/config/1001****7890");
/// # Ok::<(), convert_transport::TransportError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ConfigRequest {
    sdk_key: SdkKey,
    environment: Option<String>,
    experience: Option<String>,
    low_cache: bool,
    debug_token: Option<Secret>,
    validators: Validators,
}

impl ConfigRequest {
    /// Creates a request for the live config behind a key.
    pub fn new(sdk_key: SdkKey) -> Self {
        Self {
            sdk_key,
            environment: None,
            experience: None,
            low_cache: false,
            debug_token: None,
            validators: Validators::default(),
        }
    }

    /// Names the environment whose config is wanted; an empty name asks for none.
    ///
    /// Defaults to none.
    pub fn with_environment(mut self, environment: impl Into<String>) -> Self {
        self.environment = Some(environment.into()).filter(|name| !name.is_empty());
        self
    }

    /// Makes this the preview fetch of one experience; an empty id asks for none.
    ///
    /// Defaults to none. A preview fetch always asks for the low cache level.
    pub fn with_experience(mut self, experience_id: impl Into<String>) -> Self {
        self.experience = Some(experience_id.into()).filter(|id| !id.is_empty());
        self
    }

    /// Asks for a fresher, less cached answer.
    ///
    /// Defaults to false.
    pub fn with_low_cache(mut self, low_cache: bool) -> Self {
        self.low_cache = low_cache;
        self
    }

    /// Sends a debug token along; an empty one is left out.
    ///
    /// Defaults to none. A debug token always asks for the low cache level.
    pub fn with_debug_token(mut self, token: Secret) -> Self {
        self.debug_token = Some(token).filter(|token| !token.expose().is_empty());
        self
    }

    /// Makes the request conditional: a config that is still the same is not sent again.
    ///
    /// Defaults to an unconditional request.
    pub fn with_validators(mut self, validators: Validators) -> Self {
        self.validators = validators;
        self
    }

    /// Returns the key.
    pub fn sdk_key(&self) -> &SdkKey {
        &self.sdk_key
    }

    /// Returns the environment, when one was named.
    pub fn environment(&self) -> Option<&str> {
        self.environment.as_deref()
    }

    /// Returns the id of the experience to preview, when this is a preview fetch.
    pub fn experience(&self) -> Option<&str> {
        self.experience.as_deref()
    }

    /// Returns the debug token, when there is one.
    pub fn debug_token(&self) -> Option<&Secret> {
        self.debug_token.as_ref()
    }

    /// Returns whether the low cache level is asked for, directly or by a token or a preview.
    pub fn is_low_cache(&self) -> bool {
        self.low_cache || self.debug_token.is_some() || self.experience.is_some()
    }

    /// Returns what is known of the config already held.
    pub fn validators(&self) -> &Validators {
        &self.validators
    }

    /// Returns path and query as they go onto the wire, secrets in the clear: not for logs.
    ///
    /// The parameters are `environment`, `exp`, `_conv_low_cache` and `debug_token`, in this
    /// order, their values percent-encoded; the key is not encoded.
    pub fn path_and_query(&self) -> String {
        let mut target = format!("{CONFIG_PATH}{}", self.sdk_key.expose());
        let low_cache = self.is_low_cache().then_some("1");
        let parameters = [
            ("environment", self.environment()),
            ("exp", self.experience()),
            ("_conv_low_cache", low_cache),
            ("debug_token", self.debug_token().map(Secret::expose)),
        ];
        let mut separator = '?';
        for (name, value) in parameters {
            if let Some(value) = value {
                target.push(separator);
                target.push_str(name);
                target.push('=');
                push_encoded(&mut target, value);
                separator = '&';
            }
        }
        target
    }

    /// Returns the path for logs: the key masked, no query.
    pub fn redacted_path(&self) -> String {
        format!("{CONFIG_PATH}{}", self.sdk_key)
    }

    /// Creates the error of a failed fetch, with the redacted path as its endpoint.
    ///
    /// # Example
    ///
    /// ```
    /// use convert_transport::{ConfigRequest, SdkKey, TransportErrorKind};
    ///
    /// let request = ConfigRequest::new(SdkKey::parse("10012345/10067890")?);
    /// let error = request.error(TransportErrorKind::Timeout);
    /// assert_eq!(error.endpoint(), Some("/api/v1/config/1001****7890"));
    /// # Ok::<(), convert_transport::TransportError>(())
    /// ```
    pub fn error(&self, kind: TransportErrorKind) -> TransportError {
        TransportError::new(kind).with_endpoint(self.redacted_path())
    }

    /// Creates the error of a failed fetch and keeps the messages of what caused it, with the
    /// key and the debug token masked in them where they have at least 6 characters.
    pub fn error_from(
        &self,
        kind: TransportErrorKind,
        source: &(dyn Error + 'static),
    ) -> TransportError {
        self.error(kind).with_cause(Cause::copy(source, &self.secrets()))
    }

    /// Masks the key and the debug token in a foreign text, such as what the service answered.
    /// Values shorter than 6 characters are left: they may be part of other words.
    ///
    /// # Example
    ///
    /// ```
    /// use convert_transport::{ConfigRequest, SdkKey};
    ///
    /// let request = ConfigRequest::new(SdkKey::parse("10012345/10067890")?);
    /// assert_eq!(request.redact("unknown: 10012345/10067890"), "unknown: 1001****7890");
    /// # Ok::<(), convert_transport::TransportError>(())
    /// ```
    pub fn redact(&self, text: &str) -> String {
        self.secrets().scrub(text)
    }

    pub(crate) fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add(self.sdk_key.expose());
        if let Some(token) = &self.debug_token {
            let mut encoded = String::new();
            push_encoded(&mut encoded, token.expose());
            secrets.add(token.expose());
            secrets.add(&encoded);
        }
        secrets
    }
}

/// A request that delivers a batch of events, its body already serialised.
///
/// # Example
///
/// ```
/// use convert_transport::{BatchRequest, SdkKey};
///
/// let key = SdkKey::parse("10012345/10067890")?;
/// let request = BatchRequest::new(key, "10067890", *b"{}");
/// assert_eq!(request.path(), "/track/10012345/10067890");
/// assert_eq!(request.redacted_path(), "/track/1001****7890");
/// assert_eq!(request.body(), b"{}");
/// # Ok::<(), convert_transport::TransportError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct BatchRequest {
    sdk_key: SdkKey,
    project_id: String,
    body: Vec<u8>,
}

impl BatchRequest {
    /// Creates a request from the key, the project the events belong to and the JSON body.
    pub fn new(sdk_key: SdkKey, project_id: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self { sdk_key, project_id: project_id.into(), body: body.into() }
    }

    /// Returns the key.
    pub fn sdk_key(&self) -> &SdkKey {
        &self.sdk_key
    }

    /// Returns the project that stands for `[project_id]` in the tracking address.
    pub fn project_id(&self) -> &str {
        &self.project_id
    }

    /// Returns the JSON body; it names visitors: not for logs.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns the path below the tracking address, the key in the clear: not for logs.
    pub fn path(&self) -> String {
        format!("{TRACK_PATH}{}", self.sdk_key.expose())
    }

    /// Returns the path for logs: the key masked.
    pub fn redacted_path(&self) -> String {
        format!("{TRACK_PATH}{}", self.sdk_key)
    }

    /// Creates the error of a failed delivery, with the redacted path as its endpoint.
    pub fn error(&self, kind: TransportErrorKind) -> TransportError {
        TransportError::new(kind).with_endpoint(self.redacted_path())
    }

    /// Creates the error of a failed delivery and keeps the messages of what caused it, with the
    /// key masked in them if it has at least 6 characters.
    pub fn error_from(
        &self,
        kind: TransportErrorKind,
        source: &(dyn Error + 'static),
    ) -> TransportError {
        self.error(kind).with_cause(Cause::copy(source, &self.secrets()))
    }

    pub(crate) fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add(self.sdk_key.expose());
        secrets
    }
}

impl std::fmt::Debug for BatchRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchRequest")
            .field("sdk_key", &self.sdk_key)
            .field("project_id", &self.project_id)
            .field("body_len", &self.body.len())
            .finish()
    }
}

const CONFIG_PATH: &str = "/api/v1/config/";
const TRACK_PATH: &str = "/track/";

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> ConfigRequest {
        ConfigRequest::new(SdkKey::parse("1001/2002").expect("a valid key"))
    }

    fn check(request: &ConfigRequest, expected_query: &str) {
        let target = request.path_and_query();
        let query =
            target.strip_prefix("/api/v1/config/1001/2002").expect("the key is not encoded");
        assert_eq!(query, expected_query);
    }

    #[test]
    fn query_is_built_in_the_documented_order() {
        check(&request(), "");
        check(&request().with_environment(""), "");
        check(&request().with_environment("a b&c"), "?environment=a%20b%26c");
        check(&request().with_low_cache(true), "?_conv_low_cache=1");
        check(
            &request().with_debug_token(Secret::new("t+1/=")),
            "?_conv_low_cache=1&debug_token=t%2B1%2F%3D",
        );
        check(&request().with_experience("77"), "?exp=77&_conv_low_cache=1");
        check(
            &request()
                .with_debug_token(Secret::new("tok"))
                .with_experience("77")
                .with_low_cache(true)
                .with_environment("staging"),
            "?environment=staging&exp=77&_conv_low_cache=1&debug_token=tok",
        );
        check(&request().with_debug_token(Secret::new("")), "");
    }

    #[test]
    fn debug_output_and_copied_sources_hold_no_secret() {
        let token = "token+with/special=characters";
        let request = ConfigRequest::new(SdkKey::parse("10012345/10067890").expect("a key"))
            .with_debug_token(Secret::new(token));
        let source =
            std::io::Error::other(format!("GET {} token {token}", request.path_and_query()));
        let error = request.error_from(TransportErrorKind::Network, &source);
        let chain = format!("{request:?} {error:?} {error} {:?}", error.source());
        for secret in ["10012345/10067890", token, "token%2Bwith"] {
            assert!(!chain.contains(secret), "{chain}");
        }
    }
}
