//! What the service answers.

use std::fmt;
use std::time::Duration;

use crate::header::is_header_text;

/// The answer to a [`ConfigRequest`](crate::ConfigRequest).
///
/// # Example
///
/// ```
/// use convert_transport::{ConfigBody, ConfigResponse, Validators};
///
/// let response = ConfigResponse::Modified(
///     ConfigBody::new(*b"{}").with_validators(Validators::new(Some("\"v1\""), None)),
/// );
/// let ConfigResponse::Modified(body) = response else { return Err("not modified") };
/// assert_eq!(body.bytes(), b"{}");
/// assert_eq!(body.validators().etag(), Some("\"v1\""));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConfigResponse {
    /// The config already held is still the current one (304).
    NotModified,
    /// A config, not parsed yet (200).
    Modified(ConfigBody),
}

/// The bytes of a config with what is needed to ask for the next one conditionally.
///
/// See [`ConfigResponse`] for an example.
#[derive(Clone)]
pub struct ConfigBody {
    bytes: Vec<u8>,
    validators: Validators,
    content_type: Option<String>,
}

impl ConfigBody {
    /// Wraps the bytes of an answer, decompressed.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), validators: Validators::default(), content_type: None }
    }

    /// Adds the validators that came with the bytes.
    #[must_use]
    pub fn with_validators(mut self, validators: Validators) -> Self {
        self.validators = validators;
        self
    }

    /// Sets the media type that the service gave, for the message where the bytes are no config.
    ///
    /// Defaults to none.
    #[must_use]
    pub fn with_content_type(mut self, content_type: Option<String>) -> Self {
        self.content_type = content_type;
        self
    }

    /// Returns the media type as the service sent it; it may hold any characters.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the bytes without copying them.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Returns what to send along with the next request.
    pub fn validators(&self) -> &Validators {
        &self.validators
    }
}

impl fmt::Debug for ConfigBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigBody")
            .field("len", &self.bytes.len())
            .field("validators", &self.validators)
            .field("content_type", &self.content_type)
            .finish()
    }
}

/// The `ETag` and `Last-Modified` of a config, as the service sent them.
///
/// # Example
///
/// ```
/// use convert_transport::Validators;
///
/// let validators = Validators::new(Some("\"v1\""), Some("line\nbreak"));
/// assert_eq!(validators.etag(), Some("\"v1\""));
/// assert_eq!(validators.last_modified(), None);
/// assert!(Validators::default().is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    etag: Option<String>,
    last_modified: Option<String>,
}

impl Validators {
    /// Keeps those of the two values that can be sent back; an empty one, or one that does not
    /// fit into a header line, counts as absent.
    pub fn new(etag: Option<&str>, last_modified: Option<&str>) -> Self {
        let keep = |value: Option<&str>| {
            value.filter(|value| !value.is_empty() && is_header_text(value)).map(str::to_owned)
        };
        Self { etag: keep(etag), last_modified: keep(last_modified) }
    }

    /// Returns the `ETag`, quotes included.
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// Returns the `Last-Modified` date as text.
    pub fn last_modified(&self) -> Option<&str> {
        self.last_modified.as_deref()
    }

    /// Returns whether nothing is known, so that a request is unconditional.
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }
}

/// The answer to a [`BatchRequest`](crate::BatchRequest), whatever its status.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use convert_transport::BatchResponse;
///
/// let response = BatchResponse::new(429).with_retry_after(Some(Duration::from_secs(30)));
/// assert!(!response.is_success() && response.is_retryable());
/// assert_eq!(response.retry_after(), Some(Duration::from_secs(30)));
/// ```
#[derive(Clone)]
#[must_use]
pub struct BatchResponse {
    status: u16,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl BatchResponse {
    /// Creates an answer with a status and no body.
    pub fn new(status: u16) -> Self {
        Self { status, retry_after: None, body: Vec::new() }
    }

    /// Sets the delay that the service asked for.
    pub fn with_retry_after(mut self, delay: Option<Duration>) -> Self {
        self.retry_after = delay;
        self
    }

    /// Sets the beginning of the body; what is beyond [`MAX_PREFIX`](Self::MAX_PREFIX) is cut.
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.body.truncate(Self::MAX_PREFIX);
        self
    }

    /// The most bytes of a body that are kept.
    pub const MAX_PREFIX: usize = 64 * 1024;

    /// Returns the HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns whether the status is a success (200 to 299). A success whose body carries the code
    /// `BOT` was thrown away all the same: see [`body`](Self::body).
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns whether the same batch may well be accepted later: 408, 429 and 500 to 599.
    pub fn is_retryable(&self) -> bool {
        crate::error::is_retryable_status(self.status)
    }

    /// Returns the delay that the service asked for (`Retry-After`), uncapped.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns the beginning of the body, at most [`MAX_PREFIX`](Self::MAX_PREFIX) bytes.
    ///
    /// It may be cut short when the connection broke after the status had arrived: the status
    /// decides, so that an accepted batch is not sent twice. The transport that ships decompresses
    /// gzip. It waits at most 1 s for the body of a success, and 250 ms for that of another answer:
    /// a body that hangs does not hold up the batches behind it.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

impl fmt::Debug for BatchResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchResponse")
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .field("body_len", &self.body.len())
            .finish()
    }
}
