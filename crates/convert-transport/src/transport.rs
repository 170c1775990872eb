//! The seam between the SDK and the network.

use std::sync::Arc;

use crate::error::TransportError;
use crate::request::{BatchRequest, ConfigRequest};
use crate::response::{BatchResponse, ConfigResponse};

/// Fetches configs and delivers batches of events.
///
/// The SDK ships one implementation, `HttpsTransport`; an application may bring its own (another
/// HTTP library, a service mesh, a test double). Both calls block the calling thread until they
/// have an outcome, and the implementation sets the deadline: a call that never returns stops
/// refresh or delivery for good. Retrying is the SDK's business, not the transport's.
///
/// An implementation makes its errors with [`ConfigRequest::error`] and [`BatchRequest::error`]
/// (or `error_from`, to keep a source), which redact the endpoint and the messages.
///
/// # Example
///
/// ```
/// use convert_transport::{
///     BatchRequest, BatchResponse, ConfigBody, ConfigRequest, ConfigResponse, SdkKey, Transport,
///     TransportError,
/// };
///
/// struct Canned(&'static str);
///
/// impl Transport for Canned {
///     fn fetch_config(&self, _: &ConfigRequest) -> Result<ConfigResponse, TransportError> {
///         Ok(ConfigResponse::Modified(ConfigBody::new(self.0)))
///     }
///
///     fn send_batch(&self, _: &BatchRequest) -> Result<BatchResponse, TransportError> {
///         Ok(BatchResponse::new(200))
///     }
/// }
///
/// let transport: Box<dyn Transport> = Box::new(Canned("{}"));
/// let request = ConfigRequest::new(SdkKey::parse("10012345/10067890")?);
/// assert!(matches!(transport.fetch_config(&request)?, ConfigResponse::Modified(_)));
/// # Ok::<(), TransportError>(())
/// ```
pub trait Transport: Send + Sync {
    /// Fetches the serving config.
    ///
    /// Called by the thread that initialises the SDK, then by its refresh worker, and for a
    /// preview by the thread that asks for it: calls may overlap.
    ///
    /// # Errors
    ///
    /// During initialisation an error makes the SDK start from its cached config, if there is one, and
    /// fails the initialisation otherwise. During refresh every error keeps the
    /// current config, is counted and reported, and the next fetch waits longer.
    fn fetch_config(&self, request: &ConfigRequest) -> Result<ConfigResponse, TransportError>;

    /// Delivers a batch of events.
    ///
    /// Called by the delivery worker alone, one batch at a time: the next batch waits for the
    /// outcome, which keeps the order. An answer of any status is `Ok`.
    ///
    /// # Errors
    ///
    /// An error means that no answer came, and the batch is sent again later, unchanged: a
    /// certificate or a proxy can be put right. Only where no request could be made at all
    /// ([`InvalidInput`](crate::TransportErrorKind::InvalidInput)) are its events dropped, counted
    /// and reported.
    fn send_batch(&self, request: &BatchRequest) -> Result<BatchResponse, TransportError>;

    /// Breaks off calls in progress and refuses new ones.
    ///
    /// Called at most once, by the thread that closes the SDK, when a call is under way and the time
    /// granted to it is up. Must not block. Does nothing unless an implementation can do better.
    fn close(&self) {}
}

impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn fetch_config(&self, request: &ConfigRequest) -> Result<ConfigResponse, TransportError> {
        T::fetch_config(self, request)
    }

    fn send_batch(&self, request: &BatchRequest) -> Result<BatchResponse, TransportError> {
        T::send_batch(self, request)
    }

    fn close(&self) {
        T::close(self);
    }
}
