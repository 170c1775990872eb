//! What the events about delivery carry.

use std::fmt;

use convert_transport::{BatchResponse, TransportError};

use crate::tracking::{Batch, DropReason, ReleaseReason};

/// Tells what came of an attempt to deliver a batch.
///
/// Comes once per attempt, on the delivery worker.
#[derive(Debug, Clone)]
pub struct ReleasedEvent {
    reason: ReleaseReason,
    events: u32,
    visitors: u32,
    attempts: u32,
    status: Option<u16>,
    is_accepted: bool,
    error: Option<TransportError>,
}

/// Tells that events are lost. Comes at most once a minute, so that the counts add up.
#[derive(Debug, Clone, Copy)]
pub struct DroppedEvent {
    pub(crate) reason: DropReason,
    pub(crate) count: u64,
}

/// Tells that a visitor reached a goal, and that it will be reported.
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use convert_core::{Core, LifecycleEvent, SdkConfig};
/// # use convert_transport::*;
/// # struct Sink;
/// # impl Transport for Sink {
/// #     fn fetch_config(&self, request: &ConfigRequest) -> Result<ConfigResponse, TransportError> {
/// #         Err(request.error(TransportErrorKind::Network))
/// #     }
/// #     fn send_batch(&self, _: &BatchRequest) -> Result<BatchResponse, TransportError> {
/// #         Ok(BatchResponse::new(200))
/// #     }
/// # }
/// # let config = r#"{"account_id": "1", "project": {"id": "2"}, "goals": [{"id": "9", "key": "purchase"}]}"#;
/// # let config = SdkConfig::from_json(config)?.transport_impl(Sink).tracking(true);
/// let core = Core::initialize(config)?;
/// let reached = Arc::new(Mutex::new(Vec::new()));
/// let seen = Arc::clone(&reached);
/// let _subscription = core.subscribe(move |event: &LifecycleEvent| {
///     if let LifecycleEvent::Conversion(conversion) = event {
///         seen.lock().unwrap().push(conversion.goal_key().to_owned());
///     }
/// });
/// assert!(core.create_context("visitor-1").track_conversion("purchase").is_queued());
/// assert_eq!(*reached.lock().unwrap(), ["purchase"]);
/// # Ok::<(), convert_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ConversionEvent {
    pub(crate) visitor: String,
    pub(crate) goal_id: String,
    pub(crate) goal_key: String,
}

impl ReleasedEvent {
    pub(crate) fn new(
        reason: ReleaseReason,
        batch: &Batch,
        attempts: u32,
        answer: Result<BatchResponse, TransportError>,
    ) -> Self {
        let (events, visitors) = (batch.events, batch.visitors);
        let status = answer.as_ref().map_or_else(TransportError::status, |one| Some(one.status()));
        let is_accepted = answer.as_ref().is_ok_and(BatchResponse::is_success);
        let error = answer.err();
        ReleasedEvent { reason, events, visitors, attempts, status, is_accepted, error }
    }

    /// Returns why the batch was released.
    pub fn reason(&self) -> ReleaseReason {
        self.reason
    }

    /// Returns how many events the batch has.
    pub fn events(&self) -> u32 {
        self.events
    }

    /// Returns how many visitors they belong to.
    pub fn visitors(&self) -> u32 {
        self.visitors
    }

    /// Returns how often the batch has been sent, this time included. Begins anew for one that was
    /// read back from the spool.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Returns the HTTP status, if the service answered.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// Returns whether the service answered with a success. An answer that takes the SDK for a bot
    /// is one; its events are dropped all the same, and
    /// [`LifecycleEvent::EventsDropped`](crate::LifecycleEvent::EventsDropped) tells so.
    pub fn is_accepted(&self) -> bool {
        self.is_accepted
    }

    /// Returns why no answer came, redacted.
    pub fn error(&self) -> Option<&TransportError> {
        self.error.as_ref()
    }
}

impl DroppedEvent {
    /// Returns why the events are lost.
    pub fn reason(&self) -> DropReason {
        self.reason
    }

    /// Returns how many, since the last event of this kind.
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl ConversionEvent {
    /// Returns the visitor's fingerprint: the first 16 hexadecimal digits of the id's SHA-256.
    pub fn visitor(&self) -> &str {
        &self.visitor
    }

    /// Returns the goal's id.
    pub fn goal_id(&self) -> &str {
        &self.goal_id
    }

    /// Returns the goal's key.
    pub fn goal_key(&self) -> &str {
        &self.goal_key
    }
}

impl fmt::Display for ReleasedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.error, self.status) {
            (Some(error), _) => error.fmt(f),
            (None, Some(status)) => write!(f, "status {status}"),
            (None, None) => f.write_str("no answer"),
        }
    }
}
