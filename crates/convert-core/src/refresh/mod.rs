//! Keeping the config fresh: when to fetch, and what to do with what comes.

mod cycle;
mod policy;
mod schedule;
mod starter;

pub use self::policy::{RefreshConfig, RefreshConfigBuilder};
pub(crate) use self::schedule::{Attempt, Schedule};
pub(crate) use self::starter::RefreshWorker;
