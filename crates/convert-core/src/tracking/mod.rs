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
mod outbox;
mod queue;
mod result;
mod spool;
mod tally;
#[cfg(all(test, feature = "spool"))]
mod test_directory;
mod wire;

pub(crate) use self::backoff::Backoff;
pub(crate) use self::batch::Batch;
pub use self::config::{TrackingConfig, TrackingConfigBuilder};
pub use self::conversion::{Conversion, Repeat};
pub(crate) use self::delivery::{Delivery, Ending};
pub(crate) use self::event::{Payload, Reached};
pub use self::flush::FlushError;
pub use self::goal_data::{GoalValue, InvalidGoalDataError};
pub use self::queue::ReleaseReason;
pub use self::result::ConversionResult;
pub use self::spool::SpoolError;
pub use self::tally::DropReason;
pub(crate) use self::tally::Tally;
