//! Where events go in, and what the delivery worker shares with the threads that record them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use convert_config::ProjectConfig;
use convert_transport::{SdkKey, Transport};

use crate::clock::{Deadline, Timer};
use crate::event::EventBus;
use crate::tracking::backoff::Backoff;
use crate::tracking::config::TrackingConfig;
use crate::tracking::event::{Event, Origin};
use crate::tracking::queue::{Limits, Queue};
use crate::tracking::wire::Envelope;

/// The queue, and what it takes to empty it.
pub(crate) struct Outbox {
    pub(crate) transport: OnceLock<Arc<dyn Transport>>,
    /// `None` if the ids of the direct data make no key.
    pub(crate) key: Option<SdkKey>,
    pub(crate) envelope: Envelope,
    pub(crate) timer: Timer,
    pub(crate) bus: Arc<EventBus>,
    /// Rings when a parcel is done with, or cannot be for now.
    changed: Condvar,
    queue: Mutex<Queue>,
    origin: ArcSwap<Origin>,
}

impl Outbox {
    pub(crate) fn new(
        key: Option<SdkKey>,
        config: &ProjectConfig,
        settings: &TrackingConfig,
        timer: Timer,
        bus: Arc<EventBus>,
        is_enabled: bool,
        enrich_data: bool,
    ) -> Self {
        let envelope = Envelope { source: settings.source().to_owned(), enrich_data };
        let limits = Limits {
            batch_size: settings.batch_size(),
            age: settings.flush_interval(),
            events: settings.queue_capacity(),
            bytes: settings.queue_bytes(),
            parcel: MOST_BYTES,
            spools: settings.spool_directory().is_some(),
        };
        let backoff = Backoff::new(settings.backoff_min(), settings.backoff_max());
        Outbox {
            transport: OnceLock::new(),
            key,
            envelope,
            timer,
            bus,
            changed: Condvar::new(),
            queue: Mutex::new(Queue::new(limits, backoff, is_enabled)),
            origin: ArcSwap::from_pointee(Origin::of(config)),
        }
    }

    /// Locks the queue. Never held while anything else is waited for.
    pub(crate) fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing in the queue panics half way.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whom the events of a config belong to.
    pub(crate) fn origin_of(&self, config: &ProjectConfig) -> Arc<Origin> {
        let held = self.origin.load();
        if held.is_of(config) {
            return Arc::clone(&held);
        }
        let origin = Arc::new(Origin::of(config));
        self.origin.store(Arc::clone(&origin));
        origin
    }

    /// Adds events in one go, and returns how many are queued and whether to wake the worker.
    pub(crate) fn push(&self, events: impl Iterator<Item = Event>) -> (usize, bool) {
        let (mut count, mut wakes) = (0, false);
        let mut queue = self.queue();
        for event in events {
            let pushed = queue.push(event);
            count += usize::from(pushed.is_queued);
            wakes |= pushed.wakes;
        }
        (count, wakes)
    }

    /// Tells those who wait that something has changed.
    pub(crate) fn ring(&self) {
        self.changed.notify_all();
    }

    /// Waits until everything before a number is done with, or there is no hope, and returns how
    /// many events are left.
    pub(crate) fn wait_for(&self, number: u64, deadline: Deadline) -> u64 {
        let mut queue = self.queue();
        loop {
            let (left, patience) = (queue.left_before(number), deadline.remaining());
            let is_hopeless = !queue.is_enabled() || queue.is_stopped() || patience.is_zero();
            if left == 0 || is_hopeless {
                return left;
            }
            let waited = self.changed.wait_timeout(queue, patience);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.timer.now()
    }
}

impl Origin {
    fn of(config: &ProjectConfig) -> Self {
        Origin { account_id: config.account_id().into(), project_id: config.project_id().into() }
    }

    fn is_of(&self, config: &ProjectConfig) -> bool {
        *self.account_id == *config.account_id() && *self.project_id == *config.project_id()
    }
}

/// A body stays under 1 MiB; what surrounds the events takes less than 4 KiB of it.
const MOST_BYTES: usize = (1 << 20) - 4_096;
