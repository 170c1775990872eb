//! Counting what a core does.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::striped::Striped;
use crate::sync::LogThrottle;
use crate::tracking::{DeliveryCounters, QueueDepth};

/// What a core has done since it was initialised. Counters only grow; take differences.
///
/// The counts of events add up at any moment: those queued and those restored from the spool are
/// delivered, dropped after they had been queued (for a full queue, as refused, for a bot, or with
/// a damaged spool), waiting in memory, under way, or in the spool.
///
/// ```
/// use convert_core::{Core, SdkConfig};
///
/// let core = Core::initialize(SdkConfig::from_json(r#"{"account_id": "1", "project": {"id": "2"}}"#)?)?;
/// core.create_context("visitor-1").run_experience("no-such-experience");
/// assert_eq!(core.stats().decisions, 1);
/// # Ok::<(), convert_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Experiences decided for a visitor, whatever the answer; explanations are not counted.
    pub decisions: u64,
    /// Assignments, new ones, that were queued as exposures.
    pub exposures: u64,
    /// Conversions that were queued, whether as one event or as two.
    pub conversions: u64,
    /// Configs fetched after the first, identical ones included.
    pub refreshes: u64,
    /// Attempts to fetch a config, after the first, that failed.
    pub refresh_failures: u64,
    /// Times another config took the place of the one before.
    pub config_updates: u64,
    /// Previews that had to be fetched, whatever came of it.
    pub preview_fetches: u64,
    /// Previews that could not be fetched.
    pub preview_failures: u64,
    /// Times the cache file could not be read or written.
    pub cache_failures: u64,
    /// Times a handler of events panicked.
    pub handler_panics: u64,
    /// Times the application's wall clock panicked, so that the system's time was used.
    pub clock_panics: u64,
    /// Decisions and passes that reached the limit of steps, so that further rules counted as false.
    pub step_limits_hit: u64,
    /// Times the attribute provider panicked, so that it had no data.
    pub provider_panics: u64,
    /// Times the system started no thread for refresh.
    pub refresh_thread_failures: u64,
    /// Exposures and conversions that were not recorded, and calls of an external store that were not
    /// made, in a child of `fork()` that uses its parent's core.
    pub refused_after_fork: u64,
    /// Exposures and conversions queued.
    pub events_queued: u64,
    /// Events that an earlier run had left in the spool.
    pub events_restored: u64,
    /// Events that the service has accepted.
    pub events_delivered: u64,
    /// Failed attempts to deliver a batch that is sent again.
    pub delivery_retries: u64,
    /// Events written to the spool, whether delivered since or not.
    pub events_spooled: u64,
    /// Times the spool could not be read or written, and files that were found damaged.
    pub spool_failures: u64,
    /// Events lost because the queue was full.
    pub dropped_queue_full: u64,
    /// Events lost because the service refused them for good.
    pub dropped_refused: u64,
    /// Events lost because the service took the SDK for a bot.
    pub dropped_bot: u64,
    /// Events lost because one alone was larger than a batch, or without a spool the queue, may be.
    pub dropped_too_large: u64,
    /// Events lost because the core was being closed.
    pub dropped_closed: u64,
    /// Events lost because the spool could not be read back, or its files have disappeared.
    pub dropped_spool_damaged: u64,
    /// Events that wait in memory right now.
    pub queue_events: u64,
    /// How many bytes they take, about.
    pub queue_bytes: u64,
    /// Events right now in the batch that is on its way, or is to be sent again, and is not in the
    /// spool.
    pub events_under_way: u64,
    /// Events in the spool right now.
    pub events_in_spool: u64,
    /// Calls of an external store of visitor records that failed.
    pub store_failures: u64,
    /// Calls of an external store that were not made, since it had failed several times in a row.
    pub store_skipped: u64,
    /// Changes written to an external store in the background.
    pub store_writes: u64,
    /// Failed attempts to write a change that is tried again.
    pub store_retries: u64,
    /// Visitors of whom changes are lost: refused, too many waiting, or the core being closed.
    pub store_dropped: u64,
    /// Changes that wait to be written, or are being written, right now.
    pub store_waiting: u64,
    /// Visitors forgotten to stay within [`SdkConfig::record_capacity`](crate::SdkConfig::record_capacity)
    /// and [`record_bytes`](crate::SdkConfig::record_bytes), or with an external store within the bounds of
    /// its [`StoreConfig`](crate::StoreConfig); their records stay in that store.
    pub records_evicted: u64,
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    decisions: Striped,
    exposures: Striped,
    conversions: Striped,
    pub(crate) refreshes: Counter,
    pub(crate) refresh_failures: Counter,
    pub(crate) config_updates: Counter,
    pub(crate) preview_fetches: Counter,
    pub(crate) preview_failures: LogThrottle,
    pub(crate) cache_failures: LogThrottle,
    pub(crate) step_limits_hit: LogThrottle,
    pub(crate) provider_panics: LogThrottle,
    pub(crate) refresh_thread_failures: LogThrottle,
    pub(crate) refused_after_fork: LogThrottle,
}

/// A counter of rare things.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counters {
    #[inline]
    pub(crate) fn count_decisions(&self, count: u64) {
        self.decisions.add(count);
    }

    pub(crate) fn count_exposures(&self, count: usize) {
        self.exposures.add(count as u64);
    }

    pub(crate) fn count_conversion(&self) {
        self.conversions.add(1);
    }

    pub(crate) fn read(
        &self,
        handler_panics: u64,
        events: &DeliveryCounters,
        depth: &QueueDepth,
    ) -> Stats {
        Stats {
            decisions: self.decisions.sum(),
            exposures: self.exposures.sum(),
            conversions: self.conversions.sum(),
            refreshes: self.refreshes.read(),
            refresh_failures: self.refresh_failures.read(),
            config_updates: self.config_updates.read(),
            preview_fetches: self.preview_fetches.read(),
            preview_failures: self.preview_failures.count(),
            cache_failures: self.cache_failures.count(),
            handler_panics,
            step_limits_hit: self.step_limits_hit.count(),
            provider_panics: self.provider_panics.count(),
            refresh_thread_failures: self.refresh_thread_failures.count(),
            refused_after_fork: self.refused_after_fork.count(),
            events_queued: events.queued,
            events_restored: events.restored,
            events_delivered: events.delivered,
            delivery_retries: events.retried,
            events_spooled: events.spooled,
            spool_failures: events.spool_failures,
            dropped_queue_full: events.queue_full,
            dropped_refused: events.refused,
            dropped_bot: events.bot,
            dropped_too_large: events.too_large,
            dropped_closed: events.closed,
            dropped_spool_damaged: events.spool_damaged,
            queue_events: depth.waiting,
            queue_bytes: depth.bytes,
            events_under_way: depth.under_way,
            events_in_spool: depth.spooled,
            ..Stats::default()
        }
    }
}

impl Counter {
    /// Counts one more.
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
