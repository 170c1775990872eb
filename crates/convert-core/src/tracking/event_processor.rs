//! The delivery of events: recording, flushing, closing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use convert_config::ProjectConfig;
use convert_decision::Segments;
use convert_transport::{SdkKey, Transport};

use crate::clock::Deadline;
use crate::config::{SdkConfig, Source};
use crate::error::Error;
use crate::event::EventBus;
use crate::log;
use crate::snapshot;
use crate::sync::{LogThrottle, assert_no_lock_held};
use crate::tracking::counters::{DeliveryCounters, QueueDepth};
use crate::tracking::event::{Event, Payload};
use crate::tracking::flush::FlushError;
use crate::tracking::pipeline::{Parts, Pipeline};
use crate::tracking::shared_queue::{Closing, Ending};
use crate::tracking::spool::Spool;
use crate::tracking::worker;
use crate::worker::Thread;

/// The events of one core, from their recording to the service's answer.
///
/// The worker thread is started when there is something for it to do.
pub(crate) struct EventProcessor {
    is_on: AtomicBool,
    pipeline: Arc<Pipeline>,
    thread: OnceLock<Thread>,
    /// From what to make the transport where tracking is off at first.
    late: Option<Box<SdkConfig>>,
    is_loss_logged: AtomicBool,
    /// How often no thread could be started.
    failed_starts: LogThrottle,
}

impl EventProcessor {
    /// Prepares to deliver, and opens the spool, if there is one. Sends nothing yet.
    pub(crate) fn new(
        config: &SdkConfig,
        data: &ProjectConfig,
        bus: &Arc<EventBus>,
        transport: Option<Arc<dyn Transport>>,
    ) -> Result<Self, Error> {
        let is_enabled = config.tracks();
        let key = match &config.source {
            Source::Remote { key, .. } => Ok(key.clone()),
            Source::Direct(_) => {
                SdkKey::parse(format!("{}/{}", data.account_id(), data.project_id()))
            }
        };
        let key = if is_enabled { Some(key?) } else { key.ok() };
        let spool = open_spool(config, key.as_ref())?;
        let timer = config.timer.clone();
        let bus = Arc::clone(bus);
        // With a store of its own the application knows its visitors better than the service does.
        let enriches = config.data_store.is_none();
        let parts = Parts { key, timer, bus, spool, is_enabled, enriches };
        let pipeline = Pipeline::new(parts, data, &config.tracking_config);
        let late = transport.is_none().then(|| Box::new(config.clone()));
        if let Some(transport) = transport {
            let _ = pipeline.transport.set(transport);
        }
        Ok(EventProcessor {
            is_on: AtomicBool::new(is_enabled),
            pipeline: Arc::new(pipeline),
            thread: OnceLock::new(),
            late,
            is_loss_logged: AtomicBool::new(false),
            failed_starts: LogThrottle::default(),
        })
    }

    /// Begins to send what an earlier run left in the spool.
    pub(crate) fn resume(&self) {
        if self.is_on() {
            let ((), starts) = self.pipeline.queue.change(|_| {});
            self.start_if(starts);
        }
    }

    /// Returns whether events are recorded.
    #[inline]
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
        let expected = payloads.len();
        let at = self.pipeline.now();
        let origin = self.pipeline.origin_of(config);
        let event =
            |payload| Event::new(Arc::clone(&origin), visitor_id, segments.clone(), payload, at);
        let receipt = self.pipeline.push(payloads.map(event));
        self.start_if(receipt.starts);
        receipt.count == expected
    }

    /// Switches recording and sending on or off.
    pub(crate) fn enable(&self, is_on: bool) {
        if is_on && self.pipeline.transport.get().is_none() {
            let Some(config) = &self.late else { return };
            match snapshot::transport(config) {
                Ok(transport) => drop(self.pipeline.transport.set(transport)),
                Err(error) => {
                    log::error!(
                        target: "convert_sdk::tracking",
                        "tracking stays off, since there is no way to send: {error}"
                    );
                    return;
                }
            }
        }
        // Under the queue's lock, so that closing at the same time has the last word.
        let ((), starts) = self.pipeline.queue.change(|queue| {
            if !queue.is_closing() {
                queue.enable(is_on);
                self.is_on.store(is_on, Ordering::Relaxed);
            }
        });
        self.start_if(starts);
    }

    /// Waits until everything queued so far is delivered or dropped, as long as that can help.
    pub(crate) fn flush(&self, deadline: Deadline) -> Result<(), FlushError> {
        let (end, starts) = self.pipeline.queue.flush();
        self.start_if(starts);
        let mut remainder = self.pipeline.queue.wait_for(end, deadline, &self.pipeline.timer);
        if remainder.spooled > 0 {
            self.pipeline.check_files(deadline);
            remainder = self.pipeline.queue.remainder(end);
        }
        if remainder.left == 0 {
            return Ok(());
        }
        Err(FlushError { left: remainder.left, spooled: remainder.spooled, records: 0 })
    }

    /// Takes nothing more, and releases what waits.
    pub(crate) fn close(&self) -> Closing {
        self.is_on.store(false, Ordering::Relaxed);
        let closing = self.pipeline.queue.close();
        // Another thread may have switched it on just before.
        self.is_on.store(false, Ordering::Relaxed);
        closing
    }

    /// Waits until everything queued when closing began is delivered or dropped, as long as that can
    /// help.
    pub(crate) fn drain(&self, closing: &Closing, deadline: Deadline) {
        self.pipeline.queue.wait_for(closing.end, deadline, &self.pipeline.timer);
    }

    /// Lets nothing more be sent, and breaks off what is on its way. The worker ends by itself.
    pub(crate) fn stop(&self) {
        let has_no_worker = self.pipeline.queue.stop();
        if has_no_worker && self.pipeline.queue.look(|queue| queue.must_spill()) {
            // A disk may take longer than the caller is prepared to wait.
            self.start_if(true);
        } else if has_no_worker {
            worker::run(&self.pipeline);
        } else if self.pipeline.queue.look(|queue| queue.is_sending()) {
            self.abort();
        }
    }

    /// Waits for the worker, and returns whether none runs.
    pub(crate) fn join(&self, deadline: Deadline) -> bool {
        let is_gone = self.pipeline.queue.join(deadline);
        if is_gone {
            if let Some(thread) = self.thread.get() {
                thread.join();
            }
        }
        is_gone
    }

    /// Breaks off whatever the transport is exchanging. Only the first call does anything.
    pub(crate) fn abort(&self) {
        self.pipeline.abort();
    }

    /// Returns what became of the events that were queued when closing began. Logs, once, that some
    /// are lost.
    pub(crate) fn ending(&self, closing: &Closing) -> Ending {
        let ending = self.pipeline.queue.ending(closing);
        if ending.left > 0 && !self.is_loss_logged.swap(true, Ordering::Relaxed) {
            let cause = self.pipeline.last_failure();
            log::error!(
                target: "convert_sdk::tracking",
                "{} events are lost: the core was closed before they could be delivered{}",
                ending.left,
                cause.map(|cause| format!("; the last attempt failed: {cause}")).unwrap_or_default()
            );
        }
        ending
    }

    /// Returns what has happened so far, and where the other events are.
    pub(crate) fn counters(&self) -> (DeliveryCounters, QueueDepth) {
        self.pipeline.queue.look(|queue| (*queue.counters(), queue.depth()))
    }

    /// Starts the worker, if the queue asks for it: once, and again where that failed.
    fn start_if(&self, starts: bool) {
        if !starts {
            return;
        }
        assert_no_lock_held("starting a thread");
        let pipeline = Arc::clone(&self.pipeline);
        let error = match Thread::spawn("convert-sdk-delivery", move || worker::run(&pipeline)) {
            Ok(thread) => return drop(self.thread.set(thread)),
            Err(error) => error,
        };
        if self.pipeline.queue.look(|queue| queue.is_stopped()) {
            // There is no later: what is left is put away here.
            return worker::run(&self.pipeline);
        }
        self.pipeline.queue.leave(false);
        if let Some(count) = self.failed_starts.record() {
            log::error!(
                target: "convert_sdk::tracking",
                "no events are delivered for now, since no thread could be started, for the \
                 {count}. time: {error}"
            );
        }
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
