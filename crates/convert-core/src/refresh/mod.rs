//! Keeping the config fresh: when to fetch, and what to do with what comes.

mod cycle;
mod policy;
mod schedule;

pub(crate) use self::cycle::{Plan, attempt_after, run};
pub use self::policy::{RefreshConfig, RefreshConfigBuilder};
pub(crate) use self::schedule::{Attempt, Schedule};
