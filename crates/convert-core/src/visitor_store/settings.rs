//! How an external store is used.

use std::time::Duration;

use crate::visitor_store::memory::{DEFAULT_BYTES, DEFAULT_CAPACITY};

/// How a [`DataStore`](crate::DataStore) given with
/// [`SdkConfig::data_store`](crate::SdkConfig::data_store) is used.
///
/// | call | waits for the store |
/// |---|---|
/// | [`Core::create_context`](crate::Core::create_context) | always: it reads the record |
/// | [`Context::track_conversion`](crate::Context::track_conversion) | unless conversions are written in the background |
/// | `run_experience`, `run_feature` and their kin | only with [`WriteMode::Wait`] for assignments, and only for one that is new |
/// | [`Core::flush`](crate::Core::flush), [`Core::close`](crate::Core::close) | until everything is written, or their timeout elapses |
/// | everything else | never |
///
/// There is one call to the store for a visitor at a time. A call of the second and third row whose
/// visitor has another change on its way waits for that one first, and then at most for one call of its
/// own, which carries everything that waits for the visitor. If the first one fails, it does not wait for a
/// second. The memory store, which is the default, has no such calls, and none of this applies to it.
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
    pub(crate) queue_bytes: usize,
    pub(crate) backoff_min: Duration,
    pub(crate) backoff_max: Duration,
}

/// Whether a call waits for the store to make its change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WriteMode {
    /// The change is made in the context's record at once, and in the store a moment later.
    Background,
    /// The call returns once the store has made the change, and with the store's answer. If the
    /// store fails, the change is written in the background after all.
    Wait,
}

impl StoreConfig {
    /// Sets whether new assignments wait for the store. Defaults to [`WriteMode::Background`].
    ///
    /// In the background, two machines that meet the same new visitor within the moment it takes
    /// to write show different variations if, and only if, their configs or what they know of the
    /// visitor differ; the store keeps the first. With [`WriteMode::Wait`] the second machine
    /// shows the first one's variation, and each new assignment costs one call to the store.
    /// Remembered assignments never wait. If the answer of the store is lost, the machine shows and reports
    /// its own variation, even if the store has kept another one.
    pub fn assignments(self, mode: WriteMode) -> Self {
        StoreConfig { assignments: mode, ..self }
    }

    /// Sets whether conversions wait for the store. Defaults to [`WriteMode::Wait`], so that a goal
    /// counts once however many machines report it. If the store fails, a goal counts unless this
    /// machine knows that it has: from the context, from changes that are not written yet, from changes
    /// of the last two minutes, or from changes that are lost.
    ///
    /// With [`WriteMode::Background`], the optimistic mode, a goal counts once for each machine
    /// that has not seen the others' mark yet. On one machine, contexts of a visitor know of each
    /// other's changes for two minutes, as long as there is room; see
    /// [`StoreConfig::queue_capacity`].
    pub fn conversions(self, mode: WriteMode) -> Self {
        StoreConfig { conversions: mode, ..self }
    }

    /// Sets for how many visitors changes may wait to be written. Past it, those that have waited
    /// longest since they were tried last are lost: counted in
    /// [`Stats::store_dropped`](crate::Stats::store_dropped), logged and reported as `store.failed`. As
    /// many visitors more are remembered whose changes are written or lost. Defaults to 10,000; at
    /// least 1.
    pub fn queue_capacity(self, visitors: usize) -> Self {
        StoreConfig { queue_capacity: visitors.max(1), ..self }
    }

    /// Sets how many bytes all visitors in the queue may take, with their ids and records. Past it,
    /// visitors whose changes are written or lost are forgotten first, counted in
    /// [`Stats::records_evicted`](crate::Stats::records_evicted); then changes that wait are lost as with
    /// [`StoreConfig::queue_capacity`]. Defaults to 64 MiB.
    pub fn queue_bytes(self, bytes: usize) -> Self {
        StoreConfig { queue_bytes: bytes, ..self }
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
            queue_capacity: DEFAULT_CAPACITY,
            queue_bytes: DEFAULT_BYTES,
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(10),
        }
    }
}
