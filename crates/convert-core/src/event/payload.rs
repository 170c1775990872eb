//! What the events about the config carry.

use std::time::Duration;

use convert_config::{EntityCounts, ProjectConfig};

use crate::error::Error;
use crate::event::ConfigSource;

/// Tells that the core can be used, and how it came to its config.
///
/// ```
/// use convert_core::{ConfigSource, Core, LifecycleEvent, SdkConfig};
///
/// let core = Core::initialize(SdkConfig::from_json(r#"{"account_id": "1", "project": {"id": "2"}}"#)?)?;
/// let subscription = core.subscribe(|event: &LifecycleEvent| {
///     let LifecycleEvent::Ready(ready) = event else { return };
///     assert_eq!((ready.project_id(), ready.source()), ("2", ConfigSource::Direct));
///     assert!(ready.failure().is_none());
/// });
/// assert_eq!(core.stats().handler_panics, 0);
/// # drop(subscription);
/// # Ok::<(), convert_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ReadyEvent {
    pub(crate) config: ConfigFacts,
    pub(crate) source: ConfigSource,
    pub(crate) elapsed: Duration,
    pub(crate) age: Duration,
    pub(crate) failure: Option<Error>,
}

/// Tells that another config has taken the place of the one before.
///
/// Comes once per change, after the change: a context made in the handler sees the new config.
#[derive(Debug, Clone)]
pub struct ConfigUpdatedEvent {
    pub(crate) config: ConfigFacts,
}

/// Tells that a config could not be fetched or used.
#[derive(Debug, Clone)]
pub struct RefreshFailedEvent {
    pub(crate) error: Error,
    pub(crate) consecutive_failures: u32,
    pub(crate) next_refresh_in: Duration,
}

/// Tells that refresh was asked for and does not run. Comes at most once, after `ready`.
#[derive(Debug, Clone)]
pub struct RefreshSkippedEvent {
    pub(crate) reason: SkipReason,
}

/// Why refresh does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// The config was given directly, so there is nowhere to fetch another one from.
    DirectData,
    /// The system let no thread be started.
    NoThread,
}

/// What an event tells of a config.
#[derive(Debug, Clone)]
pub(crate) struct ConfigFacts {
    account_id: String,
    project_id: String,
    version: Option<String>,
    entity_counts: EntityCounts,
}

impl ReadyEvent {
    /// Returns the account's id.
    pub fn account_id(&self) -> &str {
        &self.config.account_id
    }

    /// Returns the project's id.
    pub fn project_id(&self) -> &str {
        &self.config.project_id
    }

    /// Returns the config's change token.
    pub fn version(&self) -> Option<&str> {
        self.config.version.as_deref()
    }

    /// Returns how many entities of each kind the config has.
    pub fn entity_counts(&self) -> EntityCounts {
        self.config.entity_counts
    }

    /// Returns where the config came from.
    pub fn source(&self) -> ConfigSource {
        self.source
    }

    /// Returns how long initialising took.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Returns how long ago the service had sent the config: zero unless it came from the cache.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// Returns what failed on the way, if the cached config had to do.
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }
}

impl ConfigUpdatedEvent {
    /// Returns the account's id.
    pub fn account_id(&self) -> &str {
        &self.config.account_id
    }

    /// Returns the project's id.
    pub fn project_id(&self) -> &str {
        &self.config.project_id
    }

    /// Returns the new config's change token.
    pub fn version(&self) -> Option<&str> {
        self.config.version.as_deref()
    }

    /// Returns how many entities of each kind the new config has.
    pub fn entity_counts(&self) -> EntityCounts {
        self.config.entity_counts
    }
}

impl RefreshFailedEvent {
    /// Returns what went wrong, redacted.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// Returns how many times in a row it has failed, this time included.
    pub fn consecutive_failures(&self) -> u32 {
        self.consecutive_failures
    }

    /// Returns after how long the next attempt comes, unless
    /// [`Core::refresh_now`](crate::Core::refresh_now) asks for one earlier.
    pub fn next_refresh_in(&self) -> Duration {
        self.next_refresh_in
    }
}

impl RefreshSkippedEvent {
    /// Returns why refresh does not run.
    pub fn reason(&self) -> SkipReason {
        self.reason
    }
}

impl ConfigFacts {
    pub(crate) fn of(config: &ProjectConfig) -> Self {
        ConfigFacts {
            account_id: config.account_id().to_owned(),
            project_id: config.project_id().to_owned(),
            version: config.version().map(str::to_owned),
            entity_counts: config.entity_counts(),
        }
    }
}
