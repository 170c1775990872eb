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
use crate::remote;
use crate::tracking::courier;
use crate::tracking::event::{Event, Payload};
use crate::tracking::flush::FlushError;
use crate::tracking::hatch::{Closing, Ending};
use crate::tracking::outbox::{Outbox, Parts};
use crate::tracking::spool::Spool;
use crate::tracking::tally::{Depth, Tally};
use crate::worker::Thread;

/// The events of one core, from their recording to the service's answer.
///
/// The worker thread is started when there is something for it to do.
pub(crate) struct Delivery {
    is_on: AtomicBool,
    outbox: Arc<Outbox>,
    thread: OnceLock<Thread>,
    /// From what to make the transport where tracking is off at first.
    late: Option<Box<SdkConfig>>,
}

impl Delivery {
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
        let (timer, bus) = (config.timer.clone(), Arc::clone(bus));
        // With a store of its own the application knows its visitors better than the service does.
        let enriches = config.data_store.is_none();
        let parts = Parts { key, timer, bus, spool, is_enabled, enriches };
        let outbox = Outbox::new(parts, data, &config.tracking_config);
        let late = transport.is_none().then(|| Box::new(config.clone()));
        if let Some(transport) = transport {
            let _ = outbox.transport.set(transport);
        }
        let is_on = AtomicBool::new(is_enabled);
        Ok(Delivery { is_on, outbox: Arc::new(outbox), thread: OnceLock::new(), late })
    }

    /// Begins to send what an earlier run left in the spool.
    pub(crate) fn resume(&self) {
        if self.is_on() {
            let ((), starts) = self.outbox.hatch.change(|_| {});
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
        let (expected, at) = (payloads.len(), self.outbox.now());
        let origin = self.outbox.origin_of(config);
        let event =
            |payload| Event::new(Arc::clone(&origin), visitor_id, segments.clone(), payload, at);
        let receipt = self.outbox.push(payloads.map(event));
        self.start_if(receipt.starts);
        receipt.count == expected
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
        // Under the queue's lock, so that closing at the same time has the last word.
        let ((), starts) = self.outbox.hatch.change(|queue| {
            if !queue.is_closing() {
                queue.enable(is_on);
                self.is_on.store(is_on, Ordering::Relaxed);
            }
        });
        self.start_if(starts);
    }

    /// Waits until everything queued so far is delivered or dropped.
    pub(crate) fn flush(&self, deadline: Deadline) -> Result<(), FlushError> {
        let (end, starts) = self.outbox.hatch.flush();
        self.start_if(starts);
        let remainder = self.outbox.hatch.wait_for(end, deadline);
        if remainder.left == 0 {
            return Ok(());
        }
        Err(FlushError { left: remainder.left, spooled: remainder.spooled, records: 0 })
    }

    /// Takes nothing more, and releases what waits.
    pub(crate) fn close(&self) -> Closing {
        self.is_on.store(false, Ordering::Relaxed);
        let closing = self.outbox.hatch.close();
        // Somebody may have switched it on just before.
        self.is_on.store(false, Ordering::Relaxed);
        closing
    }

    /// Waits until everything queued when closing began is delivered or dropped.
    pub(crate) fn drain(&self, closing: &Closing, deadline: Deadline) {
        self.outbox.hatch.wait_for(closing.end, deadline);
    }

    /// Lets nothing more be sent, and breaks off what is on its way. The worker ends by itself.
    pub(crate) fn stop(&self) {
        let is_deserted = self.outbox.hatch.stop();
        if is_deserted {
            // What there is to put away takes no longer here than there.
            courier::run(&self.outbox);
        } else if self.outbox.hatch.look(|queue| queue.is_sending()) {
            self.abort();
        }
    }

    /// Waits for the worker, and returns whether none runs.
    pub(crate) fn join(&self, deadline: Deadline) -> bool {
        let is_gone = self.outbox.hatch.join(deadline);
        if is_gone {
            if let Some(thread) = self.thread.get() {
                thread.join();
            }
        }
        is_gone
    }

    /// Breaks off whatever the transport is exchanging. Only the first call does anything.
    pub(crate) fn abort(&self) {
        self.outbox.abort();
    }

    /// Returns what became of the events that were queued when closing began.
    pub(crate) fn ending(&self, closing: &Closing) -> Ending {
        self.outbox.hatch.ending(closing)
    }

    /// Returns what has happened so far, and where the other events are.
    pub(crate) fn tally(&self) -> (Tally, Depth) {
        self.outbox.hatch.look(|queue| (*queue.tally(), queue.depth()))
    }

    /// Starts the worker, if the hatch says so. It says so once.
    fn start_if(&self, starts: bool) {
        if !starts {
            return;
        }
        let outbox = Arc::clone(&self.outbox);
        match Thread::spawn("convert-sdk-delivery", move || courier::run(&outbox)) {
            Ok(thread) => drop(self.thread.set(thread)),
            Err(error) => {
                self.outbox.hatch.leave(false);
                log::error!(
                    target: "convert_sdk::tracking",
                    "no events are delivered for now, since no thread could be started: {error}"
                );
            }
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
