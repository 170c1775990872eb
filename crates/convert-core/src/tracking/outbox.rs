//! Where events go in, and what the delivery worker shares with the threads that record them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use convert_config::ProjectConfig;
use convert_transport::{SdkKey, Transport};

use crate::clock::Timer;
use crate::event::{EventBus, ReleasedEvent};
use crate::tracking::backoff::Backoff;
use crate::tracking::config::TrackingConfig;
use crate::tracking::event::{Event, Origin};
use crate::tracking::hatch::{Hatch, Receipt};
use crate::tracking::queue::{Limits, Queue};
use crate::tracking::shelf::{Fault, Shelf};
use crate::tracking::spool::Spool;
use crate::tracking::wire::Envelope;

/// The queue, and what it takes to empty it.
pub(crate) struct Outbox {
    pub(crate) transport: OnceLock<Arc<dyn Transport>>,
    /// `None` if the ids of the direct data make no key.
    pub(crate) key: Option<SdkKey>,
    pub(crate) timer: Timer,
    pub(crate) bus: Arc<EventBus>,
    pub(crate) hatch: Arc<Hatch>,
    shelf: Mutex<Shelf>,
    origin: ArcSwap<Origin>,
    is_aborted: AtomicBool,
    spool_faults: AtomicU64,
    refusals: AtomicU64,
}

/// What an outbox is made of.
pub(crate) struct Parts {
    pub(crate) key: Option<SdkKey>,
    pub(crate) timer: Timer,
    pub(crate) bus: Arc<EventBus>,
    pub(crate) spool: Option<Spool>,
    pub(crate) is_enabled: bool,
    /// Whether the service is to complete visitors from what it knows itself: so long as no other
    /// machine keeps their records.
    pub(crate) enriches: bool,
}

impl Outbox {
    pub(crate) fn new(parts: Parts, config: &ProjectConfig, settings: &TrackingConfig) -> Self {
        let Parts { key, timer, bus, spool, is_enabled, enriches } = parts;
        let envelope = Envelope { source: settings.source().to_owned(), enrich_data: enriches };
        let limits = Limits {
            batch_size: settings.batch_size(),
            age: settings.flush_interval(),
            events: settings.queue_capacity(),
            bytes: settings.queue_bytes(),
            parcel: MOST_BYTES,
            spools: spool.is_some(),
        };
        let backoff = Backoff::new(settings.backoff_min(), settings.backoff_max());
        let hatch = Arc::new(Hatch::new(Queue::new(limits, backoff, is_enabled)));
        Outbox {
            transport: OnceLock::new(),
            key,
            timer,
            bus,
            shelf: Mutex::new(Shelf::new(Arc::clone(&hatch), envelope, spool)),
            hatch,
            origin: ArcSwap::from_pointee(Origin::of(config)),
            is_aborted: AtomicBool::new(false),
            spool_faults: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
        }
    }

    /// Locks the shelf. May wait while another thread writes a file, never for the network.
    pub(crate) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Adds events in one go, and makes room for more where a spool can take what waits.
    pub(crate) fn push(&self, events: impl Iterator<Item = Event>) -> Receipt {
        let receipt = self.hatch.push(events);
        if receipt.is_over {
            self.relieve();
        }
        receipt
    }

    /// Breaks off whatever the transport is exchanging. Only the first call does anything.
    pub(crate) fn abort(&self) {
        let Some(transport) = self.transport.get() else { return };
        if !self.is_aborted.swap(true, Ordering::AcqRel) {
            // The application's own transport may do anything in there.
            let _ = catch_unwind(AssertUnwindSafe(|| transport.close()));
        }
    }

    /// Counts what the spool did not do, and logs it.
    pub(crate) fn note(&self, fault: Option<Fault>) {
        let Some(Fault { verb, error }) = fault else { return };
        let count = 1 + self.spool_faults.fetch_add(1, Ordering::Relaxed);
        if count.is_power_of_two() {
            log::error!(
                target: "convert_sdk::tracking",
                "the spool could not be {verb}: {error}; it has failed {count} times so far"
            );
        }
    }

    /// Logs that a batch was refused, ever more seldom: with a wrong key every batch is.
    pub(crate) fn note_refusal(&self, event: &ReleasedEvent) {
        let count = 1 + self.refusals.fetch_add(1, Ordering::Relaxed);
        if count.is_power_of_two() {
            log::error!(
                target: "convert_sdk::tracking",
                "{} events are lost, since the service refused them: {event}; it has refused {count} \
                 batches so far",
                event.events()
            );
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.timer.now()
    }

    /// Takes to the spool what waits, on the thread that has recorded too much: the worker may be
    /// waiting for the service. Others that have, wait for this one.
    fn relieve(&self) {
        loop {
            let (mut parcels, now) = (self.shelf(), self.now());
            let Some(step) = self.hatch.look(|queue| queue.relief(now)) else { return };
            let fault = parcels.put_away(step, false, now);
            drop(parcels);
            self.note(fault);
        }
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
