//! What happens in a core, told to whoever subscribes.

mod bus;
mod delivery;
#[cfg(test)]
mod model;
mod payload;
mod source;
mod store;
mod visit;

pub use self::bus::Subscription;
pub(crate) use self::bus::{EventBus, Listener};
pub use self::delivery::{ConversionEvent, DroppedEvent, ReleasedEvent};
pub(crate) use self::payload::ConfigFacts;
pub use self::payload::{
    ConfigUpdatedEvent, ReadyEvent, RefreshFailedEvent, RefreshSkippedEvent, SkipReason,
};
pub use self::source::ConfigSource;
pub use self::store::{StoreFailedEvent, StoreOperation};
pub use self::visit::{BucketingEvent, LocationEvent, SegmentsEvent};

/// Something that happened in a [`Core`](crate::Core).
///
/// Payloads carry ids, keys and counts; never attributes, secrets or visitor ids.
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use convert_core::{Core, LifecycleEvent, SdkConfig};
///
/// let names = Arc::new(Mutex::new(Vec::new()));
/// let seen = Arc::clone(&names);
/// let config = SdkConfig::from_json(r#"{"account_id": "1", "project": {"id": "2"}}"#)?
///     .on_event(move |event: &LifecycleEvent| seen.lock().unwrap().push(event.name()));
/// let core = Core::initialize(config)?;
/// assert_eq!(*names.lock().unwrap(), ["ready"]);
/// # Ok::<(), convert_core::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum LifecycleEvent {
    /// The core can be used. Comes first, and once; a late subscriber gets it too.
    Ready(ReadyEvent),
    /// Another config has taken the place of the one before.
    ConfigUpdated(ConfigUpdatedEvent),
    /// A config could not be fetched or used; the one before stays.
    RefreshFailed(RefreshFailedEvent),
    /// Refresh was asked for and does not run.
    RefreshSkipped(RefreshSkippedEvent),
    /// A visitor was decided: a variation of an experience, or a feature. Not while previewing.
    Bucketing(BucketingEvent),
    /// Segments of a visitor were set.
    Segments(SegmentsEvent),
    /// A visitor came to a location.
    LocationActivated(LocationEvent),
    /// A visitor left a location.
    LocationDeactivated(LocationEvent),
    /// A visitor reached a goal, and it will be reported.
    Conversion(ConversionEvent),
    /// The service was sent a batch of events, with whatever outcome.
    QueueReleased(ReleasedEvent),
    /// Events are lost.
    EventsDropped(DroppedEvent),
    /// The external store of visitor records failed, or changes to records are lost.
    StoreFailed(StoreFailedEvent),
}

impl LifecycleEvent {
    /// Returns the name that the SDKs of all languages share, `config.updated` say.
    pub fn name(&self) -> &'static str {
        match self {
            LifecycleEvent::Ready(_) => "ready",
            LifecycleEvent::ConfigUpdated(_) => "config.updated",
            LifecycleEvent::RefreshFailed(_) => "refresh.failed",
            LifecycleEvent::RefreshSkipped(_) => "refresh.skipped",
            LifecycleEvent::Bucketing(_) => "bucketing",
            LifecycleEvent::Segments(_) => "segments",
            LifecycleEvent::LocationActivated(_) => "location.activated",
            LifecycleEvent::LocationDeactivated(_) => "location.deactivated",
            LifecycleEvent::Conversion(_) => "conversion",
            LifecycleEvent::QueueReleased(_) => "api.queue.released",
            LifecycleEvent::EventsDropped(_) => "events.dropped",
            LifecycleEvent::StoreFailed(_) => "store.failed",
        }
    }
}

/// The primitives that the bus stands on; the model checker puts its own in their place.
mod sync {
    pub(super) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    pub(super) use std::thread_local;

    pub(super) use crate::sync::{Condvar, Mutex, MutexGuard};
}
