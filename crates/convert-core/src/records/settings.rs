//! How an external store is used.

use std::time::Duration;

/// How a [`DataStore`](crate::DataStore) given with
/// [`SdkConfig::data_store`](crate::SdkConfig::data_store) is used.
///
/// | call | may wait for the store |
/// |---|---|
/// | [`Core::create_context`](crate::Core::create_context) | always: it reads the record |
/// | [`Context::track_conversion`](crate::Context::track_conversion) | unless conversions are written in the background |
/// | `run_experience`, `run_feature` and their kin | only where assignments wait, and only for one that is new |
/// | [`Core::flush`](crate::Core::flush), [`Core::close`](crate::Core::close) | until everything is written, no longer than they are told to |
/// | everything else | never |
///
/// None of the first three waits longer than the store's own time for one call. The memory store, which is
/// the default, knows no waiting, and none of this applies to it.
///
/// ```
/// use convert_core::{Core, MemoryStore, SdkConfig, StoreConfig, WriteMode};
///
/// let settings = StoreConfig::default().assignments(WriteMode::Wait).queue_capacity(50_000);
/// # let config = r#"{"account_id": "1", "project": {"id": "2"}}"#;
/// let config = SdkConfig::from_json(config)?.data_store(MemoryStore::default());
/// let core = Core::initialize(config.store_config(settings))?;
/// assert_eq!(core.stats().store_failures, 0);
/// # Ok::<(), convert_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "settings do nothing until an `SdkConfig` has them"]
pub struct StoreConfig {
    pub(crate) assignments: WriteMode,
    pub(crate) conversions: WriteMode,
    pub(crate) queue_capacity: usize,
    pub(crate) backoff_min: Duration,
    pub(crate) backoff_max: Duration,
}

/// Whether a call waits for the store to make its change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WriteMode {
    /// The change is made in the context's view at once, and in the store a moment later.
    Background,
    /// The call returns once the store has made the change, and with the store's answer. If the
    /// store fails, the change is made in the background after all; and so is a forced variation while
    /// an earlier change of the visitor is on its way, which it must not overtake.
    Wait,
}

impl StoreConfig {
    /// Sets whether new assignments wait for the store. Defaults to [`WriteMode::Background`].
    ///
    /// In the background, two machines that meet the same new visitor within the moment it takes
    /// to write show different variations if, and only if, their configs or what they know of the
    /// visitor differ; the store keeps the first. With [`WriteMode::Wait`] the second machine
    /// shows the first one's variation, and each new assignment costs one exchange with the store.
    /// Remembered assignments never wait. Where the store fails one call while it answers another, the
    /// two may show different variations: both are reported, and the store keeps the one that it was
    /// given first. If its answer is lost, that one goes unreported where another was shown meanwhile.
    pub fn assignments(self, mode: WriteMode) -> Self {
        StoreConfig { assignments: mode, ..self }
    }

    /// Sets whether conversions wait for the store. Defaults to [`WriteMode::Wait`], so that a goal
    /// counts once however many machines report it. While the store fails, a goal counts as far as this
    /// machine knows: by the context's view, by what waits to be written, by the marks of the last minute,
    /// of up to 5,000 visitors, and by marks that are lost, of as many visitors as may wait
    /// ([`StoreConfig::queue_capacity`]).
    ///
    /// With [`WriteMode::Background`], the optimistic mode, a goal counts once for each machine
    /// that has not seen the others' mark yet. On one machine, contexts of a visitor know of each
    /// other's marks and assignments for at least a minute, whenever they were made, unless more than
    /// 5,000 other visitors are marked within that; forced assignments are not among them.
    pub fn conversions(self, mode: WriteMode) -> Self {
        StoreConfig { conversions: mode, ..self }
    }

    /// Sets for how many visitors changes may wait to be written; past it those that have waited
    /// longest since they were tried last are lost, counted and told of. Defaults to 10,000; at least 1.
    pub fn queue_capacity(self, visitors: usize) -> Self {
        StoreConfig { queue_capacity: visitors.max(1), ..self }
    }

    /// Sets how long the writer pauses after a failure: up to `least` at first, twice as long after
    /// each failure in a row, never more than `most`, at random within that. Defaults to 100 ms and
    /// 10 s.
    pub fn backoff(self, least: Duration, most: Duration) -> Self {
        StoreConfig { backoff_min: least, backoff_max: most.max(least), ..self }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        StoreConfig {
            assignments: WriteMode::Background,
            conversions: WriteMode::Wait,
            queue_capacity: 10_000,
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(10),
        }
    }
}
