//! The delivery of events: recording, flushing, closing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use convert_config::ProjectConfig;
use convert_decision::Segments;
use convert_transport::{SdkKey, Transport};

use crate::clock::Deadline;
use crate::config::{SdkConfig, Source};
use crate::error::Error;
use crate::event::EventBus;
use crate::remote;
use crate::tracking::courier;
use crate::tracking::event::{Event, Payload};
use crate::tracking::flush::FlushError;
use crate::tracking::outbox::Outbox;
use crate::tracking::queue::ReleaseReason;
use crate::tracking::spool::Spool;
use crate::tracking::tally::Tally;
use crate::worker::Worker;

/// The events of one core, from their recording to the service's answer.
///
/// The worker thread is started when there is something for it to do.
pub(crate) struct Delivery {
    is_on: AtomicBool,
    is_aborted: AtomicBool,
    outbox: Arc<Outbox>,
    spool: Mutex<Option<Spool>>,
    worker: OnceLock<Option<Worker>>,
    /// From what to make the transport where tracking is off at first.
    late: Option<Box<SdkConfig>>,
}

/// What became, while a core closed, of the events that were queued then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) delivered: u64,
    pub(crate) dropped: u64,
    pub(crate) spooled: u64,
    pub(crate) left: u64,
}

impl Delivery {
    /// Prepares to deliver, and opens the spool, if there is one. Sends nothing yet.
    pub(crate) fn new(
        config: &SdkConfig,
        data: &ProjectConfig,
        bus: &Arc<EventBus>,
        transport: Option<Arc<dyn Transport>>,
    ) -> Result<Self, Error> {
        let settings = &config.tracking_config;
        let is_on = config.tracks();
        let key = match &config.source {
            Source::Remote { key, .. } => Ok(key.clone()),
            Source::Direct(_) => {
                SdkKey::parse(format!("{}/{}", data.account_id(), data.project_id()))
            }
        };
        let key = if is_on { Some(key?) } else { key.ok() };
        let spool = open_spool(config, key.as_ref())?;
        let (timer, bus) = (config.timer.clone(), Arc::clone(bus));
        // With a store of its own the application knows its visitors better than the service does.
        let enriches = config.data_store.is_none();
        let outbox = Outbox::new(key, data, settings, timer, bus, is_on, enriches);
        restore(&outbox, spool.as_ref());
        let late = transport.is_none().then(|| Box::new(config.clone()));
        if let Some(transport) = transport {
            let _ = outbox.transport.set(transport);
        }
        Ok(Delivery {
            is_on: AtomicBool::new(is_on),
            is_aborted: AtomicBool::new(false),
            outbox: Arc::new(outbox),
            spool: Mutex::new(spool),
            worker: OnceLock::new(),
            late,
        })
    }

    /// Begins to send what an earlier run left in the spool.
    pub(crate) fn resume(&self) {
        if self.is_on() && self.outbox.queue().spooled() > 0 {
            self.wake();
        }
    }

    /// Returns whether events are recorded.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Records what a visitor did, and returns whether all of it is queued. Does not block.
    pub(crate) fn record(
        &self,
        config: &ProjectConfig,
        visitor_id: &str,
        segments: &Segments,
        payloads: impl ExactSizeIterator<Item = Payload>,
    ) -> bool {
        let (expected, at) = (payloads.len(), self.outbox.now());
        let origin = self.outbox.origin_of(config);
        let event =
            |payload| Event::new(Arc::clone(&origin), visitor_id, segments.clone(), payload, at);
        let (count, wakes) = self.outbox.push(payloads.map(event));
        if wakes {
            self.wake();
        }
        count == expected
    }

    /// Switches recording and sending on or off.
    pub(crate) fn enable(&self, is_on: bool) {
        if is_on && self.outbox.transport.get().is_none() {
            let Some(config) = &self.late else { return };
            match remote::transport(config) {
                Ok(transport) => drop(self.outbox.transport.set(transport)),
                Err(error) => {
                    log::error!(
                        target: "convert_sdk::tracking",
                        "tracking stays off, since there is no way to send: {error}"
                    );
                    return;
                }
            }
        }
        let is_open = {
            let mut queue = self.outbox.queue();
            let is_open = !queue.is_closing();
            queue.enable(is_on && is_open);
            is_open
        };
        self.is_on.store(is_on && is_open, Ordering::Relaxed);
        self.outbox.ring();
        if is_on && self.outbox.queue().left_before(u64::MAX) > 0 {
            self.wake();
        }
    }

    /// Waits until everything queued so far is delivered or dropped.
    pub(crate) fn flush(&self, deadline: Deadline) -> Result<(), FlushError> {
        let number = self.outbox.queue().flush(ReleaseReason::Explicit);
        let left = self.wait_for(number, deadline);
        if left == 0 {
            return Ok(());
        }
        Err(FlushError { left, spooled: self.outbox.queue().spooled(), records: 0 })
    }

    /// Takes nothing more, and waits until everything queued is delivered or dropped; then nothing
    /// is sent any more. The worker ends by itself.
    pub(crate) fn close(&self, deadline: Deadline) -> Tally {
        self.is_on.store(false, Ordering::Relaxed);
        let (number, before) = {
            let mut queue = self.outbox.queue();
            let before = *queue.tally();
            (queue.close(), before)
        };
        self.wait_for(number, deadline);
        self.outbox.queue().stop();
        self.outbox.ring();
        if let Some(worker) = self.worker() {
            worker.stop();
        }
        before
    }

    /// Waits for the worker, and returns whether none runs.
    pub(crate) fn join(&self, deadline: Deadline) -> bool {
        self.worker().is_none_or(|worker| worker.join(deadline))
    }

    /// Breaks off whatever the transport is exchanging. Only the first call does anything.
    pub(crate) fn abort(&self) {
        let Some(transport) = self.outbox.transport.get() else { return };
        if !self.is_aborted.swap(true, Ordering::AcqRel) {
            // The application's own transport may do anything in there.
            let _ = catch_unwind(AssertUnwindSafe(|| transport.close()));
        }
    }

    /// Returns what became of events since there was a tally.
    pub(crate) fn ending(&self, before: Tally) -> Ending {
        let queue = self.outbox.queue();
        let (now, spooled) = (queue.tally(), queue.spooled());
        Ending {
            delivered: now.delivered - before.delivered,
            dropped: now.dropped() - before.dropped(),
            spooled,
            left: queue.left_before(u64::MAX).saturating_sub(spooled),
        }
    }

    /// Returns what has happened so far, and how many events and bytes wait.
    pub(crate) fn tally(&self) -> (Tally, (usize, usize)) {
        let queue = self.outbox.queue();
        (*queue.tally(), queue.depth())
    }

    fn wait_for(&self, number: u64, deadline: Deadline) -> u64 {
        if self.outbox.queue().left_before(number) == 0 {
            return 0;
        }
        self.wake();
        let is_worker = self.worker().is_some_and(Worker::is_current);
        let is_hopeless = is_worker || self.worker().is_none();
        let deadline = if is_hopeless { Deadline::after(Duration::ZERO) } else { deadline };
        self.outbox.wait_for(number, deadline)
    }

    /// Makes the worker look what there is to do; starts it the first time.
    fn wake(&self) {
        let worker = self.worker.get_or_init(|| {
            let spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner).take();
            let outbox = Arc::clone(&self.outbox);
            let body = move |inbox: &_| courier::run(&outbox, spool, inbox);
            let spawned = Worker::spawn("convert-sdk-delivery", body);
            if let Err(error) = &spawned {
                log::error!(
                    target: "convert_sdk::tracking",
                    "no events will be delivered, since no thread could be started: {error}"
                );
            }
            spawned.ok()
        });
        if let Some(worker) = worker {
            worker.ask();
        }
    }

    fn worker(&self) -> Option<&Worker> {
        self.worker.get().and_then(Option::as_ref)
    }
}

/// Queues what the spool has kept.
fn restore(outbox: &Outbox, spool: Option<&Spool>) {
    let mut queue = outbox.queue();
    for events in spool.into_iter().flat_map(Spool::pending) {
        queue.restore(u64::from(events));
    }
}

#[cfg(feature = "spool")]
fn open_spool(config: &SdkConfig, key: Option<&SdkKey>) -> Result<Option<Spool>, Error> {
    let settings = &config.tracking_config;
    let key = key.map_or("", SdkKey::expose);
    let open = |directory| Spool::open(directory, settings.spool_bytes(), key);
    Ok(settings.spool_directory().map(open).transpose()?)
}

#[cfg(not(feature = "spool"))]
#[expect(clippy::unnecessary_wraps, reason = "a spool that exists can fail to open")]
fn open_spool(_: &SdkConfig, _: Option<&SdkKey>) -> Result<Option<Spool>, Error> {
    Ok(None)
}
