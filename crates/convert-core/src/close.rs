//! Bringing a core to its end.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Deadline;
use crate::handle::Lifeline;
use crate::log;
use crate::tracking::Ending;

/// What closing a core achieved.
///
/// Every event that was queued when closing began is delivered, dropped, spooled or left: the four
/// add up. An event that is left may still arrive where a request could not be broken off in time;
/// then [`is_complete`](CloseReport::is_complete) is false.
///
/// ```
/// use std::time::Duration;
/// use convert_core::{Core, SdkConfig};
///
/// let core = Core::initialize(SdkConfig::from_json(r#"{"account_id": "1", "project": {"id": "2"}}"#)?)?;
/// let report = core.close(Duration::from_secs(2));
/// assert!(report.is_complete() && !report.was_closed());
/// assert!(!core.is_ready());
/// assert!(core.close(Duration::from_secs(2)).was_closed());
/// # Ok::<(), convert_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseReport {
    was_closed: bool,
    handlers_ended: bool,
    workers_ended: bool,
    events: Ending,
    records_lost: u64,
}

impl CloseReport {
    /// Returns whether the core had been closed before.
    pub fn was_closed(&self) -> bool {
        self.was_closed
    }

    /// Returns whether nothing of the core runs any more: no thread, no handler. What is left over
    /// when the patience runs out has been told to end, and does so when it can.
    pub fn is_complete(&self) -> bool {
        self.handlers_ended && self.workers_ended
    }

    /// Returns whether no thread of the core runs any more.
    pub fn is_worker_ended(&self) -> bool {
        self.workers_ended
    }

    /// The report of a child of `fork()`, which has nothing to close.
    fn in_child() -> Self {
        CloseReport {
            was_closed: false,
            handlers_ended: true,
            workers_ended: true,
            events: Ending::default(),
            records_lost: 0,
        }
    }

    /// Returns how many events were delivered while the core closed.
    pub fn delivered(&self) -> u64 {
        self.events.delivered
    }

    /// Returns how many events were lost while the core closed.
    pub fn dropped(&self) -> u64 {
        self.events.dropped
    }

    /// Returns how many events are safe in the spool, for the next start.
    pub fn spooled(&self) -> u64 {
        self.events.spooled
    }

    /// Returns how many events are neither delivered nor in the spool: they go with the process.
    pub fn left(&self) -> u64 {
        self.events.left
    }

    /// Returns for how many visitors changes could not be written to the external store while the
    /// core closed: they are lost. What was on its way when the time was up may arrive all the same,
    /// and is not among them.
    pub fn records_lost(&self) -> u64 {
        self.records_lost
    }
}

impl Lifeline {
    /// Closes in steps, each of which is bounded: deliver for three quarters of the patience; stop,
    /// breaking off what is on its way; wait for the threads, and for the handlers.
    pub(crate) fn close(&self, deadline: Deadline, patience: Duration) -> CloseReport {
        if self.shared.is_forked() {
            return CloseReport::in_child();
        }
        let (bus, delivery) = (&self.shared.bus, &self.shared.delivery);
        self.refresh.stop();
        let records = self.shared.records.shared();
        if let Some(records) = records {
            records.hurry();
        }
        let closing = delivery.close();
        delivery.drain(&closing, Deadline::after(patience / 4 * 3).sooner(deadline));
        delivery.stop();
        // What came of the last batch is told before nobody is told anything any more.
        delivery.join(Deadline::after(patience / 8).sooner(deadline));
        let spent = Deadline::after(patience / 8).sooner(deadline);
        let records_lost = records.map_or(0, |records| records.close(spent));
        let was_closed = bus.shut();
        let workers_ended = self.end_workers(deadline, patience);
        let events = delivery.ending(&closing);
        let handlers_ended = bus.wait_until_quiet(deadline);
        if !was_closed {
            log::info!(
                target: "convert_sdk::core",
                "closed: {} events delivered, {} in the spool, {} lost{}",
                events.delivered,
                events.spooled,
                events.left + events.dropped,
                if workers_ended { "" } else { "; a worker ends later" }
            );
        }
        CloseReport { was_closed, handlers_ended, workers_ended, events, records_lost }
    }

    /// Waits for the workers, and breaks off a fetch when a part of the patience has gone.
    fn end_workers(&self, deadline: Deadline, patience: Duration) -> bool {
        let delivery = &self.shared.delivery;
        let join = |deadline| {
            let refresh_ended = self.refresh.join(deadline);
            let delivery_ended = delivery.join(deadline);
            let records = self.shared.records.shared();
            let records_ended = records.is_none_or(|records| records.join(deadline));
            refresh_ended && delivery_ended && records_ended
        };
        if join(Deadline::after(patience / 8).sooner(deadline)) {
            return true;
        }
        delivery.abort();
        join(deadline)
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        if self.shared.is_forked() {
            // Connections belong to the parent, which closing them here would disturb, and locks may
            // stay taken.
            std::mem::forget(Arc::clone(&self.shared));
            self.refresh.forget();
        } else if !self.shared.bus.is_closed() {
            self.close(Deadline::after(DROP_PATIENCE), DROP_PATIENCE);
        }
    }
}

/// How long dropping the last handle may take.
const DROP_PATIENCE: Duration = Duration::from_secs(2);
