//! Telling the service what visitors were shown, and what they did.

mod backoff;
mod conversion;
mod event;
mod goal_data;
mod queue;
mod result;
mod tally;
mod wire;

pub use self::conversion::{Conversion, Repeat};
pub use self::goal_data::{GoalValue, InvalidGoalDataError};
pub use self::queue::ReleaseReason;
pub use self::result::ConversionResult;
pub use self::tally::DropReason;
