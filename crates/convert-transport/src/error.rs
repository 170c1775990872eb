//! The one error of this crate.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::cause::Cause;

/// A failed exchange with the service, or a value that could not be built for one.
///
/// Everything in it may be logged, printed and stored as it is: no secret is put into it. `Display`
/// ends with the root cause, so that it need not be searched for in the chain under
/// [`source`](Error::source).
///
/// # Example
///
/// ```
/// use convert_transport::{HttpsUrl, TransportErrorKind};
///
/// let error = HttpsUrl::parse("http://cdn.example.com").unwrap_err();
/// assert_eq!(error.kind(), TransportErrorKind::InvalidInput);
/// assert!(!error.is_retryable());
/// assert_eq!(error.status(), None);
/// ```
#[derive(Clone)]
pub struct TransportError(Box<Details>);

impl TransportError {
    /// Creates an error of a kind, with nothing else known about it.
    ///
    /// A [`Transport`](crate::Transport) rather calls [`ConfigRequest::error`] or
    /// [`BatchRequest::error`], which fill in the redacted endpoint.
    ///
    /// [`ConfigRequest::error`]: crate::ConfigRequest::error
    /// [`BatchRequest::error`]: crate::BatchRequest::error
    ///
    /// # Example
    ///
    /// ```
    /// use convert_transport::{TransportError, TransportErrorKind};
    ///
    /// let error = TransportError::new(TransportErrorKind::Timeout);
    /// assert!(error.is_timeout() && error.is_retryable());
    /// ```
    pub fn new(kind: TransportErrorKind) -> Self {
        Self(Box::new(Details {
            kind,
            message: None,
            reason: None,
            proxy: None,
            endpoint: None,
            status: None,
            retry_after: None,
            source: None,
        }))
    }

    /// Sets the status of an answer and makes the error one of kind
    /// [`Status`](TransportErrorKind::Status).
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.kind = TransportErrorKind::Status;
        self.0.status = Some(status);
        self
    }

    /// Sets the delay that the service asked for.
    pub fn with_retry_after(mut self, delay: Option<Duration>) -> Self {
        self.0.retry_after = delay;
        self
    }

    /// Returns what went wrong, by class.
    pub fn kind(&self) -> TransportErrorKind {
        self.0.kind
    }

    /// Returns the endpoint that was asked: no query, the SDK key masked, no credentials.
    ///
    /// `None` when no request was made, as for an address that could not be parsed.
    pub fn endpoint(&self) -> Option<&str> {
        self.0.endpoint.as_deref()
    }

    /// Returns the HTTP status when the service answered with one that is not a success.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Returns the delay that the service asked for (`Retry-After`), uncapped.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns whether the same request may well succeed later.
    ///
    /// True for network errors, timeouts and the statuses 408, 429 and 500 to 599.
    pub fn is_retryable(&self) -> bool {
        match self.0.kind {
            TransportErrorKind::Network | TransportErrorKind::Timeout => true,
            TransportErrorKind::Status => self.0.status.is_some_and(is_retryable_status),
            _ => false,
        }
    }

    /// Returns whether the connect or the total deadline passed.
    pub fn is_timeout(&self) -> bool {
        self.0.kind == TransportErrorKind::Timeout
    }

    pub(crate) fn with_message(mut self, message: impl Into<String>) -> Self {
        self.0.message = Some(message.into());
        self
    }

    pub(crate) fn with_endpoint(mut self, endpoint: String) -> Self {
        self.0.endpoint = Some(endpoint);
        self
    }

    /// Sets the root cause in words.
    #[cfg(feature = "https")]
    pub(crate) fn with_reason(mut self, reason: impl Into<String>) -> Self {
        self.0.reason = Some(reason.into());
        self
    }

    /// Sets the root cause and the chain below the error.
    pub(crate) fn with_cause(mut self, cause: Cause) -> Self {
        self.0.reason = Some(cause.root().to_owned());
        self.0.source = Some(Arc::new(cause));
        self
    }

    /// Blames a proxy, given without its credentials.
    #[cfg(feature = "https")]
    pub(crate) fn with_proxy(mut self, proxy: Option<String>) -> Self {
        self.0.proxy = proxy;
        self
    }

    #[cfg(feature = "https")]
    pub(crate) fn with_source(mut self, source: Option<Arc<dyn Error + Send + Sync>>) -> Self {
        self.0.source = source;
        self
    }
}

impl fmt::Debug for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportError")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("reason", &self.0.reason)
            .field("proxy", &self.0.proxy)
            .field("endpoint", &self.0.endpoint)
            .field("status", &self.0.status)
            .field("retry_after", &self.0.retry_after)
            .field("source", &self.0.source)
            .finish()
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0.message, self.0.status, &self.0.proxy) {
            (Some(message), _, _) => f.write_str(message)?,
            (None, Some(status), _) => write!(f, "the service answered with status {status}")?,
            (None, None, Some(proxy)) => write!(f, "no connection through the proxy {proxy}")?,
            (None, None, None) => f.write_str(self.0.kind.text())?,
        }
        // Where a proxy failed, the service may be fine.
        if let (Some(endpoint), None) = (&self.0.endpoint, &self.0.proxy) {
            write!(f, " ({endpoint})")?;
        }
        match &self.0.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// The class of a [`TransportError`].
///
/// # Example
///
/// ```
/// use convert_transport::{ConfigRequest, SdkKey, TransportErrorKind};
///
/// let request = ConfigRequest::new(SdkKey::parse("10012345/10067890")?);
/// let error = request.error(TransportErrorKind::Network);
/// assert_eq!(error.kind(), TransportErrorKind::Network);
/// # Ok::<(), convert_transport::TransportError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// A value given by the caller cannot be used; no request was made.
    InvalidInput,
    /// The connection could not be made, was refused by a proxy, or broke.
    Network,
    /// The connect or the total deadline passed.
    Timeout,
    /// The server's certificate was not accepted, or it does not speak TLS.
    Tls,
    /// The service answered with a status that is no success.
    Status,
    /// The answer is larger than the configured limit, decompressed.
    BodyTooLarge,
    /// The answer is not valid HTTP, or its body could not be decoded.
    InvalidResponse,
}

impl TransportErrorKind {
    fn text(self) -> &'static str {
        match self {
            Self::InvalidInput => "a value cannot be used for a request",
            Self::Network => "the service could not be reached",
            Self::Timeout => "the request timed out",
            Self::Tls => "no trusted TLS connection could be made",
            Self::Status => "the service answered with an unexpected status",
            Self::BodyTooLarge => "the answer is larger than the limit",
            Self::InvalidResponse => "the answer is not valid HTTP",
        }
    }
}

/// Returns whether a status promises that trying again later makes sense.
pub(crate) fn is_retryable_status(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}

#[derive(Clone)]
struct Details {
    kind: TransportErrorKind,
    message: Option<String>,
    reason: Option<String>,
    proxy: Option<String>,
    endpoint: Option<String>,
    status: Option<u16>,
    retry_after: Option<Duration>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retryable_statuses_are_the_documented_ones() {
        for (status, expected) in [
            (200, false),
            (302, false),
            (400, false),
            (401, false),
            (404, false),
            (408, true),
            (429, true),
            (500, true),
            (503, true),
            (599, true),
            (600, false),
        ] {
            let error = TransportError::new(TransportErrorKind::Network).with_status(status);
            assert_eq!(error.is_retryable(), expected, "{status}");
        }
    }
}
