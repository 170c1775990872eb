//! Bringing a core to its end.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Deadline;
use crate::handle::{Lifeline, Shared};
use crate::log;
use crate::tracking::Ending;
use crate::visitor_store::RecordsEnding;

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
    records: RecordsEnding,
}

impl CloseReport {
    /// Returns whether the core had been closed before.
    pub fn was_closed(&self) -> bool {
        self.was_closed
    }

    /// Returns whether nothing of the core runs any more: no thread, no handler. What still runs when the
    /// timeout elapses ends as soon as it can.
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
            records: RecordsEnding { has_ended: true, ..RecordsEnding::default() },
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
    /// core closed: they are lost.
    pub fn records_lost(&self) -> u64 {
        self.records.lost
    }

    /// Returns for how many visitors a call to the external store was still under way when the timeout
    /// elapsed: their changes may be written or not. Unless this is 0, the core is not
    /// [complete](CloseReport::is_complete).
    pub fn records_unconfirmed(&self) -> u64 {
        self.records.unconfirmed
    }
}

impl Lifeline {
    /// Closes within one deadline. Events and records drain at the same time; a short reserve before the
    /// deadline is left for what ends them: to stop, put away what is left, and wait for the threads.
    pub(crate) fn close(&self, deadline: Deadline, timeout: Duration) -> CloseReport {
        if self.shared.is_forked() {
            return CloseReport::in_child();
        }
        let reserve = (timeout / 8).min(MOST_RESERVED);
        let stop_at = Deadline::after(timeout.saturating_sub(reserve)).sooner(deadline);
        let join_at = Deadline::after(timeout.saturating_sub(reserve / 2)).sooner(deadline);
        let Shared { bus, delivery, records, .. } = &*self.shared;
        self.refresh.stop();
        let external = records.external();
        if let Some(records) = external {
            records.begin_shutdown();
        }
        let closing = delivery.close();
        delivery.drain(&closing, stop_at);
        delivery.stop();
        // What came of the last batch is reported before the bus is closed.
        let delivery_ended = delivery.join(join_at);
        let grace = Deadline::after(reserve / 4).sooner(join_at);
        let refresh_ended = self.refresh.join(grace);
        if !(delivery_ended && refresh_ended) {
            // Breaks off the fetch or the batch that is still under way.
            delivery.abort();
        }
        let records = external.map(|records| records.close(stop_at, deadline));
        let records =
            records.unwrap_or(RecordsEnding { has_ended: true, ..RecordsEnding::default() });
        let was_closed = bus.shut();
        let refresh_ended = self.refresh.join(deadline);
        let delivery_ended = delivery.join(deadline);
        let workers_ended = refresh_ended && delivery_ended && records.has_ended;
        let events = delivery.ending(&closing);
        let handlers_ended = bus.wait_until_quiet(deadline);
        let report = CloseReport { was_closed, handlers_ended, workers_ended, events, records };
        if !was_closed {
            report.log();
        }
        report
    }
}

impl CloseReport {
    /// Logs what became of events and records: an error if some are lost.
    fn log(&self) {
        let events_lost = self.events.left + self.events.dropped;
        let is_lossy = events_lost + self.records.lost + self.records.unconfirmed > 0;
        let rest = if self.workers_ended { "" } else { "; a thread of the SDK is still running" };
        let line = format!(
            "closed: {} events delivered, {} in the spool, {events_lost} lost; changes of {} visitor \
             records lost, {} unconfirmed{rest}",
            self.events.delivered, self.events.spooled, self.records.lost, self.records.unconfirmed,
        );
        if is_lossy {
            log::error!(target: "convert_sdk::core", "{line}");
        } else {
            log::info!(target: "convert_sdk::core", "{line}");
        }
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
            self.close(Deadline::after(DROP_TIMEOUT), DROP_TIMEOUT);
        }
    }
}

/// How much of the timeout is left for ending, once no more is written or sent.
const MOST_RESERVED: Duration = Duration::from_millis(200);
/// How long dropping the last handle may take.
const DROP_TIMEOUT: Duration = Duration::from_secs(2);
