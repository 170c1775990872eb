//! A transport without a network.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use convert_transport::{
    BatchRequest, BatchResponse, ConfigBody, ConfigRequest, ConfigResponse, Transport,
    TransportError, TransportErrorKind, Validators,
};

/// A [`Transport`] that gives scripted answers and records what it was asked.
///
/// The last answer of a script is repeated for ever; without a script configs fail with a
/// network error and batches are accepted. While it is paused, calls block until it is resumed
/// or closed.
///
/// # Example
///
/// ```
/// use convert_transport::{ConfigRequest, SdkKey, Transport};
/// use test_support::{ConfigAnswer, RecordingTransport};
///
/// let transport = RecordingTransport::default();
/// transport.script_configs([ConfigAnswer::Status(503), ConfigAnswer::body("{}")]);
/// let request = ConfigRequest::new(SdkKey::parse("10012345/10067890")?);
/// assert_eq!(transport.fetch_config(&request).unwrap_err().status(), Some(503));
/// assert!(transport.fetch_config(&request).is_ok());
/// assert_eq!(transport.config_requests().len(), 2);
/// # Ok::<(), convert_transport::TransportError>(())
/// ```
#[derive(Debug, Default)]
pub struct RecordingTransport {
    state: Mutex<State>,
    changed: Condvar,
}

impl RecordingTransport {
    /// Replaces what is left of the script for configs.
    pub fn script_configs(&self, answers: impl IntoIterator<Item = ConfigAnswer>) {
        self.lock().configs = answers.into_iter().collect();
    }

    /// Replaces what is left of the script for batches.
    pub fn script_batches(&self, answers: impl IntoIterator<Item = BatchAnswer>) {
        self.lock().batches = answers.into_iter().collect();
    }

    /// Makes calls block, those that come as well as those recorded meanwhile.
    pub fn pause(&self) {
        self.lock().is_paused = true;
    }

    /// Lets blocked calls go on.
    pub fn resume(&self) {
        self.lock().is_paused = false;
        self.changed.notify_all();
    }

    /// Copies the config requests received so far, blocked ones included.
    pub fn config_requests(&self) -> Vec<ConfigRequest> {
        self.lock().config_requests.clone()
    }

    /// Copies the batches received so far, blocked ones included.
    pub fn batch_requests(&self) -> Vec<BatchRequest> {
        self.lock().batch_requests.clone()
    }

    /// Tells whether the SDK has closed the transport.
    pub fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Blocks until `count` config requests came, at most `timeout`; false when it elapsed.
    pub fn wait_for_configs(&self, count: usize, timeout: Duration) -> bool {
        self.wait_until(timeout, |state| state.config_requests.len() >= count)
    }

    /// Blocks until `count` batches came, at most `timeout`; false when it elapsed.
    pub fn wait_for_batches(&self, count: usize, timeout: Duration) -> bool {
        self.wait_until(timeout, |state| state.batch_requests.len() >= count)
    }

    fn wait_until(&self, timeout: Duration, is_done: impl Fn(&State) -> bool) -> bool {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), timeout, |state| !is_done(state))
            .unwrap_or_else(PoisonError::into_inner);
        is_done(&state)
    }

    /// Announces a recorded call, and holds it while the transport is paused.
    fn pass_gate<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.notify_all();
        self.changed
            .wait_while(state, |state| state.is_paused && !state.is_closed)
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for RecordingTransport {
    fn fetch_config(&self, request: &ConfigRequest) -> Result<ConfigResponse, TransportError> {
        let mut state = self.lock();
        state.config_requests.push(request.clone());
        let mut state = self.pass_gate(state);
        if state.is_closed {
            return Err(request.error(TransportErrorKind::Network));
        }
        match next(&mut state.configs) {
            Some(ConfigAnswer::Body { bytes, etag }) => Ok(ConfigResponse::Modified(
                ConfigBody::new(bytes).with_validators(Validators::new(etag.as_deref(), None)),
            )),
            Some(ConfigAnswer::NotModified) => Ok(ConfigResponse::NotModified),
            Some(ConfigAnswer::Status(status)) => {
                Err(request.error(TransportErrorKind::Status).with_status(status))
            }
            Some(ConfigAnswer::Busy(delay)) => {
                let error = request.error(TransportErrorKind::Status).with_status(429);
                Err(error.with_retry_after(Some(delay)))
            }
            Some(ConfigAnswer::Failure(kind)) => Err(request.error(kind)),
            None => Err(request.error(TransportErrorKind::Network)),
        }
    }

    fn send_batch(&self, request: &BatchRequest) -> Result<BatchResponse, TransportError> {
        let mut state = self.lock();
        state.batch_requests.push(request.clone());
        let mut state = self.pass_gate(state);
        if state.is_closed {
            return Err(request.error(TransportErrorKind::Network));
        }
        match next(&mut state.batches) {
            Some(BatchAnswer::Response(response)) => Ok(response),
            Some(BatchAnswer::Failure(kind)) => Err(request.error(kind)),
            None => Ok(BatchResponse::new(200)),
        }
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }
}

/// A scripted answer to a config request; see [`RecordingTransport`] for an example.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConfigAnswer {
    /// A config.
    Body {
        /// The bytes of the body.
        bytes: Vec<u8>,
        /// The `ETag`.
        etag: Option<String>,
    },
    /// The config is still the same.
    NotModified,
    /// A status that is no success.
    Status(u16),
    /// Status 429, with this `Retry-After`.
    Busy(Duration),
    /// No answer.
    Failure(TransportErrorKind),
}

impl ConfigAnswer {
    /// Creates a config without an `ETag`.
    pub fn body(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Body { bytes: bytes.into(), etag: None }
    }
}

/// A scripted answer to a batch.
///
/// # Example
///
/// ```
/// use convert_transport::{BatchRequest, BatchResponse, SdkKey, Transport};
/// use test_support::{BatchAnswer, RecordingTransport};
///
/// let transport = RecordingTransport::default();
/// transport.script_batches([BatchAnswer::Response(BatchResponse::new(503))]);
/// let request = BatchRequest::new(SdkKey::parse("10012345/10067890")?, "10067890", *b"{}");
/// assert!(transport.send_batch(&request)?.is_retryable());
/// assert_eq!(transport.batch_requests()[0].body(), b"{}");
/// # Ok::<(), convert_transport::TransportError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum BatchAnswer {
    /// An answer of any status.
    Response(BatchResponse),
    /// No answer.
    Failure(TransportErrorKind),
}

#[derive(Debug, Default)]
struct State {
    configs: VecDeque<ConfigAnswer>,
    batches: VecDeque<BatchAnswer>,
    config_requests: Vec<ConfigRequest>,
    batch_requests: Vec<BatchRequest>,
    is_paused: bool,
    is_closed: bool,
}

/// Takes the next answer; the last one stays.
fn next<T: Clone>(script: &mut VecDeque<T>) -> Option<T> {
    if script.len() > 1 { script.pop_front() } else { script.front().cloned() }
}
