//! How a core is doing.

use std::time::Duration;

use crate::error::Error;
use crate::event::ConfigSource;
use crate::stats::Stats;

/// How a core is doing at one moment: for health checks and dashboards. Cheap to ask for.
///
/// ```
/// use convert_core::{Core, SdkConfig};
///
/// let core = Core::initialize(SdkConfig::from_json(r#"{"account_id": "1", "project": {"id": "2"}}"#)?)?;
/// let health = core.health();
/// assert_eq!(health.source().name(), "direct");
/// assert!(health.last_error().is_none() && health.next_refresh_in().is_none());
/// # Ok::<(), convert_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Health {
    pub(crate) source: ConfigSource,
    pub(crate) version: Option<String>,
    pub(crate) age: Duration,
    pub(crate) elapsed: Duration,
    pub(crate) last_error: Option<Error>,
    pub(crate) consecutive_failures: u32,
    pub(crate) next_refresh_in: Option<Duration>,
    pub(crate) stats: Stats,
}

impl Health {
    /// Returns where the current config came from.
    pub fn source(&self) -> ConfigSource {
        self.source
    }

    /// Returns the current config's change token.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Returns how long ago the service sent the current config or confirmed it; for a config from
    /// the application, how long ago the core was initialised.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// Returns how long initialising took.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Returns why the last attempt to fetch a config failed, redacted; `None` once one succeeded.
    pub fn last_error(&self) -> Option<&Error> {
        self.last_error.as_ref()
    }

    /// Returns how many attempts in a row have failed.
    pub fn consecutive_failures(&self) -> u32 {
        self.consecutive_failures
    }

    /// Returns after how long the next attempt comes; `None` if none will.
    pub fn next_refresh_in(&self) -> Option<Duration> {
        self.next_refresh_in
    }

    /// Returns the counters, as [`Core::stats`](crate::Core::stats) does.
    pub fn stats(&self) -> Stats {
        self.stats
    }
}
