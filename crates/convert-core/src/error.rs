//! The errors of the SDK's entry points.

use std::fmt;
use std::time::Duration;

use convert_config::InvalidConfigError;
use convert_config::escape::Escaped;
use convert_transport::{ConfigRequest, TransportError};

use crate::tracking::SpoolError;

/// Why the SDK could not be set up. Decisions never fail: what has no answer is `None`.
///
/// ```
/// use convert_core::{Error, SdkConfig};
///
/// let Err(Error::InvalidConfig(error)) = SdkConfig::from_json("{}") else { unreachable!() };
/// assert_eq!(error.path(), "account_id");
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// The config, or a setting, is unusable.
    InvalidConfig(InvalidConfigError),
    /// The config could not be fetched.
    ConfigLoad(ConfigLoadError),
    /// The directory for undelivered events cannot be used.
    Spool(SpoolError),
    /// The transport, or an address for it, could not be set up. Nothing was sent.
    Transport(TransportError),
}

/// Says why a config could not be fetched. Redacted: it may be logged as it is.
///
/// ```
/// use std::sync::Arc;
/// use convert_core::{Core, Error, SdkConfig};
/// use convert_transport::{
///     BatchRequest, BatchResponse, ConfigRequest, ConfigResponse, Transport, TransportError,
///     TransportErrorKind,
/// };
///
/// struct Offline;
/// impl Transport for Offline {
///     fn fetch_config(&self, request: &ConfigRequest) -> Result<ConfigResponse, TransportError> {
///         Err(request.error(TransportErrorKind::Status).with_status(503))
///     }
///     fn send_batch(&self, request: &BatchRequest) -> Result<BatchResponse, TransportError> {
///         Err(request.error(TransportErrorKind::Network))
///     }
/// }
///
/// let config = SdkConfig::from_sdk_key("10012345/10067890")?.transport_impl(Offline);
/// let Err(Error::ConfigLoad(error)) = Core::initialize(config) else { unreachable!() };
/// assert_eq!((error.status(), error.is_retryable()), (Some(503), true));
/// assert_eq!(error.endpoint(), Some("/api/v1/config/1001****7890"));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ConfigLoadError {
    transport: TransportError,
    /// Where the config was to come from, as the SDK knows it.
    path: String,
}

impl Error {
    /// Returns whether trying again, unchanged, may well succeed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::ConfigLoad(error) => error.is_retryable(),
            Error::InvalidConfig(_) | Error::Spool(_) | Error::Transport(_) => false,
        }
    }

    /// Returns how long the service asked to be left alone, as far as it is granted: ten minutes.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::ConfigLoad(error) => error.retry_after().map(|asked| asked.min(MAX_RETRY_AFTER)),
            Error::InvalidConfig(_) | Error::Spool(_) | Error::Transport(_) => None,
        }
    }
}

/// The longest wait that a `Retry-After` of the service is granted.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::InvalidConfig(error) => error.fmt(f),
            Error::ConfigLoad(error) => error.fmt(f),
            Error::Spool(error) => error.fmt(f),
            Error::Transport(error) => Escaped(error).fmt(f),
        }
    }
}

impl std::error::Error for Error {
    /// Returns what lies under the inner error, whose own message is this one's.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::InvalidConfig(error) => error.source(),
            Error::ConfigLoad(error) => error.source(),
            Error::Spool(error) => error.source(),
            Error::Transport(error) => error.source(),
        }
    }
}

impl From<InvalidConfigError> for Error {
    fn from(error: InvalidConfigError) -> Self {
        Error::InvalidConfig(error)
    }
}

impl From<ConfigLoadError> for Error {
    fn from(error: ConfigLoadError) -> Self {
        Error::ConfigLoad(error)
    }
}

impl From<SpoolError> for Error {
    fn from(error: SpoolError) -> Self {
        Error::Spool(error)
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        Error::Transport(error)
    }
}

impl ConfigLoadError {
    pub(crate) fn new(transport: TransportError, request: &ConfigRequest) -> Self {
        ConfigLoadError { transport, path: request.redacted_path() }
    }

    /// Returns where the config was to come from: without a query, the SDK key masked. The path
    /// alone if the application's transport did not say more.
    pub fn endpoint(&self) -> Option<&str> {
        self.transport.endpoint().or(Some(&self.path))
    }

    /// Returns the HTTP status, if the service answered with one.
    pub fn status(&self) -> Option<u16> {
        self.transport.status()
    }

    /// Returns whether trying again may well succeed: after network errors, timeouts and the
    /// statuses 408, 429 and 500 to 599.
    pub fn is_retryable(&self) -> bool {
        self.transport.is_retryable()
    }

    /// Returns whether a deadline passed.
    pub fn is_timeout(&self) -> bool {
        self.transport.is_timeout()
    }

    /// Returns how long the service asked to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        self.transport.retry_after()
    }

    /// Returns the transport's account of it.
    pub fn transport_error(&self) -> &TransportError {
        &self.transport
    }
}

impl fmt::Display for ConfigLoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A transport of the application may repeat what the service answered.
        write!(f, "the config could not be loaded: {}", Escaped(&self.transport))?;
        match self.transport.endpoint() {
            Some(_) => Ok(()),
            None => write!(f, " ({})", self.path),
        }
    }
}

impl std::error::Error for ConfigLoadError {
    /// Returns what lies under the transport's error, whose own message is part of this one's.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.transport)
    }
}
