//! Where events go in, and what the delivery worker shares with the threads that record them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use convert_config::ProjectConfig;
use convert_transport::{SdkKey, Transport};

use crate::clock::{Deadline, Timer};
use crate::event::{EventBus, ReleasedEvent};
use crate::log;
use crate::sync::{LogThrottle, Mutex, assert_no_lock_held, panic_guard};
use crate::tracking::backoff::Backoff;
use crate::tracking::config::TrackingConfig;
use crate::tracking::event::{Event, Origin};
use crate::tracking::in_flight::{Fault, InFlight, InFlightSlot};
use crate::tracking::queue::{Limits, Queue};
use crate::tracking::shared_queue::{Receipt, SharedQueue};
use crate::tracking::spool::Spool;
use crate::tracking::wire::Envelope;

/// The queue, and what it takes to empty it.
pub(crate) struct Pipeline {
    pub(crate) transport: OnceLock<Arc<dyn Transport>>,
    /// `None` if the ids of the direct data make no key.
    pub(crate) key: Option<SdkKey>,
    pub(crate) timer: Timer,
    pub(crate) bus: Arc<EventBus>,
    pub(crate) queue: Arc<SharedQueue>,
    pub(crate) in_flight: InFlightSlot,
    origin: ArcSwap<Origin>,
    is_aborted: AtomicBool,
    spool_faults: LogThrottle,
    unreadable: LogThrottle,
    refusals: LogThrottle,
    transport_panics: LogThrottle,
    /// Why the last attempt failed, of those that will be made again.
    last_failure: Mutex<Option<String>>,
}

/// What a pipeline is made of.
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

impl Pipeline {
    pub(crate) fn new(parts: Parts, config: &ProjectConfig, settings: &TrackingConfig) -> Self {
        let Parts { key, timer, bus, spool, is_enabled, enriches } = parts;
        let envelope = Envelope { source: settings.source().to_owned(), enrich_data: enriches };
        let limits = Limits {
            batch_size: settings.batch_size(),
            age: settings.flush_interval(),
            events: settings.queue_capacity(),
            bytes: settings.queue_bytes(),
            body: MOST_BYTES,
            spools: spool.is_some(),
        };
        let backoff = Backoff::new(settings.backoff_min(), settings.backoff_max());
        let queue = Arc::new(SharedQueue::new(Queue::new(limits, backoff, is_enabled)));
        Pipeline {
            transport: OnceLock::new(),
            key,
            timer,
            bus,
            in_flight: InFlightSlot::new(InFlight::new(Arc::clone(&queue), envelope, spool)),
            queue,
            origin: ArcSwap::from_pointee(Origin::of(config)),
            is_aborted: AtomicBool::new(false),
            spool_faults: LogThrottle::default(),
            unreadable: LogThrottle::default(),
            refusals: LogThrottle::default(),
            transport_panics: LogThrottle::default(),
            last_failure: Mutex::default(),
        }
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
        let receipt = self.queue.push(events);
        if receipt.is_over {
            self.make_room(Deadline::after(LONGEST_WAIT_FOR_ROOM));
        }
        receipt
    }

    /// Breaks off whatever the transport is exchanging. Only the first call does anything.
    pub(crate) fn abort(&self) {
        let Some(transport) = self.transport.get() else { return };
        if !self.is_aborted.swap(true, Ordering::AcqRel) {
            assert_no_lock_held("closing the transport");
            // The application's own transport may do anything in there.
            let _ = panic_guard(|| transport.close());
        }
    }

    /// Logs what went wrong with the spool. Where events are lost by that, the queue has counted
    /// them, and reports them as well.
    pub(crate) fn log_faults(&self, faults: Vec<Fault>) {
        for fault in faults {
            match fault {
                Fault::Io { verb, error } => {
                    let Some(count) = self.spool_faults.record() else { continue };
                    log::warn!(
                        target: "convert_sdk::tracking",
                        "the spool could not be {verb}: {error}; it has failed {count} times so far"
                    );
                }
                Fault::Unreadable { events, error } => {
                    let Some(count) = self.unreadable.record() else { continue };
                    log::error!(
                        target: "convert_sdk::tracking",
                        "a batch of {events} events in the spool cannot be read back and is lost: \
                         {error}; {count} batches so far"
                    );
                }
                Fault::Missing { events: 0, directory } => log::warn!(
                    target: "convert_sdk::tracking",
                    "files have disappeared from the spool directory {}; their events are still in \
                     memory",
                    directory.display()
                ),
                Fault::Missing { events, directory } => log::error!(
                    target: "convert_sdk::tracking",
                    "files have disappeared from the spool directory {}: {events} events are lost",
                    directory.display()
                ),
            }
        }
    }

    /// Logs that a batch was refused, less and less often: with a wrong key every batch is.
    pub(crate) fn log_refusal(&self, event: &ReleasedEvent) {
        let Some(count) = self.refusals.record() else { return };
        log::error!(
            target: "convert_sdk::tracking",
            "{} events are lost, since the service refused them: {event}; it has refused {count} \
             batches so far",
            event.events()
        );
    }

    /// Logs that the application's transport panicked, less and less often.
    pub(crate) fn log_transport_panic(&self) {
        let Some(count) = self.transport_panics.record() else { return };
        log::error!(
            target: "convert_sdk::transport",
            "the transport panicked: POST events; it has panicked {count} times so far"
        );
    }

    /// Keeps why an attempt failed.
    pub(crate) fn record_failure(&self, event: &ReleasedEvent) {
        *self.last_failure.lock() = Some(event.to_string());
    }

    /// Returns why the last failed attempt failed.
    pub(crate) fn last_failure(&self) -> Option<String> {
        self.last_failure.lock().clone()
    }

    pub(crate) fn now(&self) -> Duration {
        self.timer.now()
    }

    /// Makes sure that what is said to be in the spool is there.
    pub(crate) fn check_files(&self, deadline: Deadline) {
        let mut faults = Vec::new();
        let now = self.now();
        self.in_flight.with(deadline, |in_flight| in_flight.check_files(now, &mut faults));
        self.log_faults(faults);
    }

    /// Moves waiting events to the spool, on a thread that has recorded too many: the worker may be
    /// waiting for the service. Others that have wait for this one, until the deadline: a disk that
    /// does not answer must not stop the application. Then the oldest events go.
    fn make_room(&self, deadline: Deadline) {
        loop {
            let now = self.now();
            let mut faults = Vec::new();
            let moved = self.in_flight.with_or_stall(deadline, |in_flight| {
                let step = self.queue.look(|queue| queue.next_spill(now))?;
                in_flight.spill(step, false, now, &mut faults);
                Some(())
            });
            self.log_faults(faults);
            match moved {
                Some(Some(())) => {}
                Some(None) => return,
                None => {
                    self.queue.change(|queue| queue.block_spool(now));
                    return;
                }
            }
        }
    }
}

impl Origin {
    fn of(config: &ProjectConfig) -> Self {
        Origin::new(config.account_id(), config.project_id())
    }

    fn is_of(&self, config: &ProjectConfig) -> bool {
        *self.account_id == *config.account_id() && *self.project_id == *config.project_id()
    }
}

/// How long a thread that records an event waits at most for another one that uses the spool's files.
const LONGEST_WAIT_FOR_ROOM: Duration = Duration::from_secs(2);
/// A body stays under 1 MiB; what surrounds the events and the ids takes less than 4 KiB of it.
const MOST_BYTES: usize = (1 << 20) - 4_096;

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::tracking::backoff::Backoff;
    use crate::tracking::queue::Limits;

    #[test]
    fn while_a_disk_does_not_answer_one_thread_waits_once_and_the_others_go_on() {
        let limits =
            Limits { batch_size: 1, age: None, events: 1, bytes: 4_096, body: 4_096, spools: true };
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(1));
        let queue = Arc::new(SharedQueue::new(Queue::new(limits, backoff, true)));
        let envelope = Envelope { source: String::new(), enrich_data: true };
        let slot = InFlightSlot::new(InFlight::new(queue, envelope, None));
        let never = || Deadline::after(Duration::MAX);
        let (start, started) = channel();
        let (end, ended) = channel::<()>();
        std::thread::scope(|scope| {
            let slot = &slot;
            scope.spawn(move || {
                slot.with(never(), |_| {
                    start.send(()).unwrap();
                    ended.recv().unwrap();
                })
            });
            started.recv().unwrap();
            assert!(slot.with_or_stall(Deadline::after(Duration::ZERO), |_| ()).is_none());
            // It would wait for ever now if it waited.
            assert!(slot.with_or_stall(never(), |_| ()).is_none());
            end.send(()).unwrap();
            assert!(slot.with(never(), |_| ()).is_some());
            assert!(slot.with_or_stall(never(), |_| ()).is_some());
        });
    }
}
