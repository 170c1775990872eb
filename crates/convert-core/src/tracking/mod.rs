//! Delivering events to the service: what visitors were shown, and what they did.

mod backoff;
mod batch;
mod config;
mod conversion;
mod counters;
mod event;
mod event_processor;
mod flush;
mod goal_data;
mod in_flight;
#[cfg(test)]
mod loom;
mod pipeline;
mod queue;
mod release;
mod result;
mod shared_queue;
mod split;
mod spool;
#[cfg(all(test, feature = "spool"))]
mod test_directory;
mod wire;
mod worker;

pub(crate) use self::backoff::Backoff;
pub(crate) use self::batch::Batch;
pub use self::config::{TrackingConfig, TrackingConfigBuilder};
pub use self::conversion::{Conversion, Repeat};
pub use self::counters::DropReason;
pub(crate) use self::counters::{DeliveryCounters, QueueDepth};
pub(crate) use self::event::{Payload, Reached};
pub(crate) use self::event_processor::EventProcessor;
pub use self::flush::FlushError;
pub use self::goal_data::{GoalValue, InvalidGoalDataError};
pub use self::release::ReleaseReason;
pub use self::result::ConversionResult;
pub(crate) use self::shared_queue::Ending;
pub use self::spool::SpoolError;

/// The primitives that the hand-over stands on; the model checker puts its own in their place.
mod sync {
    pub(super) use std::thread::ThreadId;

    pub(super) use crate::sync::{Condvar, Mutex, MutexGuard};

    pub(super) fn current_thread() -> ThreadId {
        std::thread::current().id()
    }
}
