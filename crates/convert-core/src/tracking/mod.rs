//! Telling the service what visitors were shown, and what they did.

mod backoff;
mod batch;
mod config;
mod conversion;
mod courier;
mod delivery;
mod event;
mod flush;
mod goal_data;
mod hatch;
#[cfg(test)]
mod model;
mod outbox;
mod queue;
mod release;
mod result;
mod shelf;
mod spool;
mod tally;
#[cfg(all(test, feature = "spool"))]
mod test_directory;
mod wire;

pub(crate) use self::backoff::Backoff;
pub(crate) use self::batch::Batch;
pub use self::config::{TrackingConfig, TrackingConfigBuilder};
pub use self::conversion::{Conversion, Repeat};
pub(crate) use self::delivery::Delivery;
pub(crate) use self::event::{Payload, Reached};
pub use self::flush::FlushError;
pub use self::goal_data::{GoalValue, InvalidGoalDataError};
pub(crate) use self::hatch::Ending;
pub use self::release::ReleaseReason;
pub use self::result::ConversionResult;
pub use self::spool::SpoolError;
pub use self::tally::DropReason;
pub(crate) use self::tally::{Depth, Tally};

/// The primitives that the hand-over stands on; the model checker puts its own in their place.
mod sync {
    pub(super) use std::sync::{Condvar, Mutex, MutexGuard};
    pub(super) use std::thread::ThreadId;

    pub(super) fn current_thread() -> ThreadId {
        std::thread::current().id()
    }
}
